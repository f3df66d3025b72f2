//! The rules of [`ReplayCache`](crate::store::ReplayCache).

use super::samples::{digest, millis, seconds};
use super::{Answer as _, Handles, ROUNDS, count, race};
use crate::store::{ReplayKind, Stores};
use crate::types::Timestamp;

const KINDS: [ReplayKind; 4] =
    [ReplayKind::ClientAssertion, ReplayKind::IdentityAssertion, ReplayKind::DpopProof, ReplayKind::Embedder];

async fn first_use(stores: &Stores, kind: ReplayKind, id: &str, now: Timestamp) -> bool {
    stores.replays.first_use(kind, &digest(id), seconds(60), now).await.answered()
}

/// Of 64 uses of one id one is the first.
pub async fn one_use_is_the_first(handles: Handles) {
    for round in 0..ROUNDS {
        for kind in KINDS {
            let id = digest(&format!("id{round}"));
            let answers = race(&handles, |stores, _| async move {
                stores.replays.first_use(kind, &id, seconds(60), seconds(1)).await
            })
            .await;
            assert_eq!(count(&answers, &true), 1);
        }
    }
}

/// The same id of another kind is another id.
pub async fn kinds_do_not_meet(handles: Handles) {
    for kind in KINDS {
        assert!(first_use(&handles.one, kind, "id", seconds(0)).await);
        assert!(!first_use(&handles.two, kind, "id", seconds(0)).await);
        assert!(first_use(&handles.two, kind, kind.as_str(), seconds(0)).await);
    }
}

/// It is remembered until the very instant, whatever is swept, and a second use does not make that longer.
pub async fn what_is_over_is_forgotten(handles: Handles) {
    for (number, swept) in [false, true].into_iter().enumerate() {
        let (kind, id) = (ReplayKind::DpopProof, number.to_string());
        assert!(first_use(&handles.one, kind, &id, seconds(0)).await);
        let longer = handles.two.replays.first_use(kind, &digest(&id), seconds(1000), seconds(1)).await.answered();
        assert!(!longer);
        for time in [59_999, 60_000] {
            if swept {
                for maintenance in &handles.two.maintenance {
                    let _ = maintenance.sweep(millis(time), 1000).await.answered();
                }
            }
            let first = handles.two.replays.first_use(kind, &digest(&id), seconds(2000), millis(time)).await.answered();
            assert_eq!(first, time == 60_000);
        }
        assert!(!first_use(&handles.one, kind, &id, seconds(1999)).await);
    }
}
