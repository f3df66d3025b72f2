use mcp_oauth::types::{
    Client, ClientAuthMethod, ClientMetadata, ClientSnapshot, ClientSource, Digest, EndReason, Grant, GrantId, Identity,
};
use mcp_transport::auth::{ClientId, ResourceId, Subject};
use serde_json::{Value, json};

use super::*;
use crate::admin::request::{ClientSpec, Whose};
use crate::stores::StoreUrl;

fn desk() -> Desk {
    Desk::alone(Keys::None, StoreUrl::Memory.open(None).unwrap(), Duration::from_secs(90 * 24 * 3600))
}

fn spec(id: &str, method: &str) -> ClientSpec {
    ClientSpec {
        id: Some(id.to_owned()),
        redirect_uris: vec!["http://127.0.0.1:7/callback".to_owned()],
        auth_method: method.to_owned(),
        ..ClientSpec::default()
    }
}

fn add(client: ClientSpec) -> Request {
    Request::AddClient(Box::new(client))
}

async fn one(desk: &Desk, request: Request) -> Value {
    let mut reply = desk.answer(request).await.unwrap();
    assert_eq!((reply.items.len(), &reply.next), (1, &None));
    reply.items.remove(0)
}

async fn refused(desk: &Desk, client: ClientSpec) -> String {
    let error = desk.answer(add(client)).await.unwrap_err();
    assert_eq!(error.code(), 2, "{error}");
    error.to_string()
}

/// A grant of a client, of a user of this name.
async fn granted(desk: &Desk, client: &str, user: &str) -> GrantId {
    let id = ClientId::parse(client).unwrap();
    let client = desk.stores.clients.get(&id).await.unwrap().unwrap().value;
    granted_to(desk, &client, user).await
}

async fn granted_to(desk: &Desk, client: &Client, user: &str) -> GrantId {
    let now = desk.now();
    let view: Grant = serde_json::from_value(json!({
        "id": GrantId::random().unwrap(),
        "client": ClientSnapshot::of(client),
        "identity": Identity::new("users", Subject::parse(user).unwrap()),
        "resource": ResourceId::parse("https://mcp.example").unwrap(),
        "scopes": "mcp",
        "refreshable": true,
        "salt": Digest::sha256(b"salt"),
        "refresh_key": "k",
        "authenticated_at": now,
        "created_at": now,
        "expires_at": now.after(Duration::from_secs(3600)),
    }))
    .unwrap();
    let id = view.id;
    desk.stores.grants.create(view, None, Duration::from_secs(3600)).await.unwrap();
    id
}

#[tokio::test]
async fn a_client_shows_its_secret_once() {
    let desk = desk();
    let added = one(&desk, add(spec("c", "client_secret_post"))).await;
    let secret = added["client_secret"].as_str().unwrap();
    assert_eq!(
        (&added["client_id"], &added["token_endpoint_auth_method"], &added["source"]),
        (&json!("c"), &json!("client_secret_post"), &json!("preregistered"))
    );
    let shown = one(&desk, Request::ShowClient { id: "c".to_owned() }).await;
    assert_eq!((shown["client_id"].as_str(), shown.get("client_secret")), (Some("c"), None));
    let kept = desk.stores.clients.get(&ClientId::parse("c").unwrap()).await.unwrap().unwrap().value;
    assert!(kept.secret.is_some() && !serde_json::to_string(&kept).unwrap().contains(secret));
    let again = desk.answer(add(spec("c", "none"))).await.unwrap_err();
    assert!(again.code() == 1 && again.to_string().starts_with("there is a client of this id already"), "{again}");
}

