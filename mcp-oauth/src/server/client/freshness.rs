//! How long a document is good (RFC 9111, within bounds of our own).

use std::time::Duration;

use super::fetch::Fetched;
use crate::types::Timestamp;

/// Bounds on how long a document is used without asking for it again.
///
/// The draft (section 4.3) asks to respect the fields of HTTP, and lets the server set bounds of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freshness {
    /// At least so long, whatever the fields say: 60 s. From the authorization request to the consent it is one document.
    pub shortest: Duration,
    /// At most so long: 24 h.
    pub longest: Duration,
    /// So long when no field says anything: 1 h.
    pub unspecified: Duration,
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            shortest: Duration::from_secs(60),
            longest: Duration::from_secs(24 * 60 * 60),
            unspecified: Duration::from_secs(60 * 60),
        }
    }
}

/// What may be done with a document that was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// How long it is fresh.
    pub(super) fresh: Duration,
    /// Whether it may be kept for longer than that.
    pub(super) kept: Kept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// As the last good copy, for times when its host cannot be reached.
    AfterFreshness,
    /// Not after it: `no-store`.
    WhileFresh,
}

impl Freshness {
    /// What the fields of an answer that came at `now` allow.
    pub(super) fn of(&self, fetched: &Fetched, now: Timestamp) -> Lifetime {
        let directives = Directives::read(fetched.cache_control.as_deref().unwrap_or_default());
        let asked = if directives.no_store || directives.no_cache {
            Some(Duration::ZERO)
        } else {
            // RFC 9111 4.2.1: s-maxage, then max-age, then Expires. We serve many users: the cache is a shared one.
            directives.s_maxage.or(directives.max_age).or_else(|| expires(fetched, now))
        };
        let fresh = match asked {
            Some(asked) => asked.saturating_sub(age(fetched)),
            None => self.unspecified,
        };
        let kept = if directives.no_store { Kept::WhileFresh } else { Kept::AfterFreshness };
        Lifetime { fresh: fresh.min(self.longest).max(self.shortest), kept }
    }
}

#[derive(Debug, Default)]
struct Directives {
    no_store: bool,
    no_cache: bool,
    max_age: Option<Duration>,
    s_maxage: Option<Duration>,
}

impl Directives {
    fn read(field: &str) -> Self {
        let mut directives = Self::default();
        for directive in field.split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let is = |other: &str| name.trim().eq_ignore_ascii_case(other);
            if is("no-store") {
                directives.no_store = true;
            } else if is("no-cache") {
                directives.no_cache = true;
            } else if is("max-age") {
                shorten(&mut directives.max_age, value);
            } else if is("s-maxage") {
                shorten(&mut directives.s_maxage, value);
            }
        }
        directives
    }
}

/// RFC 9111 4.2.1: of contradicting values the shortest is safe, and what cannot be read is stale.
fn shorten(slot: &mut Option<Duration>, value: &str) {
    let value = seconds(value).unwrap_or(Duration::ZERO);
    *slot = Some(slot.map_or(value, |earlier| earlier.min(value)));
}

/// RFC 9111 1.2.2: a number of seconds; one that does not fit is very long. Some write it quoted.
fn seconds(text: &str) -> Option<Duration> {
    let digits = text.trim().trim_matches('"');
    let numeric = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    numeric.then(|| Duration::from_secs(digits.parse().unwrap_or(u64::from(u32::MAX))))
}

/// RFC 9111 5.3: until `Expires`, counted from `Date`; a date that cannot be read means that it has expired.
fn expires(fetched: &Fetched, now: Timestamp) -> Option<Duration> {
    let date = |text: &str| httpdate::parse_http_date(text).ok().map(Timestamp::from);
    let until = fetched.expires.as_deref()?;
    let from = fetched.date.as_deref().and_then(date).unwrap_or(now);
    Some(date(until).map_or(Duration::ZERO, |until| until.since(from)))
}

/// RFC 9111 5.1: how long it has lain in caches on the way.
fn age(fetched: &Fetched) -> Duration {
    fetched.age.as_deref().and_then(|age| seconds(age.split(',').next().unwrap_or_default())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(784_111_777);
    const HOUR: u64 = 3600;

    fn fresh(fields: &[(&str, &str)]) -> u64 {
        lifetime(fields).fresh.as_secs()
    }

    fn lifetime(fields: &[(&str, &str)]) -> Lifetime {
        let field = |name: &str| fields.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        let fetched = Fetched {
            cache_control: field("cache-control"),
            age: field("age"),
            date: field("date"),
            expires: field("expires"),
            ..Fetched::new(200, "")
        };
        Freshness::default().of(&fetched, NOW)
    }

    #[test]
    fn rfc9111_4_2_1_fields_in_their_order() {
        for (fields, seconds) in [
            (&[][..], HOUR),
            (&[("cache-control", "public, max-age=600")], 600),
            (&[("cache-control", "MAX-AGE=\"600\"")], 600),
            (&[("cache-control", "max-age=600, s-maxage=300")], 300),
            (&[("cache-control", "max-age=600"), ("age", "100")], 500),
            (&[("cache-control", "max-age=600, max-age=300")], 300),
            (&[("cache-control", "max-age=600"), ("expires", "0")], 600),
            (&[("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("expires", "Sun, 06 Nov 1994 09:49:37 GMT")], HOUR),
            (&[("expires", "Sun, 06 Nov 1994 09:19:37 GMT")], HOUR / 2),
            (&[("cache-control", "private"), ("expires", "Sun, 06 Nov 1994 09:19:37 GMT")], HOUR / 2),
        ] {
            assert_eq!(fresh(fields), seconds, "{fields:?}");
        }
    }

    #[test]
    fn within_our_bounds() {
        for fields in [
            &[("cache-control", "max-age=0")][..],
            &[("cache-control", "no-cache, max-age=600")],
            &[("cache-control", "no-store")],
            &[("cache-control", "max-age=-1")],
            &[("cache-control", "max-age=x")],
            &[("cache-control", "max-age")],
            &[("cache-control", "max-age=600"), ("age", "99999999999999999999")],
            &[("expires", "0")],
            &[("expires", "Thu, 01 Jan 1970 00:00:00 GMT")],
        ] {
            assert_eq!(fresh(fields), 60, "{fields:?}");
        }
        for value in ["max-age=31536000, immutable", "max-age=99999999999999999999999"] {
            assert_eq!(fresh(&[("cache-control", value)]), 24 * HOUR, "{value}");
        }
    }

    #[test]
    fn rfc9111_5_2_2_5_no_store_is_not_kept() {
        assert_eq!(lifetime(&[("cache-control", "No-Store")]).kept, Kept::WhileFresh);
        assert_eq!(lifetime(&[("cache-control", "no-cache")]).kept, Kept::AfterFreshness);
        assert_eq!(lifetime(&[]).kept, Kept::AfterFreshness);
    }
}
