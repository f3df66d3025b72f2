//! How long answers took: counts in buckets that widen with the value.

use std::time::Duration;

/// Each power of two is cut into this many buckets, so a quantile is off by at most 1/128 of its value.
const CUTS_LOG2: u32 = 6;
const CUTS: u64 = 1 << CUTS_LOG2;
const BUCKETS: usize = ((64 - CUTS_LOG2 as usize) + 1) << CUTS_LOG2;

/// Counts of durations, to the nanosecond at the small end and to less than one percent elsewhere.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
}

impl Histogram {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice(), total: 0 }
    }

    /// How many durations were counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The duration that the given share (0 to 1) of all durations does not exceed, or zero if there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = ((share * self.total as f64).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(middle(bucket as u64));
            }
        }
        Duration::ZERO
    }

    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count += 1;
            self.total += 1;
        }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < CUTS {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - CUTS_LOG2;
    let cut = (nanos >> shift) & (CUTS - 1);
    ((u64::from(shift + 1) << CUTS_LOG2) | cut) as usize
}

fn middle(bucket: u64) -> u64 {
    if bucket < CUTS {
        return bucket;
    }
    let shift = (bucket >> CUTS_LOG2) - 1;
    let lowest = (CUTS | (bucket & (CUTS - 1))) << shift;
    lowest + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lands_within_one_percent_of_itself() {
        let mut value = 1u64;
        while value < u64::MAX / 8 {
            let found = middle(bucket(value) as u64);
            assert!(found.abs_diff(value) * 100 <= value, "{value} became {found}");
            value = value * 5 / 4 + 1;
        }
        assert!(bucket(u64::MAX) < BUCKETS);
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut last = 0;
        for value in 0..100_000 {
            let next = bucket(value);
            assert!(next == last || next == last + 1, "{value}");
            last = next;
        }
    }

    #[test]
    fn quantiles_are_ranks() {
        let mut histogram = Histogram::new();
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!(histogram.total(), 1000);
        for (share, micros) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = histogram.quantile(share).as_nanos() as f64 / 1000.0;
            assert!((found - micros).abs() < micros / 100.0, "{share}: {found}");
        }
        assert_eq!(Histogram::new().quantile(0.5), Duration::ZERO);
    }
}
