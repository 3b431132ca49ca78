//! What tests do to a server's orders without a client: through its store, as a worker or another process does.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    ClaimLimits, Clock as _, Erasure, EventFeed as _, Guard, Ids as _, OrderReader as _,
    OrderWriter as _, WorkQueue as _, Write,
};
use application::system::{SystemClock, SystemIds};
use application::watch::Cursor;
use domain::{
    Cause, CheckRules, Currency, Failure, Given, Order, OrderCommand, OrderDraft, OrderId,
    PlaceOrder, Receipt, ReceiptLocation, Seq, ShardId, Timestamp,
};

use crate::server::Server;

impl Server {
    /// Lets the waiting orders fail for good, as a handler that refuses them does.
    pub async fn fail_everything(&self, code: &str) {
        let lease = Duration::from_secs(60);
        let claimed = self
            .store
            .claim(ShardId(0), ClaimLimits::any(1000), lease)
            .await
            .unwrap();
        let writes = claimed
            .iter()
            .map(|order| Write {
                decision: order
                    .fail(Failure::new(code, "the card was \"declined\""), now())
                    .unwrap(),
                guard: Guard::At {
                    version: order.version,
                    status: order.status,
                },
            })
            .collect();
        let deadline = tokio::time::Instant::now() + lease;
        for result in self.store.commit(writes, deadline).await {
            result.unwrap();
        }
    }

    /// Processes the waiting orders, as a worker does whose receipts are rendered when they are read.
    pub async fn process_everything(&self) {
        let lease = Duration::from_secs(60);
        let claimed = self
            .store
            .claim(ShardId(0), ClaimLimits::any(1000), lease)
            .await
            .unwrap();
        let writes = claimed
            .iter()
            .map(|order| {
                let key = Receipt::key_of(&order.user_id, order.id);
                Write {
                    decision: order.complete(None, key, now()).unwrap(),
                    guard: Guard::At {
                        version: order.version,
                        status: order.status,
                    },
                }
            })
            .collect();
        let deadline = tokio::time::Instant::now() + lease;
        for result in self.store.commit(writes, deadline).await {
            result.unwrap();
        }
    }

    /// Gives these commands to one order, one after the other, without a client.
    pub async fn apply(&self, id: OrderId, commands: &[OrderCommand]) {
        let mut order = self.store.get(id).await.unwrap().unwrap();
        let writes = commands.iter().map(|command| {
            let guard = Guard::At {
                version: order.version,
                status: order.status,
            };
            let decision = order.apply(*command, now(), Cause::default()).unwrap();
            order = Arc::clone(&decision.order);
            Write { decision, guard }
        });
        let writes = writes.collect();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        for result in self.store.commit(writes, deadline).await {
            result.unwrap();
        }
    }

    /// Places an order of `user`.
    pub async fn place_of(&self, user: &str) -> OrderId {
        self.place_many(user, 1).await[0]
    }

    pub async fn place_many(&self, user: &str, count: usize) -> Vec<OrderId> {
        let command = order_of(user, Given::Missing);
        let writes = (0..count).map(|_| {
            let now = SystemClock::new().now();
            let id = SystemIds.order_id(now, &command.user_id);
            new_order(&command, id)
        });
        self.commit(writes.collect()).await
    }

    /// Places the order that has this id, and this number.
    pub async fn place_as(&self, id: OrderId, user: &str, external_id: &str) {
        let command = order_of(user, Given::Value(external_id.into()));
        self.commit(vec![new_order(&command, id)]).await;
    }

    /// Lets the one order that waits fail for good.
    pub async fn fail(&self, id: OrderId) {
        let lease = Duration::from_secs(60);
        let claimed = self
            .store
            .claim(ShardId(0), ClaimLimits::any(1), lease)
            .await
            .unwrap();
        let order = &claimed[0];
        assert_eq!(order.id, id);
        let failure = Failure::new("declined", "the card was declined");
        let write = Write {
            decision: order.fail(failure, SystemClock::new().now()).unwrap(),
            guard: Guard::At {
                version: order.version,
                status: order.status,
            },
        };
        self.commit(vec![write]).await;
    }

    /// Processes up to `limit` orders, as a worker does; two changes each.
    pub async fn work_off(&self, limit: usize) -> usize {
        let lease = Duration::from_secs(60);
        let claimed = self
            .store
            .claim(ShardId(0), ClaimLimits::any(limit), lease)
            .await
            .unwrap();
        let now = SystemClock::new().now();
        let writes = claimed
            .iter()
            .map(|order| Write {
                decision: order.complete(None, "receipts/x.txt".into(), now).unwrap(),
                guard: Guard::At {
                    version: order.version,
                    status: order.status,
                },
            })
            .collect();
        self.commit(writes).await.len()
    }

    /// Erases an order that is over.
    pub async fn erase(&self, id: OrderId) {
        let order = self.store.get(id).await.unwrap().unwrap();
        let erasure = Erasure {
            event: order.erase(SystemClock::new().now()).unwrap(),
            version: order.version,
            status: order.status,
        };
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        self.store.erase(erasure, deadline).await.unwrap();
    }

    /// The cursor right after the change with this number.
    pub async fn cursor_at(&self, seq: u64) -> String {
        let position = self.store.event_position(ShardId(0), Seq(seq)).await;
        let position = position.unwrap().expect("the store has this change");
        Cursor::new([(ShardId(0), position)]).to_string()
    }

    async fn commit(&self, writes: Vec<Write>) -> Vec<OrderId> {
        let ids = writes.iter().map(|write| write.decision.order.id).collect();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        for result in self.store.commit(writes, deadline).await {
            result.unwrap();
        }
        ids
    }
}

fn order_of<'a>(user: &'a str, external_id: Given<Cow<'a, str>>) -> PlaceOrder {
    let draft = OrderDraft {
        user_id: Given::Value(user.into()),
        external_id,
        amount: Given::Value("1".into()),
        ..OrderDraft::default()
    };
    PlaceOrder::check(
        draft,
        CheckRules::new_orders(Currency::USD),
        &mut Vec::new(),
    )
    .unwrap()
}

fn new_order(command: &PlaceOrder, id: OrderId) -> Write {
    let now = SystemClock::new().now();
    Write {
        decision: Order::place(
            command.clone(),
            id,
            now,
            Cause::default(),
            ReceiptLocation::Rendered,
        ),
        guard: Guard::New {
            key: None,
            fingerprint: command.external_id.is_some().then(|| command.fingerprint()),
        },
    }
}

fn now() -> Timestamp {
    SystemClock::new().now()
}
