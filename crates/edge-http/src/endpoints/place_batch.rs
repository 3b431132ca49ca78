//! `POST /v1/orders/batch`: takes up to 10,000 orders, each on its own. 200 once the rows could be read; the outcome of
//! each is in its own result. A row with `history` is an order of the past, which is never processed.

use std::io::Write as _;

use application::{BatchRow, Caller, PlaceError, Placed};
use axum::extract::{FromRequest, Request, State};
use axum::http::{StatusCode, Uri};
use bytes::Bytes;
use domain::{CheckRules, Fault, Given, History, IdempotencyKey, PlaceOrder, RequestId};
use order_json::{OrderForm, Reader, read_order, write_order};

use super::batch_rows::{array_rows, line_rows};
use crate::answer::{self, Answer};
use crate::openapi::examples;
use crate::openapi::refusals::{REQUEST, refusals};
use crate::openapi::schemas::order::{BatchResult, BatchRow as BatchRowSchema};
use crate::openapi::tags;
use crate::problem::{Code, Problem};
use crate::request::{
    NoQuery, OptionalKey, Readable, RequestTrace, WholeBody, media_type, without_byte_order_mark,
};
use crate::state::{Edge, EdgeState};

refusals!(PlaceOrdersRefusals: REQUEST, [
    Code::BodyBroken,
    Code::BodyTimeout,
    Code::BodyTooLarge,
    Code::ForeignOrigin,
    Code::InvalidHeader,
    Code::InvalidQuery,
    Code::MalformedJson,
    Code::TooManyRows,
    Code::UnsupportedEncoding,
    Code::UnsupportedMediaType,
]);

/// What a batch is sent as: an array, or one order a line.
const ROWS: &Readable = &Readable {
    shown: "application/json, application/x-ndjson",
    types: &[
        "application/json",
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
    ],
};
/// The number of rows that go to the store together, so that one batch does not fill its queue.
const ROWS_AT_A_TIME: usize = 1_000;
/// The number of rows that are read before other tasks get their turn on this thread.
const ROWS_A_TURN: usize = 128;

/// The body of a batch, and what it is.
pub(crate) struct BatchBody {
    bytes: Bytes,
    /// A JSON array; else one order a line.
    is_array: bool,
}

impl<S: Send + Sync> FromRequest<S> for BatchBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_array = media_type(request.headers(), ROWS)? == "application/json";
        let WholeBody(bytes) = WholeBody::from_request(request, state).await?;
        Ok(Self { bytes, is_array })
    }
}

/// Place many orders
///
/// Up to 10,000 rows and 16 MiB, unless configured otherwise: a JSON array, or one JSON object a line. Each row is
/// committed on its own; a faulty one is refused alone. A row's `idempotency_key` makes it safe to send again. A row with
/// `history` is an order of the past: it begins PROCESSED or CANCELLED and is never processed.
#[utoipa::path(
    post,
    path = "/v1/orders/batch",
    operation_id = "placeOrders",
    tag = tags::ORDERS,
    request_body(content(
        (Vec<BatchRowSchema> = "application/json", example = json!(examples::batch())),
        (String = "application/x-ndjson", example = json!(examples::batch_lines())),
    )),
    responses(
        (
            status = 200,
            description = "The rows were read; each has its own result.",
            headers(("Cache-Control")),
            body = BatchResult,
            example = json!(examples::batch_result()),
        ),
        PlaceOrdersRefusals,
    ),
)]
pub(crate) async fn place_batch(
    State(edge): State<Edge>,
    _: NoQuery,
    OptionalKey(key): OptionalKey,
    RequestTrace(trace): RequestTrace,
    uri: Uri,
    BatchBody { bytes, is_array }: BatchBody,
) -> Result<Answer, Problem> {
    if key.is_some() {
        return Err(Problem::invalid_header(
            "Idempotency-Key",
            "names one order and does not fit a batch; give each row an idempotency_key of its own",
        ));
    }
    let max_rows = edge.settings.tuning.max_batch_rows;
    let text = without_byte_order_mark(&bytes);
    let rows = if is_array {
        array_rows(text, max_rows)?
    } else {
        line_rows(text, max_rows)
    };
    let rows = rows.ok_or_else(|| Problem::too_many_rows(max_rows))?;
    let request_id = trace.request_id.clone();
    let request_id = request_id.as_ref().map(RequestId::as_str);
    let mut results = Results::new(uri.path(), request_id, rows.len());
    for rows in rows.chunks(ROWS_AT_A_TIME) {
        let mut read = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            if index % ROWS_A_TURN == ROWS_A_TURN - 1 {
                tokio::task::yield_now().await;
            }
            read.push(read_row(&edge, row));
        }
        // Each part of the batch has a deadline of its own.
        let caller = edge.caller(trace.clone());
        place_rows(&edge, &caller, read, &mut results).await;
    }
    Ok(answer::json(StatusCode::OK, results.finish()))
}

