//! What a client says of itself, judged: the same for registrations and for metadata documents.
//!
//! `null` is as good as absent (RFC 7592 section 2.2 says so of updates; serialisers write it everywhere). Members that
//! nobody here knows are ignored (RFC 7591 section 2).

use mcp_transport::auth::{ScopeSet, ScopeToken};
use serde_json::{Map, Value};

use super::error::{MemberFault, MetadataError, RedirectUrisFault};
use super::grants::Grants;
use super::keys::Keys;
use super::policy::{Contradiction, MetadataPolicy, RegisteredScope};
use super::quirks::{Quirk, Signs};
use super::{method, redirects, text};
use crate::types::{ApplicationType, ClientAuthMethod, ClientMetadata, RedirectUri};

/// How long a name is at most, in characters; what is longer is cut.
const LONGEST_NAME: usize = 100;
/// How long other texts are at most, in bytes.
const LONGEST_TEXT: usize = 256;
/// How long a list of scopes is at most, in bytes.
const LONGEST_SCOPE: usize = 4096;
/// How many contacts are kept.
const MOST_CONTACTS: usize = 8;

/// Where the metadata comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    /// A registration request.
    Registration,
    /// The document at this URL.
    Document(&'a str),
}

impl Source<'_> {
    pub(super) const fn is_document(self) -> bool {
        matches!(self, Self::Document(_))
    }
}

/// Judges all members.
pub(super) fn judge(
    members: &Map<String, Value>,
    policy: &MetadataPolicy,
    source: Source<'_>,
) -> Result<ClientMetadata, MetadataError> {
    let redirect_uris = redirects::read(members, policy.most_redirect_uris, policy.private_use_schemes)?;
    let mut grants = Grants::read(members, &policy.grant_types)?;
    if grants.needs_redirect() && redirect_uris.is_empty() {
        return Err(MetadataError::RedirectUris(RedirectUrisFault::Missing));
    }
    let client_name = string(members, "client_name")?.and_then(|name| text::clean(name, LONGEST_NAME));
    let id = match source {
        Source::Registration => None,
        Source::Document(url) => Some(url),
    };
    let signs = Signs { id, name: client_name.as_deref(), redirect_uris: &redirect_uris };
    let has = |quirk| policy.quirks.has(quirk, &signs);
    let contradiction = if has(Quirk::Native) { Contradiction::Coerce } else { policy.contradiction };
    let application_type = application_type(members, &redirect_uris, contradiction)?;
    let keys = Keys::read(members)?;
    let mut auth_method = method::choose(members, policy, source, &keys, application_type)?;
    if has(Quirk::Public) && policy.allows(ClientAuthMethod::None) {
        auth_method = ClientAuthMethod::None;
    } else if has(Quirk::Confidential) && auth_method == ClientAuthMethod::None && !source.is_document() {
        let secret = [ClientAuthMethod::ClientSecretPost, ClientAuthMethod::ClientSecretBasic];
        auth_method = secret.into_iter().find(|method| policy.allows(*method)).unwrap_or(auth_method);
    }
    if auth_method == ClientAuthMethod::None {
        grants = grants.of_public()?;
    }
    let mut metadata = ClientMetadata::new(auth_method, redirect_uris);
    metadata.grant_types = grants.grant_types;
    metadata.response_types = grants.response_types;
    metadata.client_name = client_name;
    metadata.client_uri = link(members, "client_uri");
    metadata.logo_uri = link(members, "logo_uri");
    metadata.tos_uri = link(members, "tos_uri");
    metadata.policy_uri = link(members, "policy_uri");
    metadata.contacts = contacts(members)?;
    metadata.scope = scope(members, policy)?;
    metadata.jwks_uri = keys.jwks_uri;
    metadata.jwks = keys.jwks;
    metadata.software_id = exact(members, "software_id", LONGEST_TEXT)?;
    metadata.software_version = exact(members, "software_version", LONGEST_TEXT)?;
    metadata.application_type = application_type;
    Ok(metadata)
}

