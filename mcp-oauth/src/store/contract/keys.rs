//! The rules of [`KeyStore`](crate::store::KeyStore).

use bytes::Bytes;

use super::{Answer as _, CALLS, Handles, ROUNDS, count, race};
use crate::store::{Published, Revised};

/// Of 64 that publish in the place of one revision one does; the first time too.
pub async fn one_publication_wins(handles: Handles) {
    let mut expected = None;
    for _ in 0..ROUNDS {
        let answers = race(&handles, |stores, number| async move {
            stores.keys.publish(expected, Bytes::from(number.to_string())).await
        })
        .await;
        let revision = expected.map_or(1, |revision| revision + 1);
        assert_eq!(count(&answers, &Published::Done(revision)), 1);
        assert_eq!(count(&answers, &Published::Conflict), CALLS - 1);
        let winner = answers.iter().position(|answer| *answer == Published::Done(revision)).expect("one");
        let document = Bytes::from(winner.to_string());
        assert_eq!(handles.two.keys.load().await.answered(), Some(Revised { revision, document }));
        expected = Some(revision);
    }
    for wrong in [None, Some(0), Some(1), Some(ROUNDS as u64 + 1), Some(u64::MAX)] {
        assert_eq!(handles.one.keys.publish(wrong, Bytes::new()).await.answered(), Published::Conflict);
    }
}

/// There is none at first; then it is as it was given.
pub async fn a_document_is_kept_byte_for_byte(handles: Handles) {
    assert_eq!(handles.one.keys.load().await.answered(), None);
    assert_eq!(handles.one.keys.publish(Some(1), Bytes::new()).await.answered(), Published::Conflict);
    let every: Vec<u8> = (0..=255).collect();
    for (revision, document) in (1..).zip([Bytes::new(), Bytes::from(every.clone()), Bytes::from(every.repeat(512))]) {
        let before = (revision > 1).then_some(revision - 1);
        let answer = handles.one.keys.publish(before, document.clone()).await.answered();
        assert_eq!(answer, Published::Done(revision));
        for stores in handles.both() {
            assert_eq!(stores.keys.load().await.answered(), Some(Revised { revision, document: document.clone() }));
        }
    }
}
