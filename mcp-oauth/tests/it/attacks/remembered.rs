//! What a user has allowed before, and what it stands for: when that is taken back, the user is asked again. Checks 18, 48, 53
//! and 85.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use mcp_oauth::server::Lifetimes;
use mcp_oauth::store::ConsentsOf;
use mcp_oauth::types::EndReason;
use mcp_transport::auth::{ClientId, Subject};
use serde_json::json;

use crate::support::{App, Bed, Browser, Fault, Keeper, Mood, Moody, Tokens, Watch, on_every_store};

/// Clients whose consents are remembered about this user.
async fn remembered(bed: &Bed, user: &str) -> Vec<String> {
    let subject = Subject::parse(&format!("people:{user}")).unwrap();
    let list = bed.stores.consents.of_subject(&subject, bed.now()).await.unwrap();
    let mut clients: Vec<String> = list.into_iter().map(|record| record.client_id).collect();
    clients.sort_unstable();
    clients
}

/// A client with a grant of a user, whose newest refresh token is the second one after its first.
struct Granted {
    app: App,
    browser: Browser,
    code: String,
    first: Tokens,
    newest: Tokens,
}

impl Granted {
    async fn of(bed: &Bed, app: App, user: &str) -> Self {
        let mut browser = Browser::default();
        let code = browser.approve(&bed.server, &app.link(), user).await.redirected("code").unwrap();
        let first = Tokens::of(&app.redeem(bed, &code).await);
        let second = Tokens::of(&app.refresh(bed, &first.refresh).await);
        let newest = Tokens::of(&app.refresh(bed, &second.refresh).await);
        Self { app, browser, code, first, newest }
    }

