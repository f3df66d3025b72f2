//! Something that is fetched from elsewhere, kept, and fetched again when its time is over: metadata, key sets.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::sync::watch;

use super::verdicts::apart;

/// How long a fetched value serves, whatever its origin says: at least this long,
const SHORTEST: Duration = Duration::from_secs(60);

/// and at most this long.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long it serves if its origin says nothing.
const USUAL: Duration = Duration::from_secs(300);

/// How long a value serves on while its origin cannot be reached.
const OUTAGE: Duration = Duration::from_secs(24 * 3600);

/// How long callers get a value whose time is over without waiting for the next.
const GRACE: Duration = Duration::from_secs(60);

/// The least time between two attempts, however many callers ask for something newer.
const BETWEEN: Duration = Duration::from_secs(30);

/// The same while there is nothing yet.
const BETWEEN_AT_FIRST: Duration = Duration::from_secs(2);

/// Fetches something.
#[async_trait]
pub(super) trait Origin: fmt::Debug + Send + Sync + 'static {
    type Item: Send + Sync + 'static;

    /// Fetches it, and tells for how long it may be kept, if the origin says so. Ends within some seconds; the log is told
    /// why if there is nothing.
    async fn fetch(&self, now: SystemTime) -> Option<(Self::Item, Option<Duration>)>;
}

/// The last value of an origin. A clone shares it.
pub(super) struct Refreshed<O: Origin>(Arc<Inner<O>>);

struct Inner<O: Origin> {
    origin: O,
    state: Mutex<State<O::Item>>,
}

struct State<T> {
    value: Option<Held<T>>,
    /// When the last attempt began.
    attempt: Option<SystemTime>,
    /// Whether it came to nothing: then nobody waits for the next, as long as there is a value that may be used.
    failed: bool,
    /// Ends when the attempt that is under way does.
    under_way: Option<watch::Receiver<()>>,
}

struct Held<T> {
    item: Arc<T>,
    since: SystemTime,
    serves: Duration,
}

/// Who may wait for an attempt.
enum Step<T> {
    Serve(Arc<T>),
    Wait(watch::Receiver<()>),
    Nothing,
}

impl<O: Origin> Refreshed<O> {
    pub(super) fn new(origin: O) -> Self {
        let state = State { value: None, attempt: None, failed: false, under_way: None };
        Self(Arc::new(Inner { origin, state: Mutex::new(state) }))
    }

    #[cfg(test)]
    pub(super) fn origin(&self) -> &O {
        &self.0.origin
    }

    /// The value. `None` if there is none that may still be used.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the attempt that it began under way.
    pub(super) async fn get(&self, now: SystemTime) -> Option<Arc<O::Item>> {
        self.at_best(now, |_| false).await
    }

    /// A value other than `old`, if there is one or the next attempt is due; else `old` itself, or none.
    ///
    /// # Cancel safety
    ///
    /// As [`get`](Self::get).
    pub(super) async fn newer_than(&self, old: &Arc<O::Item>, now: SystemTime) -> Option<Arc<O::Item>> {
        self.at_best(now, |item| Arc::ptr_eq(item, old)).await
    }

    /// Makes the next call of [`get`](Self::get) fetch, as far as attempts allow.
    pub(super) fn doubt(&self) {
        if let Some(held) = &mut self.0.lock().value {
            held.serves = Duration::ZERO;
        }
    }

    async fn at_best(&self, now: SystemTime, unwanted: impl Fn(&Arc<O::Item>) -> bool + Send) -> Option<Arc<O::Item>> {
        match self.step(now, unwanted) {
            Step::Serve(item) => return Some(item),
            Step::Nothing => return None,
            // The sender says nothing: that it goes is the message.
            Step::Wait(mut over) => while over.changed().await.is_ok() {},
        }
        self.0.lock().usable(now)
    }

