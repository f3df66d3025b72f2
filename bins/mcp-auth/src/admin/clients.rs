//! Registered clients.

use mcp_oauth::server::client::{
    ClientResponse, MetadataPolicy, PrivateUseSchemes, RegisteredScope, is_document_url, register,
};
use mcp_oauth::types::token::CLIENT_SECRET;
use mcp_oauth::types::{Client, ClientAuthMethod, ClientMetadata, ClientSource, RedirectUri, Secret, random};
use mcp_transport::auth::{ClientId, ResourceId};
use serde_json::{Map, Value, json};

use super::AdminError;
use super::desk::Desk;
use super::request::{ClientSpec, Reply};

/// How many are told at a time.
const PAGE: u16 = 50;
/// The grants that a client may be given.
const GRANTS: [&str; 4] =
    ["authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"];

impl Desk {
    pub(super) async fn add_client(&self, spec: &ClientSpec) -> Result<Reply, AdminError> {
        let id = match &spec.id {
            Some(id) => client_id(id)?,
            None => made_id()?,
        };
        if is_document_url(id.as_str()) {
            let text = "an id that is a URL names a metadata document: such a client is known without being added";
            return Err(AdminError::Usage(text.to_owned()));
        }
        let now = self.now();
        let metadata = metadata(spec)?;
        let has_secret = metadata.token_endpoint_auth_method.has_secret();
        let mut client = Client::new(id, ClientSource::Preregistered, metadata, now);
        let secret = if has_secret { Some(Secret::random(CLIENT_SECRET)?) } else { None };
        client.secret = secret.as_ref().map(Secret::digest);
        for resource in &spec.serves {
            let parsed = ResourceId::parse(resource);
            client.serves.push(parsed.map_err(|error| AdminError::Usage(format!("--serves {resource}: {error}")))?);
        }
        if !self.administration.add_client(client.clone()).await? {
            return Err(AdminError::Taken);
        }
        Ok(Reply::one(document(&client, secret.as_ref())))
    }

    pub(super) async fn list_clients(&self, after: Option<&str>) -> Result<Reply, AdminError> {
        let after = after.map(client_id).transpose()?;
        let page = self.stores.clients.page(after.as_ref(), PAGE).await?;
        let items = page.items.iter().map(|kept| document(&kept.value, None)).collect();
        Ok(Reply { items, next: page.next.map(|id| id.to_string()) })
    }

    pub(super) async fn show_client(&self, id: &str) -> Result<Reply, AdminError> {
        let kept = self.stores.clients.get(&client_id(id)?).await?.ok_or(AdminError::Absent("client", "clients"))?;
        Ok(Reply::one(document(&kept.value, None)))
    }

    pub(super) async fn delete_client(&self, id: &str) -> Result<Reply, AdminError> {
        let id = client_id(id)?;
        let ended = self.administration.delete_client(&id).await?.ok_or(AdminError::NoClientToDelete)?;
        Ok(Reply::one(json!({"client_id": id, "grants_ended": ended})))
    }
}

pub(super) fn client_id(text: &str) -> Result<ClientId, AdminError> {
    ClientId::parse(text).map_err(|error| AdminError::Usage(format!("the client id {text:?}: {error}")))
}

fn made_id() -> Result<ClientId, AdminError> {
    use base64::Engine as _;
    let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random::<16>()?);
    client_id(&format!("client_{id}"))
}

/// Judges the client as a registration is judged; what would be left out there is refused here, where somebody can mend it.
fn metadata(spec: &ClientSpec) -> Result<ClientMetadata, AdminError> {
    let usage = AdminError::Usage;
    for uri in &spec.redirect_uris {
        RedirectUri::parse(uri).map_err(|error| usage(format!("--redirect-uri {uri}: {error}")))?;
    }
    let method: ClientAuthMethod =
        spec.auth_method.parse().map_err(|error| usage(format!("--auth-method {}: {error}", spec.auth_method)))?;
    if let Some(unknown) = spec.grant_types.iter().find(|grant| !GRANTS.contains(&grant.as_str())) {
        return Err(usage(format!("--grant-type {unknown}: there are {}", GRANTS.join(", "))));
    }
    if spec.grant_types.iter().any(|grant| grant == "client_credentials") && method == ClientAuthMethod::None {
        // RFC 6749 section 4.4.
        return Err(usage("client_credentials is for clients with credentials: give --auth-method".to_owned()));
    }
    let mut members = Map::new();
    members.insert("redirect_uris".to_owned(), json!(spec.redirect_uris));
    members.insert("token_endpoint_auth_method".to_owned(), json!(spec.auth_method));
    // RFC 7591 section 2 leaves refresh tokens out by default; nobody who adds a client by hand means that.
    let usual = ["authorization_code", "refresh_token"];
    let grants = if spec.grant_types.is_empty() { json!(usual) } else { json!(spec.grant_types) };
    members.insert("grant_types".to_owned(), grants);
    let texts = [("client_name", &spec.name), ("scope", &spec.scope), ("jwks_uri", &spec.jwks_uri)];
    members.extend(texts.into_iter().filter_map(|(member, text)| Some((member.to_owned(), json!(text.as_ref()?)))));
    if let Some(jwks) = &spec.jwks {
        members.insert("jwks".to_owned(), jwks.clone());
    }
    let mut policy = MetadataPolicy::default();
    policy.grant_types = GRANTS.map(str::to_owned).to_vec();
    // What an operator says about scopes is meant.
    policy.registered_scope = RegisteredScope::Ceiling;
    // And so is the scheme of a client that they know.
    policy.private_use_schemes = PrivateUseSchemes::Any;
    policy.quirks = mcp_oauth::server::client::Quirks::NONE;
    let body = Value::Object(members).to_string();
    let metadata = register(body.as_bytes(), &policy).map_err(|error| usage(error.to_string()))?.metadata;
    if metadata.redirect_uris.len() != spec.redirect_uris.len() {
        return Err(usage("--redirect-uri: one is there twice, or of no use with these grants".to_owned()));
    }
    if let Some(lost) = spec.grant_types.iter().find(|grant| !metadata.may_use(grant)) {
        return Err(usage(format!("--grant-type {lost} does not go with the other options")));
    }
    Ok(metadata)
}

/// A client as it is printed.
fn document(client: &Client, secret: Option<&Secret>) -> Value {
    let mut document = ClientResponse { secret, ..ClientResponse::new(client) }.document();
    document.insert("source".to_owned(), json!(client.source));
    document.insert("last_used".to_owned(), client.last_used.as_secs().into());
    if !client.serves.is_empty() {
        document.insert("serves".to_owned(), json!(client.serves));
    }
    Value::Object(document)
}
