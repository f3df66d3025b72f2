//! A grant of an embedder's own: whoever shows a badge gets a token.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mcp_oauth::server::grant::{GrantContext, GrantHandler, TokenPlan};
use mcp_oauth::server::{AuthorizationServerBuilder, OAuthError};
use mcp_oauth::store::ReplayKind;
use mcp_oauth::types::{Client, ClientAuthMethod, Digest, Identity, Secret};
use mcp_transport::auth::{ClientId, ResourceId, Subject};
use serde_json::json;

use crate::support::{Bed, Reply, confidential};

pub(super) const BADGE: &str = "urn:example:params:oauth:grant-type:badge";

/// The client that shows badges, and its secret.
pub(super) const GATE: (&str, &str) = ("gate", "the-secret-of-the-gate");

/// What a handler does beside its duty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Manner {
    /// Nothing.
    #[default]
    Honest,
    /// It speaks for the server, in its plan.
    SpeaksForTheServer,
    /// It plans a token for another client.
    OtherClient,
    /// It plans a token for a resource that is not served.
    OtherResource,
    /// It has no badge at hand that it could compare.
    Down,
    /// It says what no answer may hold.
    Quotes,
}

/// Badges are good once. The one of `ada` is `ada-1`, `ada-2` and so on.
#[derive(Debug, Default)]
pub(super) struct Badges {
    pub(super) manner: Mutex<Manner>,
    pub(super) strangers: bool,
}

impl Badges {
    pub(super) fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }
}

#[async_trait]
impl GrantHandler for Badges {
    fn grant_type(&self) -> &str {
        BADGE
    }

    fn is_for_strangers(&self) -> bool {
        self.strangers
    }

    async fn plan(&self, cx: &GrantContext<'_>) -> Result<TokenPlan, OAuthError> {
        let badge = cx.required("badge")?;
        let manner = *self.manner.lock().unwrap();
        match manner {
            Manner::Down => return Err(OAuthError::unavailable("the reader of badges is down")),
            Manner::Quotes => return Err(OAuthError::invalid_request("badges are \"blue\",\r\n not gr\u{fc}n\\")),
            _ => {}
        }
        let Some((name, number)) = badge.split_once('-') else { return Err(OAuthError::invalid_grant()) };
        let subject = Subject::parse(&format!("people:{name}")).map_err(|_| OAuthError::invalid_grant())?;
        let (resource, scopes) = (cx.resource()?, cx.scopes()?);
        let id = Digest::of("badge", &[badge.as_bytes()]);
        let until = cx.now().after(Duration::from_secs(24 * 3600));
        if !cx.stores().replays.first_use(ReplayKind::IdentityAssertion, &id, until, cx.now()).await? {
            return Err(OAuthError::invalid_grant());
        }
        let mut plan = cx.for_user(Identity::new("people", subject), resource, &scopes).await?;
        plan.claims.insert("badge".to_owned(), json!(number));
        match manner {
            Manner::OtherClient => plan.client = ClientId::parse("somebody-else").unwrap(),
            Manner::OtherResource => plan.resource = ResourceId::parse("https://elsewhere.example/mcp").unwrap(),
            Manner::SpeaksForTheServer => {
                for name in ["iss", "sub", "aud", "client_id", "scope", "jti", "gid", "gen", "cnf", "auth_time"] {
                    plan.claims.insert(name.to_owned(), json!("forged"));
                }
                for name in ["iat", "exp", "nbf"] {
                    plan.claims.insert(name.to_owned(), json!(9_999_999_999_u64));
                }
            }
            _ => {}
        }
        Ok(plan)
    }
}

/// With this handler.
pub(super) fn taking(badges: &Arc<Badges>) -> impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder {
    let badges = Arc::clone(badges);
    move |builder| builder.grant(badges)
}

/// A client of the operator's for these grants.
pub(super) fn gate(grants: &[&str]) -> Client {
    let mut client = confidential(GATE, ClientAuthMethod::ClientSecretPost, grants);
    client.secret = Some(Secret::new(GATE.1.to_owned()).digest());
    client
}

/// Shows a badge; these are further parameters.
pub(super) async fn show(bed: &Bed, badge: &str, more: &[(&str, &str)]) -> Reply {
    let mut form = vec![("grant_type", BADGE), ("client_id", GATE.0), ("client_secret", GATE.1), ("badge", badge)];
    form.extend(more);
    bed.post("/token", &form).await
}