#[tokio::test]
async fn a_client_without_an_id_gets_one_and_a_resource_server_needs_no_redirect() {
    let desk = desk();
    let mut public = spec("", "none");
    public.id = None;
    let added = one(&desk, add(public)).await;
    assert!(added["client_id"].as_str().unwrap().starts_with("client_") && added.get("client_secret").is_none());
    let server = ClientSpec {
        id: Some("rs".to_owned()),
        auth_method: "client_secret_basic".to_owned(),
        grant_types: vec!["client_credentials".to_owned()],
        serves: vec!["https://mcp.example/mcp".to_owned()],
        ..ClientSpec::default()
    };
    let added = one(&desk, add(server)).await;
    assert_eq!(added["serves"], json!(["https://mcp.example/mcp"]));
    assert_eq!(added["grant_types"], json!(["client_credentials"]));
}

// Whoever registers by itself may not have a scheme that is known to be somebody else's; the operator knows their client.
#[tokio::test]
async fn the_scheme_that_the_operator_gives_is_meant() {
    let mut client = spec("launcher", "none");
    client.redirect_uris = vec!["steam://mcp/callback".to_owned()];
    assert_eq!(one(&desk(), add(client)).await["redirect_uris"], json!(["steam://mcp/callback"]));
}

#[tokio::test]
async fn what_cannot_be_a_client_is_refused_with_the_flag() {
    let desk = desk();
    let with = |change: fn(&mut ClientSpec)| {
        let mut client = spec("c", "none");
        change(&mut client);
        client
    };
    for (client, part) in [
        (with(|client| client.redirect_uris = vec!["http://evil.example/".to_owned()]), "--redirect-uri http://evil"),
        (with(|client| client.redirect_uris = vec!["javascript:alert(1)".to_owned()]), "--redirect-uri javascript:"),
        (with(|client| client.redirect_uris.clear()), "redirect"),
        (with(|client| client.auth_method = "client_secret_jwt".to_owned()), "--auth-method client_secret_jwt"),
        (with(|client| client.auth_method = "private_key_jwt".to_owned()), "jwks"),
        (with(|client| client.grant_types = vec!["password".to_owned()]), "--grant-type password"),
        (with(|client| client.grant_types = vec!["client_credentials".to_owned()]), "--auth-method"),
        (with(|client| client.serves = vec!["mcp".to_owned()]), "--serves mcp"),
        (with(|client| client.id = Some("https://app.example/client.json".to_owned())), "metadata document"),
        (with(|client| client.id = Some("\u{7}".to_owned())), "client id"),
    ] {
        let said = refused(&desk, client).await;
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(desk.answer(Request::ListClients { after: None }).await.unwrap().items.len(), 0);
}

#[tokio::test]
async fn deleting_a_client_ends_its_grants() {
    let desk = desk();
    for id in ["a", "b"] {
        one(&desk, add(spec(id, "none"))).await;
    }
    let (first, second) = (granted(&desk, "a", "users:ada").await, granted(&desk, "b", "users:ada").await);
    let deleted = one(&desk, Request::DeleteClient { id: "a".to_owned() }).await;
    assert_eq!(deleted, json!({"client_id": "a", "grants_ended": 1}));
    // RFC 7592 section 2.3: "immediately invalidate all existing authorization grants".
    let view = async |id| desk.stores.grants.peek(id, desk.now()).await.unwrap();
    assert!(view(first).await.is_none_or(|view| view.ended == Some(EndReason::ClientDeleted)));
    assert!(view(second).await.is_some_and(|view| view.ended.is_none()));
    let again = desk.answer(Request::DeleteClient { id: "a".to_owned() }).await.unwrap_err();
    assert!(again.to_string().starts_with("there is no such registered client, and nothing was ended"), "{again}");
}

#[tokio::test]
async fn deleting_what_is_no_registered_client_ends_nothing() {
    let desk = desk();
    let document = "https://app.example/client.json";
    let metadata = ClientMetadata::new(ClientAuthMethod::None, vec!["https://app.example/cb".parse().unwrap()]);
    let known = Client::new(ClientId::parse(document).unwrap(), ClientSource::MetadataDocument, metadata, desk.now());
    let grant = granted_to(&desk, &known, "users:ada").await;
    remembered(&desk, "users:ada", document).await;
    let error = desk.answer(Request::DeleteClient { id: document.to_owned() }).await.unwrap_err();
    assert!(error.code() == 1 && error.to_string().contains("'grants revoke --client'"), "{error}");
    assert!(desk.stores.grants.peek(grant, desk.now()).await.unwrap().is_some_and(|view| view.ended.is_none()));
    assert_eq!(allowed(&desk, "users:ada").await, [document]);
    // What the error names does it.
    let whose = Whose::Client(document.to_owned());
    assert_eq!(one(&desk, Request::EndGrants { whose }).await, json!({"grants_ended": 1}));
    assert_eq!(allowed(&desk, "users:ada").await.len(), 0);
}

#[tokio::test]
async fn grants_are_listed_and_ended() {
    let desk = desk();
    one(&desk, add(spec("a", "none"))).await;
    let first = granted(&desk, "a", "users:ada").await;
    for user in ["users:ada", "users:bob", "users:bob"] {
        granted(&desk, "a", user).await;
    }
    let list =
        async |whose: Option<Whose>| desk.answer(Request::ListGrants { whose, after: None }).await.unwrap().items;
    assert_eq!(list(None).await.len(), 4);
    let bobs = Whose::Subject("users:bob".to_owned());
    let listed = list(Some(bobs.clone())).await;
    assert_eq!((listed.len(), &listed[0]["client_id"], &listed[0]["scope"]), (2, &json!("a"), &json!("mcp")));
    assert!(listed[0].get("salt").is_none(), "{}", listed[0]);
    assert_eq!(one(&desk, Request::EndGrant { id: first.to_string() }).await, json!({"grants_ended": 1}));
    assert!(desk.answer(Request::EndGrant { id: first.to_string() }).await.is_err());
    assert_eq!(one(&desk, Request::EndGrants { whose: bobs }).await, json!({"grants_ended": 2}));
    assert_eq!(list(None).await.len(), 1);
    assert!(desk.metrics().text().contains("mcp_auth_grants_ended_total{reason=\"withdrawn\"} 3"));
}

/// What a user has allowed a client, remembered.
async fn remembered(desk: &Desk, user: &str, client: &str) {
    let record = json!({
        "subject": user, "client_id": client, "redirect_uri": "https://app.example/cb",
        "resource": "https://mcp.example/mcp", "scopes": "mcp", "given_at": desk.now(),
        "expires_at": desk.now().after(Duration::from_secs(3600)),
    });
    desk.stores.consents.remember(serde_json::from_value(record).unwrap()).await.unwrap();
}

/// The clients that a user has allowed something.
async fn allowed(desk: &Desk, user: &str) -> Vec<String> {
    let listed = desk.answer(Request::ListConsents { subject: user.to_owned() }).await.unwrap().items;
    let mut clients: Vec<String> = listed.iter().map(|item| item["client_id"].as_str().unwrap().to_owned()).collect();
    clients.sort_unstable();
    clients
}

#[tokio::test]
async fn what_was_allowed_goes_with_what_is_ended() {
    let desk = desk();
    for id in ["a", "b"] {
        one(&desk, add(spec(id, "none"))).await;
    }
    let first = granted(&desk, "a", "users:ada").await;
    for (user, client) in [("users:ada", "a"), ("users:ada", "b"), ("users:bob", "a"), ("users:bob", "b")] {
        granted(&desk, client, user).await;
        remembered(&desk, user, client).await;
    }
    one(&desk, Request::EndGrant { id: first.to_string() }).await;
    assert_eq!((allowed(&desk, "users:ada").await, allowed(&desk, "users:bob").await.len()), (vec!["b".to_owned()], 2));
    one(&desk, Request::EndGrants { whose: Whose::Subject("users:ada".to_owned()) }).await;
    assert_eq!((allowed(&desk, "users:ada").await.len(), allowed(&desk, "users:bob").await.len()), (0, 2));
    one(&desk, Request::DeleteClient { id: "b".to_owned() }).await;
    assert_eq!(allowed(&desk, "users:bob").await, ["a"]);
    // Who gets the id of a client that is gone gets nothing that it was allowed.
    one(&desk, add(spec("b", "none"))).await;
    assert_eq!(allowed(&desk, "users:bob").await, ["a"]);
}

#[tokio::test]
async fn a_client_that_nobody_uses_takes_along_what_it_was_allowed() {
    let desk = desk();
    let metadata = ClientMetadata::new(ClientAuthMethod::None, vec!["https://app.example/cb".parse().unwrap()]);
    let long_ago = desk.now().before(Duration::from_secs(100 * 24 * 3600));
    let client = Client::new(ClientId::parse("old").unwrap(), ClientSource::Registered, metadata, long_ago);
    desk.stores.clients.insert(client, None).await.unwrap();
    one(&desk, add(spec("a", "none"))).await;
    for client in ["a", "old"] {
        remembered(&desk, "users:ada", client).await;
    }
    assert_eq!(one(&desk, Request::Purge).await["clients_removed"], 1);
    assert_eq!(allowed(&desk, "users:ada").await, ["a"]);
}

#[tokio::test]
async fn consents_are_listed_and_forgotten() {
    let desk = desk();
    for (user, client) in [("users:ada", "a"), ("users:ada", "b"), ("users:bob", "a"), ("users:bob", "b")] {
        remembered(&desk, user, client).await;
    }
    let listed = desk.answer(Request::ListConsents { subject: "users:ada".to_owned() }).await.unwrap().items;
    assert_eq!((&listed[0]["scope"], &listed[0]["redirect_uri"]), (&json!("mcp"), &json!("https://app.example/cb")));
    let forget = async |subject: Option<&str>, client: Option<&str>| {
        let (subject, client) = (subject.map(str::to_owned), client.map(str::to_owned));
        one(&desk, Request::ForgetConsents { subject, client }).await["consents_forgotten"].as_u64().unwrap()
    };
    assert_eq!(forget(Some("users:ada"), Some("b")).await, 1);
    assert_eq!((allowed(&desk, "users:ada").await, allowed(&desk, "users:bob").await.len()), (vec!["a".to_owned()], 2));
    assert_eq!(forget(None, Some("a")).await, 2);
    assert_eq!(forget(Some("users:bob"), None).await, 1);
    assert_eq!(forget(Some("users:bob"), None).await, 0);
    assert!(desk.metrics().text().contains("mcp_auth_events_total{event=\"consent_withdrawn\"} 3"));
    let nothing = Request::ForgetConsents { subject: None, client: None };
    assert_eq!(desk.answer(nothing).await.unwrap_err().code(), 2);
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let desk = desk();
    for number in 0..120 {
        one(&desk, add(spec(&format!("c{number}"), "none"))).await;
    }
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = desk.answer(Request::ListClients { after }).await.unwrap();
        assert!(page.items.len() <= 50);
        ids.extend(page.items.iter().map(|client| client["client_id"].as_str().unwrap().to_owned()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 120);
    let stats = one(&desk, Request::Stats).await;
    assert_eq!((&stats["clients_added"], &stats["serving"]), (&json!(120), &json!(false)));
}

#[tokio::test]
async fn without_keys_and_without_a_file_there_is_nothing_to_rotate_or_copy() {
    let desk = desk();
    assert_eq!(desk.answer(Request::ListKeys).await.unwrap().items, Vec::<Value>::new());
    assert!(matches!(desk.answer(Request::RotateKeys).await, Err(AdminError::NoKeys)));
    assert!(matches!(desk.answer(Request::Backup { to: "/nonexistent".into() }).await, Err(AdminError::NoFile)));
    assert_eq!(one(&desk, Request::Purge).await, json!({"records_swept": 0, "clients_removed": 0}));
}
