//! Taking orders, one or many: decide, commit, and tell a new order from one that was there before.

use std::sync::Arc;

use domain::{Fault, History, IdempotencyKey, Order, OrderId, PlaceOrder, Receipt, Status};
use futures_util::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use super::in_flight::InFlight;
use super::local_orders::LocalOrders;
use crate::access;
use crate::caller::Caller;
use crate::deadline::within;
use crate::orders::{BatchRow, PlaceError, Placed};
use crate::ports::{CommitError, Committed, Guard, ReceiptStore, StoreError, Write};
use crate::receipts::Receipts;

/// Receipts of imported history that are written at a time.
const RECEIPTS_AT_A_TIME: usize = 16;

impl LocalOrders {
    pub(super) async fn place_order(
        &self,
        caller: &Caller,
        command: PlaceOrder,
        key: Option<IdempotencyKey>,
    ) -> Result<Placed, PlaceError> {
        access::may_place(caller, &command.user_id)?;
        let held = key
            .as_ref()
            .map(|key| self.in_flight.enter(&command.user_id, key));
        let write = self.decide_new(caller, command, key);
        let order = Arc::clone(&write.decision.order);
        let mut results = self.writer.commit(vec![write], caller.deadline).await;
        let result = results.pop().expect("a store answers each write");
        if matches!(
            result,
            Err(CommitError::Store(
                StoreError::Unknown { .. } | StoreError::Expired
            ))
        ) && held.as_ref().is_some_and(InFlight::is_shared)
        {
            return Err(PlaceError::KeyInFlight);
        }
        self.placed(caller, order, result).await
    }

    pub(super) async fn place_rows(
        &self,
        caller: &Caller,
        rows: Vec<BatchRow>,
    ) -> Vec<Result<Placed, PlaceError>> {
        let decided = stream::iter(rows)
            .map(|row| self.decide_row(caller, row))
            .buffered(RECEIPTS_AT_A_TIME);
        let decided: Vec<Result<Write, PlaceError>> = decided.collect().await;
        let mut orders = Vec::with_capacity(decided.len());
        let mut writes = Vec::with_capacity(decided.len());
        for write in decided {
            orders.push(write.map(|write| {
                let order = Arc::clone(&write.decision.order);
                writes.push(write);
                order
            }));
        }
        let mut results = self
            .writer
            .commit(writes, caller.deadline)
            .await
            .into_iter();
        let mut answers = Vec::with_capacity(orders.len());
        for order in orders {
            let answer = match order {
                Ok(order) => {
                    let result = results.next().expect("a store answers each write");
                    self.placed(caller, order, result).await
                }
                Err(error) => Err(error),
            };
            answers.push(answer);
        }
        answers
    }

    async fn decide_row(&self, caller: &Caller, row: BatchRow) -> Result<Write, PlaceError> {
        access::may_place(caller, &row.command.user_id)?;
        match row.history {
            None => Ok(self.decide_new(caller, row.command, row.key)),
            Some(history) => {
                self.decide_history(caller, row.command, row.key, history)
                    .await
            }
        }
    }

    fn decide_new(
        &self,
        caller: &Caller,
        command: PlaceOrder,
        key: Option<IdempotencyKey>,
    ) -> Write {
        let now = self.clock.now();
        let id = self.ids.order_id(now, &command.user_id);
        let guard = guard(&command, key);
        let decision = Order::place(
            command,
            id,
            now,
            caller.cause(None),
            self.receipts.location(),
        );
        Write { decision, guard }
    }

