//! The use cases over the store in memory, the implementation that is tested before them, and what behaviours do most.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::{
    ClaimLimits, Deadline, OrderReader as _, OrderStore, OrderWriter as _, ReceiptError,
    ReceiptStore, Sharded as _, StorePorts, WorkQueue as _,
};
use application::store_health::{CommitHealth, tracked};
use application::system::SystemIds;
use application::{
    Caller, LocalOrders, Orders, OrdersDependencies, Placed, Principal, Receipts, Scopes, Settings,
};
use async_trait::async_trait;
use domain::{
    Cause, Decision, Failure, Order, OrderCommand, OrderId, PlaceOrder, Receipt, Timestamp, UserId,
};

use super::Carrier;
use crate::faulty::FaultyStore;
use crate::in_memory::InMemory;
use crate::order_store::{LONG, OpenStore, StoreFactory as _, sample, write_at};

/// The most orders that one page of a list looks at: small, so that the suite sees short pages.
const SCAN_LIMIT: usize = 50;

/// The port under test, and what is behind it.
pub struct Subject {
    /// The implementation under test.
    pub orders: Arc<dyn Orders>,
    /// The store behind it.
    pub store: Arc<FaultyStore>,
    /// The receipt store behind it, if it has one.
    pub receipts: Arc<FaultyReceipts>,
    opened: Box<dyn OpenStore>,
}

impl Subject {
    /// One whose receipts are rendered.
    pub async fn fresh(carrier: &dyn Carrier) -> Self {
        Self::open(carrier, |_| Receipts::Rendered).await
    }

    /// One whose receipts are stored.
    pub async fn with_receipt_store(carrier: &dyn Carrier) -> Self {
        Self::open(carrier, |receipts| {
            Receipts::Outside(Arc::clone(receipts) as _)
        })
        .await
    }

    async fn open(
        carrier: &dyn Carrier,
        kept: impl FnOnce(&Arc<FaultyReceipts>) -> Receipts,
    ) -> Self {
        let opened = InMemory.fresh().await;
        let store = Arc::new(FaultyStore::over(opened.store()));
        let receipts = Arc::new(FaultyReceipts::default());
        let commits = CommitHealth::new(store.shards());
        let ports = StorePorts::of(&(Arc::clone(&store) as Arc<dyn OrderStore>));
        let local = LocalOrders::new(OrdersDependencies {
            store: tracked(ports, &commits),
            commits,
            receipts: kept(&receipts),
            clock: opened.clock(),
            ids: Arc::new(SystemIds),
            settings: Settings {
                scan_limit: SCAN_LIMIT,
            },
        });
        Self {
            orders: carrier.carry(Arc::new(local)).await,
            store,
            receipts,
            opened,
        }
    }

    /// Now, by the clock of the use cases.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.opened.clock().now()
    }

    /// Lets at least this much time pass by that clock.
    pub async fn pass(&self, duration: Duration) {
        self.opened.pass(duration).await;
    }

    /// Places a new order.
    pub async fn place(&self, command: PlaceOrder) -> Arc<Order> {
        match self.orders.place(&caller(), command, None).await {
            Ok(Placed::Created(order)) => order,
            other => panic!("it should have been created: {other:?}"),
        }
    }

    /// The order as the store holds it.
    pub async fn stored(&self, id: OrderId) -> Arc<Order> {
        let order = self.store.get(id).await.expect("a healthy store reads");
        order.unwrap_or_else(|| panic!("order {id} was confirmed and is not there"))
    }

    /// Claims `order`, which must be the only work of its shard that is due.
    pub async fn claim(&self, order: &Order) -> Arc<Order> {
        let shard = self.store.shard_of(order.id.bucket());
        let claimed = self.store.claim(shard, ClaimLimits::any(10), LONG).await;
        let claimed = claimed.expect("a healthy store claims");
        let ids: Vec<OrderId> = claimed.iter().map(|order| order.id).collect();
        assert_eq!(ids, [order.id], "exactly the order that is due is claimed");
        Arc::clone(&claimed[0])
    }

    /// Commits a decision about `order` behind the port, as a worker does.
    pub async fn decide(&self, order: &Order, decision: Decision) -> Arc<Order> {
        let after = Arc::clone(&decision.order);
        let deadline = Deadline::now() + LONG;
        let answers = self.store.commit(vec![write_at(order, decision)], deadline);
        for answer in answers.await {
            answer.expect("no other caller changes the order");
        }
        after
    }

    /// Brings an order that waits to PROCESSED; its receipt is stored if it is to be.
    pub async fn process(&self, order: &Order) -> Arc<Order> {
        let claimed = self.claim(order).await;
        let receipt = Receipt::of(&claimed);
        self.receipts.keep(&receipt);
        let decision = claimed.complete(Some(Arc::from("{\"ok\":true}")), receipt.key, self.now());
        let decision = decision.expect("a claimed order can be completed");
        self.decide(&claimed, decision).await
    }

    /// Brings an order that waits to the dead letters.
    pub async fn fail(&self, order: &Order, failure: Failure) -> Arc<Order> {
        let claimed = self.claim(order).await;
        let decision = claimed.fail(failure, self.now());
        self.decide(&claimed, decision.expect("a claimed order can fail"))
            .await
    }

    /// Applies a command behind the port.
    pub async fn apply(&self, order: &Order, command: OrderCommand) -> Arc<Order> {
        let decision = order.apply(command, self.now(), sample::cause());
        self.decide(order, decision.expect("the rules allow it"))
            .await
    }
}

/// A caller without limits, with something in every field; another request at each call. It waits for a minute.
#[must_use]
pub fn caller() -> Caller {
    let Cause { trace, actor, .. } = sample::cause();
    Caller {
        principal: Principal {
            subject: actor,
            user_id: None,
        },
        scopes: Scopes::all(),
        trace,
        deadline: Deadline::now() + Duration::from_secs(60),
    }
}

/// A [`caller`] that is bound to one user.
#[must_use]
pub(super) fn bound_to(user: &UserId) -> Caller {
    let unbound = caller();
    Caller {
        principal: Principal {
            user_id: Some(user.clone()),
            ..unbound.principal
        },
        ..unbound
    }
}

/// A [`caller`] that waits no longer than this.
#[must_use]
pub(super) fn waiting_for(wait: Duration) -> Caller {
    Caller {
        deadline: Deadline::now() + wait,
        ..caller()
    }
}

/// A receipt store in memory that fails on demand.
#[derive(Default)]
pub struct FaultyReceipts {
    texts: Mutex<BTreeMap<String, String>>,
    failure: Mutex<Option<ReceiptError>>,
}

impl FaultyReceipts {
    /// From now on every call fails so.
    pub fn fail_with(&self, error: ReceiptError) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        *failure = Some(error);
    }

    /// Stores a receipt at once.
    pub fn keep(&self, receipt: &Receipt) {
        let key = receipt.key.to_string();
        self.texts().insert(key, receipt.text.clone());
    }

    fn texts(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Result<(), ReceiptError> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl ReceiptStore for FaultyReceipts {
    async fn put(&self, receipt: &Receipt) -> Result<(), ReceiptError> {
        self.check()?;
        self.keep(receipt);
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<String>, ReceiptError> {
        self.check()?;
        Ok(self.texts().get(key).cloned())
    }

    async fn is_reachable(&self) -> bool {
        self.check().is_ok()
    }
}
