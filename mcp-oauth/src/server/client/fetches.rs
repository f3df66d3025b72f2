//! How much is fetched of what strangers name, their documents and their keys: the part without waiting.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::cache::{DocumentSettings, make_room};
use crate::store::rules::gcra;
use crate::store::{Permit, Quota};
use crate::types::{Digest, Timestamp, network, site};

/// How many hosts and networks are counted.
const MOST_COUNTED: usize = 4096;

/// Counts fetches by their host, by who they are for, and in all.
#[derive(Debug)]
pub(crate) struct Fetches {
    per_host: Quota,
    per_address: Quota,
    per_site: Quota,
    overall: Quota,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// When the bucket of a host or of a network is full again.
    full_at: HashMap<Digest, Timestamp>,
    overall: Option<Timestamp>,
}

impl Fetches {
    /// As many as the settings allow.
    pub(crate) fn new(settings: &DocumentSettings) -> Self {
        let DocumentSettings { per_host, per_address, per_site, overall, .. } = *settings;
        Self { per_host, per_address, per_site, overall, counts: Mutex::default() }
    }

    /// Counts a fetch from this host, for whoever asks from this address, if it may take place.
    ///
    /// # Errors
    ///
    /// When it may not: how long to wait. Nothing is counted then.
    pub(crate) fn permit(&self, host: &str, address: Option<IpAddr>, now: Timestamp) -> Result<(), Duration> {
        let named = |kind: &str, whose: &[u8]| Digest::of(kind, &[whose]);
        let whose = address.map(network).unwrap_or_default();
        let mut buckets = vec![
            (named("document host", host.as_bytes()), self.per_host),
            (named("document address", &whose), self.per_address),
        ];
        if let Some(site) = address.and_then(site) {
            buckets.push((named("document site", &site), self.per_site));
        }
        let taken = |full_at: Option<Timestamp>, quota| match gcra(full_at, quota, 1, now) {
            (Permit::Allowed, after) => Ok(after.unwrap_or(now)),
            (Permit::Denied { retry_after }, _) => Err(retry_after),
        };
        // Whoever panicked left it whole: each change is one insert.
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut after = Vec::with_capacity(buckets.len());
        for (bucket, quota) in buckets {
            after.push((bucket, taken(counts.full_at.get(&bucket).copied(), quota)?));
        }
        counts.overall = Some(taken(counts.overall, self.overall)?);
        for (bucket, full_at) in after {
            if counts.full_at.len() >= MOST_COUNTED && !counts.full_at.contains_key(&bucket) {
                make_room(&mut counts.full_at, |full_at| *full_at, now);
            }
            counts.full_at.insert(bucket, full_at);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::num::NonZeroU32;

    use super::*;

    const T0: Timestamp = Timestamp::from_secs(1_000_000);

    #[test]
    fn attack_094_fetches_are_counted_by_host_and_in_all() {
        let fetches = Fetches::new(&DocumentSettings::default());
        let mut addresses = (0..).map(|number| Ipv4Addr::from_bits(number).into());
        let mut allowed = |host: &str| fetches.permit(host, addresses.next(), T0).is_ok();
        assert_eq!((0..1000).filter(|_| allowed("h")).count(), 30);
        assert!(allowed("other"));
        let of_many_hosts = (0..1000).filter(|number| allowed(&format!("h{number}"))).count();
        assert_eq!(of_many_hosts, 300 - 31);
        assert!(fetches.permit("h", None, T0.after(Duration::from_secs(60))).is_ok());
    }

    #[test]
    fn counts_are_bounded() {
        let overall = Quota { burst: NonZeroU32::MAX, period: Duration::from_secs(60) };
        let fetches = Fetches::new(&DocumentSettings { overall, ..DocumentSettings::default() });
        for number in 0..5000 {
            let address = Ipv4Addr::from_bits(number).into();
            assert!(fetches.permit(&format!("h{number}"), Some(address), T0).is_ok());
            assert!(fetches.counts.lock().unwrap().full_at.len() <= MOST_COUNTED);
        }
    }
}
