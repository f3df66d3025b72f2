//! A key that is asked for and not known here: the store is looked at once more before anything is said about it.
//!
//! Another node may have made the key since this one looked after its keys, or that has failed for a while. A client whose
//! token hangs on it has done nothing wrong.

use std::sync::Arc;
use std::time::Duration;

use super::{Keychain, KeychainError, Keys};
use crate::server::error::{ErrorCode, OAuthError};
use crate::store::StoreError;
use crate::types::Timestamp;
use crate::types::token::RefreshKey;

/// How long after a look the store is not asked again, whatever keys are named: names can be made up.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// How long a look takes at the most: whoever waits for it is told to try again then.
const LONGEST: Duration = Duration::from_secs(5);

/// Whose turn it is to look, and what came of the last one. One looks at a time, and whoever waits finds what it has brought.
#[derive(Default)]
pub(super) struct Turn(tokio::sync::Mutex<Option<Last>>);

/// The last look.
struct Last {
    /// When it ended. Those who waited for it have come long before, and do not look again one after the other.
    at: Timestamp,
    /// Whether it did not bring what is in the store.
    failed: bool,
}

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// The keys are those of the store now.
    Done,
    /// Somebody has looked just before, which says nothing about a key that came after that.
    TooSoon,
}

impl Keychain {
    /// The key of this id that refresh tokens are made with; `None` if there is none in the store either.
    ///
    /// # Errors
    ///
    /// 503 when the store cannot be asked, or has been a moment ago: that is no verdict about the token.
    ///
    /// # Cancel safety
    ///
    /// Dropped, nothing has changed; the next look may wait for a second.
    pub(crate) async fn refresh_key(&self, id: &str) -> Result<Option<Arc<RefreshKey>>, OAuthError> {
        let known = self.current().refresh_of(id);
        if known.is_some() {
            return Ok(known);
        }
        let look = self.look(&self.for_refresh, |keys| keys.refresh_of(id).is_some()).await?;
        let found = self.current().refresh_of(id);
        if found.is_none() && look == Look::TooSoon {
            return Err(try_again());
        }
        Ok(found)
    }

    /// The keys, with what other nodes have changed, because a token names a signing key that is not known here. Anybody can
    /// make up such a token: one that comes too soon after another is judged by the keys that are known.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked, or could not a moment ago.
    ///
    /// # Cancel safety
    ///
    /// As [`refresh_key`](Self::refresh_key).
    pub(crate) async fn newest(&self, seen: &Arc<Keys>) -> Result<Arc<Keys>, OAuthError> {
        self.look(&self.for_tokens, |keys| keys.document != seen.document).await?;
        Ok(self.current())
    }

    /// Takes over what is in the store, unless what is wanted is `there` by the time that it is this one's turn.
    async fn look(&self, turn: &Turn, there: impl Fn(&Keys) -> bool) -> Result<Look, OAuthError> {
        let mut last = turn.0.lock().await;
        if there(&self.current()) {
            return Ok(Look::Done);
        }
        let now = self.clock.now();
        // A clock that was set back must not put off the next look.
        match &*last {
            Some(last) if now.since(last.at).max(last.at.since(now)) < BETWEEN_LOOKS => {
                return if last.failed { Err(try_again()) } else { Ok(Look::TooSoon) };
            }
            _ => {}
        }
        // Whoever goes away before the answer comes has looked, too.
        *last = Some(Last { at: now, failed: true });
        let looked = tokio::time::timeout(LONGEST, self.apply(|_| Ok(None))).await;
        let looked = looked.unwrap_or_else(|_| Err(StoreError::Timeout.into()));
        *last = Some(Last { at: self.clock.now(), failed: looked.is_err() });
        Ok(looked.map(|()| Look::Done)?)
    }
}

/// What is no verdict.
fn try_again() -> OAuthError {
    let text = "the server cannot answer at the moment; try again";
    OAuthError::new(ErrorCode::TemporarilyUnavailable, text).with_retry_after(BETWEEN_LOOKS)
}