fn read_row(edge: &EdgeState, row: &[u8]) -> Result<BatchRow, Problem> {
    let mut faults = Vec::new();
    let mut reader = Reader::new(row)?;
    let input = read_order(&mut reader, OrderForm::Row, &mut faults)?;
    reader.finish()?;
    let key = input.idempotency_key.value().and_then(|text| {
        IdempotencyKey::new(&text)
            .map_err(|error| {
                let fault = Fault::new("/idempotency_key", error.code(), error.to_string());
                faults.push(fault);
            })
            .ok()
    });
    let currency = edge.settings.default_currency;
    let rules = match &input.history {
        Given::Missing => CheckRules::new_orders(currency),
        Given::Faulty | Given::Value(_) => CheckRules::history(currency),
    };
    let history: Option<History> =
        (input.history.value()).and_then(|history| history.check(&mut faults));
    match PlaceOrder::check(input.draft, rules, &mut faults) {
        Some(command) => Ok(BatchRow {
            command,
            key,
            history,
        }),
        None => Err(Problem::invalid_row(faults)),
    }
}

/// Places the rows that could be read and records every row's result, in order.
async fn place_rows(
    edge: &EdgeState,
    caller: &Caller,
    rows: Vec<Result<BatchRow, Problem>>,
    results: &mut Results<'_>,
) {
    let mut good = Vec::with_capacity(rows.len());
    let refused: Vec<Option<Problem>> = rows
        .into_iter()
        .map(|row| match row {
            Ok(row) => {
                good.push(row);
                None
            }
            Err(problem) => Some(problem),
        })
        .collect();
    let mut placed = if good.is_empty() {
        Vec::new().into_iter()
    } else {
        edge.orders.place_batch(caller, good).await.into_iter()
    };
    for problem in refused {
        match problem {
            Some(problem) => results.refuse(&problem),
            None => results.note(placed.next().expect("a batch answers each of its rows")),
        }
    }
}

/// The answer, as it grows row by row.
struct Results<'a> {
    instance: &'a str,
    request_id: Option<&'a str>,
    accepted: usize,
    existing: usize,
    refused: usize,
    unavailable: usize,
    rows: Vec<u8>,
    next_index: usize,
}

impl<'a> Results<'a> {
    fn new(instance: &'a str, request_id: Option<&'a str>, rows: usize) -> Self {
        Self {
            instance,
            request_id,
            accepted: 0,
            existing: 0,
            refused: 0,
            unavailable: 0,
            rows: Vec::with_capacity(rows * 512),
            next_index: 0,
        }
    }

    fn begin(&mut self, status: StatusCode) {
        let comma = if self.next_index > 0 { "," } else { "" };
        // Writing into a Vec cannot fail.
        let _ = write!(
            self.rows,
            "{comma}{{\"index\":{},\"status\":{},",
            self.next_index,
            status.as_u16()
        );
        self.next_index += 1;
    }

    fn note(&mut self, placed: Result<Placed, PlaceError>) {
        // A single order has the header Idempotent-Replayed: the status is the same as for a new order.
        let replayed: &[u8] = b"\"idempotent_replayed\":true,";
        let (status, mark, order): (_, &[u8], _) = match placed {
            Ok(Placed::Created(order)) => {
                self.accepted += 1;
                (StatusCode::CREATED, b"", order)
            }
            Ok(Placed::Replayed(order)) => {
                self.existing += 1;
                (StatusCode::CREATED, replayed, order)
            }
            Ok(Placed::Existing(order)) => {
                self.existing += 1;
                (StatusCode::OK, b"", order)
            }
            Err(error) => return self.refuse(&Problem::from(error)),
        };
        self.begin(status);
        self.rows.extend_from_slice(mark);
        self.rows.extend_from_slice(b"\"order\":");
        write_order(&order, &mut self.rows);
        self.rows.push(b'}');
    }

    fn refuse(&mut self, problem: &Problem) {
        if problem.status().is_server_error() {
            if self.unavailable == 0 {
                let cause = problem.cause().unwrap_or(problem.code());
                tracing::warn!(cause, "rows of a batch were not taken");
            }
            self.unavailable += 1;
        } else {
            self.refused += 1;
        }
        self.begin(problem.status());
        self.rows.extend_from_slice(b"\"error\":");
        problem.write(self.instance, self.request_id, &mut self.rows);
        self.rows.push(b'}');
    }

    fn finish(self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.rows.len() + 96);
        let _ = write!(
            body,
            "{{\"accepted\":{},\"existing\":{},\"refused\":{},\"unavailable\":{},\"results\":[",
            self.accepted, self.existing, self.refused, self.unavailable
        );
        body.extend_from_slice(&self.rows);
        body.extend_from_slice(b"]}");
        body
    }
}
