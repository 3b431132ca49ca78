//! The use cases over a store in memory, as the tests use them; a receipt store that records what it is asked for; and
//! a store that fails on demand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::ports::{
    ClaimLimits, Clock, CommitError, Committed, Counts, Deadline, Erasure, ListQuery, OrderPage,
    OrderReader, OrderStore, OrderWriter, ReceiptError, ReceiptStore, StoreError, StorePorts,
    Write,
};
use application::store_health::CommitHealth;
use application::system::SystemIds;
use application::{
    Caller, LocalOrders, Orders, OrdersDependencies, Principal, Receipts, Scopes, Settings,
};
use async_trait::async_trait;
use domain::{Cause, EventPosition, ExternalId, Order, OrderId, Receipt, ShardId, UserId};
use port_conformance::in_memory::InMemory;
use port_conformance::order_store::{OpenStore, StoreFactory as _, sample};

/// Use cases whose store and receipts the test can reach.
pub struct Opened {
    pub orders: Arc<dyn Orders>,
    pub store: Arc<dyn OrderStore>,
    pub troubles: Arc<Troubled>,
    pub shelf: Arc<Shelf>,
    clock: Arc<dyn Clock>,
    _opened: Box<dyn OpenStore>,
}

impl Opened {
    /// One whose receipts are rendered.
    pub async fn rendered() -> Self {
        Self::with(|_| Receipts::Rendered).await
    }

    /// One whose receipts are stored on its shelf.
    pub async fn stored() -> Self {
        Self::with(|shelf| Receipts::Outside(Arc::clone(shelf) as Arc<dyn ReceiptStore>)).await
    }

    async fn with(receipts: impl Fn(&Arc<Shelf>) -> Receipts) -> Self {
        let opened = InMemory.fresh().await;
        let store = opened.store();
        let troubles = Arc::new(Troubled {
            inner: Arc::clone(&store),
            commits_fail: AtomicBool::new(false),
            find: Mutex::new(Find::Works),
        });
        let shelf = Arc::new(Shelf::default());
        let clock = opened.clock();
        let orders = over(&troubles, &clock, receipts(&shelf));
        Self {
            orders,
            store,
            troubles,
            shelf,
            clock,
            _opened: opened,
        }
    }

    /// The use cases after a restart with another setting.
    pub fn with_receipts(&self, receipts: Receipts) -> Arc<dyn Orders> {
        over(&self.troubles, &self.clock, receipts)
    }

    /// Claims the order and brings it to PROCESSED, as a worker does.
    pub async fn process(&self, order: &Order) -> Arc<Order> {
        let shard = self.store.shard_of(order.id.bucket());
        let lease = Duration::from_secs(60);
        let claimed = self
            .store
            .claim(shard, ClaimLimits::any(1), lease)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(claimed.id, order.id);
        if let Some(store) =
            Receipts::Outside(Arc::clone(&self.shelf) as _).store_for(claimed.receipt.location)
        {
            store.put(&Receipt::of(&claimed)).await.unwrap();
        }
        let key = Receipt::key_of(&claimed.user_id, claimed.id);
        let decision = claimed.complete(None, key, self.clock.now()).unwrap();
        let after = Arc::clone(&decision.order);
        self.write(&claimed, decision).await;
        after
    }

    /// Commits a decision about `order`.
    pub async fn write(&self, order: &Order, decision: domain::Decision) {
        let write = port_conformance::order_store::write_at(order, decision);
        let answers = self.store.commit(vec![write], soon()).await;
        assert!(matches!(answers[..], [Ok(_)]), "{answers:?}");
    }

    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }
}

fn over(troubles: &Arc<Troubled>, clock: &Arc<dyn Clock>, receipts: Receipts) -> Arc<dyn Orders> {
    Arc::new(LocalOrders::new(OrdersDependencies {
        store: StorePorts {
            writer: Arc::clone(troubles) as _,
            reader: Arc::clone(troubles) as _,
            ..StorePorts::of(&troubles.inner)
        },
        commits: CommitHealth::new(troubles.inner.shards()),
        receipts,
        clock: Arc::clone(clock),
        ids: Arc::new(SystemIds),
        settings: Settings::default(),
    }))
}

