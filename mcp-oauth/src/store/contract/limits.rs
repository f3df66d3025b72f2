//! The rules of [`RateLimiter`](crate::store::RateLimiter).

use std::num::NonZeroU32;
use std::time::Duration;

use super::samples::{digest, millis, seconds};
use super::{Answer as _, CALLS, Handles, ROUNDS, count, race};
use crate::store::{Permit, Quota};

/// Ten at once, and one each second after that.
const QUOTA: Quota = Quota { burst: NonZeroU32::MIN.saturating_add(9), period: Duration::from_secs(10) };

/// Of 64 at once as many pass as the quota says, and are told when to come again; that over both handles together.
pub async fn exactly_the_burst_is_allowed(handles: Handles) {
    for round in 0..ROUNDS {
        let bucket = digest(&format!("b{round}"));
        let answers =
            race(&handles, |stores, _| async move { stores.limits.check(&bucket, QUOTA, 1, seconds(0)).await }).await;
        assert_eq!(count(&answers, &Permit::Allowed), 10);
        assert_eq!(count(&answers, &Permit::Denied { retry_after: Duration::from_secs(1) }), CALLS - 10);
    }
}

/// Who is denied does not wait the longer for it.
pub async fn what_is_denied_takes_nothing(handles: Handles) {
    let bucket = digest("b");
    for (time, cost, expected) in [
        (0, 11, None),
        (0, 10, Some(Permit::Allowed)),
        (0, 1, Some(Permit::Denied { retry_after: Duration::from_secs(1) })),
        (0, 3, Some(Permit::Denied { retry_after: Duration::from_secs(3) })),
        (999, 1, Some(Permit::Denied { retry_after: Duration::from_millis(1) })),
        (1000, 1, Some(Permit::Allowed)),
        (1000, 1, Some(Permit::Denied { retry_after: Duration::from_secs(1) })),
        (100_000, 11, None),
        (100_000, 10, Some(Permit::Allowed)),
    ] {
        let [one, two] = handles.both();
        let stores = if cost % 2 == 0 { one } else { two };
        let permit = stores.limits.check(&bucket, QUOTA, cost, millis(time)).await.answered();
        match expected {
            Some(expected) => assert_eq!(permit, expected, "{cost} at {time}"),
            None => assert!(matches!(permit, Permit::Denied { .. }), "more than the burst is never allowed"),
        }
    }
}

/// Who looks is told what who takes would be, and takes nothing.
pub async fn a_look_takes_nothing(handles: Handles) {
    let bucket = digest("b");
    let [one, two] = handles.both();
    for round in 0..10 {
        for stores in [one, two, one] {
            assert_eq!(stores.limits.check(&bucket, QUOTA, 0, seconds(0)).await.answered(), Permit::Allowed, "{round}");
        }
        assert_eq!(two.limits.check(&bucket, QUOTA, 1, seconds(0)).await.answered(), Permit::Allowed, "{round}");
    }
    let denied = Permit::Denied { retry_after: Duration::from_secs(1) };
    for (time, expected) in [(0, denied), (999, Permit::Denied { retry_after: Duration::from_millis(1) })] {
        assert_eq!(one.limits.check(&bucket, QUOTA, 0, millis(time)).await.answered(), expected);
    }
    assert_eq!(two.limits.check(&bucket, QUOTA, 0, seconds(1)).await.answered(), Permit::Allowed);
    assert_eq!(one.limits.check(&bucket, QUOTA, 1, seconds(1)).await.answered(), Permit::Allowed);
    assert_eq!(two.limits.check(&bucket, QUOTA, 0, seconds(1)).await.answered(), denied);
}

/// Each bucket is a bucket of its own.
pub async fn buckets_do_not_meet(handles: Handles) {
    for number in 0..100 {
        let bucket = digest(&number.to_string());
        assert_eq!(handles.one.limits.check(&bucket, QUOTA, 10, seconds(0)).await.answered(), Permit::Allowed);
        let more = handles.two.limits.check(&bucket, QUOTA, 1, seconds(0)).await.answered();
        assert!(matches!(more, Permit::Denied { .. }));
    }
}

/// What is given back over one handle can be taken over the other, once.
pub async fn what_is_given_back_can_be_taken_again(handles: Handles) {
    let (bucket, other) = (digest("b"), digest("c"));
    let [one, two] = handles.both();
    for bucket in [&bucket, &other] {
        assert_eq!(one.limits.check(bucket, QUOTA, 10, seconds(0)).await.answered(), Permit::Allowed);
    }
    two.limits.give_back(&bucket, QUOTA, 3, seconds(0)).await.answered();
    two.limits.give_back(&bucket, QUOTA, 1, millis(500)).await.answered();
    for (stores, bucket, time, cost, expected) in [
        (one, &other, 500, 1, Permit::Denied { retry_after: Duration::from_millis(500) }),
        (one, &bucket, 500, 5, Permit::Denied { retry_after: Duration::from_millis(500) }),
        (two, &bucket, 500, 4, Permit::Allowed),
        (one, &bucket, 500, 1, Permit::Denied { retry_after: Duration::from_millis(500) }),
        (two, &bucket, 1000, 1, Permit::Allowed),
    ] {
        let permit = stores.limits.check(bucket, QUOTA, cost, millis(time)).await.answered();
        assert_eq!(permit, expected, "{cost} at {time}");
    }
}

/// However much is given back, a bucket holds no more than its burst.
pub async fn a_bucket_is_never_more_than_full(handles: Handles) {
    for (name, taken) in [("untouched", 0), ("taken from", 2), ("empty", 10)] {
        let bucket = digest(name);
        let [one, two] = handles.both();
        if taken > 0 {
            assert_eq!(one.limits.check(&bucket, QUOTA, taken, seconds(0)).await.answered(), Permit::Allowed);
        }
        for stores in [one, two] {
            stores.limits.give_back(&bucket, QUOTA, 10, seconds(0)).await.answered();
            stores.limits.give_back(&bucket, QUOTA, u32::MAX, seconds(1)).await.answered();
        }
        let denied = Permit::Denied { retry_after: Duration::from_secs(1) };
        for (cost, expected) in [(11, denied), (10, Permit::Allowed), (1, denied)] {
            assert_eq!(one.limits.check(&bucket, QUOTA, cost, seconds(1)).await.answered(), expected, "{name}: {cost}");
        }
    }
}

/// Of 64 who take at once and give back what they took, each gives back its own: the bucket is full after it.
pub async fn what_many_give_back_is_all_there(handles: Handles) {
    for round in 0..ROUNDS {
        let bucket = digest(&format!("b{round}"));
        let taken =
            race(&handles, |stores, _| async move { stores.limits.check(&bucket, QUOTA, 1, seconds(0)).await }).await;
        assert_eq!(count(&taken, &Permit::Allowed), 10);
        race(&handles, move |stores, number| {
            let taken = taken.get(number) == Some(&Permit::Allowed);
            async move { if taken { stores.limits.give_back(&bucket, QUOTA, 1, seconds(0)).await } else { Ok(()) } }
        })
        .await;
        assert_eq!(handles.one.limits.check(&bucket, QUOTA, 10, seconds(0)).await.answered(), Permit::Allowed);
        let more = handles.two.limits.check(&bucket, QUOTA, 1, seconds(0)).await.answered();
        assert_eq!(more, Permit::Denied { retry_after: Duration::from_secs(1) });
    }
}
