//! An authorization request, judged (RFC 6749 section 4.1.1, RFC 7636, RFC 8707).

use std::net::IpAddr;

use mcp_transport::auth::{JwkThumbprint, ResourceId, ScopeSet};

use super::redirect::Redirect;
use crate::server::client_auth::named_client;
use crate::server::engine::Engine;
use crate::server::error::{ErrorCode, OAuthError};
use crate::server::form::{Form, FormError, Repeated};
use crate::types::{Client, Digest, RedirectUri};

/// The longest `state`.
const LONGEST_STATE: usize = 4096;

/// What a client asks for, every part of it judged.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) client: Client,
    pub(crate) redirect: Redirect,
    pub(crate) challenge: Digest,
    pub(crate) dpop_jkt: Option<JwkThumbprint>,
    pub(crate) resource: ResourceId,
    pub(crate) scopes: ScopeSet,
    pub(crate) again: Again,
}

/// What a client wants the user to be asked again, whatever is known already (`prompt`, OpenID Connect Core section 3.1.2.1).
/// `none` is not among it: pages are shown all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Again {
    /// Nothing.
    #[default]
    Nothing,
    /// Consent.
    Consent,
    /// Who they are, and consent.
    SignIn,
}

/// Why a request is refused, and who may be told.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The user alone: who asked, or where to answer, is not certain.
    Local(OAuthError),
    /// The client.
    Client(Box<Redirect>, OAuthError),
}

impl Asked {
    /// Judges a request. First of all who asks and where the answer goes; until both hold, nothing is sent anywhere.
    pub(crate) async fn judge(engine: &Engine, form: &Form, address: Option<IpAddr>) -> Result<Self, Refused> {
        let repeated = form.check();
        if repeated == Err(FormError::Repeated(Repeated::Target)) {
            return Err(Refused::Local(OAuthError::invalid_request(
                "client_id or redirect_uri is there more than once",
            )));
        }
        let client = client(engine, form, address).await.map_err(Refused::Local)?;
        let uri = redirect_uri(&client, form).map_err(Refused::Local)?;
        let state = form.get("state").filter(|state| state.len() <= LONGEST_STATE);
        let redirect = Redirect::vouched(uri, state.map(str::to_owned), engine.config.issuer.clone())
            .implied(form.get("redirect_uri").is_none());
        let rest = match repeated {
            Ok(()) => Rest::judge(engine, form, &client),
            Err(error) => Err(OAuthError::invalid_request(error.to_string())),
        };
        match rest {
            Ok(Rest { challenge, dpop_jkt, resource, scopes, again }) => {
                Ok(Self { client, redirect, challenge, dpop_jkt, resource, scopes, again })
            }
            Err(error) => Err(Refused::Client(Box::new(redirect), error)),
        }
    }

    /// What of the request the user sees, as a digest: a consent that was given to another one is none to this.
    pub(crate) fn shown(&self) -> Digest {
        let scopes = self.scopes.to_string();
        let name = self.client.metadata.client_name.as_deref().unwrap_or_default();
        let parts = [
            self.client.id.as_str(),
            name,
            self.redirect.uri().as_str(),
            self.resource.as_str(),
            &scopes,
            &self.challenge.to_string(),
        ];
        Digest::of("consent form", &parts.map(str::as_bytes))
    }
}

async fn client(engine: &Engine, form: &Form, address: Option<IpAddr>) -> Result<Client, OAuthError> {
    let unknown =
        || OAuthError::new(ErrorCode::InvalidClient, "the client that sent you here is not known to this server");
    let id = form.get("client_id").ok_or_else(|| OAuthError::invalid_request("the parameter client_id is missing"))?;
    let id = named_client(id).ok_or_else(unknown)?;
    engine.resolve(&id, address, engine.now()).await?.ok_or_else(unknown)
}

/// RFC 9700 section 2.1: compared with what is registered, exactly.
fn redirect_uri(client: &Client, form: &Form) -> Result<RedirectUri, OAuthError> {
    let refused = || OAuthError::new(ErrorCode::InvalidRequest, "the client has not registered this redirect_uri");
    match (form.get("redirect_uri"), client.metadata.redirect_uris.as_slice()) {
        (Some(asked), _) => {
            let asked = RedirectUri::parse(asked).map_err(|_| refused())?;
            if client.metadata.admits(&asked) { Ok(asked) } else { Err(refused()) }
        }
        // RFC 6749 section 3.1.2.3: it may be left out where one is registered.
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(OAuthError::invalid_request("the parameter redirect_uri is missing")),
    }
}

/// Everything that the client can be told about.
struct Rest {
    challenge: Digest,
    dpop_jkt: Option<JwkThumbprint>,
    resource: ResourceId,
    scopes: ScopeSet,
    again: Again,
}

impl Rest {
    fn judge(engine: &Engine, form: &Form, client: &Client) -> Result<Self, OAuthError> {
        if form.get("state").is_some_and(|state| state.len() > LONGEST_STATE) {
            return Err(OAuthError::invalid_request("the state has more than 4096 bytes"));
        }
        if form.get("request").is_some() {
            let text = "request objects are not supported";
            return Err(OAuthError::new(ErrorCode::RequestNotSupported, text));
        }
        if form.get("request_uri").is_some() {
            let text = "request_uri is not supported";
            return Err(OAuthError::new(ErrorCode::RequestUriNotSupported, text));
        }
        match form.get("response_type") {
            Some("code") => {}
            Some(_) => {
                let text = "the only response_type is code";
                return Err(OAuthError::new(ErrorCode::UnsupportedResponseType, text));
            }
            None => return Err(OAuthError::invalid_request("the parameter response_type is missing")),
        }
        if form.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(OAuthError::invalid_request("the only response_mode is query"));
        }
        if !client.metadata.may_use("authorization_code") {
            let text = "the client is not registered for authorization codes";
            return Err(OAuthError::new(ErrorCode::UnauthorizedClient, text));
        }
        Ok(Self {
            challenge: challenge(form)?,
            dpop_jkt: dpop_jkt(form)?,
            resource: engine.resource(form)?.clone(),
            scopes: engine.scopes(form.get("scope"), client)?,
            again: again(form),
        })
    }
}

/// OAuth 2.1 section 4.1.1: a challenge from every client; MCP asks for S256.
fn challenge(form: &Form) -> Result<Digest, OAuthError> {
    let text = form.get("code_challenge");
    let text = text.ok_or_else(|| OAuthError::invalid_request("the parameter code_challenge is missing (PKCE)"))?;
    // RFC 7636 section 4.3: a method that is left out means plain, which is not served.
    if form.get("code_challenge_method") != Some("S256") {
        return Err(OAuthError::invalid_request("the only code_challenge_method is S256"));
    }
    text.parse().map_err(|_| OAuthError::invalid_request("a code_challenge has 43 base64url characters"))
}

/// RFC 9449 section 10: the key that the code is bound to.
fn dpop_jkt(form: &Form) -> Result<Option<JwkThumbprint>, OAuthError> {
    let key = form.get("dpop_jkt").map(JwkThumbprint::parse).transpose();
    key.map_err(|_| OAuthError::invalid_request("a dpop_jkt has 43 base64url characters"))
}

fn again(form: &Form) -> Again {
    let asked = |wanted: &str| form.get("prompt").is_some_and(|prompt| prompt.split(' ').any(|word| word == wanted));
    if asked("login") || asked("select_account") {
        Again::SignIn
    } else if asked("consent") {
        Again::Consent
    } else {
        Again::Nothing
    }
}
