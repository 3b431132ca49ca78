//! orderflow: `POST`, `GET` and `OPTIONS /api/orders`; `browser` adds the CORS headers of its answers. An order there is one
//! product, a quantity and a price, on one of two shards, which depends on the user's first letter.
//!
//! `router` mounts its routes. Its `/health`, if the settings ask for it, is ours with its `service` in it.

use std::borrow::Cow;
use std::io::Write as _;

use application::ports::ListFilter;
use application::{ListRequest, PlaceError, Placed};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use domain::{
    Currency, Given, Line, LineDraft, Order, OrderDraft, PlaceOrder, Receipt, ReceiptTemplate,
    Status, UserId,
};
use order_json::write_text;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::amounts::{is_above_zero, write_short_amount};
use super::fields;
use super::placing::{PLACING, Placing, bad_request, checked};
use crate::answer::{self, Answer};
use crate::endpoints::probes;
use crate::error_format::ErrorFormat;
use crate::openapi::parameters::{ApiUserIdParameter, IdempotencyKeyParameter};
use crate::openapi::refusals::{STORE, refusals};
use crate::openapi::schemas::dialect::{
    OrderflowOrderPlaced, OrderflowOrderRequest, OrderflowOrders,
};
use crate::openapi::{examples, tags};
use crate::problem::{Code, Problem};
use crate::request::{RequestCaller, RequestTrace};
use crate::state::Edge;

refusals!(PlaceApiOrderRefusals in ErrorFormat::Orderflow => PLACING, [Code::Overloaded]);
refusals!(ListApiOrdersRefusals in ErrorFormat::Orderflow => STORE, [Code::Overloaded]);
refusals!(AllowApiOrdersRefusals in ErrorFormat::Orderflow => [Code::Overloaded]);

/// An example of a body.
fn new_order() -> Value {
    json!({"user_id": "alice", "product_name": "Laptop", "quantity": 2, "price": 999.5})
}

/// An example of an answer.
fn placed() -> Value {
    json!({
        "order": examples::api_order("created"),
        "receipt": format!("receipts/alice/{}.txt", examples::ID),
        "shard": "shard1",
        "shard_info": "shard1 (A-M)"
    })
}

/// An example of a list.
fn orders() -> Value {
    json!({"count": 1, "orders": [examples::api_order("pending")]})
}

const FIELDS: [&str; 4] = ["user_id", "product_name", "quantity", "price"];
const NAMES: [(&str, &str); 5] = [
    ("/lines/0/product_name", "product_name"),
    ("/lines/0/quantity", "quantity"),
    ("/lines/0/unit_price", "price"),
    ("/lines/0", "product"),
    ("/lines", "quantity and price"),
];
/// The headers of its answers: those of every new order except two, and those for browsers.
const HEADERS: usize = 7;
/// The bound of every line, in words that fit whole quantities.
const MAX_QUANTITY: i64 = 1_000_000;
/// orderflow crashed at higher prices.
const PRICES_BELOW: u64 = 100_000_000;

/// Place an order (orderflow)
#[utoipa::path(
    post,
    path = "/api/orders",
    operation_id = "placeApiOrder",
    tag = tags::DIALECTS,
    params(IdempotencyKeyParameter),
    request_body(content = OrderflowOrderRequest, example = json!(new_order())),
    responses(
        (
            status = 201,
            description = "A new order, durable.",
            headers(("Cache-Control")),
            body = OrderflowOrderPlaced,
            example = json!(placed()),
        ),
        PlaceApiOrderRefusals,
    ),
)]
pub(crate) async fn place_api_order(
    State(edge): State<Edge>,
    placing: Placing,
) -> Result<Answer, Problem> {
    let read = |bytes: &[u8], currency| command(bytes, currency).map(|command| (command, ()));
    let (placed, ()) = placing.place(&edge, read).await?;
    match placed {
        Ok(Placed::Created(order) | Placed::Replayed(order) | Placed::Existing(order)) => {
            Ok(created(&order))
        }
        Err(error @ PlaceError::Refused(_)) => {
            // Its clients know no other refusal than 400.
            let problem = Problem::from(error);
            Err(bad_request(problem.words()))
        }
        Err(error) => Err(error.into()),
    }
}

