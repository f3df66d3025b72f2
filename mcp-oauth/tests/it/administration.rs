//! What an administrator does is taken down, as what clients and users do is.

use std::sync::{Arc, Mutex};

use http::Method;
use mcp_oauth::server::ConfigError;
use mcp_oauth::server::audit::{AuditSink, Event, EventKind};
use mcp_oauth::store::By;
use mcp_oauth::types::{Client, ClientAuthMethod, EndReason, Secret};
use mcp_transport::auth::{ClientId, Subject};

use crate::support::{App, Bed, FORM, Keeper, RESOURCE, confidential, encode, request, send_to};

/// Keeps the events whole.
#[derive(Debug, Default)]
struct Ledger(Mutex<Vec<Event>>);

impl AuditSink for Ledger {
    fn record(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Ledger {
    /// What has happened of these kinds since: the kind, the client, the user, whether it names a grant.
    fn since(&self, kinds: &[EventKind]) -> Vec<(EventKind, Option<String>, Option<String>, bool)> {
        let events = std::mem::take(&mut *self.0.lock().unwrap());
        let told = events.into_iter().filter(|event| kinds.contains(&event.kind)).map(|event| {
            let (client, subject) = (event.client.map(|id| id.to_string()), event.subject.map(|id| id.to_string()));
            (event.kind, client, subject, event.grant.is_some())
        });
        told.collect()
    }
}

const WITHDRAWN: EventKind = EventKind::GrantEnded(EndReason::Withdrawn);

#[tokio::test]
async fn what_an_administrator_ends_is_taken_down_with_whose_it_was() {
    let ledger = Arc::new(Ledger::default());
    let bed = Bed::with(Keeper::memory(), |builder| builder.audit(Arc::clone(&ledger) as _)).await;
    let app = App::register(&bed).await;
    let desk = bed.server.administration();
    let ada = Subject::parse("people:ada").unwrap();
    let (client, user) = (Some(app.id.clone()), Some(ada.to_string()));

    let tokens = app.tokens(&bed).await;
    let id = bed.grant_of(&tokens.refresh).await.grant.id;
    assert_eq!(desk.grants(Some(&By::Subject(ada.clone())), None, 10).await.unwrap().items.len(), 1);
    ledger.since(&[]);
    assert_eq!((desk.end_grant(id).await.unwrap(), desk.end_grant(id).await.unwrap()), (true, false));
    assert_eq!(ledger.since(&[WITHDRAWN]), [(WITHDRAWN, client.clone(), user.clone(), true)]);
    assert!(!bed.is_active(&tokens.access).await);

    app.tokens(&bed).await;
    ledger.since(&[]);
    assert_eq!(desk.end_grants(&By::Subject(ada)).await.unwrap(), 1);
    let forgotten = EventKind::ConsentWithdrawn;
    let told = [(WITHDRAWN, None, user.clone(), false), (forgotten, None, user, false)];
    assert_eq!(ledger.since(&[WITHDRAWN, forgotten]), told);

    app.tokens(&bed).await;
    ledger.since(&[]);
    let app_id = ClientId::parse(&app.id).unwrap();
    let deleted = (desk.delete_client(&app_id).await.unwrap(), desk.delete_client(&app_id).await.unwrap());
    assert_eq!(deleted, (Some(1), None));
    let (gone, with_it) = (EventKind::ClientDeleted, EventKind::GrantEnded(EndReason::ClientDeleted));
    assert_eq!(ledger.since(&[gone, with_it]), [(with_it, client.clone(), None, false), (gone, client, None, false)]);
}

#[tokio::test]
async fn what_an_administrator_does_to_keys_is_taken_down() {
    let ledger = Arc::new(Ledger::default());
    let bed = Bed::with(Keeper::memory(), |builder| builder.audit(Arc::clone(&ledger) as _)).await;
    let (rotated, revoked) = (EventKind::KeysRotated, EventKind::KeyRevoked);
    bed.server.rotate_keys().await.unwrap();
    assert_eq!(ledger.since(&[rotated, revoked]), [(rotated, None, None, false)]);
    assert!(bed.server.revoke_key("no such key").await.is_err());
    let id = bed.server.keys().keys().first().unwrap().key().key_id().to_owned();
    bed.server.revoke_key(&id).await.unwrap();
    assert_eq!(ledger.since(&[rotated, revoked]), [(revoked, None, None, false)]);
}

#[tokio::test]
async fn a_client_that_is_added_is_known_and_taken_down_once() {
    let ledger = Arc::new(Ledger::default());
    let bed = Bed::with(Keeper::memory(), |builder| builder.audit(Arc::clone(&ledger) as _)).await;
    let desk = bed.server.administration();
    let batch = || confidential(("batch", "s"), ClientAuthMethod::ClientSecretPost, &["client_credentials"]);
    assert_eq!((desk.add_client(batch()).await.unwrap(), desk.add_client(batch()).await.unwrap()), (true, false));
    let added = EventKind::ClientRegistered;
    assert_eq!(ledger.since(&[added]), [(added, Some("batch".to_owned()), None, false)]);
    let form =
        [("grant_type", "client_credentials"), ("client_id", "batch"), ("client_secret", "s"), ("resource", RESOURCE)];
    assert_eq!(bed.post("/token", &form).await.status, 200);
}

#[tokio::test]
async fn a_client_that_revokes_its_grant_is_taken_down_with_its_user() {
    let ledger = Arc::new(Ledger::default());
    let bed = Bed::with(Keeper::memory(), |builder| builder.audit(Arc::clone(&ledger) as _)).await;
    let app = App::register(&bed).await;
    let tokens = app.tokens(&bed).await;
    ledger.since(&[]);
    assert_eq!(bed.post("/revoke", &[("client_id", &app.id), ("token", &tokens.refresh)]).await.status, 200);
    let revoked = EventKind::GrantEnded(EndReason::Revoked);
    let user = Some("people:ada".to_owned());
    assert_eq!(ledger.since(&[revoked]), [(revoked, Some(app.id), user, true)]);
}

#[tokio::test]
async fn a_client_that_could_never_use_what_it_may_is_refused_at_the_start() {
    let bed = Bed::new(Keeper::memory()).await;
    let secret = Secret::new("a-secret".to_owned());
    let client = |method, grant| Client::confidential(ClientId::parse("batch").unwrap(), method, &secret, [grant]);
    let post = ClientAuthMethod::ClientSecretPost;
    let built = async |client| bed.builder_again().await.client(client).build().await;
    let said = built(client(post, "client_credential")).await.unwrap_err().to_string();
    assert!(
        said.contains("batch") && said.contains("\"client_credential\"") && said.contains("refresh_token"),
        "{said}"
    );
    let mut forgotten = client(post, "client_credentials");
    forgotten.secret = None;
    for client in [forgotten, client(ClientAuthMethod::None, "authorization_code")] {
        assert!(matches!(built(client).await, Err(ConfigError::Secret(id)) if id.as_str() == "batch"));
    }
    let server = built(client(post, "client_credentials")).await.unwrap();
    let form = [("grant_type", "client_credentials"), ("client_id", "batch"), ("client_secret", "a-secret")];
    let asked = request(Method::POST, "/token", &[FORM], &encode(&form));
    assert_eq!(send_to(&server, asked).await.status, 200);
}
