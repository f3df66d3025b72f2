//! How long a connection may stand still.

use std::time::Duration;

use tokio::time::Instant;

use super::activity::{Activity, Waiting};
use super::limits::Limits;

/// The times of one connection.
///
/// A connection is looked at after every request, and that should cost no clock reading. So idleness is measured in
/// quarters of its limit: one that saw no move ends the connection after the fourth in a row, which is when it was idle
/// for the whole limit, and at most a quarter longer.
#[derive(Debug)]
pub(super) struct Patience {
    head_limit: Duration,
    quarter: Duration,
    head: Head,
    quarter_end: Instant,
    /// The moves up to the beginning of this quarter, and how many quarters saw none.
    seen: u64,
    quiet: u8,
}

/// The head that is being read.
#[derive(Debug, Clone, Copy)]
struct Head {
    /// How many requests were answered before it, by which it is told from the next one.
    after: u64,
    since: Instant,
}

/// The shortest quarter, and time to go: a limit of nought closes a connection soon, and not at the cost of a timer that
/// never rests while it is busy.
const SHORTEST: Duration = Duration::from_millis(10);

/// What is to be done about a connection that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Wait,
    /// A head did not come whole in time.
    HeadTimedOut,
    /// It was idle for too long.
    Idle,
}

impl Patience {
    /// Of a connection that could send its first request at `since`.
    pub(super) fn new(limits: &Limits, since: Instant) -> Self {
        let quarter = (limits.idle_timeout / 4).max(SHORTEST);
        Self {
            head_limit: limits.header_read_timeout,
            quarter,
            head: Head { after: 0, since },
            quarter_end: since + quarter,
            seen: 0,
            quiet: 0,
        }
    }

    /// When to look at the connection next. Reads the clock only when a head has begun and is not whole.
    ///
    /// Quarters go on while an answer is made: under HTTP/2 a request may end on another task, which wakes nobody here.
    pub(super) fn due(&mut self, activity: &Activity) -> Instant {
        if activity.waiting() != Waiting::Head {
            return self.quarter_end;
        }
        let answered = activity.answered();
        if self.head.after != answered {
            self.head = Head { after: answered, since: Instant::now() };
        }
        self.head.since + self.head_limit
    }

    /// Looks at the connection at `now`, which may be before it is [`due`](Self::due).
    pub(super) fn look(&mut self, activity: &Activity, now: Instant) -> Verdict {
        if now < self.due(activity) {
            return Verdict::Wait;
        }
        let waiting = activity.waiting();
        if waiting == Waiting::Head {
            return Verdict::HeadTimedOut;
        }
        let moves = activity.moves();
        let moved = waiting == Waiting::Answer || moves != self.seen;
        self.quiet = if moved { 0 } else { self.quiet + 1 };
        if self.quiet >= 4 {
            return Verdict::Idle;
        }
        self.seen = moves;
        self.quarter_end = now + self.quarter;
        Verdict::Wait
    }
}

/// A connection that was idle and has been told to go.
///
/// A request may have crossed the word (RFC 9113 section 6.8 has the peer finish what was taken), and a client that had paused
/// may read on: neither is cut off.
#[derive(Debug)]
pub(super) struct Leaving {
    grace: Duration,
    /// Until when it has to go, if nothing happens.
    pub(super) by: Instant,
    seen: u64,
}

impl Leaving {
    pub(super) fn new(activity: &Activity, grace: Duration, now: Instant) -> Self {
        let grace = grace.max(SHORTEST);
        Self { grace, by: now + grace, seen: activity.moves() }
    }