    /// Imported history. A receipt that is stored is written first, as for every order that becomes PROCESSED; none is
    /// written for an order that exists already. The id follows from what the order is known by, so that a call that
    /// is repeated writes the same receipt again and leaves none behind that belongs to no order.
    async fn decide_history(
        &self,
        caller: &Caller,
        command: PlaceOrder,
        key: Option<IdempotencyKey>,
        history: History,
    ) -> Result<Write, PlaceError> {
        let now = self.clock.now();
        if history.created_at > now {
            let detail = format!("lies in the future; history ends at {now}");
            let fault = Fault::new("/history/created_at", "out_of_range", detail);
            return Err(PlaceError::Invalid(vec![fault]));
        }
        let known = match (&self.receipts, &command.external_id) {
            (Receipts::Outside(_), Some(external_id)) => {
                let finding = self.reader.find(&command.user_id, external_id);
                within(caller, finding).await?.is_some()
            }
            (Receipts::Outside(_) | Receipts::Rendered, _) => false,
        };
        let random = history_random(&command, key.as_ref()).unwrap_or_else(|| self.ids.random());
        let id = OrderId::new(history.created_at, &command.user_id, random);
        let guard = guard(&command, key);
        let decision = Order::place_history(
            command,
            id,
            history.created_at,
            caller.cause(None),
            self.receipts.location(),
            history.status,
        )
        .expect("the state machine leads from PENDING to PROCESSED and to CANCELLED");
        let order = &decision.order;
        if let (Receipts::Outside(store), Status::Processed, false) =
            (&self.receipts, order.status, known)
        {
            write_receipt(&**store, caller, order).await?;
        }
        Ok(Write { decision, guard })
    }

    async fn placed(
        &self,
        caller: &Caller,
        order: Arc<Order>,
        result: Result<Committed, CommitError>,
    ) -> Result<Placed, PlaceError> {
        match result {
            Ok(Committed::Written { .. }) => Ok(Placed::Created(order)),
            Ok(Committed::Replayed(order)) => Ok(Placed::Replayed(Arc::new(order.as_created()))),
            Ok(Committed::Existing(order)) => Ok(Placed::Existing(order)),
            Err(CommitError::KeyReused) => Err(PlaceError::KeyReused),
            // Boxed, so that the future of every placed order need not have room for this one.
            Err(CommitError::ExternalIdTaken) => Err(PlaceError::ExternalIdTaken {
                differing: Box::pin(self.differing_facts(caller, &order)).await,
            }),
            Err(CommitError::Stale) => Err(PlaceError::Refused(
                "an order with this id exists, or existed and was erased".to_owned(),
            )),
            Err(CommitError::Refused(reason)) => Err(PlaceError::Refused(reason)),
            Err(CommitError::Store(error)) => Err(PlaceError::Store(error)),
        }
    }

    /// In what the order that holds the external id differs from `order`. The refusal is certain already; it is only
    /// less helpful if the other order cannot be read in time.
    async fn differing_facts(&self, caller: &Caller, order: &Order) -> Vec<String> {
        let Some(external_id) = &order.external_id else {
            return Vec::new();
        };
        let finding = self.reader.find(&order.user_id, external_id);
        let Ok(Some(existing)) = within(caller, finding).await else {
            return Vec::new();
        };
        let pointers = existing.differing_facts(order).into_iter();
        pointers.map(str::to_owned).collect()
    }
}

/// Stores the receipt of imported history. A receipt that is late belongs to no order, and is the same if the order is
/// placed later.
async fn write_receipt(
    store: &dyn ReceiptStore,
    caller: &Caller,
    order: &Order,
) -> Result<(), PlaceError> {
    let receipt = Receipt::of(order);
    let writing = async { store.put(&receipt).await.map_err(PlaceError::from) };
    within(caller, writing).await
}

fn guard(command: &PlaceOrder, key: Option<IdempotencyKey>) -> Guard {
    let fingerprint =
        (key.is_some() || command.external_id.is_some()).then(|| command.fingerprint());
    Guard::New { key, fingerprint }
}

/// The random bits of an imported order's id, from what it is known by and what it says; `None` if it has no name.
fn history_random(command: &PlaceOrder, key: Option<&IdempotencyKey>) -> Option<u64> {
    let name = match (&command.external_id, key) {
        (Some(external_id), _) => external_id.as_str(),
        (None, Some(key)) => key.as_str(),
        (None, None) => return None,
    };
    let digest: [u8; 32] = Sha256::new()
        .chain_update(command.fingerprint().0)
        .chain_update(name.as_bytes())
        .finalize()
        .into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    Some(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}
