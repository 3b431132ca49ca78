//! What a caller may not do is PERMISSION_DENIED, with the scope that would allow it. And: calls of one connection run at the
//! same time, on several threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use application::ports::{Counts, ListFilter, OrderPage};
use application::store_health::StoreHealth;
use application::watch::Cursor;
use application::{
    BatchRow, Caller, CommandError, DeadLetterReasons, ExpectedVersion, Forbidden, FoundReceipt,
    ListRequest, NamedOrder, OrderEvents, Orders, PlaceError, Placed, ReadError, ReadReceiptError,
    Scope,
};
use domain::{
    ExternalId, IdempotencyKey, Order, OrderCommand, OrderId, PlaceOrder, Reason, Status, UserId,
    Version,
};
use proto::ordermill::v1 as pb;
use tokio::time::Instant;
use tonic::{Code, async_trait};

use crate::server::{Server, reason};

const ID: &str = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11";

/// Use cases that no caller has the scopes for.
#[derive(Default)]
struct NoScopes {
    /// Reads of one order that have begun.
    reads: AtomicUsize,
    /// How many reads wait for each other, each with its thread; without them a read finds nothing.
    together: usize,
}

const fn needs(scope: Scope) -> Forbidden {
    Forbidden::MissingScope { scope }
}

fn read<T>() -> Result<T, ReadError> {
    Err(needs(Scope::OrdersRead).into())
}

fn operate<T>() -> Result<T, CommandError> {
    Err(needs(Scope::OrdersOperate).into())
}

#[async_trait]
impl Orders for NoScopes {
    async fn place(
        &self,
        _: &Caller,
        _: PlaceOrder,
        _: Option<IdempotencyKey>,
    ) -> Result<Placed, PlaceError> {
        Err(needs(Scope::OrdersWrite).into())
    }

    async fn place_batch(
        &self,
        _: &Caller,
        rows: Vec<BatchRow>,
    ) -> Vec<Result<Placed, PlaceError>> {
        let refused = |_| Err(needs(Scope::OrdersWrite).into());
        rows.into_iter().map(refused).collect()
    }

    async fn get(&self, _: &Caller, _: OrderId) -> Result<Option<Arc<Order>>, ReadError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let began = Instant::now();
        while self.reads.load(Ordering::SeqCst) < self.together {
            if began.elapsed() > Duration::from_secs(5) {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        read()
    }

    async fn find(
        &self,
        _: &Caller,
        _: &UserId,
        _: &ExternalId,
    ) -> Result<Option<Arc<Order>>, ReadError> {
        read()
    }

    async fn find_by_name(&self, _: &Caller, _: &str) -> Result<NamedOrder, ReadError> {
        read()
    }

    async fn list(&self, _: &Caller, _: ListRequest) -> Result<OrderPage, ReadError> {
        read()
    }

    async fn events(
        &self,
        _: &Caller,
        _: OrderId,
        _: Option<Version>,
        _: usize,
    ) -> Result<Option<OrderEvents>, ReadError> {
        read()
    }

    async fn has_seen_all(&self, _: &Caller, _: OrderId, _: &Cursor) -> Result<bool, ReadError> {
        read()
    }

    async fn receipt(&self, _: &Caller, _: OrderId) -> Result<FoundReceipt, ReadReceiptError> {
        Err(needs(Scope::OrdersRead).into())
    }

    async fn counts(&self, _: &Caller) -> Result<Counts, ReadError> {
        read()
    }

    async fn command(
        &self,
        _: &Caller,
        _: OrderId,
        _: OrderCommand,
        _: ExpectedVersion,
        _: Option<Reason>,
    ) -> Result<Arc<Order>, CommandError> {
        operate()
    }

    async fn set_status(
        &self,
        _: &Caller,
        _: OrderId,
        _: Status,
        _: ExpectedVersion,
        _: Option<Reason>,
    ) -> Result<Arc<Order>, CommandError> {
        operate()
    }

    async fn command_dead_letters(
        &self,
        _: &Caller,
        _: ListFilter,
        _: OrderCommand,
        _: Option<Reason>,
        _: usize,
    ) -> Result<usize, CommandError> {
        operate()
    }

    async fn dead_letter_reasons(
        &self,
        _: &Caller,
        _: Option<UserId>,
        _: usize,
    ) -> Result<DeadLetterReasons, ReadError> {
        Err(needs(Scope::OrdersOperate).into())
    }

    async fn store_health(&self, _: &Caller) -> StoreHealth {
        StoreHealth { shards: Vec::new() }
    }
}

#[tokio::test]
async fn every_method_passes_on_that_its_caller_may_not_do_it() {
    let server = Server::deciding(Arc::new(NoScopes::default())).await;
    let mut client = server.client().await;
    macro_rules! forbidden {
        ($method:ident, $message:expr, $scope:literal) => {
            let refused = client.$method($message).await.unwrap_err();
            let name = stringify!($method);
            assert_eq!(
                (refused.code(), &*reason(&refused)),
                (Code::PermissionDenied, "FORBIDDEN"),
                "{name}"
            );
            assert!(refused.message().contains($scope), "{name}: {refused:?}");
        };
    }
    macro_rules! of_order {
        ($method:ident, $message:ident, $scope:literal) => {
            let mut message = pb::$message::default();
            message.order_id.push_str(ID);
            forbidden!($method, message, $scope);
        };
    }
    let amount = crate::server::amount("u", 1);
    forbidden!(create_order, amount, "orders:write");
    of_order!(get_order, GetOrderRequest, "orders:read");
    forbidden!(list_orders, pb::ListOrdersRequest::default(), "orders:read");
    of_order!(list_events, ListEventsRequest, "orders:read");
    of_order!(get_receipt, GetReceiptRequest, "orders:read");
    forbidden!(get_stats, pb::GetStatsRequest {}, "orders:read");
    of_order!(cancel_order, CancelOrderRequest, "orders:operate");
    of_order!(hold_order, HoldOrderRequest, "orders:operate");
    of_order!(release_order, ReleaseOrderRequest, "orders:operate");
    forbidden!(
        list_dead_letters,
        pb::ListDeadLettersRequest::default(),
        "orders:read"
    );
    forbidden!(
        list_dead_letter_reasons,
        pb::ListDeadLetterReasonsRequest::default(),
        "orders:operate"
    );
    of_order!(
        replay_dead_letter,
        ReplayDeadLetterRequest,
        "orders:operate"
    );
    of_order!(
        discard_dead_letter,
        DiscardDeadLetterRequest,
        "orders:operate"
    );
    forbidden!(
        replay_dead_letters,
        pb::ReplayDeadLettersRequest::default(),
        "orders:operate"
    );
    forbidden!(
        discard_dead_letters,
        pb::DiscardDeadLettersRequest::default(),
        "orders:operate"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_of_one_connection_run_on_several_threads() {
    let orders = NoScopes {
        together: 2,
        ..NoScopes::default()
    };
    let server = Server::deciding(Arc::new(orders)).await;
    let client = server.client().await;
    let read = async |mut client: crate::server::Client| {
        let request = pb::GetOrderRequest {
            order_id: ID.to_owned(),
        };
        client.get_order(request).await.unwrap_err().code()
    };
    let both = tokio::join!(read(client.clone()), read(client));
    assert_eq!(both, (Code::PermissionDenied, Code::PermissionDenied));
}
