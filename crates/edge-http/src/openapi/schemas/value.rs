//! Single values: texts, numbers and words, with the bounds of the domain.

use domain::{AdjustmentKind as Kind, Currency, Money, RequestId, Source, Status};
use serde_json::json;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::openapi::examples;

/// A text that is not blank and has no control characters (C0, DEL, C1). Like all patterns here it is written so that
/// the regular expressions of JavaScript, Python, Java and Go read it alike: they do not share `\u0000`.
const PRINTED: &str = r"^[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$";
/// The same with TAB, CR and LF, blank or not.
const NOTED: &str = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*$";
/// The smallest quantity.
const LEAST_QUANTITY: f64 = 0.001;
/// The largest quantity.
const LARGEST_QUANTITY: u32 = 1_000_000;

macro_rules! values {
    ($($(#[doc = $doc:literal])+ $name:ident = $schema:expr;)*) => {$(
        $(#[doc = $doc])+
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = [$($doc.trim()),+].join(" ");
                Schema::from($schema.description(Some(text)).build()).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

values! {
    /// A UUID, version 7: orders by id are orders by time.
    OrderId = text_of(SchemaFormat::Custom("uuid".to_owned())).examples([examples::ID]);
    /// The user who placed the order: 1-100 characters, not blank.
    UserId = printed(domain::UserId::MAX_CHARS).examples(["alice"]);
    /// The client's own number of an order, unique per user: 1-128 characters.
    ExternalId = printed(domain::ExternalId::MAX_CHARS).examples(["A-1"]);
    /// A stock keeping unit: 1-128 characters.
    Sku = printed(domain::Sku::MAX_CHARS).examples(["KB-1"]);
    /// What a line sells: 1-255 characters.
    ProductName = printed(domain::ProductName::MAX_CHARS).examples(["Mechanical Keyboard"]);
    /// 1-255 visible ASCII characters.
    IdempotencyKey = visible_ascii(domain::IdempotencyKey::MAX_CHARS).examples(["5f0c"]);
    /// 1-255 visible ASCII characters, bare, or in double quotes as a string of structured fields (RFC 9651): `"k"` is
    /// the key `k`.
    IdempotencyKeyHeader = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(r#"^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$"#))
        .examples(["5f0c"]);
    /// The name of a request: 1-128 visible ASCII characters.
    RequestName = visible_ascii(RequestId::MAX_CHARS);
    /// The trace id of a W3C `traceparent`.
    TraceId = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9a-f]{32}$"));
    /// The parent id of a W3C `traceparent`: the caller's span.
    SpanId = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9a-f]{16}$"));
    /// Who caused a change: the subject of a token, 1-255 characters.
    Actor = printed(domain::Actor::MAX_CHARS);
    /// Why a person changes an order, in their words: 1-255 characters. It is recorded in the event.
    CommandReason = printed(domain::Reason::MAX_CHARS).examples(["the customer called"]);
    /// The client's name for an adjustment, such as a discount code: 1-255 characters.
    Label = printed(domain::Label::MAX_CHARS).examples(["SPRING"]);
    /// RFC 3339 in UTC, with milliseconds.
    Time = text_of(SchemaFormat::KnownFormat(KnownFormat::DateTime))
        .pattern(Some(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"))
        .examples(["2026-01-31T12:00:00.000Z"]);
    /// RFC 3339 with any offset, from 1970 on; digits past the millisecond are cut off.
    AnyTime = text_of(SchemaFormat::KnownFormat(KnownFormat::DateTime)).examples(["2026-01-31T12:00:00Z"]);
    /// Opaque: hand it back as it was given.
    Cursor = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .pattern(Some("^[A-Za-z0-9_-]+$"));
    /// The status of an order. PROCESSED and CANCELLED are final; only an operator moves an order out of FAILED.
    OrderStatus = one_of(Status::ALL.map(Status::as_str));
    /// Where an order came in.
    OrderSource = one_of(Source::ALL.map(Source::as_str));
    /// ISO 4217: an active currency with a minor unit.
    CurrencyCode = one_of(Currency::codes()).examples(["USD"]);
    /// ISO 4217: a currency with a minor unit. Orders of the past may be in one that was withdrawn.
    AnyCurrencyCode = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[A-Z]{3}$"))
        .examples(["USD", "DEM"]);
    /// What an adjustment is for. A discount is negative or zero; shipping, tax, fee and tip are positive or zero;
    /// rounding and other have any sign.
    AdjustmentKind = one_of(Kind::ALL.map(Kind::as_str)).examples(["discount"]);
    /// How an order of the past ended. It is no enumeration, because Go's constants of it would be those of the status.
    HistoryStatus = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("^({}|{})$", Status::Processed.as_str(), Status::Cancelled.as_str())))
        .examples([Status::Processed.as_str()]);
    /// 1, then one more a change; the ETag of an order.
    Version = whole(1);
    /// How many.
    Count = whole(0);
    /// How many are ordered, as a whole number.
    WholeQuantity = whole(1).maximum(Some(LARGEST_QUANTITY));
    /// How much is ordered: from 0.001 to 1,000,000, at most three digits after the point.
    Quantity = quantity().examples([json!(2), json!(0.485)]);
    /// How much is ordered: from 0.001 to 1,000,000, at most three digits after the point. A string of the number is
    /// accepted, too, for a client whose numbers are floats.
    RequestQuantity = quantity();
    /// In major units, with exactly the digits of the currency.
    Amount = amount();
    /// In major units, with exactly the digits of the currency, and signed.
    SignedAmount = signed_amount();
    /// In major units, without trailing zeros.
    ShortAmount = amount();
    /// A number above zero, in major units.
    AboveZero = number()
        .exclusive_minimum(Some(0))
        .maximum(Some(Money::MAX_MINOR));
    /// A number above zero, in major units; what orderflow could not keep is refused.
    OrderflowPrice = number()
        .exclusive_minimum(Some(0))
        .exclusive_maximum(Some(100_000_000));
    /// Whatever the handler answered: any JSON up to 8 KiB.
    HandlerResult = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    /// The client's notes.
    Metadata = ObjectBuilder::new()
        .schema_type(Type::Object)
        .max_properties(Some(domain::Metadata::MAX_PAIRS))
        .additional_properties(Some(anything_in(ObjectBuilder::new().schema_type(Type::String))));
    /// The client's notes: up to 50 pairs of strings, together at most 8 KiB. Control characters are refused, but for
    /// TAB, CR and LF in values.
    RequestMetadata = ObjectBuilder::new()
        .schema_type(Type::Object)
        .max_properties(Some(domain::Metadata::MAX_PAIRS))
        .property_names(Some(ObjectBuilder::new().schema_type(Type::String).pattern(Some(PRINTED))))
        .additional_properties(Some(anything_in(
            ObjectBuilder::new().schema_type(Type::String).pattern(Some(NOTED)),
        )));
    /// An amount in major units. Digits beyond the currency's are refused unless they are zeros, never rounded. A string
    /// of the number is accepted, too, for a client whose numbers are floats.
    RequestAmount = amount();
    /// A signed amount in major units. Digits beyond the currency's are refused unless they are zeros, never rounded. A
    /// string of the number is accepted, too, for a client whose numbers are floats.
    RequestSignedAmount = signed_amount();
}

/// One of some words, of which there will be no others. What may get more is in `word`.
pub(crate) fn one_of(words: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
}

/// A whole number from `least` on. Without the format, clients in Go and Java would have 32 bits for it.
pub(crate) fn whole(least: u32) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(least))
}

/// 1 to `max` visible ASCII characters.
fn visible_ascii(max: usize) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(max))
        .pattern(Some("^[!-~]+$"))
}

/// 1 to `max` characters, not blank, no control characters.
pub(crate) fn printed(max: usize) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(max))
        .pattern(Some(PRINTED))
}

fn text_of(format: SchemaFormat) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(format))
}

/// A number. Without the format, clients in Go would have 32 bits for it: seven digits.
fn number() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
}

fn amount() -> ObjectBuilder {
    number().minimum(Some(0)).maximum(Some(Money::MAX_MINOR))
}

fn signed_amount() -> ObjectBuilder {
    let most = i64::try_from(Money::MAX_MINOR).unwrap_or(i64::MAX);
    number().minimum(Some(-most)).maximum(Some(most))
}

fn quantity() -> ObjectBuilder {
    number()
        .minimum(Some(LEAST_QUANTITY))
        .maximum(Some(LARGEST_QUANTITY))
}

fn anything_in(schema: ObjectBuilder) -> AdditionalProperties<Schema> {
    AdditionalProperties::RefOr(Schema::from(schema).into())
}
