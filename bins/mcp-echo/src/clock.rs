//! Times as people read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second that has a year of four digits.
const LAST: i64 = 253_402_300_799;

/// A moment in UTC as RFC 3339 writes it, to the millisecond.
pub(crate) fn utc(moment: SystemTime) -> String {
    match moment.duration_since(UNIX_EPOCH) {
        Ok(since) => {
            let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
            written(seconds, &format!(".{:03}", since.subsec_millis()))
        }
        Err(_) => "before 1970".to_owned(),
    }
}

/// Seconds since 1970 as RFC 3339 writes them.
pub(crate) fn utc_seconds(seconds: i64) -> String {
    if seconds < 0 { "before 1970".to_owned() } else { written(seconds, "") }
}

fn written(seconds: i64, fraction: &str) -> String {
    if seconds > LAST {
        return "after the year 9999".to_owned();
    }
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// The Gregorian date of a day counted from 1970-01-01.
///
/// Years are taken to begin in March, so that the leap day is the last of its year, and are counted in eras of 400,
/// which all have the same number of days.
const fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Seconds since 1970, before it as a negative number.
pub(crate) fn unix(moment: SystemTime) -> i64 {
    match moment.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, i64::wrapping_neg),
    }
}

/// A length of time in its two largest units.
pub(crate) fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc_seconds(seconds), text);
        }
        assert_eq!(utc(UNIX_EPOCH + Duration::from_millis(1_500)), "1970-01-01T00:00:01.500Z");
    }

    #[test]
    fn no_number_of_seconds_is_too_large() {
        assert_eq!(utc_seconds(i64::MAX), "after the year 9999");
        assert_eq!(utc_seconds(i64::MIN), "before 1970");
        assert_eq!(utc(UNIX_EPOCH - Duration::from_secs(1)), "before 1970");
        assert_eq!(unix(UNIX_EPOCH - Duration::from_secs(3)), -3);
    }

    #[test]
    fn lengths_have_two_units() {
        for (seconds, text) in [(5, "5 s"), (65, "1 min 5 s"), (3_725, "1 h 2 min"), (90_000, "1 d 1 h")] {
            assert_eq!(length(Duration::from_secs(seconds)), text);
        }
    }
}
