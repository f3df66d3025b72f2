//! Records for the suite.

use std::time::Duration;

use mcp_transport::auth::{ClientId, ResourceId, ScopeSet, Subject};
use serde_json::{Map, Value, json};

use crate::store::{ConsentRecord, DeviceRecord, Rotation};
use crate::types::{
    ApplicationType, Client, ClientAuthMethod, ClientMetadata, ClientSnapshot, ClientSource, CodeRecord, Digest, Grant,
    GrantId, Identity, RedirectUri, Timestamp,
};

/// When the suite begins.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_700_000_000);
/// How long a grant lives without a refresh.
pub(crate) const IDLE: Duration = Duration::from_secs(3600);
/// The usual rules of rotation.
pub(crate) const ROTATION: Rotation =
    Rotation { grace: Duration::from_secs(120), most_replays: 32, idle: IDLE, rotate: true };

/// This many milliseconds after the beginning.
pub(crate) fn millis(after: u64) -> Timestamp {
    START.after(Duration::from_millis(after))
}

/// This many seconds after the beginning.
pub(crate) fn seconds(after: u64) -> Timestamp {
    START.after(Duration::from_secs(after))
}

/// A digest of this text.
pub(crate) fn digest(text: &str) -> Digest {
    Digest::of("sample", &[text.as_bytes()])
}

pub(crate) fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).expect("a client id")
}

pub(crate) fn subject(text: &str) -> Subject {
    Subject::parse(text).expect("a subject")
}

pub(crate) fn grant_id() -> GrantId {
    GrantId::random().expect("the system gives random bytes")
}

fn redirect(text: &str) -> RedirectUri {
    text.parse().expect("a redirect URI")
}

fn scopes(text: &str) -> ScopeSet {
    text.parse().expect("scopes")
}

fn resource() -> ResourceId {
    ResourceId::parse("https://h.example/mcp").expect("a resource")
}

/// What JSON can hold and careless encodings lose.
fn odd_json() -> Value {
    json!({
        "": null, "empty": {}, "none": [], "big": u64::MAX, "small": i64::MIN, "half": 0.5, "one": 1.0,
        "text": "a\u{0}b\n\"\\\u{1F600} é", "nested": [[], [{}], [null, true]], "ключ": "значение",
    })
}

/// A plain client that was registered at the beginning.
pub(crate) fn client(id: &str) -> Client {
    let metadata = ClientMetadata::new(ClientAuthMethod::None, vec![redirect("http://localhost/cb")]);
    Client::new(client_id(id), ClientSource::Registered, metadata, START)
}

/// The same with one registrant, who is told by their token.
pub(crate) fn registered_by(id: &str, token: &str) -> Client {
    Client { management: vec![digest(token)], ..client(id) }
}

/// A client that says everything that a client can.
pub(crate) fn full_client(id: &str) -> Client {
    let text = |what: &str| Some(format!("{what} \u{1F600} \"quoted\" \\ {{x}} \u{0}"));
    let mut full = client(id);
    full.source = ClientSource::MetadataDocument;
    full.metadata = ClientMetadata {
        redirect_uris: vec![redirect("https://app.example/cb?x=%7B"), redirect("vscode://publisher.name/cb")],
        token_endpoint_auth_method: ClientAuthMethod::PrivateKeyJwt,
        grant_types: vec!["refresh_token".to_owned(), "urn:x:y".to_owned()],
        response_types: Vec::new(),
        client_name: text("name"),
        client_uri: text("uri"),
        logo_uri: text("logo"),
        tos_uri: text("terms"),
        policy_uri: text("policy"),
        contacts: vec![String::new(), "ada@example.com".to_owned()],
        scope: Some(ScopeSet::EMPTY),
        jwks_uri: text("keys"),
        jwks: Some(odd_json()),
        software_id: text("software"),
        software_version: text("version"),
        application_type: ApplicationType::Native,
    };
    full.secret = Some(digest("secret"));
    full.management = vec![digest("one"), digest("two")];
    full.widely_shared = true;
    full.issued_at = millis(1);
    full.last_used = millis(2);
    full
}

