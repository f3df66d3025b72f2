//! How long an answer may be used again, as its header fields say (RFC 9111): one reading for whatever is fetched and kept.

use std::time::{Duration, SystemTime};

use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES};
use http::{HeaderMap, HeaderValue};

/// What an answer says about being used again.
///
/// What is kept here serves many, so `s-maxage` counts. `private` does not: the request has nothing of any user in it, and
/// its answer is nobody's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caching {
    /// How long it is fresh from now on; `None` if no field says so. What says so in a way that cannot be read is stale.
    pub(crate) fresh: Option<Duration>,
    /// Whether it may be kept beyond that.
    pub(crate) storage: Storage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Allowed,
    /// RFC 9111 5.2.2.5: `no-store`.
    Forbidden,
}

impl Caching {
    /// Reads the fields of an answer that came at `now`.
    pub(crate) fn of(headers: &HeaderMap, now: SystemTime) -> Self {
        let directives = Directives::of(headers);
        let lifetime = if directives.no_store || directives.no_cache {
            Some(Duration::ZERO)
        } else {
            // RFC 9111 4.2.1: the first of these that is there.
            directives.s_maxage.or(directives.max_age).or_else(|| expires(headers, now))
        };
        let storage = if directives.no_store { Storage::Forbidden } else { Storage::Allowed };
        Self { fresh: lifetime.map(|lifetime| lifetime.saturating_sub(age(headers))), storage }
    }
}

/// The directives of `Cache-Control` that matter here (RFC 9111 section 5.2.2).
#[derive(Debug, Default)]
struct Directives {
    no_store: bool,
    /// Also in the form that names fields, as most caches read it (5.2.2.4).
    no_cache: bool,
    max_age: Option<Duration>,
    s_maxage: Option<Duration>,
}

impl Directives {
    fn of(headers: &HeaderMap) -> Self {
        let mut directives = Self::default();
        for member in headers.get_all(CACHE_CONTROL).iter().flat_map(|field| members(field.as_bytes())) {
            let mut parts = member.splitn(2, |&byte| byte == b'=');
            let (name, argument) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let is = |other: &[u8]| name.trim_ascii().eq_ignore_ascii_case(other);
            if is(b"no-store") {
                directives.no_store = true;
            } else if is(b"no-cache") {
                directives.no_cache = true;
            } else if is(b"max-age") {
                note(&mut directives.max_age, argument);
            } else if is(b"s-maxage") {
                note(&mut directives.s_maxage, argument);
            }
        }
        directives
    }
}

/// The members of a list. A comma inside of a quoted string ends none (RFC 9110 sections 5.6.1 and 5.6.4).
fn members(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    field.split(move |&byte| {
        let ends = byte == b',' && !quoted;
        if escaped {
            escaped = false;
        } else if quoted && byte == b'\\' {
            escaped = true;
        } else if byte == b'"' {
            quoted = !quoted;
        }
        ends
    })
}

/// RFC 9111 4.2.1: with an argument that is no number, or with two that differ, the answer is stale.
fn note(slot: &mut Option<Duration>, argument: &[u8]) {
    let argument = argument.trim_ascii();
    // RFC 9111 5.2: "recipients ought to accept both forms".
    let unquoted = argument.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let value = seconds(unquoted.unwrap_or(argument)).unwrap_or_default();
    *slot = Some(match *slot {
        Some(earlier) if earlier != value => Duration::ZERO,
        _ => value,
    });
}

/// RFC 9111 1.2.2: a number of seconds; one that is too large to be read is very long.
fn seconds(text: &[u8]) -> Option<Duration> {
    let digits = std::str::from_utf8(text).ok()?;
    let numeric = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    numeric.then(|| Duration::from_secs(digits.parse::<u32>().unwrap_or(u32::MAX).into()))
}

/// RFC 9111 5.3: until `Expires`, counted from `Date`. One that cannot be read, or of two that differ, is over.
fn expires(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let mut fields = headers.get_all(EXPIRES).iter();
    let until = fields.next()?;
    let until = if fields.all(|other| other == until) { date(until) } else { None };
    // RFC 9110 6.6.1: without a date, it is that at which the answer came.
    let from = headers.get(DATE).and_then(date).unwrap_or(now);
    Some(until.and_then(|until| until.duration_since(from).ok()).unwrap_or_default())
}

fn date(field: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(field.to_str().ok()?).ok()
}

