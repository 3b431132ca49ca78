//! The document itself: addresses, components, and what they have in common. `endpoint` shows it, tests check it.

use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa::openapi::path::{PathItem, Paths};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder};

use super::operation::Group;
use super::{headers, operations, parameters, schemas, webhooks};
use crate::router::Address;

/// Collects the schemas; everything else is added by [`document`].
#[derive(OpenApi)]
#[openapi(components(schemas(
    schemas::order::NewOrder,
    schemas::order::BatchRow,
    schemas::order::OrderPage,
    schemas::order::BatchResult,
    schemas::order::EventPage,
    schemas::problem::Problem,
    schemas::live::Change,
    schemas::live::SocketCommand,
    schemas::live::SocketFrame,
    schemas::live::EventStream,
    schemas::dialect::NewApiOrder,
    schemas::dialect::ApiOrderPlaced,
    schemas::dialect::ApiOrders,
    schemas::dialect::ApiError,
    schemas::dialect::NewNumberedOrder,
    schemas::dialect::NumberedOrder,
    schemas::dialect::OrderAccepted,
    schemas::order::Command,
    schemas::standing::DeadLetterCommand,
    schemas::standing::Replayed,
    schemas::standing::Discarded,
    schemas::standing::Reasons,
    schemas::standing::Stats,
    schemas::standing::Ready,
    schemas::standing::Health,
    schemas::value::IdempotencyKeyHeader,
)))]
struct Schemas;

/// The document of a server of this version, as JSON.
#[must_use]
pub fn document(version: &str) -> Vec<u8> {
    let mut document = Schemas::openapi();
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
        Group::ALL
            .map(|(group, what)| {
                TagBuilder::new()
                    .name(group.name())
                    .description(Some(what))
                    .build()
            })
            .to_vec(),
    );
    document.paths = paths();
    document.webhooks = Some(webhooks::all());
    let components = document.components.take().unwrap_or_default();
    let components = parameters::all().into_iter().fold(
        ComponentsBuilder::from(components),
        |components, (name, parameter)| components.parameter(name, parameter),
    );
    let components = headers::all()
        .into_iter()
        .fold(components, |components, (name, header)| {
            components.header(name, header)
        });
    document.components = Some(components.build());
    let document = serde_json::to_value(&document).map(with_what_types_cannot_say);
    serde_json::to_vec(&document.unwrap_or_default()).unwrap_or_default()
}

fn paths() -> Paths {
    let fixed = Address::EVERY.iter().flat_map(|address| {
        let described = operations::at(*address).into_iter();
        described.map(|description| (address.pattern(), description))
    });
    let mut paths = Paths::new();
    for (path, description) in fixed.chain(operations::of_live_streams()) {
        let item = PathItem::new(description.method.clone(), description.finish());
        match paths.paths.entry(path.to_owned()) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(item);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                entry.get_mut().merge_operations(item);
            }
        }
    }
    paths
}

/// A new order needs an amount or lines, and a line a unit price or a total; the types of `schemas` cannot express that.
fn with_what_types_cannot_say(mut document: Value) -> Value {
    let given =
        |name: &str| json!({"required": [name], "properties": {name: {"not": {"type": "null"}}}});
    document["components"]["schemas"]["NewLine"]["anyOf"] =
        json!([given("unit_price"), given("total")]);
    for name in ["NewOrder", "BatchRow"] {
        document["components"]["schemas"][name]["anyOf"] = json!([
            given("amount"),
            {"required": ["lines"], "properties": {"lines": {"type": "array", "minItems": 1}}}
        ]);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::paths;

    #[test]
    fn every_route_of_the_live_streams_is_described() {
        let source = include_str!("../live/mod.rs");
        let routes: Vec<&str> = source
            .split(".route(\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(routes.len() > 3, "{routes:?}");
        let paths = paths();
        for route in routes {
            assert!(
                paths.paths.contains_key(route),
                "{route} is not in the document"
            );
        }
    }
}