fn command(bytes: &[u8], currency: Currency) -> Result<PlaceOrder, Problem> {
    let malformed = || bad_request("invalid request body");
    let [user, product, quantity, price] = fields::read(bytes, FIELDS).map_err(|_| malformed())?;
    let user = user.text().map_err(|_| malformed())?;
    let product = product.text().map_err(|_| malformed())?;
    let quantity = quantity.number().map_err(|_| malformed())?;
    let price = price.number().map_err(|_| malformed())?;
    // Its quantity is a whole number of 64 bits.
    let number = quantity.map(str::parse::<i64>).transpose();
    let number = number.map_err(|_| malformed())?;
    let is_there = |text: &Option<Cow<'_, str>>| text.as_ref().is_some_and(|text| !text.is_empty());
    if !is_there(&user)
        || !is_there(&product)
        || !quantity.is_some_and(is_above_zero)
        || !price.is_some_and(is_above_zero)
    {
        return Err(bad_request(
            "user_id, product_name, quantity, and price are required",
        ));
    }
    if number.is_some_and(|number| number > MAX_QUANTITY) {
        return Err(bad_request("quantity must be from 1 to 1,000,000"));
    }
    let line = LineDraft {
        sku: Given::Missing,
        product_name: product.into(),
        quantity: quantity.map(Cow::Borrowed).into(),
        unit_price: price.map(Cow::Borrowed).into(),
        total: Given::Missing,
    };
    let draft = OrderDraft {
        user_id: user.into(),
        lines: Given::Value(vec![line]),
        ..OrderDraft::default()
    };
    let mut command = checked(draft, currency, &NAMES, bad_request)?;
    command.receipt_template = ReceiptTemplate::Orderflow;
    let bound = PRICES_BELOW * 10_u64.pow(u32::from(currency.exponent()));
    if command
        .lines
        .iter()
        .any(|line| line.unit_price_minor.is_some_and(|price| price >= bound))
    {
        return Err(bad_request(format!("price must be below {PRICES_BELOW}")));
    }
    Ok(command)
}

/// `{"order", "receipt", "shard", "shard_info"}`. The receipt's key is known at once; the receipt exists when the order is
/// PROCESSED.
fn created(order: &Order) -> Answer {
    let receipt = Receipt::key_of(&order.user_id, order.id);
    let (shard, range) = shard_of(order);
    let mut body = Vec::with_capacity(640);
    body.extend_from_slice(b"{\"order\":");
    write_order(order, "created", Some(&receipt), &mut body);
    body.extend_from_slice(b",\"receipt\":");
    write_text(&receipt, &mut body);
    // Writing into a Vec cannot fail.
    let _ = writeln!(
        body,
        r#","shard":"{shard}","shard_info":"{shard} ({range})"}}"#
    );
    answer::json_with_room(StatusCode::CREATED, body, HEADERS)
}

/// The label depends on the user's first letter alone, not on the shard that has the order.
const fn shard_of(order: &Order) -> (&'static str, &'static str) {
    if order.id.bucket().is_first_half_of_alphabet() {
        ("shard1", "A-M")
    } else {
        ("shard2", "N-Z")
    }
}

/// Quantity and price of the order as one product. If its one line says all of it, they are the line's; an order with
/// several lines, adjustments, a fractional quantity, or a price that does not multiply to the amount has quantity 1
/// and the amount as its price.
fn quantity_and_price(order: &Order) -> (u32, u64) {
    let amount = order.amount.minor();
    let of_the_line = match (&*order.lines, &*order.adjustments) {
        ([line], []) => line
            .unit_price_minor
            .filter(|price| Line::exact_total(line.quantity, *price) == Some(amount))
            .and_then(|price| Some((line.quantity.as_whole()?, price))),
        _ => None,
    };
    of_the_line.unwrap_or((1, amount))
}