/// What a grant keeps of a client with this id.
pub(crate) fn snapshot(id: &str) -> ClientSnapshot {
    ClientSnapshot::of(&client(id))
}

/// A grant that was made at the beginning and lives ten hours at most.
pub(crate) fn grant(owner: &str, client: &str) -> Grant {
    Grant {
        id: grant_id(),
        client: snapshot(client),
        identity: Identity::new("users", subject(owner)),
        resource: resource(),
        scopes: scopes("files:read"),
        claims: Map::new(),
        refreshable: true,
        salt: digest("salt"),
        refresh_key: "key".to_owned(),
        authenticated_at: START,
        created_at: START,
        expires_at: seconds(36_000),
    }
}

/// A grant that says everything that a grant can.
pub(crate) fn full_grant() -> Grant {
    let mut full = grant("адa lovelace@example.com", "https://app.example/client.json?a=b");
    full.client.name = Some("name {x} \u{0}".to_owned());
    full.client.source = ClientSource::Preregistered;
    full.client.auth_method = ClientAuthMethod::ClientSecretBasic;
    full.identity.username = Some("ada".to_owned());
    full.identity.name = Some("Ada \"L\"".to_owned());
    full.identity.email = Some("ada@example.com".to_owned());
    full.identity.groups = vec![String::new(), "org/team:a".to_owned()];
    full.scopes = scopes("a b:c d/e");
    if let Value::Object(claims) = odd_json() {
        full.claims = claims;
    }
    full.refreshable = false;
    full.refresh_key = "k\u{e9}y".to_owned();
    full.authenticated_at = Timestamp::from_millis(1);
    full.created_at = millis(7);
    full.expires_at = Timestamp::NEVER;
    full
}

/// A code that is over after a minute.
pub(crate) fn code(text: &str) -> CodeRecord {
    CodeRecord::new(digest(text), seconds(60), redirect("http://localhost:3000/cb"), digest("challenge"))
}

/// A device that polls each five seconds and waits ten minutes.
pub(crate) fn device(device_code: &str, user_code: &str, client: &str) -> DeviceRecord {
    DeviceRecord::new(
        (digest(device_code), digest(user_code)),
        snapshot(client),
        resource(),
        scopes("files:read"),
        seconds(600),
        Duration::from_secs(5),
    )
}

/// A consent that is remembered for an hour.
pub(crate) fn consent(owner: &str, client: &str) -> ConsentRecord {
    ConsentRecord {
        subject: subject(owner),
        client_id: client.to_owned(),
        client_name: None,
        redirect_uri: "http://localhost/cb".to_owned(),
        resource: resource().as_str().to_owned(),
        scopes: scopes("files:read"),
        given_at: START,
        expires_at: seconds(3600),
    }
}

/// Names that run together, or into the grammar of some store, if they are put into its keys as they are. The longest has
/// `longest` bytes.
pub(crate) fn strange_names(longest: usize) -> Vec<String> {
    let mut names: Vec<String> = [
        "a",
        "a:",
        "a:b",
        ":a",
        "a b",
        "a  b",
        " ",
        " a",
        "a ",
        "A",
        "{a}",
        "{a",
        "a}",
        "{}",
        "a*",
        "*",
        "a?",
        "[a]",
        "a%00",
        "a\\n",
        "a\\",
        "\"a\"",
        "'a'",
        "a;DROP",
        "a,b",
        "a|b",
        "a/b",
        "../a",
        "a=b",
        "#a",
        "~",
        "0",
        "00",
        "-1",
        "null",
        "https://app.example/client.json",
        "https://app.example/client.json#",
    ]
    .map(str::to_owned)
    .into();
    // Two long ones, different in the last character alone.
    names.extend(["x", "y"].map(|end| format!("{}{end}", "l".repeat(longest - 1))));
    names
}