pub fn soon() -> Deadline {
    Deadline::now() + Duration::from_secs(20)
}

/// A caller whose changes are recorded with a request and an actor.
pub fn caller() -> Caller {
    let Cause { trace, actor, .. } = sample::cause();
    Caller {
        principal: Principal {
            subject: actor,
            user_id: None,
        },
        scopes: Scopes::all(),
        trace,
        deadline: soon(),
    }
}

/// A store that does what the one inside does, except on demand.
pub struct Troubled {
    inner: Arc<dyn OrderStore>,
    pub commits_fail: AtomicBool,
    find: Mutex<Find>,
}

/// What happens to a look-up by external id.
#[derive(Debug, Clone, Copy)]
pub enum Find {
    Works,
    Fails,
    Hangs,
}

impl Troubled {
    pub fn find_does(&self, find: Find) {
        *self.find.lock().unwrap() = find;
    }

    fn unavailable(&self) -> StoreError {
        StoreError::Unavailable {
            shard: self.inner.shards()[0],
            reason: "asked for by the test".to_owned(),
        }
    }
}

#[async_trait]
impl OrderWriter for Troubled {
    async fn commit(
        &self,
        writes: Vec<Write>,
        deadline: Deadline,
    ) -> Vec<Result<Committed, CommitError>> {
        if self.commits_fail.load(Ordering::SeqCst) {
            return vec![Err(self.unavailable().into()); writes.len()];
        }
        self.inner.commit(writes, deadline).await
    }

    async fn erase(
        &self,
        erasure: Erasure,
        deadline: Deadline,
    ) -> Result<EventPosition, CommitError> {
        self.inner.erase(erasure, deadline).await
    }

    async fn probe_commit(&self, shard: ShardId) -> Result<(), StoreError> {
        self.inner.probe_commit(shard).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[async_trait]
impl OrderReader for Troubled {
    async fn get(&self, id: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        self.inner.get(id).await
    }

    async fn find(
        &self,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, StoreError> {
        let find = *self.find.lock().unwrap();
        match find {
            Find::Works => self.inner.find(user, external_id).await,
            Find::Fails => Err(self.unavailable()),
            Find::Hangs => std::future::pending().await,
        }
    }

    async fn list(&self, query: &ListQuery) -> Result<OrderPage, StoreError> {
        self.inner.list(query).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.inner.counts().await
    }
}

/// A receipt store that records what it is asked for.
#[derive(Default)]
pub struct Shelf {
    pub kept: Mutex<BTreeMap<String, String>>,
    pub puts: AtomicUsize,
    pub gets: AtomicUsize,
    pub is_away: AtomicBool,
    /// The key that it refuses.
    pub refused: Mutex<Option<String>>,
    running: AtomicUsize,
    pub most_running: AtomicUsize,
}

#[async_trait]
impl ReceiptStore for Shelf {
    async fn put(&self, receipt: &Receipt) -> Result<(), ReceiptError> {
        self.puts.fetch_add(1, Ordering::SeqCst);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(running, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        let key = receipt.key.to_string();
        if self.refused.lock().unwrap().as_ref() == Some(&key) {
            let reason = "asked for by the test".into();
            return Err(ReceiptError::Refused { key, reason });
        }
        if self.is_away.load(Ordering::SeqCst) {
            return Err(ReceiptError::Unavailable("asked for by the test".into()));
        }
        let mut kept = self.kept.lock().unwrap();
        match kept.get(&key) {
            Some(text) if *text != receipt.text => Err(ReceiptError::Conflict { key }),
            Some(_) => Ok(()),
            None => {
                kept.insert(key, receipt.text.clone());
                Ok(())
            }
        }
    }

    async fn get(&self, key: &str) -> Result<Option<String>, ReceiptError> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(ReceiptError::Unavailable("asked for by the test".into()));
        }
        Ok(self.kept.lock().unwrap().get(key).cloned())
    }

    async fn is_reachable(&self) -> bool {
        !self.is_away.load(Ordering::SeqCst)
    }
}
