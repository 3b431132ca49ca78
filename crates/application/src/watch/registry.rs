//! Who watches what, and how far each shard has been handed out: one lock over both, so that a watcher that joins
//! knows exactly which changes it will get and which it has to read itself.
//!
//! Used by the pump (which hands out) and by watchers (which join and leave). Never locked across an await.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use domain::{EventPosition, OrderId, ShardId, UserId};

use super::change::{Batch, Change, Delivery, Resync, ResyncReason};
use super::cursor::Cursor;
use super::mailbox::Mailbox;
use super::topic::Topic;
use crate::ports::SequencedEvent;

/// A watcher's place at the moment when it joined a topic.
#[derive(Debug)]
pub(super) struct Joined {
    /// Changes up to here are the watcher's to read; everything after it comes by itself.
    pub(super) at: Cursor,
    /// What waited in the mailbox at that moment, all of it up to `at`.
    pub(super) waiting: VecDeque<Delivery>,
}

#[derive(Debug)]
pub(super) struct Registry {
    /// How far each shard was handed out; `None` while its pump rests or has not begun.
    positions: BTreeMap<ShardId, Option<EventPosition>>,
    /// Watchers that need the pumps.
    watchers: usize,
    everything: Vec<Arc<Mailbox>>,
    orders: HashMap<OrderId, Vec<Arc<Mailbox>>>,
    users: HashMap<UserId, Vec<Arc<Mailbox>>>,
}

impl Registry {
    pub(super) fn new(shards: &[ShardId]) -> Self {
        Self {
            positions: shards.iter().map(|shard| (*shard, None)).collect(),
            watchers: 0,
            everything: Vec::new(),
            orders: HashMap::new(),
            users: HashMap::new(),
        }
    }

    /// One watcher more needs the pumps; whether it is the first.
    pub(super) fn add_watcher(&mut self) -> bool {
        self.watchers += 1;
        self.watchers == 1
    }

    pub(super) fn remove_watcher(&mut self) {
        self.watchers = self.watchers.saturating_sub(1);
    }

    pub(super) fn is_watched(&self) -> bool {
        self.watchers > 0
    }

    /// The pump of `shard` goes on from `position`, whatever was handed out before.
    pub(super) fn begin(&mut self, shard: ShardId, position: EventPosition) {
        self.positions.insert(shard, Some(position));
    }

    /// Lets the pump of `shard` rest, if nobody watches. Decided under the lock, so that a watcher that joins either
    /// sees the pump going or starts it again.
    pub(super) fn rest_if_unwatched(&mut self, shard: ShardId) -> bool {
        if self.is_watched() {
            return false;
        }
        self.positions.insert(shard, None);
        true
    }

    pub(super) fn position(&self, shard: ShardId) -> Option<EventPosition> {
        self.positions.get(&shard).copied().flatten()
    }

    /// How far every shard that is handed out has been handed out.
    pub(super) fn cursor(&self) -> Cursor {
        Cursor::new(
            self.positions
                .iter()
                .filter_map(|(shard, position)| Some((*shard, (*position)?))),
        )
    }

    pub(super) fn join(&mut self, mailbox: &Arc<Mailbox>, topic: &Topic) -> Joined {
        let list = match topic {
            Topic::Everything => {
                mailbox.set_gets_everything(true);
                &mut self.everything
            }
            Topic::Order(id) => self.orders.entry(*id).or_default(),
            Topic::User(user) => self.users.entry(user.clone()).or_default(),
        };
        list.push(Arc::clone(mailbox));
        mailbox.count_topic(1);
        Joined {
            at: self.cursor(),
            waiting: mailbox.take(),
        }
    }

    pub(super) fn leave(&mut self, mailbox: &Arc<Mailbox>, topic: &Topic) {
        let was_there = match topic {
            Topic::Everything => {
                mailbox.set_gets_everything(false);
                remove(&mut self.everything, mailbox)
            }
            Topic::Order(id) => {
                mailbox.visibility().forget(*id);
                remove_at(self.orders.entry(*id), mailbox)
            }
            Topic::User(user) => remove_at(self.users.entry(user.clone()), mailbox),
        };
        if was_there {
            mailbox.count_topic(-1);
        }
    }