/// OpenID Connect Registration section 2: `web` is the default, and its redirect URIs are `https`. The redirect URIs are
/// believed rather than the member, and a type that nobody knows is taken for an absent one.
fn application_type(
    members: &Map<String, Value>,
    redirect_uris: &[RedirectUri],
    contradiction: Contradiction,
) -> Result<ApplicationType, MetadataError> {
    let said = exact(members, "application_type", LONGEST_TEXT)?;
    match (said.as_deref(), redirects::any_native(redirect_uris), contradiction) {
        (Some("web"), true, Contradiction::Refuse) => Err(MetadataError::RedirectUris(RedirectUrisFault::Web)),
        (Some("native"), _, _) | (_, true, _) => Ok(ApplicationType::Native),
        (_, false, _) => Ok(ApplicationType::Web),
    }
}

fn scope(members: &Map<String, Value>, policy: &MetadataPolicy) -> Result<Option<ScopeSet>, MetadataError> {
    let fault = |fault| MetadataError::member("scope", fault);
    let Some(text) = string(members, "scope")? else { return Ok(None) };
    if text.len() > LONGEST_SCOPE {
        return Err(fault(MemberFault::Length));
    }
    let asked: Vec<ScopeToken> = text
        .split(' ')
        .filter(|token| !token.is_empty())
        .map(|token| ScopeToken::parse(token).map_err(|_| fault(MemberFault::Malformed)))
        .collect::<Result<_, _>>()?;
    if asked.is_empty() || policy.registered_scope == RegisteredScope::Open {
        return Ok(None);
    }
    let offered = |token: &ScopeToken| policy.scopes.as_ref().is_none_or(|scopes| scopes.contains(token.as_str()));
    let kept: ScopeSet = asked.into_iter().filter(offered).collect();
    // An empty set would be a client that may ask for nothing, and an absent one a client that may ask for anything.
    if kept.is_empty() { Err(fault(MemberFault::Unsupported)) } else { Ok(Some(kept)) }
}

fn contacts(members: &Map<String, Value>) -> Result<Vec<String>, MetadataError> {
    let list = strings(members, "contacts", MOST_CONTACTS, LONGEST_TEXT)?.unwrap_or_default();
    Ok(list.iter().filter_map(|contact| text::clean(contact, LONGEST_TEXT)).collect())
}

/// A URL for people. One that no page may link to is left out: it is no reason to turn the client away.
fn link(members: &Map<String, Value>, member: &'static str) -> Option<String> {
    members.get(member)?.as_str().filter(|text| text::is_link(text)).map(str::to_owned)
}

/// A text.
fn string<'a>(members: &'a Map<String, Value>, member: &'static str) -> Result<Option<&'a str>, MetadataError> {
    match members.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(MetadataError::member(member, MemberFault::Type)),
    }
}

/// A text that means something only as a whole; an empty one is absent.
pub(super) fn exact(
    members: &Map<String, Value>,
    member: &'static str,
    longest: usize,
) -> Result<Option<String>, MetadataError> {
    match string(members, member)? {
        Some(text) if text.len() > longest => Err(MetadataError::member(member, MemberFault::Length)),
        Some(text) => Ok(text::clean(text, longest)),
        None => Ok(None),
    }
}

/// A list of texts.
pub(super) fn strings(
    members: &Map<String, Value>,
    member: &'static str,
    most: usize,
    longest: usize,
) -> Result<Option<Vec<String>>, MetadataError> {
    let fault = |fault| Err(MetadataError::member(member, fault));
    let list = match members.get(member) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => list,
        Some(_) => return fault(MemberFault::Type),
    };
    if list.len() > most {
        return fault(MemberFault::Count);
    }
    let mut texts = Vec::with_capacity(list.len());
    for item in list {
        match item {
            Value::String(text) if text.len() <= longest => texts.push(text.clone()),
            Value::String(_) => return fault(MemberFault::Length),
            _ => return fault(MemberFault::Type),
        }
    }
    Ok(Some(texts))
}