    /// Decides, and begins an attempt if one is due.
    fn step(&self, now: SystemTime, unwanted: impl Fn(&Arc<O::Item>) -> bool) -> Step<O::Item> {
        let mut state = self.0.lock();
        let usable = state.usable(now);
        let age = state.value.as_ref().map(|held| (apart(held.since, now), held.serves));
        let wanted = match (&usable, age) {
            (Some(item), Some((age, serves))) if age < serves && !unwanted(item) => {
                return Step::Serve(Arc::clone(item));
            }
            (Some(item), Some((age, serves))) if !unwanted(item) && (state.failed || age < serves + GRACE) => {
                Some(Arc::clone(item))
            }
            _ => None,
        };
        let between = if usable.is_some() { BETWEEN } else { BETWEEN_AT_FIRST };
        let due = state.attempt.is_none_or(|attempt| apart(attempt, now) >= between);
        let over = match &state.under_way {
            Some(over) => over.clone(),
            None if due => {
                state.attempt = Some(now);
                let (sender, over) = watch::channel(());
                state.under_way = Some(over.clone());
                // A task of its own: a caller that goes away must not take the attempt with it.
                tokio::spawn(Inner::attempt(Arc::clone(&self.0), Ongoing(Arc::clone(&self.0), sender), now));
                over
            }
            None => return usable.map_or(Step::Nothing, Step::Serve),
        };
        wanted.map_or(Step::Wait(over), Step::Serve)
    }
}

impl<O: Origin> Inner<O> {
    fn lock(&self) -> MutexGuard<'_, State<O::Item>> {
        // Whoever panicked under the lock has left nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn attempt(self: Arc<Self>, _ongoing: Ongoing<O>, now: SystemTime) {
        let fetched = self.origin.fetch(now).await;
        let mut state = self.lock();
        state.failed = fetched.is_none();
        if let Some((item, says)) = fetched {
            let serves = says.unwrap_or(USUAL).clamp(SHORTEST, LONGEST);
            state.value = Some(Held { item: Arc::new(item), since: now, serves });
        }
    }
}

impl<T> State<T> {
    fn usable(&self, now: SystemTime) -> Option<Arc<T>> {
        let held = self.value.as_ref()?;
        (apart(held.since, now) < OUTAGE).then(|| Arc::clone(&held.item))
    }
}

/// An attempt that is under way. When it goes, however it ends, those who wait go on.
struct Ongoing<O: Origin>(
    Arc<Inner<O>>,
    #[expect(dead_code, reason = "that it goes is what it is for")] watch::Sender<()>,
);

impl<O: Origin> Drop for Ongoing<O> {
    fn drop(&mut self) {
        self.0.lock().under_way = None;
    }
}

