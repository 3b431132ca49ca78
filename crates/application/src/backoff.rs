//! How long to wait before trying again: exponential with full jitter, so that orders which failed together do not
//! come back together. Pure but for the random bits that are handed in.

use std::time::Duration;

use application::ports::Ids;

/// A growing bound of waits: `first`, doubled with each try, never more than `most`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// The bound of the first wait.
    pub(crate) first: Duration,
    /// The bound of every wait.
    pub(crate) most: Duration,
}

impl Backoff {
    /// The longest wait before try number `tries` + 1, for `tries` of 1 and more.
    pub(crate) fn bound(self, tries: u32) -> Duration {
        let doublings = tries.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.most)
    }

    /// A wait between nothing and [`Backoff::bound`], all of them equally likely.
    pub(crate) fn full_jitter(self, tries: u32, ids: &dyn Ids) -> Duration {
        fraction_of(self.bound(tries), ids)
    }
}

/// A random part of `whole`, from nothing to all of it.
pub(crate) fn fraction_of(whole: Duration, ids: &dyn Ids) -> Duration {
    let micros = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
    // The product of two 64-bit numbers keeps its upper half: even over the range, without a float.
    let part = (u128::from(ids.random()) * (u128::from(micros) + 1)) >> 64;
    Duration::from_micros(u64::try_from(part).unwrap_or(micros))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;
    use application::ports::Ids;

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
}
