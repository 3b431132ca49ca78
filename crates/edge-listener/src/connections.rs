//! The registry of a listener's open connections: who holds how many, which are idle, and who has to give one up.
//!
//! Below four fifths of the limit no client is limited. Above it, each new connection makes the client that holds most give up its
//! connection that was idle for longest. The last twentieth is kept from that client, so that clients that hold few always get
//! in. Trusted proxies are exempt. Requests in flight are never ended for this; a half-sent head is no request.
//!
//! `listening` asks for admission and runs the sweep; nothing here touches a socket.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::client_address::ClientAddress;
use crate::connection::{Connection, Timeouts};
use crate::ticks::Ticks;

/// Ticks for which a connection must have been idle before it is given up: a new one has not had time to ask anything.
const SETTLED_TICKS: u32 = 2;
/// The most entries that one new connection looks at to find an idle one.
const MOST_LOOKS: usize = 64;

/// The bounds that the registry enforces.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) max_connections: usize,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) timeouts: Timeouts,
}

/// The open connections of one listener.
#[derive(Debug)]
pub(crate) struct Connections {
    limits: Limits,
    ticks: Arc<Ticks>,
    /// Cancelled when all connections should end after their requests, and when they are cut.
    closing: CancellationToken,
    cut: CancellationToken,
    open: Mutex<Open>,
    /// Told when a connection has ended, and at each tick.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    connections: HashMap<u64, Entry>,
    next_id: u64,
    holders: HashMap<ClientAddress, Holder>,
    /// The holders by the number of their connections.
    by_count: BTreeSet<(usize, ClientAddress)>,
}

#[derive(Debug)]
struct Entry {
    connection: Arc<Connection>,
    /// `None` for a trusted proxy, which holds no share.
    holder: Option<ClientAddress>,
    /// Its key in the holder's queue, if it is there.
    queued: Option<u32>,
}

/// What one client holds.
#[derive(Debug, Default)]
struct Holder {
    count: usize,
    /// Its connections by the tick since which they are idle, as far as is known: a connection is never idle for longer than
    /// its key says, so the first one whose key is still true was idle for longest. Without those that were asked to end.
    queue: BTreeSet<(u32, u64)>,
}

/// What becomes of a new connection.
#[derive(Debug)]
enum Admission {
    Admitted(Slot),
    /// Its client holds most connections already.
    Refused,
    /// It waits until another one ends.
    Full,
}

