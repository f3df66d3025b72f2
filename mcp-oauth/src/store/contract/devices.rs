//! The rules of [`DeviceStore`](crate::store::DeviceStore).

use super::samples::{client_id, device, digest, grant_id, millis, seconds};
use super::{Answer as _, CALLS, Handles, ROUNDS, count, race};
use crate::store::{Decided, Decision, DeviceCreated, DeviceRecord, Poll, Stores};
use crate::types::Timestamp;

async fn create(stores: &Stores, record: DeviceRecord, now: Timestamp) -> DeviceCreated {
    stores.devices.create(record, now).await.answered()
}

async fn waiting(stores: &Stores, user_code: &str, now: Timestamp) -> Option<DeviceRecord> {
    stores.devices.by_user_code(&digest(user_code), now).await.answered()
}

async fn decide(stores: &Stores, user_code: &str, decision: Decision, now: Timestamp) -> Decided {
    stores.devices.decide(&digest(user_code), decision, now).await.answered()
}

async fn poll(stores: &Stores, device_code: &str, client: &str, now: Timestamp) -> Poll {
    stores.devices.poll(&digest(device_code), &client_id(client), now).await.answered()
}

async fn redeem(stores: &Stores, device_code: &str, client: &str, attempt: &str, now: Timestamp) -> bool {
    let (device_code, attempt) = (digest(device_code), digest(attempt));
    stores.devices.redeem(&device_code, &client_id(client), &attempt, now).await.answered()
}

/// What was asked comes out as it went in, over both handles.
pub async fn every_field_survives(handles: Handles) {
    let mut record = device("d", "u", "a strange {client}: \"x\"");
    record.client.name = Some("TV \u{1F600}".to_owned());
    assert_eq!(create(&handles.one, record.clone(), seconds(0)).await, DeviceCreated::Done);
    for stores in handles.both() {
        assert_eq!(waiting(stores, "u", seconds(0)).await, Some(record.clone()));
        assert_eq!(waiting(stores, "d", seconds(0)).await, None, "a device code is no user code");
    }
}

/// Another one gets the same user code only when this one is over, at the very instant.
pub async fn a_user_code_is_taken_while_it_is_not_over(handles: Handles) {
    let first = device("d", "u", "tv");
    assert_eq!(create(&handles.one, first.clone(), seconds(0)).await, DeviceCreated::Done);
    let mut second = device("e", "u", "radio");
    second.expires_at = seconds(1200);
    assert_eq!(create(&handles.two, second.clone(), millis(599_999)).await, DeviceCreated::UserCodeTaken);
    assert_eq!(waiting(&handles.one, "u", millis(599_999)).await, Some(first));
    assert_eq!(poll(&handles.one, "e", "radio", millis(599_999)).await, Poll::Absent);
    assert_eq!(waiting(&handles.one, "u", millis(600_000)).await, None);
    assert_eq!(create(&handles.two, second.clone(), millis(600_000)).await, DeviceCreated::Done);
    assert_eq!(waiting(&handles.one, "u", millis(600_000)).await, Some(second));
    assert_eq!(poll(&handles.one, "d", "tv", millis(600_000)).await, Poll::Expired, "the first is still told");
    let approved = Decision::Approved(grant_id());
    assert_eq!(decide(&handles.one, "u", approved, millis(600_001)).await, Decided::Done);
    assert_eq!(poll(&handles.one, "d", "tv", millis(600_002)).await, Poll::Expired, "it was not about the first");
}

/// Of 64 that want one user code one has it.
pub async fn one_create_of_a_user_code_wins(handles: Handles) {
    for round in 0..ROUNDS {
        let answers = race(&handles, |stores, number| async move {
            let record = device(&format!("d{round}.{number}"), &format!("u{round}"), "tv");
            stores.devices.create(record, seconds(0)).await
        })
        .await;
        assert_eq!(count(&answers, &DeviceCreated::Done), 1);
        assert_eq!(count(&answers, &DeviceCreated::UserCodeTaken), CALLS - 1);
        let winner = answers.iter().position(|answer| *answer == DeviceCreated::Done).expect("one");
        let kept = waiting(&handles.two, &format!("u{round}"), seconds(0)).await.expect("it waits");
        assert_eq!(kept.device_code, digest(&format!("d{round}.{winner}")));
    }
}