    /// Of a client that is like no other.
    async fn of_another(bed: &Bed, name: &str) -> Self {
        let body = json!({
            "client_name": name, "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        });
        Self::of(bed, App::register_as(bed, &body).await, "ada").await
    }

    /// Whether the next request of the client is answered without a page.
    async fn is_remembered(&mut self, bed: &Bed) -> bool {
        let answer = self.browser.get(&bed.server, &self.app.link()).await;
        if answer.redirected("code").is_none() {
            answer.is_asked();
        }
        answer.status == 303
    }

    async fn has_ended(&self, bed: &Bed) -> Option<EndReason> {
        bed.grant_of(&self.newest.refresh).await.ended
    }

    /// Brings the grant to its end.
    async fn end(&self, bed: &Bed, way: Way) {
        let revoke = async |token: &str| {
            bed.post("/revoke", &[("token", token), ("client_id", &self.app.id)]).await;
        };
        match way {
            Way::RefreshToken => revoke(&self.newest.refresh).await,
            Way::AccessToken => revoke(&self.first.access).await,
            Way::Reuse => drop(self.app.refresh(bed, &self.first.refresh).await),
            Way::Replay => drop(self.app.redeem(bed, &self.code).await),
            Way::Deletion => {
                let (path, token) = (self.app.management(), self.app.management_token());
                drop(bed.manage(Method::DELETE, &path, &token, "").await);
            }
            Way::Administrator => {
                let grant = bed.grant_of(&self.newest.refresh).await.grant;
                // Whoever administers goes through the stores of the server.
                let _ = bed.server.stores().withdraw(&grant, EndReason::Withdrawn, bed.now()).await;
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    RefreshToken,
    AccessToken,
    Reuse,
    Replay,
    Deletion,
    Administrator,
}

const WAYS: [(Way, EndReason); 6] = [
    (Way::RefreshToken, EndReason::Revoked),
    (Way::AccessToken, EndReason::Revoked),
    (Way::Reuse, EndReason::RefreshReused),
    (Way::Replay, EndReason::CodeReplayed),
    (Way::Deletion, EndReason::ClientDeleted),
    (Way::Administrator, EndReason::Withdrawn),
];

on_every_store! {
    // RFC 7009 section 1 ("and the authorization grant itself"), RFC 9700 section 4.14.2, RFC 6749 section 4.1.2, RFC 7592
    // section 2.3: what ends is asked for again. Nothing else is.
    async fn attack_018_what_has_ended_is_asked_for_again(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut other = Granted::of_another(&bed, "Other").await;
        for (way, why) in WAYS {
            let mut ada = Granted::of_another(&bed, &format!("{way:?}")).await;
            let mut bob = Granted::of(&bed, ada.app.clone(), "bob").await;
            assert!(ada.is_remembered(&bed).await && bob.is_remembered(&bed).await);
            ada.end(&bed, way).await;
            assert_eq!(ada.has_ended(&bed).await, Some(why), "{way:?}");
            if way == Way::Deletion {
                assert!(!remembered(&bed, "bob").await.contains(&ada.app.id));
            } else {
                assert!(!ada.is_remembered(&bed).await, "{way:?}");
                assert!(bob.is_remembered(&bed).await, "{way:?}");
                // A client that says it again takes nothing back that was allowed since.
                let again = ada.browser.approve(&bed.server, &ada.app.link(), "ada").await;
                assert!(again.redirected("code").is_some());
                ada.end(&bed, way).await;
                assert_eq!(ada.is_remembered(&bed).await, way != Way::Administrator, "{way:?}");
            }
            assert!(other.is_remembered(&bed).await, "{way:?}");
        }
    }

    // A process may end between any two steps. A consent never stays behind for a grant that has ended.
    async fn attack_018_no_consent_survives_its_grant(keeper: Keeper) {
        let watch = Watch::over(keeper.open().await);
        let stores = watch.stores();
        let bed = Bed::with(keeper, |builder| builder.stores(stores)).await;
        for (way, why) in WAYS {
            for fault in [Fault::Before, Fault::After] {
                for number in 0.. {
                    let ada = Granted::of_another(&bed, &format!("{way:?} {fault:?} {number}")).await;
                    watch.begin(Some((number, fault)));
                    ada.end(&bed, way).await;
                    let calls = watch.calls();
                    watch.begin(None);
                    let stays = remembered(&bed, "ada").await.contains(&ada.app.id);
                    let ended = ada.has_ended(&bed).await;
                    assert!(!stays || ended.is_none(), "{way:?} {fault:?} {calls:?}: {ended:?}");
                    // And whoever says it again gets it.
                    ada.end(&bed, way).await;
                    assert_eq!(ada.has_ended(&bed).await, Some(why), "{way:?} {fault:?} {calls:?}");
                    assert!(!remembered(&bed, "ada").await.contains(&ada.app.id), "{way:?} {fault:?} {calls:?}");
                    if number >= calls.len() {
                        assert!(calls.contains(&"consents.forget_all"), "{calls:?}");
                        break;
                    }
                }
            }
        }
    }

    // The same where the access policy takes it back.
    async fn attack_053_what_the_policy_has_ended_is_asked_for_again(keeper: Keeper) {
        let policy = Arc::new(Moody::default());
        let chosen = Arc::clone(&policy);
        let bed = Bed::with(keeper, |builder| builder.policy(chosen)).await;
        let mut ada = Granted::of_another(&bed, "App").await;
        assert!(ada.is_remembered(&bed).await);
        policy.set(Mood::No);
        ada.app.refresh(&bed, &ada.newest.refresh).await.assert_refused(400, "invalid_grant");
        policy.set(Mood::All);
        assert_eq!(ada.has_ended(&bed).await, Some(EndReason::Denied));
        assert!(!ada.is_remembered(&bed).await);
    }

    // Nor is anything left of a client that is removed because nobody uses it.
    async fn attack_085_a_client_that_nobody_uses(keeper: Keeper) {
        let mut lifetimes = Lifetimes::default();
        lifetimes.refresh_token = Duration::from_secs(3600);
        let unused = 3 * lifetimes.refresh_token;
        (lifetimes.unused_client, lifetimes.unclaimed_client) = (unused, unused);
        let bed = Bed::with(keeper, |builder| builder.lifetimes(lifetimes)).await;
        let ada = Granted::of_another(&bed, "App").await;
        bed.advance(4 * 3600);
        assert_eq!(remembered(&bed, "ada").await, [ada.app.id]);
        let gone = async {
            while bed.clients().await > 0 || !remembered(&bed, "ada").await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = bed.server.maintain() => {}
            gone = tokio::time::timeout(Duration::from_secs(20), gone) => gone.expect("something stays behind"),
        }
    }

    // Taken back alone, it is asked for again, and what was allowed before goes on.
    async fn a_consent_is_taken_back(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut ada = Granted::of_another(&bed, "App").await;
        let client = ClientId::parse(&ada.app.id).unwrap();
        let of = ConsentsOf::Both(Subject::parse("people:ada").unwrap(), client);
        assert_eq!(bed.stores.consents.forget_all(&of).await.unwrap(), 1);
        assert!(!ada.is_remembered(&bed).await);
        Tokens::of(&ada.app.refresh(&bed, &ada.newest.refresh).await);
    }
}
