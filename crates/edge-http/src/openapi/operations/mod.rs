//! The operations, one description each, by the address that they are at.

mod dead_letters;
mod dialects;
mod live;
mod orders;
mod pages;
mod standing;

use domain::OrderCommand;

use super::operation::Description;
use crate::dialects::Place;
use crate::router::Address;

/// What can be done at an address of the router's own.
pub(super) fn at(address: Address<'_>) -> Vec<Description> {
    match address {
        Address::Orders => vec![orders::place(), orders::list()],
        Address::Batch => vec![orders::place_batch()],
        Address::Order(_) => vec![orders::get()],
        Address::Command(_, command) => vec![match command {
            OrderCommand::Cancel => orders::cancel(),
            OrderCommand::Hold => orders::hold(),
            OrderCommand::Release => orders::release(),
            OrderCommand::Replay => dead_letters::replay(),
            OrderCommand::Discard => dead_letters::discard(),
        }],
        Address::Events(_) => vec![orders::events()],
        Address::Receipt(_) => vec![orders::receipt()],
        Address::DeadLetters => vec![dead_letters::list()],
        Address::DeadLetterReasons => vec![dead_letters::reasons()],
        Address::CommandDeadLetters(OrderCommand::Discard) => vec![dead_letters::discard_all()],
        Address::CommandDeadLetters(_) => vec![dead_letters::replay_all()],
        Address::Stats => vec![standing::stats()],
        Address::Live => vec![standing::is_alive()],
        Address::Ready => vec![standing::is_ready()],
        Address::Health => vec![standing::health()],
        Address::Dialect(place) => match place {
            // The document is of a server as it comes; the description of our health says what orderflow's adds.
            Place::Health => Vec::new(),
            Place::ApiOrders => vec![
                dialects::place_api_order(),
                dialects::list_api_orders(),
                dialects::api_orders_options(),
            ],
            Place::Orders => vec![dialects::place_order()],
            Place::Order(_) => vec![dialects::get_order()],
        },
        Address::PageFile(_) => vec![pages::file()],
        Address::OpenApi => vec![pages::document()],
        Address::Docs => vec![pages::docs()],
        Address::DocsFile(_) => vec![pages::docs_file()],
        Address::Start => vec![pages::start()],
        Address::ErrorPage(_) => vec![pages::error()],
        Address::Elsewhere => Vec::new(),
    }
}

/// What can be done at the live streams' addresses, which have a router of their own.
pub(super) fn of_live_streams() -> [(&'static str, Description); 3] {
    [
        ("/v1/orders/{id}/stream", live::order()),
        ("/v1/stream", live::many()),
        ("/ws", live::socket()),
    ]
}