/// How long it has lain in caches on its way. RFC 9111 5.1: of several numbers the first counts, and none that cannot be
/// read. `Date` could say it too (4.2.3), where all clocks were right.
fn age(headers: &HeaderMap) -> Duration {
    let first = headers.get(AGE).and_then(|field| field.as_bytes().split(|&byte| byte == b',').next());
    first.and_then(|first| seconds(first.trim_ascii())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 08:49:37 on 6 November 1994.
    const NOW: Duration = Duration::from_secs(784_111_777);
    const VERY_LONG: Option<u64> = Some(u32::MAX as u64);

    fn of(fields: &[(&'static str, &str)]) -> Caching {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Caching::of(&headers, SystemTime::UNIX_EPOCH + NOW)
    }

    fn fresh(fields: &[(&'static str, &str)]) -> Option<u64> {
        of(fields).fresh.map(|fresh| fresh.as_secs())
    }

    #[test]
    fn rfc9111_5_2_cache_control() {
        for (fields, expected) in [
            (&[][..], None),
            (&[""], None),
            (&[",, ,"], None),
            (&["public, immutable, must-revalidate"], None),
            (&["private"], None),
            (&["max-age=600"], Some(600)),
            (&["public, Max-Age=120 , immutable"], Some(120)),
            (&["MAX-AGE=\"600\""], Some(600)),
            (&["max-age = 600"], Some(600)),
            (&["max-age=0"], Some(0)),
            (&["max-age=000000000060"], Some(60)),
            // Lists and fields are one list.
            (&["public", "max-age=7"], Some(7)),
            (&["public,,max-age=7,"], Some(7)),
            (&["caf\u{e9}", "max-age=7"], Some(7)),
            // 4.2.1: the order of precedence, and the most restrictive where they conflict.
            (&["max-age=600, s-maxage=300"], Some(300)),
            (&["s-maxage=600, max-age=300"], Some(600)),
            (&["max-age=300, no-store"], Some(0)),
            (&["no-cache", "max-age=300"], Some(0)),
            (&["No-Cache=\"set-cookie\", max-age=300"], Some(0)),
            (&["max-age=600, max-age=600"], Some(600)),
            (&["max-age=600, max-age=300"], Some(0)),
            (&["max-age=600", "max-age=300", "max-age=600"], Some(0)),
            // What is quoted is no directive.
            (&["private=\"x, max-age=5\", max-age=600"], Some(600)),
            (&["x=\"\\\", no-store\", max-age=600"], Some(600)),
            (&["x=\"no-store, max-age=600"], None),
            (&["x=max-age"], None),
            (&["max-ages=600, x-max-age=600"], None),
            // 1.2.2: what is too large is very long.
            (&["max-age=4294967295"], VERY_LONG),
            (&["max-age=4294967296"], VERY_LONG),
            (&["max-age=99999999999999999999999"], VERY_LONG),
            // 4.2.1: what cannot be read is stale, and nothing else is asked.
            (&["max-age"], Some(0)),
            (&["max-age="], Some(0)),
            (&["max-age=\"\""], Some(0)),
            (&["max-age=-1"], Some(0)),
            (&["max-age=+1"], Some(0)),
            (&["max-age=1.5"], Some(0)),
            (&["max-age=0x10"], Some(0)),
            (&["max-age=x"], Some(0)),
            (&["max-age=6 0"], Some(0)),
            (&["max-age=\"600"], Some(0)),
            (&["max-age=600\""], Some(0)),
            (&["max-age=\u{664}\u{662}"], Some(0)),
            (&["max-age=x, max-age=600"], Some(0)),
            (&["max-age=600, s-maxage=x"], Some(0)),
        ] {
            let fields: Vec<_> = fields.iter().map(|field| ("cache-control", *field)).collect();
            assert_eq!(fresh(&fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn rfc9111_5_1_and_5_3_age_and_expires() {
        const HALF_PAST: &str = "Sun, 06 Nov 1994 09:19:37 GMT";
        for (fields, expected) in [
            (&[("expires", HALF_PAST)][..], Some(1800)),
            (&[("expires", HALF_PAST), ("date", "Sun, 06 Nov 1994 09:09:37 GMT")], Some(600)),
            (&[("expires", HALF_PAST), ("date", "yesterday")], Some(1800)),
            (&[("expires", HALF_PAST), ("cache-control", "private")], Some(1800)),
            (&[("expires", HALF_PAST), ("expires", HALF_PAST)], Some(1800)),
            (&[("expires", HALF_PAST), ("expires", "Mon, 07 Nov 1994 09:19:37 GMT")], Some(0)),
            (&[("expires", "0")], Some(0)),
            (&[("expires", "")], Some(0)),
            (&[("expires", "Thu, 01 Jan 1970 00:00:00 GMT")], Some(0)),
            (&[("expires", HALF_PAST), ("age", "800")], Some(1000)),
            // `Cache-Control` goes before it.
            (&[("expires", "0"), ("cache-control", "max-age=600")], Some(600)),
            (&[("expires", HALF_PAST), ("cache-control", "max-age=x")], Some(0)),
            (&[("cache-control", "max-age=600"), ("age", "100")], Some(500)),
            (&[("cache-control", "max-age=600"), ("age", "700")], Some(0)),
            (&[("cache-control", "max-age=600"), ("age", "100, 200")], Some(500)),
            (&[("cache-control", "max-age=600"), ("age", "100"), ("age", "200")], Some(500)),
            (&[("cache-control", "max-age=600"), ("age", "x")], Some(600)),
            (&[("cache-control", "max-age=600"), ("age", "-100")], Some(600)),
            (&[("cache-control", "max-age=600"), ("age", "99999999999999999999")], Some(0)),
            // An age alone says nothing about freshness.
            (&[("age", "100")], None),
            (&[("date", HALF_PAST)], None),
        ] {
            assert_eq!(fresh(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn rfc9111_5_2_2_5_no_store_is_not_stored() {
        for (field, storage) in [
            ("No-Store", Storage::Forbidden),
            ("max-age=600, no-store", Storage::Forbidden),
            ("x=\"no-store\"", Storage::Allowed),
            ("no-cache", Storage::Allowed),
            ("max-age=x", Storage::Allowed),
        ] {
            assert_eq!(of(&[("cache-control", field)]).storage, storage, "{field}");
        }
        assert_eq!(of(&[]).storage, Storage::Allowed);
    }
}