impl<O: Origin> Clone for Refreshed<O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<O: Origin> fmt::Debug for Refreshed<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refreshed").field(&self.0.origin).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Counts attempts. Every value is the number of its attempt.
    #[derive(Debug, Default)]
    struct Counting {
        attempts: Arc<AtomicU32>,
        down: Arc<std::sync::atomic::AtomicBool>,
        hangs: Arc<std::sync::atomic::AtomicBool>,
        says: Option<Duration>,
    }

    #[async_trait]
    impl Origin for Counting {
        type Item = u32;

        async fn fetch(&self, _: SystemTime) -> Option<(u32, Option<Duration>)> {
            let number = self.attempts.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::task::yield_now().await;
            if self.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            (!self.down.load(Ordering::SeqCst)).then_some((number, self.says))
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    /// Lets a background attempt come to its end.
    async fn settle() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_the_origin_says_counts_within_bounds() {
        for (says, serves) in [(None, 300), (Some(0), 60), (Some(600), 600), (Some(1 << 40), 3600)] {
            let origin = Counting { says: says.map(Duration::from_secs), ..Counting::default() };
            let kept = Refreshed::new(origin);
            assert_eq!(kept.get(at(0)).await.as_deref(), Some(&1));
            assert_eq!(kept.get(at(serves - 1)).await.as_deref(), Some(&1));
            // The old value serves at once; the new one is being fetched.
            assert_eq!(kept.get(at(serves)).await.as_deref(), Some(&1));
            settle().await;
            assert_eq!(kept.get(at(serves)).await.as_deref(), Some(&2), "{says:?}");
        }
    }

    #[tokio::test]
    async fn many_callers_are_one_attempt_per_interval() {
        let kept = Refreshed::new(Counting::default());
        let all = futures_util::future::join_all((0..50).map(|_| kept.get(at(0)))).await;
        assert!(all.iter().all(|value| value.as_deref() == Some(&1)));
        let old = kept.get(at(1)).await.unwrap();
        for second in 1..30 {
            assert_eq!(kept.newer_than(&old, at(second)).await.as_deref(), Some(&1), "{second}");
        }
        let all = futures_util::future::join_all((0..50).map(|_| kept.newer_than(&old, at(30)))).await;
        assert!(all.iter().all(|value| value.as_deref() == Some(&2)));
        assert_eq!(kept.origin().attempts.load(Ordering::SeqCst), 2);
        // Whoever knows an older one gets the newer one without an attempt.
        assert_eq!(kept.newer_than(&old, at(31)).await.as_deref(), Some(&2));
        assert_eq!(kept.origin().attempts.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_outage_is_bridged_for_a_day() {
        let kept = Refreshed::new(Counting::default());
        kept.get(at(0)).await.unwrap();
        kept.origin().down.store(true, Ordering::SeqCst);
        for second in (0..24 * 3600).step_by(600) {
            assert_eq!(kept.get(at(second)).await.as_deref(), Some(&1), "{second}");
            settle().await;
        }
        assert_eq!(kept.get(at(24 * 3600)).await, None);
        kept.origin().down.store(false, Ordering::SeqCst);
        assert!(kept.get(at(24 * 3600 + 2)).await.is_some());
    }

    #[tokio::test]
    async fn nobody_waits_for_an_origin_that_hangs_while_it_is_down() {
        let kept = Refreshed::new(Counting::default());
        kept.get(at(0)).await.unwrap();
        kept.origin().down.store(true, Ordering::SeqCst);
        assert_eq!(kept.get(at(400)).await.as_deref(), Some(&1));
        kept.origin().hangs.store(true, Ordering::SeqCst);
        assert_eq!(kept.get(at(430)).await.as_deref(), Some(&1));
        settle().await;
        assert_eq!(kept.origin().attempts.load(Ordering::SeqCst), 3, "the next attempt is under way");
        assert_eq!(kept.get(at(460)).await.as_deref(), Some(&1));
    }

    #[tokio::test]
    async fn nothing_yet_is_tried_again_soon_but_not_by_each() {
        let kept = Refreshed::new(Counting::default());
        kept.origin().down.store(true, Ordering::SeqCst);
        for _ in 0..20 {
            assert_eq!(kept.get(at(0)).await, None);
        }
        assert_eq!(kept.origin().attempts.load(Ordering::SeqCst), 1);
        kept.origin().down.store(false, Ordering::SeqCst);
        assert_eq!(kept.get(at(2)).await.as_deref(), Some(&2));
    }

    #[tokio::test]
    async fn a_caller_that_goes_takes_nothing_with_it() {
        let kept = Refreshed::new(Counting::default());
        {
            let mut first = Box::pin(kept.get(at(0)));
            let waker = std::task::Waker::noop();
            assert!(first.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
        }
        assert_eq!(kept.get(at(0)).await.as_deref(), Some(&1));
        assert_eq!(kept.origin().attempts.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_does_not_stop_attempts() {
        let kept = Refreshed::new(Counting::default());
        kept.get(at(10_000)).await.unwrap();
        // Hours back: by the clock the value is from the future, and nobody knows how old it is.
        kept.get(at(0)).await.unwrap();
        settle().await;
        assert_eq!(kept.get(at(0)).await.as_deref(), Some(&2));
    }
}