/// Of 64 decisions one is noted, and that is the one that the device is told.
pub async fn one_decision_wins(handles: Handles) {
    for round in 0..ROUNDS {
        let (device_code, user_code) = (format!("d{round}"), format!("u{round}"));
        assert_eq!(create(&handles.one, device(&device_code, &user_code, "tv"), seconds(0)).await, DeviceCreated::Done);
        let grants: Vec<_> = (0..CALLS).map(|_| grant_id()).collect();
        let decision = |number: usize| match grants.get(number) {
            Some(grant) if number.is_multiple_of(2) => Decision::Approved(*grant),
            _ => Decision::Denied,
        };
        let answers = race(&handles, |stores, number| {
            let (user_code, decision) = (digest(&user_code), decision(number));
            async move { stores.devices.decide(&user_code, decision, seconds(1)).await }
        })
        .await;
        assert_eq!(count(&answers, &Decided::Done), 1);
        assert_eq!(count(&answers, &Decided::TooLate), CALLS - 1);
        assert_eq!(waiting(&handles.two, &user_code, seconds(1)).await, None, "it waits for nobody any more");
        let winner = answers.iter().position(|answer| *answer == Decided::Done).expect("one");
        let told = match decision(winner) {
            Decision::Approved(grant) => Poll::Approved(grant),
            Decision::Denied => Poll::Denied,
        };
        assert_eq!(poll(&handles.two, &device_code, "tv", seconds(1)).await, told);
    }
}

/// Of 64 attempts after the decision one tells it, however often they all ask.
pub async fn a_decision_is_told_once(handles: Handles) {
    for round in 0..ROUNDS {
        let (device_code, user_code) = (format!("d{round}"), format!("u{round}"));
        assert_eq!(create(&handles.one, device(&device_code, &user_code, "tv"), seconds(0)).await, DeviceCreated::Done);
        let (decision, told) = match round % 2 {
            0 => (Decision::Denied, Poll::Denied),
            _ => {
                let grant = grant_id();
                (Decision::Approved(grant), Poll::Approved(grant))
            }
        };
        assert_eq!(poll(&handles.one, &device_code, "tv", seconds(1)).await, Poll::Pending);
        assert_eq!(decide(&handles.two, &user_code, decision, seconds(1)).await, Decided::Done);
        assert!(!redeem(&handles.one, &device_code, "radio", "a", seconds(2)).await, "it is another client's");
        let attempt = |number: usize| format!("{round} {number}");
        let answers = race(&handles, |stores, number| {
            let (device_code, attempt, told) = (digest(&device_code), digest(&attempt(number)), told);
            async move {
                assert_eq!(stores.devices.poll(&device_code, &client_id("tv"), seconds(2)).await?, told);
                stores.devices.redeem(&device_code, &client_id("tv"), &attempt, seconds(2)).await
            }
        })
        .await;
        assert_eq!(count(&answers, &true), 1);
        for stores in handles.both() {
            for (number, first) in answers.iter().enumerate() {
                assert_eq!(redeem(stores, &device_code, "tv", &attempt(number), seconds(3)).await, *first);
            }
        }
        assert_eq!(decide(&handles.one, &user_code, decision, seconds(2)).await, Decided::TooLate);
    }
}

/// What nobody has decided cannot be used up, nor what is over; a user code is free as soon as its device has been told.
pub async fn what_is_told_frees_its_user_code(handles: Handles) {
    assert_eq!(create(&handles.one, device("d", "u", "tv"), seconds(0)).await, DeviceCreated::Done);
    assert!(!redeem(&handles.two, "d", "tv", "a", seconds(1)).await, "nobody has decided");
    assert!(!redeem(&handles.two, "other", "tv", "a", seconds(1)).await, "there is none");
    assert_eq!(decide(&handles.one, "u", Decision::Denied, seconds(1)).await, Decided::Done);
    assert!(!redeem(&handles.two, "d", "tv", "a", seconds(600)).await, "it is over");
    assert_eq!(create(&handles.one, device("e", "u", "radio"), seconds(2)).await, DeviceCreated::UserCodeTaken);
    assert!(redeem(&handles.two, "d", "tv", "a", millis(599_999)).await);
    assert_eq!(create(&handles.one, device("e", "u", "radio"), seconds(2)).await, DeviceCreated::Done);
    // The first does not get at the second by its user code, nor takes it along when it is asked again, or swept.
    assert!(redeem(&handles.two, "d", "tv", "a", seconds(600)).await);
    for maintenance in &handles.one.maintenance {
        while maintenance.sweep(millis(599_999), 10).await.answered() > 0 {}
    }
    let second = waiting(&handles.two, "u", seconds(3)).await.expect("it waits");
    assert_eq!(second.device_code, digest("e"));
    assert_eq!(poll(&handles.one, "e", "radio", seconds(3)).await, Poll::Pending);
}

