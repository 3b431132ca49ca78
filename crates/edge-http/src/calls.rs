//! From what is asked for to who does it: the endpoints, the dialects, the document. `dispatch` calls it.

use crate::answer::Answer;
use crate::endpoints::{
    dead_letter_reasons, dead_letters, error_page, events, get_order, list_orders, order_command,
    place_batch, place_order, probes, receipt, start_page, stats,
};
use crate::problem::Problem;
use crate::request::{MediaType, RequestContext, accepts};
use crate::router::Endpoint;
use crate::state::EdgeState;
use crate::{dialects, openapi, pages};

/// Does what was asked for. The rare endpoints are boxed, so that every connection's memory is not as large as the
/// largest of them.
pub(crate) async fn call(
    endpoint: Endpoint<'_>,
    edge: &EdgeState,
    context: RequestContext<'_>,
) -> Result<Answer, Problem> {
    if let Endpoint::Dialect(call) = endpoint {
        return dialects::call(call, edge, context).await;
    }
    let wanted = match endpoint {
        // What a page is made of is asked for by its address; browsers name what they expect, loosely.
        Endpoint::ShowPageFile(_) | Endpoint::ShowDocs | Endpoint::ShowDocsFile(_) => None,
        Endpoint::ShowStart if pages::wants_page(&context.parts.headers) => Some(MediaType::Html),
        Endpoint::GetReceipt(_)
        | Endpoint::SayAlive
        | Endpoint::ShowStart
        | Endpoint::ShowError(_) => Some(MediaType::Text),
        _ => Some(MediaType::Json),
    };
    if let Some(wanted) = wanted
        && !accepts(&context.parts.headers, wanted)
    {
        return Err(Problem::not_acceptable(wanted.name()));
    }
    match endpoint {
        Endpoint::PlaceOrder => place_order::place_order(edge, context).await,
        Endpoint::GetOrder(id) => get_order::get_order(edge, context, id).await,
        Endpoint::PlaceBatch => Box::pin(place_batch::place_batch(edge, context)).await,
        Endpoint::ListOrders => Box::pin(list_orders::list_orders(edge, context)).await,
        Endpoint::CommandOrder(id, command) => {
            Box::pin(order_command::order_command(edge, context, id, command)).await
        }
        Endpoint::ListEvents(id) => Box::pin(events::list_events(edge, context, id)).await,
        Endpoint::GetReceipt(id) => Box::pin(receipt::get_receipt(edge, context, id)).await,
        Endpoint::ListDeadLetters => Box::pin(list_orders::list_dead_letters(edge, context)).await,
        Endpoint::ListDeadLetterReasons => {
            Box::pin(dead_letter_reasons::list_reasons(edge, context)).await
        }
        Endpoint::CommandDeadLetters(command) => {
            Box::pin(dead_letters::command_dead_letters(edge, context, command)).await
        }
        Endpoint::GetStats => Box::pin(stats::get_stats(edge, context)).await,
        Endpoint::SayAlive => probes::say_alive(&context),
        Endpoint::SayReady => Box::pin(probes::say_ready(edge, context)).await,
        Endpoint::GetHealth => Box::pin(probes::get_health(edge, context)).await,
        Endpoint::Dialect(call) => dialects::call(call, edge, context).await,
        Endpoint::ShowStart => start_page::show(&context),
        Endpoint::ShowPageFile(path) => start_page::show_file(&context, path),
        Endpoint::ShowDocs => start_page::show_docs(&context),
        Endpoint::ShowDocsFile(file) => start_page::show_docs_file(&context, file),
        Endpoint::ShowOpenApi => openapi::show(edge, &context),
        Endpoint::ShowError(code) => error_page::show(&context, code),
    }
}