    /// Hands out the next events of a shard, in order. Each watcher gets one batch, or none.
    pub(super) fn distribute(&mut self, shard: ShardId, events: &[SequencedEvent]) {
        let Some(last) = events.last() else {
            return;
        };
        let mut changes = Changes {
            shard,
            others: Arc::new(self.cursor()),
            events,
            made: vec![None; events.len()],
        };
        self.positions.insert(shard, Some(last.position()));
        if !self.everything.is_empty() {
            let batch = changes.batch(0..events.len());
            for mailbox in &self.everything {
                mailbox.push(&batch);
            }
        }
        if self.orders.is_empty() && self.users.is_empty() {
            return;
        }
        let mut of_orders: HashMap<OrderId, Vec<usize>> = HashMap::new();
        let mut of_users: HashMap<&UserId, Vec<usize>> = HashMap::new();
        for (index, sequenced) in events.iter().enumerate() {
            let event = &sequenced.event;
            if self.orders.contains_key(&event.order_id) {
                of_orders.entry(event.order_id).or_default().push(index);
            }
            // A tombstone names no user: only watchers of its order, or of everything, see it.
            if let Some(user) = &event.user_id
                && self.users.contains_key(user)
            {
                of_users.entry(user).or_default().push(index);
            }
        }
        let mut mixed = Mixed::default();
        for (id, indexes) in of_orders {
            let Some(mailboxes) = self.orders.get(&id) else {
                continue;
            };
            let sees_all = |mailbox: &&Arc<Mailbox>| !mailbox.visibility().is_restricted();
            let unrestricted = mailboxes.iter().filter(sees_all);
            changes.hand_out(&indexes, unrestricted, &mut mixed);
            for mailbox in mailboxes.iter().filter(|mailbox| !sees_all(mailbox)) {
                let visible = changes.visible(&indexes, mailbox);
                if !visible.is_empty() {
                    changes.hand_out(&visible, std::iter::once(mailbox), &mut mixed);
                }
            }
        }
        for (user, indexes) in of_users {
            if let Some(mailboxes) = self.users.get(user) {
                changes.hand_out(&indexes, mailboxes.iter(), &mut mixed);
            }
        }
        for (mailbox, mut indexes) in mixed.0.into_values() {
            indexes.sort_unstable();
            indexes.dedup();
            mailbox.push(&changes.batch(indexes));
        }
    }

    /// The shard's history is not the one that was handed out: every watcher reads again.
    pub(super) fn restart(&mut self, shard: ShardId, position: EventPosition) {
        self.begin(shard, position);
        let resync = Resync {
            reason: ResyncReason::NotOfThisStore,
            cursor: self.cursor(),
        };
        let of_topics = self.orders.values().chain(self.users.values()).flatten();
        for mailbox in self.everything.iter().chain(of_topics) {
            mailbox.push_resync(&resync);
        }
    }

    /// How many topics have watchers.
    pub(super) fn topics(&self) -> usize {
        usize::from(!self.everything.is_empty()) + self.orders.len() + self.users.len()
    }
}

fn remove(list: &mut Vec<Arc<Mailbox>>, mailbox: &Arc<Mailbox>) -> bool {
    let place = list.iter().position(|known| Arc::ptr_eq(known, mailbox));
    if let Some(place) = place {
        list.swap_remove(place);
    }
    place.is_some()
}

fn remove_at<K>(entry: Entry<'_, K, Vec<Arc<Mailbox>>>, mailbox: &Arc<Mailbox>) -> bool {
    let Entry::Occupied(mut entry) = entry else {
        return false;
    };
    let was_there = remove(entry.get_mut(), mailbox);
    if entry.get().is_empty() {
        entry.remove();
    }
    was_there
}

/// Watchers of several topics: their changes are merged, so that none comes twice and their order holds.
#[derive(Default)]
struct Mixed<'a>(HashMap<*const Mailbox, (&'a Arc<Mailbox>, Vec<usize>)>);

/// The events of one hand-out, made into changes as they are asked for.
struct Changes<'a> {
    shard: ShardId,
    others: Arc<Cursor>,
    events: &'a [SequencedEvent],
    made: Vec<Option<Arc<Change>>>,
}

impl Changes<'_> {
    fn change(&mut self, index: usize) -> Arc<Change> {
        let sequenced = &self.events[index];
        Arc::clone(self.made[index].get_or_insert_with(|| {
            Arc::new(Change::new(
                self.shard,
                sequenced.position(),
                Arc::clone(&self.others),
                Arc::clone(&sequenced.event),
            ))
        }))
    }

    fn batch(&mut self, indexes: impl IntoIterator<Item = usize>) -> Arc<Batch> {
        let changes = indexes.into_iter().map(|index| self.change(index));
        Arc::new(Batch::new(changes.collect()))
    }

    /// The changes of one order that the mailbox's watcher may be handed.
    fn visible(&self, indexes: &[usize], mailbox: &Mailbox) -> Vec<usize> {
        let indexes = indexes.iter().copied();
        let visible = indexes.filter(|index| mailbox.visibility().sees(&self.events[*index].event));
        visible.collect()
    }

    /// One shared batch for those who watch this topic alone; the others' are put aside to be merged.
    fn hand_out<'a>(
        &mut self,
        indexes: &[usize],
        mailboxes: impl Iterator<Item = &'a Arc<Mailbox>>,
        mixed: &mut Mixed<'a>,
    ) {
        let mut shared = None;
        for mailbox in mailboxes {
            if mailbox.gets_everything() {
                continue;
            }
            if mailbox.topics() == 1 {
                mailbox.push(shared.get_or_insert_with(|| self.batch(indexes.iter().copied())));
            } else {
                let (_, merged) = mixed
                    .0
                    .entry(Arc::as_ptr(mailbox))
                    .or_insert_with(|| (mailbox, Vec::new()));
                merged.extend_from_slice(indexes);
            }
        }
    }
}