/// Of 64 polls at the same time one is in time, and each of the others makes the interval longer.
pub async fn one_of_many_polls_is_in_time(handles: Handles) {
    assert_eq!(create(&handles.one, device("d", "u", "tv"), seconds(0)).await, DeviceCreated::Done);
    let answers =
        race(
            &handles,
            |stores, _| async move { stores.devices.poll(&digest("d"), &client_id("tv"), seconds(1)).await },
        )
        .await;
    assert_eq!(count(&answers, &Poll::Pending), 1);
    assert_eq!(count(&answers, &Poll::SlowDown), CALLS - 1);
    // Five seconds, and 63 times five more.
    assert_eq!(poll(&handles.two, "d", "tv", seconds(1 + 64 * 5)).await, Poll::Pending);
}

/// Whoever knows the device code of another client learns nothing and changes nothing.
pub async fn another_client_changes_nothing(handles: Handles) {
    assert_eq!(create(&handles.one, device("d", "u", "tv"), seconds(0)).await, DeviceCreated::Done);
    assert_eq!(poll(&handles.two, "d", "radio", seconds(0)).await, Poll::OtherClient);
    assert_eq!(poll(&handles.two, "d", "tv", seconds(0)).await, Poll::Pending, "it has not polled before");
    assert_eq!(poll(&handles.two, "d", "radio", seconds(4)).await, Poll::OtherClient);
    assert_eq!(poll(&handles.one, "d", "tv", seconds(5)).await, Poll::Pending, "its interval was not touched");
    let grant = grant_id();
    assert_eq!(decide(&handles.one, "u", Decision::Approved(grant), seconds(6)).await, Decided::Done);
    assert_eq!(poll(&handles.two, "d", "radio", seconds(7)).await, Poll::OtherClient);
    assert!(!redeem(&handles.two, "d", "radio", "a", seconds(7)).await);
    assert_eq!(poll(&handles.two, "d", "tv", seconds(7)).await, Poll::Approved(grant));
    assert!(redeem(&handles.two, "d", "tv", "b", seconds(7)).await);
    assert_eq!(poll(&handles.one, "d", "radio", seconds(7)).await, Poll::OtherClient);
    assert_eq!(poll(&handles.one, "other", "tv", seconds(7)).await, Poll::Absent);
}

/// RFC 8628 section 3.5: whoever comes early waits five seconds more, from then on.
pub async fn the_interval_is_kept(handles: Handles) {
    assert_eq!(create(&handles.one, device("d", "u", "tv"), seconds(0)).await, DeviceCreated::Done);
    for (time, told) in [
        (0, Poll::Pending),
        (5000, Poll::Pending),
        (9999, Poll::SlowDown),
        (19_998, Poll::SlowDown),
        (34_998, Poll::Pending),
        (49_997, Poll::SlowDown),
        (69_997, Poll::Pending),
        (599_999, Poll::Pending),
        (600_000, Poll::Expired),
    ] {
        let [one, two] = handles.both();
        let stores = if time % 2 == 0 { one } else { two };
        assert_eq!(poll(stores, "d", "tv", millis(time)).await, told, "at {time}");
    }
}

/// From the very instant on, for a minute at least, whatever has been swept. Nobody can decide it then.
pub async fn an_expired_one_is_told_for_a_minute(handles: Handles) {
    for (number, swept) in [false, true].into_iter().enumerate() {
        let (decided, open) = (format!("decided{number}"), format!("open{number}"));
        for code in [&decided, &open] {
            assert_eq!(create(&handles.one, device(code, code, "tv"), seconds(0)).await, DeviceCreated::Done);
        }
        let approved = Decision::Approved(grant_id());
        assert_eq!(decide(&handles.one, &decided, approved, millis(599_999)).await, Decided::Done);
        assert_eq!(poll(&handles.two, &open, "tv", millis(599_999)).await, Poll::Pending);
        assert_eq!(decide(&handles.two, &open, approved, millis(600_000)).await, Decided::TooLate);
        for time in [600_000, 659_999] {
            if swept {
                for maintenance in &handles.two.maintenance {
                    let _ = maintenance.sweep(millis(time), 1000).await.answered();
                }
            }
            for code in [&decided, &open] {
                assert_eq!(poll(&handles.one, code, "tv", millis(time)).await, Poll::Expired);
                assert_eq!(poll(&handles.one, code, "radio", millis(time)).await, Poll::OtherClient);
                assert_eq!(waiting(&handles.two, code, millis(time)).await, None);
            }
        }
    }
}