impl Connections {
    pub(crate) fn new(
        limits: Limits,
        ticks: Arc<Ticks>,
        closing: CancellationToken,
        cut: CancellationToken,
    ) -> Self {
        Self {
            limits,
            ticks,
            closing,
            cut,
            open: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// A place for a new connection from `peer`, once there is one; `None` if the connection is refused, because its client
    /// holds most of all and nothing of it is idle.
    pub(crate) async fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<Slot> {
        loop {
            let changed = self.changed.notified();
            match self.try_admit(peer) {
                Admission::Admitted(slot) => return Some(slot),
                Admission::Refused => return None,
                Admission::Full => changed.await,
            }
        }
    }

    fn try_admit(self: &Arc<Self>, peer: SocketAddr) -> Admission {
        let limit = self.limits.max_connections;
        let holder = self.holder_of(peer.ip());
        let mut open = self.open();
        let is_busy = open.connections.len() >= limit - limit / 5;
        let is_full = open.connections.len() >= limit;
        if is_busy {
            open.evict(self.ticks.now(), holder, is_full);
        }
        let kept_free = limit / 20;
        let is_heaviest = holder.is_some_and(|holder| open.is_heaviest(holder));
        if is_heaviest && kept_free > 0 && open.connections.len() >= limit - kept_free {
            return Admission::Refused;
        }
        if is_full {
            return Admission::Full;
        }
        let connection = Arc::new(Connection::new(
            peer,
            Arc::clone(&self.ticks),
            self.closing.child_token(),
            self.cut.child_token(),
        ));
        let id = open.insert(Arc::clone(&connection), holder, self.ticks.now());
        Admission::Admitted(Slot {
            connections: Arc::clone(self),
            connection,
            id,
        })
    }

    fn holder_of(&self, address: IpAddr) -> Option<ClientAddress> {
        let address = address.to_canonical();
        let is_trusted =
            (self.limits.trusted_proxies.iter()).any(|network| network.contains(&address));
        (!is_trusted).then(|| ClientAddress::of(address))
    }

    /// Makes the client that holds most give up a connection, whatever share of the limit is in use: the system has no file left
    /// for a new one.
    pub(crate) fn evict(&self) {
        self.open().evict(self.ticks.now(), None, true);
    }

    /// Begins the next tick and ends what has taken too long.
    pub(crate) fn sweep(&self) {
        let now = self.ticks.advance();
        // Not under the lock: ending a connection wakes its task.
        let connections: Vec<Arc<Connection>> = {
            let open = self.open();
            let entries = open.connections.values();
            entries.map(|entry| Arc::clone(&entry.connection)).collect()
        };
        for connection in connections {
            connection.sweep(now, self.limits.timeouts);
        }
        self.changed.notify_waiters();
    }

    /// Asks all connections to end after their requests.
    pub(crate) fn close_all(&self) {
        for entry in self.open().connections.values() {
            entry.connection.close();
        }
    }

    fn remove(&self, id: u64) {
        self.open().remove(id);
        self.changed.notify_waiters();
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn insert(
        &mut self,
        connection: Arc<Connection>,
        address: Option<ClientAddress>,
        now: u32,
    ) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        if let Some(address) = address {
            let holder = self.holders.entry(address).or_default();
            self.by_count.remove(&(holder.count, address));
            holder.count += 1;
            self.by_count.insert((holder.count, address));
            holder.queue.insert((now, id));
        }
        let queued = address.map(|_| now);
        self.connections.insert(
            id,
            Entry {
                connection,
                holder: address,
                queued,
            },
        );
        id
    }

    fn remove(&mut self, id: u64) {
        let Some(entry) = self.connections.remove(&id) else {
            return;
        };
        let Some(address) = entry.holder else {
            return;
        };
        let Some(holder) = self.holders.get_mut(&address) else {
            return;
        };
        if let Some(key) = entry.queued {
            holder.queue.remove(&(key, id));
        }
        self.by_count.remove(&(holder.count, address));
        holder.count -= 1;
        if holder.count == 0 {
            self.holders.remove(&address);
        } else {
            self.by_count.insert((holder.count, address));
        }
    }

    /// Whether no other client holds more.
    fn is_heaviest(&self, address: ClientAddress) -> bool {
        let count = self.holders.get(&address).map_or(0, |holder| holder.count);
        count > 0 && self.by_count.last().is_some_and(|(most, _)| *most == count)
    }

    /// Asks the connection to end that was idle for longest of those of the client that holds most. If that client has no idle
    /// one and there is no room at all, the next client gives one up, as long as it holds more than `newcomer`.
    fn evict(&mut self, now: u32, newcomer: Option<ClientAddress>, is_full: bool) {
        let own = newcomer.and_then(|newcomer| self.holders.get(&newcomer));
        let own = own.map_or(0, |holder| holder.count);
        let Self {
            connections,
            holders,
            by_count,
            ..
        } = self;
        let mut looks = MOST_LOOKS;
        let most = if is_full { MOST_LOOKS } else { 1 };
        let candidates = by_count.iter().rev().take(most);
        for (_, address) in candidates
            .take_while(|(count, address)| *count > own || Some(*address) == newcomer || !is_full)
        {
            let Some(holder) = holders.get_mut(address) else {
                continue;
            };
            while looks > 0 {
                looks -= 1;
                let Some((key, id)) = holder.queue.first().copied() else {
                    break;
                };
                if key + SETTLED_TICKS > now {
                    // The others were idle for less.
                    break;
                }
                holder.queue.pop_first();
                let Some(entry) = connections.get_mut(&id) else {
                    continue;
                };
                match entry.connection.idle_since() {
                    Some(since) if since <= key => {
                        entry.queued = None;
                        entry.connection.close();
                        return;
                    }
                    // A busy one may be idle from now on, and not from before.
                    since => {
                        let key = since.unwrap_or(now);
                        entry.queued = Some(key);
                        holder.queue.insert((key, id));
                    }
                }
            }
        }
    }
}

/// A place among the open connections, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
    id: u64,
}

impl Slot {
    pub(crate) const fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.remove(self.id);
    }
}

#[cfg(test)]
mod tests;