/// An order as one product: the product of its one line, or `N items`.
fn write_order(order: &Order, status: &str, receipt: Option<&str>, out: &mut Vec<u8>) {
    let currency = order.amount.currency();
    let _ = write!(out, r#"{{"id":"{}","user_id":"#, order.id);
    write_text(order.user_id.as_str(), out);
    out.extend_from_slice(b",\"product_name\":");
    match &*order.lines {
        [line] => write_text(line.product_name.as_str(), out),
        lines => {
            let _ = write!(out, r#""{} items""#, lines.len());
        }
    }
    let (quantity, price) = quantity_and_price(order);
    let _ = write!(out, r#","quantity":{quantity},"price":"#);
    write_short_amount(price, currency, out);
    let _ = write!(out, r#","status":"{status}""#);
    if let Some(receipt) = receipt {
        out.extend_from_slice(b",\"receipt_s3_key\":");
        write_text(receipt, out);
    }
    out.extend_from_slice(b",\"created_at\":\"");
    let created_at = out.len();
    let _ = write!(out, "{}", order.created_at);
    let created_at = created_at..out.len();
    out.extend_from_slice(b"\",\"updated_at\":\"");
    if order.updated_at == order.created_at {
        out.extend_from_within(created_at);
    } else {
        let _ = write!(out, "{}", order.updated_at);
    }
    out.extend_from_slice(b"\"}");
}

/// Its one word for a fresh order, and ours in its spelling for the statuses that it did not have.
const fn status_word(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::Processing => "processing",
        Status::Retrying => "retrying",
        Status::Processed => "processed",
        Status::Failed => "failed",
        Status::OnHold => "on_hold",
        Status::Cancelled => "cancelled",
    }
}

/// Without a user: the most orders of each shard.
const OF_EACH_SHARD: usize = 50;
/// Without a user: how many of the newest orders are read to find them.
const LOOKED_AT_MOST: usize = 10_000;
/// Of a user: the most orders, newest first.
const OF_USER: usize = 10_000;
/// The most orders in memory at a time, because each may be as large as a request.
const ORDERS_AT_A_TIME: usize = 200;
/// A list that has grown to this size ends.
const FULL_LIST_BYTES: usize = 8 * 1024 * 1024;

/// List orders (orderflow)
///
/// The newest 50 of each shard; of one user up to 10,000.
#[utoipa::path(
    get,
    path = "/api/orders",
    operation_id = "listApiOrders",
    tag = tags::DIALECTS,
    params(ApiUserIdParameter),
    responses(
        (
            status = 200,
            description = "The orders.",
            headers(("Cache-Control")),
            body = OrderflowOrders,
            example = json!(orders()),
        ),
        ListApiOrdersRefusals,
    ),
)]
pub(crate) async fn list_api_orders(
    State(edge): State<Edge>,
    RawQuery(query): RawQuery,
    RequestCaller(caller): RequestCaller,
) -> Result<Answer, Problem> {
    let user = match user_in(query.as_deref()).as_deref() {
        None | Some("") => None,
        Some(text) => match UserId::new(text) {
            Ok(user) => Some(user),
            // No order can be this user's.
            Err(_) => return Ok(Listed::of_all().finish()),
        },
    };
    let mut listed = match &user {
        Some(_) => Listed::of_user(),
        None => Listed::of_all(),
    };
    let mut request = ListRequest {
        filter: ListFilter {
            user_id: user,
            ..ListFilter::default()
        },
        before: None,
        limit: ORDERS_AT_A_TIME,
    };
    let mut looked_at = 0;
    while looked_at < LOOKED_AT_MOST && !listed.is_full() {
        let page = edge.orders.list(&caller, request.clone()).await?;
        looked_at += page.orders.len();
        for order in &page.orders {
            listed.add(order);
        }
        request.before = page.next_before;
        if request.before.is_none() {
            break;
        }
    }
    Ok(listed.finish())
}

/// The first `user_id` of a query; NUL, which no user id contains, if it cannot be decoded.
fn user_in(query: Option<&str>) -> Option<Cow<'_, str>> {
    let value = query?
        .split('&')
        .filter_map(|pair| pair.split_once('=').or(Some((pair, ""))))
        .find(|(name, _)| *name == "user_id")?
        .1
        .replace('+', " ");
    let decoded = percent_decode_str(&value).decode_utf8();
    Some(Cow::Owned(
        decoded.map_or_else(|_| "\0".to_owned(), Cow::into_owned),
    ))
}

/// A list while it is filled: shard1's orders before shard2's.
struct Listed {
    shards: [OfShard; 2],
    limit: usize,
}

#[derive(Default)]
struct OfShard {
    count: usize,
    json: Vec<u8>,
}

impl Listed {
    fn of_all() -> Self {
        Self {
            shards: [OfShard::default(), OfShard::default()],
            limit: OF_EACH_SHARD,
        }
    }

    fn of_user() -> Self {
        Self {
            limit: OF_USER,
            ..Self::of_all()
        }
    }

    fn is_full(&self) -> bool {
        let [first, second] = &self.shards;
        let bytes = first.json.len() + second.json.len();
        bytes >= FULL_LIST_BYTES || (first.count >= self.limit && second.count >= self.limit)
    }

    fn add(&mut self, order: &Order) {
        let is_second = !order.id.bucket().is_first_half_of_alphabet();
        let limit = self.limit;
        let full = self.is_full();
        let shard = &mut self.shards[usize::from(is_second)];
        if full || shard.count >= limit {
            return;
        }
        if shard.count > 0 {
            shard.json.push(b',');
        }
        shard.count += 1;
        let status = status_word(order.status);
        write_order(order, status, order.receipt_key.as_deref(), &mut shard.json);
    }

    fn finish(self) -> Answer {
        let [first, second] = &self.shards;
        let mut body = Vec::with_capacity(first.json.len() + second.json.len() + 40);
        let _ = write!(
            body,
            r#"{{"count":{},"orders":["#,
            first.count + second.count
        );
        body.extend_from_slice(&first.json);
        if first.count > 0 && second.count > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&second.json);
        body.extend_from_slice(b"]}\n");
        answer::json(StatusCode::OK, body)
    }
}

/// Our health, and before it the member that its clients look for. Any method is answered alike.
pub(crate) async fn say_health(
    State(edge): State<Edge>,
    RequestTrace(trace): RequestTrace,
) -> Result<Answer, Problem> {
    probes::say_health(&edge, trace, Some("orderflow-producer")).await
}

/// What pages of other origins may do (orderflow)
#[utoipa::path(
    options,
    path = "/api/orders",
    operation_id = "allowApiOrders",
    tag = tags::DIALECTS,
    responses(
        (status = 204, description = "The headers say it."),
        AllowApiOrdersRefusals,
    ),
)]
pub(crate) async fn allow_api_orders() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// `HEAD /api/orders`, which orderflow did not answer.
pub(crate) async fn refuse_head() -> Problem {
    Problem::method_not_allowed("GET, POST, OPTIONS".to_owned())
}
