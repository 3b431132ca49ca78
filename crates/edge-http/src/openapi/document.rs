//! The document itself: the handlers' descriptions, and what they have in common. `router` calls it with the routes,
//! `endpoint` shows it, tests check it.

use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi as Document, Server, ServerBuilder,
};

use super::{headers, parameters, schemas, tags, webhooks};
use crate::error_format::ErrorFormat;

/// Collects the schemas that no handler names: those of sockets, and of headers.
#[derive(OpenApi)]
#[openapi(components(schemas(
    schemas::order::OrderRequest,
    schemas::order::BatchRow,
    schemas::order::OrderPage,
    schemas::order::BatchResult,
    schemas::order::EventPage,
    schemas::problem::Problem,
    schemas::live::StatusChange,
    schemas::live::Subscribe,
    schemas::live::Unsubscribe,
    schemas::live::SubscribedFrame,
    schemas::live::ResyncFrame,
    schemas::live::ReconnectFrame,
    schemas::live::ErrorFrame,
    schemas::live::FinalStatus,
    schemas::live::EventStream,
    schemas::dialect::OrderflowOrderRequest,
    schemas::dialect::OrderflowOrderPlaced,
    schemas::dialect::OrderflowOrders,
    schemas::dialect::OrderflowError,
    schemas::dialect::NumberedOrderRequest,
    schemas::dialect::NumberedOrder,
    schemas::dialect::OrderAccepted,
    schemas::order::CommandRequest,
    schemas::standing::DeadLetterCommand,
    schemas::standing::Replayed,
    schemas::standing::Discarded,
    schemas::standing::DeadLetterReasons,
    schemas::standing::Stats,
    schemas::standing::Ready,
    schemas::standing::Health,
    schemas::value::IdempotencyKeyHeader,
)))]
struct Schemas;

/// The document of these routes, of a server of this version, as JSON.
pub(crate) fn document(routes: Document, version: &str) -> Vec<u8> {
    let mut document = Schemas::openapi();
    document.merge(routes);
    document.info = InfoBuilder::new()
        .title("ordermill")
        .version(version)
        .description(Some(
            "Takes orders, keeps every one of them, processes each with one effect, and shows every change live.\n\n\
             Amounts are decimals in major units, read and printed digit by digit. Times are RFC 3339 in UTC. A \
             refusal is a problem (RFC 9457) that names every fault of the request; if the same request may succeed \
             later, it has `Retry-After`. Every address that answers GET answers HEAD, too; another method gets 405 \
             with `Allow`.",
        ))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ))
        .build();
    document.tags = Some(
        tags::ALL
            .into_iter()
            .chain([webhooks::TAG])
            .map(|(name, what)| TagBuilder::new().name(name).description(Some(what)).build())
            .collect(),
    );
    document.servers = Some(servers());
    document.webhooks = Some(webhooks::all());
    let components = document.components.take().unwrap_or_default();
    let components = parameters::everywhere().into_iter().fold(
        ComponentsBuilder::from(components),
        |components, (name, parameter)| components.parameter(name, parameter),
    );
    let components = headers::all()
        .into_iter()
        .fold(components, |components, (name, header)| {
            components.header(name, header)
        });
    document.components = Some(components.build());
    let mut document = serde_json::to_value(&document).unwrap_or_default();
    name_wildcards(&mut document);
    add_what_is_everywhere(&mut document);
    serde_json::to_vec(&document).unwrap_or_default()
}

/// Where requests go. The page at `/docs` takes the first one; generated clients, which do not know where the document
/// came from, need an address of their own.
fn servers() -> Vec<Server> {
    let server = |url, what| {
        ServerBuilder::new()
            .url(url)
            .description(Some(what))
            .build()
    };
    vec![
        server("/", "The server that this document is of."),
        server(
            "http://localhost:8080",
            "A server with its default settings on the same machine.",
        ),
    ]
}

/// axum's `{*path}` takes several segments; the document has no such thing and calls it `{path}`.
fn name_wildcards(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    let wildcards: Vec<String> = paths
        .keys()
        .filter(|path| path.contains("{*"))
        .cloned()
        .collect();
    for path in wildcards {
        if let Some(item) = paths.remove(&path) {
            paths.insert(path.replace("{*", "{"), item);
        }
    }
}

/// What the layers take and add at every address: the parameters that every operation has, and headers of answers, of
/// which a handler's description gives the names alone.
fn add_what_is_everywhere(document: &mut Value) {
    let parameters: Vec<Value> = parameters::everywhere()
        .iter()
        .map(|(name, _)| json!({"$ref": format!("#/components/parameters/{name}")}))
        .collect();
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        let format = if path.starts_with("/api/") {
            ErrorFormat::Orderflow
        } else {
            ErrorFormat::Problem
        };
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(body) =
                operation.pointer_mut("/requestBody/content/application~1json/schema")
            {
                leave_out_instead_of_null(body);
            }
            match operation["parameters"].as_array_mut() {
                Some(own) => own.extend(parameters.iter().cloned()),
                None => operation["parameters"] = json!(parameters),
            }
            let responses = operation["responses"].as_object_mut().into_iter().flatten();
            for (_, response) in responses {
                response["headers"] = header_references(&response["headers"], format);
            }
        }
    }
}

/// utoipa describes a body that may be left out (`Option`) as one that may be `null`, which is refused.
fn leave_out_instead_of_null(body: &mut Value) {
    if let Some(present) = body.pointer("/oneOf/0").cloned() {
        *body = present;
    }
}

/// References to the headers of an answer: `own`, and those of every answer.
fn header_references(own: &Value, format: ErrorFormat) -> Value {
    let own = own.as_object().into_iter().flatten();
    let names = own
        .map(|(name, _)| name.clone())
        .chain(headers::everywhere(format).map(str::to_owned));
    let references = names.map(|name| {
        let reference = json!({"$ref": format!("#/components/headers/{name}")});
        (name, reference)
    });
    Value::Object(references.collect())
}
