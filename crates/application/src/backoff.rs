//! How long to wait before trying again: exponential, and with full jitter for those who would otherwise come back together.
//!
//! The worker, the hub, the stores and the importer use it for everything that they try again. Pure: it does not sleep, and
//! random bits are handed in.

use std::time::Duration;

use crate::ports::Ids;

/// A growing bound of waits: `first`, doubled with each try, never more than `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first wait.
    pub first: Duration,
    /// The bound of every wait.
    pub most: Duration,
}

impl Backoff {
    /// The longest wait after `tries` failed tries, from 1.
    #[must_use]
    pub fn bound(self, tries: u32) -> Duration {
        let doublings = tries.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.most)
    }

    /// A wait between nothing and [`Backoff::bound`], all of them equally likely.
    #[must_use]
    pub fn full_jitter(self, tries: u32, ids: &dyn Ids) -> Duration {
        fraction_of(self.bound(tries), ids)
    }

    /// The waits of one loop of tries, the first one first.
    #[must_use]
    pub const fn waits(self) -> Waits {
        Waits {
            backoff: self,
            tries: 0,
        }
    }
}

/// Counts the failed tries of a loop.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    backoff: Backoff,
    tries: u32,
}

impl Waits {
    /// A try failed: how long to wait before the next one, without jitter.
    pub fn after_failure(&mut self) -> Duration {
        self.tries = self.tries.saturating_add(1);
        self.backoff.bound(self.tries)
    }

    /// A try succeeded: the next wait is the first one again.
    pub const fn reset(&mut self) {
        self.tries = 0;
    }
}

/// A random part of `whole`, from nothing to all of it, to the microsecond.
#[must_use]
pub fn fraction_of(whole: Duration, ids: &dyn Ids) -> Duration {
    let micros = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
    // The product of two 64-bit numbers keeps its upper half: even over the range, without a float.
    let part = (u128::from(ids.random()) * (u128::from(micros) + 1)) >> 64;
    Duration::from_micros(u64::try_from(part).unwrap_or(micros))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;
    use crate::ports::Ids;

    struct Bits(u64);

    impl Ids for Bits {
        fn random(&self) -> u64 {
            self.0
        }
    }

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(1),
        most: Duration::from_secs(300),
    };

    #[test]
    fn the_bound_doubles_up_to_its_most() {
        let bounds: Vec<u64> = (1..=11)
            .map(|tries| BACKOFF.bound(tries).as_secs())
            .collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(BACKOFF.bound(u32::MAX), BACKOFF.most);
    }

    #[test]
    fn jitter_spreads_over_the_whole_range() {
        assert_eq!(BACKOFF.full_jitter(5, &Bits(0)), Duration::ZERO);
        assert_eq!(BACKOFF.full_jitter(5, &Bits(1 << 63)).as_secs(), 8);
        assert_eq!(
            BACKOFF.full_jitter(5, &Bits(u64::MAX)),
            Duration::from_secs(16)
        );
    }

    #[test]
    fn the_waits_of_a_loop_grow_until_it_succeeds() {
        let backoff = Backoff {
            first: Duration::from_millis(100),
            most: Duration::from_millis(350),
        };
        let mut waits = backoff.waits();
        let grown: Vec<_> = (0..4).map(|_| waits.after_failure().as_millis()).collect();
        assert_eq!(grown, [100, 200, 350, 350]);
        waits.reset();
        assert_eq!(waits.after_failure(), backoff.first);
        let tight = Backoff {
            most: Duration::from_millis(50),
            ..backoff
        };
        assert_eq!(tight.waits().after_failure(), tight.most);
    }
}