    /// Whether its time is over; if it was of use since, that begins anew.
    pub(super) fn is_over(&mut self, activity: &Activity, now: Instant) -> bool {
        if now < self.by {
            return false;
        }
        let moves = activity.moves();
        if activity.waiting() != Waiting::Answer && moves == self.seen {
            return true;
        }
        (self.seen, self.by) = (moves, now + self.grace);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::serve::activity::Framing;

    const SECOND: Duration = Duration::from_secs(1);

    fn patience(since: Instant) -> Patience {
        Patience::new(&Limits { header_read_timeout: 3 * SECOND, idle_timeout: 8 * SECOND, ..Limits::default() }, since)
    }

    /// Looks whenever it is due, until there is a verdict, and says how long that took.
    async fn until_verdict(patience: &mut Patience, activity: &Activity) -> (Verdict, Duration) {
        let begin = Instant::now();
        loop {
            tokio::time::sleep_until(patience.due(activity)).await;
            match patience.look(activity, Instant::now()) {
                Verdict::Wait => {}
                verdict => return (verdict, begin.elapsed()),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_head_is_given_up() {
        let activity = Activity::new(Framing::Http1);
        let mut patience = patience(Instant::now());
        assert_eq!(until_verdict(&mut patience, &activity).await, (Verdict::HeadTimedOut, 3 * SECOND));
    }

    // The time of a head is not begun anew by more of it, and it is that of the head and not of the one before.
    #[tokio::test(start_paused = true)]
    async fn each_head_has_its_own_time() {
        let activity = Activity::new(Framing::Http1);
        let mut patience = patience(Instant::now());
        drop(activity.request());
        tokio::time::advance(2 * SECOND).await;
        activity.received();
        assert_eq!(patience.due(&activity), Instant::now() + 3 * SECOND);
        tokio::time::advance(SECOND).await;
        activity.received();
        // Nor by an answer before it that is read on.
        activity.sent(1, true);
        assert_eq!(until_verdict(&mut patience, &activity).await, (Verdict::HeadTimedOut, 2 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_has_its_time_and_a_quarter_more() {
        for late in 0..8 {
            let activity = Activity::new(Framing::Http1);
            let mut patience = patience(Instant::now());
            for _ in 0..late {
                tokio::time::advance(SECOND / 2).await;
                drop(activity.request());
                assert_eq!(patience.look(&activity, Instant::now()), Verdict::Wait);
            }
            drop(activity.request());
            let (verdict, idle) = until_verdict(&mut patience, &activity).await;
            assert_eq!(verdict, Verdict::Idle);
            assert!(idle >= 8 * SECOND && idle <= 10 * SECOND, "{idle:?} after {late}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_connection_is_not_idle_and_neither_is_one_that_is_read_on() {
        let activity = Activity::new(Framing::Http2);
        let mut patience = patience(Instant::now());
        let request = activity.request();
        for _ in 0..9 {
            tokio::time::sleep_until(patience.due(&activity)).await;
            assert_eq!(patience.look(&activity, Instant::now()), Verdict::Wait);
        }
        drop(request);
        for _ in 0..9 {
            activity.sent(1, true);
            tokio::time::sleep_until(patience.due(&activity)).await;
            assert_eq!(patience.look(&activity, Instant::now()), Verdict::Wait);
        }
        let (verdict, idle) = until_verdict(&mut patience, &activity).await;
        assert_eq!((verdict, idle), (Verdict::Idle, 8 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_told_to_go_may_finish() {
        let activity = Activity::new(Framing::Http2);
        let mut leaving = Leaving::new(&activity, 3 * SECOND, Instant::now());
        let request = activity.request();
        for _ in 0..3 {
            tokio::time::sleep_until(leaving.by).await;
            assert!(!leaving.is_over(&activity, Instant::now()));
        }
        drop(request);
        for _ in 0..3 {
            activity.sent(1 << 10, false);
            tokio::time::sleep_until(leaving.by).await;
            assert!(!leaving.is_over(&activity, Instant::now()));
        }
        assert!(!leaving.is_over(&activity, Instant::now() + 2 * SECOND));
        assert!(leaving.is_over(&activity, Instant::now() + 3 * SECOND));
    }
    #[tokio::test(start_paused = true)]
    async fn limits_of_nought_leave_the_timer_some_rest() {
        let activity = Activity::new(Framing::Http2);
        let _request = activity.request();
        let nought = Limits { header_read_timeout: Duration::ZERO, idle_timeout: Duration::ZERO, ..Limits::default() };
        let mut patience = Patience::new(&nought, Instant::now());
        let mut leaving = Leaving::new(&activity, Duration::ZERO, Instant::now());
        for _ in 0..2 {
            let (quarter, by) = (patience.due(&activity), leaving.by);
            assert!(quarter >= Instant::now() + SHORTEST && by >= Instant::now() + SHORTEST);
            tokio::time::sleep_until(quarter.max(by)).await;
            assert_eq!(patience.look(&activity, Instant::now()), Verdict::Wait);
            assert!(!leaving.is_over(&activity, Instant::now()));
        }
    }
}
