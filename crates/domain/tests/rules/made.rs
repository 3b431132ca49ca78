//! Orders, commands and currencies for the properties.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use domain::{
    Cause, Currency, Decision, ExternalId, Failure, Money, Order, OrderCommand, OrderId,
    PlaceOrder, Receipt, ReceiptLocation, ReceiptTemplate, Source, Timestamp, UserId,
};
use proptest::prelude::*;

pub fn any_currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec!["JPY", "USD", "EUR", "KWD", "CLF"])
        .prop_map(|code| Currency::parse(code).expect("valid"))
}

/// The code of a fault that the domain found: a constant.
pub fn own_code(code: Cow<'static, str>) -> &'static str {
    match code {
        Cow::Borrowed(code) => code,
        Cow::Owned(code) => panic!("{code} is no constant"),
    }
}

pub fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms).expect("valid")
}

pub fn plain_order() -> Decision {
    let command = place_order("alice", None, 100);
    let id = OrderId::new(at(1_000_000), &command.user_id, 42);
    place(command, id, at(1_000_000))
}

/// Places an order whose receipt is rendered, for no known request.
pub fn place(command: PlaceOrder, id: OrderId, now: Timestamp) -> Decision {
    let receipts = ReceiptLocation::Rendered;
    Order::place(command, id, now, Cause::default(), receipts)
}

pub fn place_order(user: &str, external_id: Option<&str>, minor: u64) -> PlaceOrder {
    PlaceOrder {
        user_id: UserId::new(user).expect("valid"),
        external_id: external_id.map(|id| ExternalId::new(id).expect("valid")),
        source: Source::Api,
        amount: Money::new(minor, Currency::USD).expect("valid"),
        lines: Arc::from([]),
        adjustments: Arc::from([]),
        metadata: Arc::default(),
        process_after: None,
        receipt_template: ReceiptTemplate::Standard,
    }
}

/// Anything that can be asked of an order.
#[derive(Debug, Clone, Copy)]
pub enum Command {
    Claim,
    Complete,
    Retry,
    Fail,
    /// With a reason, or without one.
    GiveBack {
        says_why: bool,
    },
    PostponeBusy,
    AwaitReceipt,
    LoseLease {
        max_attempts: u32,
    },
    Apply(OrderCommand),
}

pub fn any_command() -> impl Strategy<Value = Command> {
    let command = prop::sample::select(vec![
        OrderCommand::Cancel,
        OrderCommand::Hold,
        OrderCommand::Release,
        OrderCommand::Replay,
        OrderCommand::Discard,
    ]);
    prop_oneof![
        6 => Just(Command::Claim),
        1 => Just(Command::Complete),
        3 => Just(Command::Retry),
        2 => Just(Command::Fail),
        2 => any::<bool>().prop_map(|says_why| Command::GiveBack { says_why }),
        2 => Just(Command::PostponeBusy),
        2 => Just(Command::AwaitReceipt),
        2 => (0_u32..4).prop_map(|max_attempts| Command::LoseLease { max_attempts }),
        6 => command.prop_map(Command::Apply),
    ]
}

pub const DELAY: Duration = Duration::from_millis(1_500);

/// The reason that a command gives, its own for each.
pub fn reason(command: Command) -> Option<Failure> {
    match command {
        Command::Retry => Some(Failure::new("timeout", "no answer")),
        Command::Fail => Some(Failure::new("declined", "not with this card")),
        Command::PostponeBusy => Some(Failure::new("endpoint_busy", "too much to do")),
        Command::AwaitReceipt => Some(Failure::new("receipt_store_unavailable", "away")),
        Command::GiveBack { says_why: true } => {
            Some(Failure::new("endpoint_unreachable", "nobody listens"))
        }
        _ => None,
    }
}

pub fn decide(order: &Order, command: Command, now: Timestamp) -> Option<Decision> {
    let failure = || reason(command).expect("the command gives a reason");
    let receipt_key = Receipt::key_of(&order.user_id, order.id);
    match command {
        Command::Claim => order.claim(now),
        Command::Complete => order.complete(Some(Arc::from("{}")), receipt_key, now),
        Command::Retry => order.retry(failure(), DELAY, now),
        Command::Fail => order.fail(failure(), now),
        Command::GiveBack { .. } => order.give_back(reason(command), DELAY, now),
        Command::PostponeBusy => order.postpone_busy(failure(), DELAY, now),
        Command::AwaitReceipt => order.await_receipt(Some(Arc::from("[1]")), failure(), DELAY, now),
        Command::LoseLease { max_attempts } => order.lose_lease(max_attempts, DELAY, now),
        Command::Apply(command) => order.apply(command, now, Cause::default()),
    }
    .ok()
}