impl From<KeychainError> for OAuthError {
    fn from(error: KeychainError) -> Self {
        match error {
            KeychainError::Store(error) => error.into(),
            other => Self::server_error(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use bytes::Bytes;
    use mcp_transport::seal::SealKey;
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::jose::{Algorithm, RotationPolicy};
    use crate::store::memory::MemoryStore;
    use crate::store::{KeyStore, Published, Revised};
    use crate::types::{Clock, ManualClock};

    const START: Timestamp = Timestamp::from_secs(1000);

    async fn keychain(store: Arc<dyn KeyStore>, clock: Arc<dyn Clock>) -> Keychain {
        let policy = RotationPolicy::new(Algorithm::Es256, Duration::from_secs(1800));
        let master = SealKey::from_bytes([7; 32]);
        Keychain::open(store, master, policy, Duration::from_secs(1), Vec::new(), clock).await.unwrap()
    }

    /// A clock that can be set back.
    #[derive(Debug)]
    struct Hands(Mutex<Timestamp>);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_puts_no_look_off() {
        let clock = Arc::new(Hands(Mutex::new(START)));
        let keychain = keychain(Arc::new(MemoryStore::default()), Arc::clone(&clock) as _).await;
        let at = async |now| {
            *clock.0.lock().unwrap() = now;
            keychain.refresh_key("madeup00").await
        };
        for now in [START, START.before(Duration::from_secs(1)), START.before(Duration::from_secs(900)), START] {
            assert!(at(now).await.unwrap().is_none());
            for soon in [now, now.after(Duration::from_millis(999)), now.before(Duration::from_millis(999))] {
                let refused = at(soon).await.unwrap_err();
                assert_eq!((refused.status().as_u16(), refused.retry_after()), (503, Some(BETWEEN_LOOKS)));
            }
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum How {
        Well,
        Mute,
        Failing,
    }

    /// A store that does not answer any more, or only that it cannot.
    struct Unwell {
        store: MemoryStore,
        how: Mutex<How>,
        loads: AtomicU32,
    }

    impl Unwell {
        fn new() -> Arc<Self> {
            Arc::new(Self { store: MemoryStore::default(), how: Mutex::new(How::Well), loads: AtomicU32::new(0) })
        }

        fn is(&self, how: How) {
            *self.how.lock().unwrap() = how;
        }

        fn loads(&self) -> u32 {
            self.loads.load(Ordering::SeqCst)
        }
    }

    #[async_trait]
    impl KeyStore for Unwell {
        async fn load(&self) -> Result<Option<Revised>, StoreError> {
            self.loads.fetch_add(1, Ordering::SeqCst);
            let how = *self.how.lock().unwrap();
            match how {
                How::Well => self.store.load().await,
                How::Mute => std::future::pending().await,
                How::Failing => Err(StoreError::Timeout),
            }
        }

        async fn publish(&self, expected: Option<u64>, document: Bytes) -> Result<Published, StoreError> {
            self.store.publish(expected, document).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_for_a_mute_store_wait_for_one_look() {
        let (store, clock) = (Unwell::new(), Arc::new(ManualClock::at(START)));
        let keychain = keychain(Arc::clone(&store) as _, Arc::clone(&clock) as _).await;
        store.is(How::Mute);
        let (loads, begun) = (store.loads(), Instant::now());
        let passes = async {
            for _ in 0..49 {
                sleep(Duration::from_millis(100)).await;
                clock.advance(Duration::from_millis(100));
            }
        };
        let after = async |seconds| {
            sleep(Duration::from_secs(seconds)).await;
            keychain.refresh_key("madeup00").await
        };
        let (one, two, three, ()) = tokio::join!(after(0), after(2), after(4), passes);
        for refused in [one.unwrap_err(), two.unwrap_err(), three.unwrap_err()] {
            assert_eq!(refused.status().as_u16(), 503);
            assert!(refused.retry_after().is_some());
        }
        assert_eq!((store.loads() - loads, begun.elapsed()), (1, LONGEST));
        store.is(How::Well);
        clock.advance(BETWEEN_LOOKS);
        assert!(keychain.refresh_key("madeup00").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn after_a_look_that_failed_there_is_no_verdict() {
        let (store, clock) = (Unwell::new(), Arc::new(ManualClock::at(START)));
        let keychain = keychain(Arc::clone(&store) as _, Arc::clone(&clock) as _).await;
        store.is(How::Failing);
        let (seen, loads) = (keychain.current(), store.loads());
        assert_eq!(keychain.newest(&seen).await.err().unwrap().status().as_u16(), 503);
        assert_eq!(keychain.refresh_key("madeup00").await.unwrap_err().status().as_u16(), 503);
        store.is(How::Well);
        clock.advance(Duration::from_millis(999));
        assert_eq!(keychain.newest(&seen).await.err().unwrap().status().as_u16(), 503);
        assert_eq!(keychain.refresh_key("madeup00").await.unwrap_err().status().as_u16(), 503);
        assert_eq!(store.loads() - loads, 2, "nobody asks again within a second");
        clock.advance(Duration::from_millis(1));
        assert!(keychain.newest(&seen).await.is_ok());
        assert!(keychain.refresh_key("madeup00").await.unwrap().is_none());
        // By what was read a moment ago a token is judged; a key that is not known may have come since.
        assert!(keychain.newest(&seen).await.is_ok());
        assert_eq!(keychain.refresh_key("madeup00").await.unwrap_err().status().as_u16(), 503);
        assert_eq!(store.loads() - loads, 4);
    }
}
