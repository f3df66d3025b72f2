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

/// Whose turn it is to look, and when the last one did. One looks at a time, and whoever waits finds what it has brought.
#[derive(Default)]
pub(super) struct Turn(tokio::sync::Mutex<Option<Timestamp>>);

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
    /// 503 when the store cannot be asked, or has just been: that is no verdict about the token.
    ///
    /// # Cancel safety
    ///
    /// Dropped, nothing has changed; the next look may wait for a second.
    pub(crate) async fn refresh_key(&self, id: &str, now: Timestamp) -> Result<Option<Arc<RefreshKey>>, OAuthError> {
        let known = self.current().refresh_of(id);
        if known.is_some() {
            return Ok(known);
        }
        let look = self.look(&self.for_refresh, |keys| keys.refresh_of(id).is_some(), now).await?;
        let found = self.current().refresh_of(id);
        if found.is_none() && look == Look::TooSoon {
            let text = "the server cannot answer at the moment; try again";
            return Err(OAuthError::new(ErrorCode::TemporarilyUnavailable, text).with_retry_after(BETWEEN_LOOKS));
        }
        Ok(found)
    }

    /// The keys, with what other nodes have changed, because a token names a signing key that is not known here. Anybody can
    /// make up such a token: one that comes too soon after another is judged by the keys that are known.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    ///
    /// # Cancel safety
    ///
    /// As [`refresh_key`](Self::refresh_key).
    pub(crate) async fn newest(&self, seen: &Arc<Keys>, now: Timestamp) -> Result<Arc<Keys>, OAuthError> {
        self.look(&self.for_tokens, |keys| keys.document != seen.document, now).await?;
        Ok(self.current())
    }

    /// Takes over what is in the store, unless what is wanted is `there` by the time that it is this one's turn.
    async fn look(&self, turn: &Turn, there: impl Fn(&Keys) -> bool, now: Timestamp) -> Result<Look, KeychainError> {
        let mut last = turn.0.lock().await;
        if there(&self.current()) {
            return Ok(Look::Done);
        }
        // A clock that was set back must not put off the next look.
        if last.is_some_and(|last| now.since(last).max(last.since(now)) < BETWEEN_LOOKS) {
            return Ok(Look::TooSoon);
        }
        *last = Some(now);
        let looked = tokio::time::timeout(LONGEST, self.apply(|_| Ok(None))).await;
        looked.map_err(|_| StoreError::Timeout)??;
        Ok(Look::Done)
    }
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
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use bytes::Bytes;
    use mcp_transport::seal::SealKey;

    use super::*;
    use crate::jose::{Algorithm, RotationPolicy};
    use crate::store::memory::MemoryStore;
    use crate::store::{KeyStore, Published, Revised};

    const START: Timestamp = Timestamp::from_secs(1000);

    async fn keychain(store: Arc<dyn KeyStore>) -> Keychain {
        let policy = RotationPolicy::new(Algorithm::Es256, Duration::from_secs(1800));
        let master = SealKey::from_bytes([7; 32]);
        Keychain::open(store, master, policy, Duration::from_secs(1), Vec::new(), START).await.unwrap()
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_puts_no_look_off() {
        let keychain = keychain(Arc::new(MemoryStore::default())).await;
        for now in [START, START.before(Duration::from_secs(1)), START.before(Duration::from_secs(900)), START] {
            assert!(keychain.refresh_key("madeup00", now).await.unwrap().is_none());
            for soon in [now, now.after(Duration::from_millis(999)), now.before(Duration::from_millis(999))] {
                let refused = keychain.refresh_key("madeup00", soon).await.unwrap_err();
                assert_eq!((refused.status().as_u16(), refused.retry_after()), (503, Some(BETWEEN_LOOKS)));
            }
        }
    }

    /// A store that does not answer any more.
    #[derive(Default)]
    struct Mute(MemoryStore, AtomicBool);

    #[async_trait]
    impl KeyStore for Mute {
        async fn load(&self) -> Result<Option<Revised>, StoreError> {
            if self.1.load(Ordering::SeqCst) {
                std::future::pending().await
            }
            self.0.load().await
        }

        async fn publish(&self, expected: Option<u64>, document: Bytes) -> Result<Published, StoreError> {
            self.0.publish(expected, document).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_is_no_verdict() {
        let store = Arc::new(Mute::default());
        let keychain = keychain(Arc::clone(&store) as _).await;
        store.1.store(true, Ordering::SeqCst);
        let (one, two) = tokio::join!(keychain.refresh_key("madeup00", START), keychain.refresh_key("madeup01", START));
        for refused in [one.unwrap_err(), two.unwrap_err()] {
            assert_eq!(refused.status().as_u16(), 503);
            assert!(refused.retry_after().is_some());
        }
        store.1.store(false, Ordering::SeqCst);
        let later = START.after(Duration::from_secs(5));
        assert!(keychain.refresh_key("madeup00", later).await.unwrap().is_none());
    }
}
