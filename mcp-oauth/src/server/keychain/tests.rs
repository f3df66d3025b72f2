//! The store is right about the keys, also where it has gone back or lost them.

use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::jose::Algorithm;
use crate::types::ManualClock;

const START: Timestamp = Timestamp::from_secs(1000);

/// A store whose document can be set from outside.
#[derive(Default)]
struct Settable(Mutex<Option<Revised>>);

impl Settable {
    fn get(&self) -> Option<Revised> {
        self.0.lock().unwrap().clone()
    }

    fn set(&self, document: Option<Revised>) {
        *self.0.lock().unwrap() = document;
    }
}

#[async_trait]
impl KeyStore for Settable {
    async fn load(&self) -> Result<Option<Revised>, StoreError> {
        Ok(self.get())
    }

    async fn publish(&self, expected: Option<u64>, document: Bytes) -> Result<Published, StoreError> {
        let mut held = self.0.lock().unwrap();
        if held.as_ref().map(|held| held.revision) != expected {
            return Ok(Published::Conflict);
        }
        let revision = expected.unwrap_or_default() + 1;
        *held = Some(Revised { revision, document });
        Ok(Published::Done(revision))
    }
}

async fn node(store: &Arc<Settable>, clock: &Arc<ManualClock>) -> Keychain {
    let policy = RotationPolicy::new(Algorithm::Es256, Duration::from_secs(1800));
    let (store, master) = (Arc::clone(store) as _, SealKey::from_bytes([7; 32]));
    Keychain::open(store, master, policy, Duration::from_secs(1), Vec::new(), Arc::clone(clock) as _).await.unwrap()
}

fn ids(keys: &Keys) -> Vec<String> {
    keys.set().keys().iter().map(|key| key.key().key_id().to_owned()).collect()
}

/// Asserts that the node has what the store holds, and nothing else.
fn assert_as_stored(node: &Keychain, store: &Settable) {
    let (keys, stored) = (node.current(), store.get().unwrap());
    assert_eq!((keys.revision, &keys.document), (stored.revision, &stored.document));
    let contents = Contents::read(&stored.document, &node.master).unwrap();
    let stored: Vec<_> = contents.set.keys().iter().map(|key| key.key().key_id().to_owned()).collect();
    assert_eq!(ids(&keys), stored);
}

#[tokio::test]
async fn a_store_that_went_back_is_followed() {
    for by_look in [false, true] {
        let (store, clock) = (Arc::new(Settable::default()), Arc::new(ManualClock::at(START)));
        let one = node(&store, &clock).await;
        let (copy, before) = (store.get(), ids(&one.current()));
        one.rotate(START).await.unwrap();
        assert_ne!(ids(&one.current()), before);
        // A lower revision.
        store.set(copy.clone());
        follow(&one, by_look, &clock).await;
        assert_as_stored(&one, &store);
        assert_eq!(ids(&one.current()), before);
        // The same revision with other keys: somebody else went on from the copy.
        one.rotate(START).await.unwrap();
        store.set(copy);
        let two = node(&store, &clock).await;
        two.rotate(START).await.unwrap();
        assert_eq!(one.current().revision, two.current().revision);
        follow(&one, by_look, &clock).await;
        assert_as_stored(&one, &store);
        assert_eq!(ids(&one.current()), ids(&two.current()));
    }
}

#[tokio::test]
async fn keys_that_the_store_has_lost_are_put_back() {
    for by_look in [false, true] {
        let (store, clock) = (Arc::new(Settable::default()), Arc::new(ManualClock::at(START)));
        let (one, two) = (node(&store, &clock).await, node(&store, &clock).await);
        one.rotate(START).await.unwrap();
        let held = ids(&one.current());
        store.set(None);
        follow(&one, by_look, &clock).await;
        assert_as_stored(&one, &store);
        assert_eq!(ids(&one.current()), held);
        follow(&two, by_look, &clock).await;
        assert_as_stored(&two, &store);
        // A change of one that is lost begins from what is held, too.
        store.set(None);
        let revoked = held.first().unwrap();
        two.revoke(revoked, START).await.unwrap();
        assert_as_stored(&two, &store);
        assert!(!ids(&two.current()).contains(revoked));
    }
}

/// Has the node hear of the store: in its round, or because a token names a key that is not known.
async fn follow(node: &Keychain, by_look: bool, clock: &ManualClock) {
    clock.advance(Duration::from_secs(1));
    if by_look {
        node.newest(&node.current()).await.unwrap();
    } else {
        node.tend(clock.now()).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_read_before_a_change_does_not_undo_it() {
    let (store, clock) = (Arc::new(Settable::default()), Arc::new(ManualClock::at(START)));
    let one = node(&store, &clock).await;
    let seen = one.current();
    let read = Keys::clone(&seen);
    one.rotate(START).await.unwrap();
    one.take_over(&seen, read);
    assert_as_stored(&one, &store);
}
