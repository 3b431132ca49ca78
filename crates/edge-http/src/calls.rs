//! From what is asked for to who does it: the endpoints, the dialects, the document. `dispatch` calls it.

use crate::answer::Answer;
use crate::endpoints::{
    dead_letter_reasons, dead_letters, error_page, events, get_order, list_orders, order_command,
    place_batch, place_order, probes, receipt, start_page, stats,
};
use crate::problem::Problem;
use crate::request::{Incomer, Offer, accepts};
use crate::router::Endpoint;
use crate::state::EdgeState;
use crate::{dialects, openapi, pages};

/// Does what was asked for. The rare endpoints are boxed, so that every connection's memory is not as large as the
/// largest of them.
pub(crate) async fn call(
    endpoint: Endpoint<'_>,
    edge: &EdgeState,
    incomer: Incomer<'_>,
) -> Result<Answer, Problem> {
    if let Endpoint::Dialect(call) = endpoint {
        return dialects::call(call, edge, incomer).await;
    }
    let offer = match endpoint {
        // What a page is made of is asked for by its address; browsers name what they expect, loosely.
        Endpoint::ShowPageFile(_) | Endpoint::ShowDocs | Endpoint::ShowDocsFile(_) => None,
        Endpoint::ShowStart if pages::wants_page(&incomer.parts.headers) => Some(Offer::Html),
        Endpoint::GetReceipt(_)
        | Endpoint::SayAlive
        | Endpoint::ShowStart
        | Endpoint::ShowError(_) => Some(Offer::Text),
        _ => Some(Offer::Json),
    };
    if let Some(offer) = offer
        && !accepts(&incomer.parts.headers, offer)
    {
        return Err(Problem::not_acceptable(offer.name()));
    }
    match endpoint {
        Endpoint::PlaceOrder => place_order::place_order(edge, incomer).await,
        Endpoint::GetOrder(id) => get_order::get_order(edge, incomer, id).await,
        Endpoint::PlaceBatch => Box::pin(place_batch::place_batch(edge, incomer)).await,
        Endpoint::ListOrders => Box::pin(list_orders::list_orders(edge, incomer)).await,
        Endpoint::CommandOrder(id, command) => {
            Box::pin(order_command::order_command(edge, incomer, id, command)).await
        }
        Endpoint::ListEvents(id) => Box::pin(events::list_events(edge, incomer, id)).await,
        Endpoint::GetReceipt(id) => Box::pin(receipt::get_receipt(edge, incomer, id)).await,
        Endpoint::ListDeadLetters => Box::pin(list_orders::list_dead_letters(edge, incomer)).await,
        Endpoint::ListDeadLetterReasons => {
            Box::pin(dead_letter_reasons::list_reasons(edge, incomer)).await
        }
        Endpoint::CommandDeadLetters(command) => {
            Box::pin(dead_letters::command_dead_letters(edge, incomer, command)).await
        }
        Endpoint::GetStats => Box::pin(stats::get_stats(edge, incomer)).await,
        Endpoint::SayAlive => probes::say_alive(&incomer),
        Endpoint::SayReady => Box::pin(probes::say_ready(edge, incomer)).await,
        Endpoint::GetHealth => Box::pin(probes::get_health(edge, incomer)).await,
        Endpoint::Dialect(call) => dialects::call(call, edge, incomer).await,
        Endpoint::ShowStart => start_page::show(&incomer),
        Endpoint::ShowPageFile(path) => start_page::show_file(&incomer, path),
        Endpoint::ShowDocs => start_page::show_docs(&incomer),
        Endpoint::ShowDocsFile(file) => start_page::show_docs_file(&incomer, file),
        Endpoint::ShowOpenApi => openapi::show(edge, &incomer),
        Endpoint::ShowError(code) => error_page::show(&incomer, code),
    }
}
