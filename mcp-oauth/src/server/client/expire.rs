//! Clients that registered themselves and that nobody uses any more.

use std::time::Duration;

use mcp_transport::auth::ClientId;

use crate::store::{By, ClientStore, GrantStore, Replaced, StoreError};
use crate::types::{Client, ClientSource, Timestamp};

/// How long a client is never removed after its use, whatever was asked for.
///
/// [`ClientStore::touch`] may leave a use unwritten if the noted one is less than an hour old, so what is noted may be an
/// hour behind; the second hour is for clocks that do not agree.
pub const SAFE_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// How many clients are read at a time.
const PAGE: u16 = 100;

/// Since when a client has to be unused to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "two times with names")]
pub struct UnusedSince {
    /// One that was used.
    pub used: Timestamp,
    /// One that has registered and was never seen again. Anybody can make those, as many as the limits allow.
    pub never_used: Timestamp,
}

/// What became of an [`expire`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expired {
    /// Those that were removed.
    pub removed: Vec<ClientId>,
    /// How many are old enough and have a live grant.
    pub in_use: u64,
    /// Where to go on, if `most` were looked at and there may be more.
    pub next: Option<ClientId>,
}

/// Removes registered clients that were last used before `unused_since` and have no live grant. At most about `most`
/// clients are looked at, beginning after `after`.
///
/// A client with a live grant stays, however long ago its last use was noted. Each is removed only in the version that
/// was looked at: whoever makes a grant [touches](ClientStore::touch) the client first, which makes a new version, so that
/// either the client stays or the grant is not made.
///
/// # Errors
///
/// When a store fails. Some may have been removed.
///
/// # Cancel safety
///
/// Dropping the future stops it between two clients; what is removed is removed.
pub async fn expire(
    clients: &dyn ClientStore,
    grants: &dyn GrantStore,
    unused_since: UnusedSince,
    after: Option<ClientId>,
    most: usize,
    now: Timestamp,
) -> Result<Expired, StoreError> {
    let safe = now.before(SAFE_AGE);
    let unused_since = UnusedSince { used: unused_since.used.min(safe), never_used: unused_since.never_used.min(safe) };
    let mut expired = Expired { next: after, ..Expired::default() };
    let mut looked_at = 0_usize;
    loop {
        let page = clients.page(expired.next.as_ref(), PAGE).await?;
        looked_at = looked_at.saturating_add(page.items.len().max(1));
        for item in page.items {
            if !is_unused(&item.value, unused_since) {
                continue;
            }
            if has_grant(grants, &item.value.id, now).await? {
                expired.in_use += 1;
            } else if clients.delete(&item.value.id, Some(item.version)).await? == Replaced::Done {
                expired.removed.push(item.value.id);
            }
        }
        expired.next = page.next;
        if expired.next.is_none() || looked_at >= most {
            return Ok(expired);
        }
    }
}

fn is_unused(client: &Client, since: UnusedSince) -> bool {
    // What is noted of its use may lie an hour behind its registration, and it was used all the same.
    let never_used = client.last_used.since(client.issued_at).is_zero();
    let since = if never_used { since.never_used } else { since.used };
    client.source == ClientSource::Registered && client.last_used < since && client.issued_at < since
}

async fn has_grant(grants: &dyn GrantStore, id: &ClientId, now: Timestamp) -> Result<bool, StoreError> {
    let by = By::Client(id.clone());
    let mut after = None;
    loop {
        // An empty page is not the last one, if it says where the next begins.
        let page = grants.page(Some(&by), after, 1, now).await?;
        if !page.items.is_empty() {
            return Ok(true);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Clients, Grants, client};
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const NOW: Timestamp = Timestamp::from_secs(100 * 24 * 60 * 60);

    fn old(days: u32) -> Timestamp {
        NOW.before(DAY * days)
    }

    fn ids(expired: &Expired) -> Vec<&str> {
        expired.removed.iter().map(ClientId::as_str).collect()
    }

    fn since(time: Timestamp) -> UnusedSince {
        UnusedSince { used: time, never_used: time }
    }

    #[test]
    fn a_client_that_was_never_used_goes_sooner() {
        let mut registered = client("c", NOW.before(Duration::from_secs(2 * 24 * 3600)));
        let rule = UnusedSince {
            used: NOW.before(Duration::from_secs(90 * 24 * 3600)),
            never_used: NOW.before(Duration::from_secs(24 * 3600)),
        };
        assert!(is_unused(&registered, rule));
        registered.last_used = registered.issued_at.after(Duration::from_millis(1));
        assert!(!is_unused(&registered, rule));
    }

    #[tokio::test]
    async fn attack_082_unused_clients_go_and_those_with_grants_stay() {
        let mut operators = client("operators", old(90));
        operators.source = ClientSource::Preregistered;
        let mut used = client("used", old(90));
        used.last_used = old(1);
        let clients = Clients::of([
            client("unused", old(90)),
            client("granted", old(90)),
            client("young", old(1)),
            used,
            operators,
        ]);
        let grants = Grants::of(&["granted"]);
        let expired = expire(&clients, &grants, since(old(30)), None, 1000, NOW).await.unwrap();
        assert_eq!((ids(&expired), expired.in_use, &expired.next), (vec!["unused"], 1, &None));
        assert_eq!(clients.ids(), ["granted", "operators", "used", "young"]);
        // When its grant is over it goes as well.
        let expired = expire(&clients, &Grants::of(&[]), since(old(30)), None, 1000, NOW).await.unwrap();
        assert_eq!(ids(&expired), ["granted"]);
    }

    #[tokio::test]
    async fn a_client_that_is_used_meanwhile_stays() {
        let clients = Clients::of([client("a", old(90))]);
        // Between the look at its grants and the deletion somebody begins to use it.
        let grants = Grants::of(&[]).when_asked({
            let clients = clients.clone();
            move || clients.touch_now("a", NOW)
        });
        let expired = expire(&clients, &grants, since(old(30)), None, 1000, NOW).await.unwrap();
        assert_eq!((ids(&expired), clients.ids()), (vec![], vec!["a".to_owned()]));
    }

    #[tokio::test]
    async fn never_within_two_hours_of_its_use() {
        // A use may have been left unwritten for an hour: a client whose noted use is younger is not judged.
        let clients = Clients::of([client("a", NOW.before(SAFE_AGE)), client("b", NOW.before(SAFE_AGE * 2))]);
        let expired = expire(&clients, &Grants::of(&[]), since(NOW), None, 1000, NOW).await.unwrap();
        assert_eq!(ids(&expired), ["b"]);
    }

    #[tokio::test]
    async fn in_bounded_steps() {
        let clients = Clients::of((0..250).map(|number| client(&format!("c{number:03}"), old(90))));
        let grants = Grants::of(&["c150"]);
        let (mut next, mut rounds, mut removed) = (None, 0, 0);
        loop {
            let expired = expire(&clients, &grants, since(old(30)), next, 1, NOW).await.unwrap();
            assert!(expired.removed.len() <= usize::from(PAGE));
            (rounds, removed) = (rounds + 1, removed + expired.removed.len());
            next = expired.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!((removed, clients.ids()), (249, vec!["c150".to_owned()]));
        assert!(rounds >= 3);
    }

    #[tokio::test]
    async fn a_store_that_fails_removes_nothing() {
        let clients = Clients::of([client("a", old(90))]);
        let grants = Grants::of(&[]);
        grants.break_down();
        assert!(expire(&clients, &grants, since(old(30)), None, 1000, NOW).await.is_err());
        assert_eq!(clients.ids(), ["a"]);
    }
}
