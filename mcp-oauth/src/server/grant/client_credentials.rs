//! The client credentials grant (RFC 6749 section 4.4): a client that acts for itself.

use async_trait::async_trait;
use mcp_transport::auth::{ClientId, Subject};

use super::{GrantContext, GrantHandler, TokenPlan};
use crate::server::audit::EventKind;
use crate::server::error::{ErrorCode, OAuthError};
use crate::types::{ClientAuthMethod, ClientSource, Digest};

/// Gives a client a token of its own.
pub(crate) struct ClientCredentialsGrant;

#[async_trait]
impl GrantHandler for ClientCredentialsGrant {
    fn grant_type(&self) -> &'static str {
        "client_credentials"
    }

    async fn plan(&self, cx: &GrantContext<'_>) -> Result<TokenPlan, OAuthError> {
        let client = cx.client();
        // RFC 6749 section 4.4: "The client credentials grant type MUST only be used by confidential clients."
        if client.metadata.token_endpoint_auth_method == ClientAuthMethod::None {
            let text = "a public client has no credentials to ask with";
            return Err(OAuthError::new(ErrorCode::UnauthorizedClient, text));
        }
        // A client that registered itself has been vouched for by nobody: it gets at things in a user's name or not at all.
        if client.source != ClientSource::Preregistered {
            let text = "only clients that the operator has added may act for themselves";
            return Err(OAuthError::new(ErrorCode::UnauthorizedClient, text));
        }
        let resource = cx.resource()?.clone();
        let scopes = cx.scopes()?;
        cx.record(EventKind::TokenIssued, None);
        let mut plan = TokenPlan::new(subject(&client.id)?, client.id.clone(), resource);
        plan.scopes = scopes;
        Ok(plan)
    }
}

/// RFC 9068 section 2.2: "the subject [..] corresponds to the client". Section 5 asks that no client can choose an id that is
/// a user's: no provider of identities may be called `client`, so this prefix is nobody else's.
fn subject(client: &ClientId) -> Result<Subject, OAuthError> {
    let named = Subject::parse(&format!("client:{client}"));
    // An id that is too long for a subject has a name that is made from all of it.
    let made = named.or_else(|_| {
        let digest = Digest::of("client subject", &[client.as_str().as_bytes()]);
        Subject::parse(&format!("client:{digest}"))
    });
    made.map_err(OAuthError::server_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9068_5_a_client_is_never_taken_for_a_user() {
        let subject_of = |id: &str| subject(&ClientId::parse(id).unwrap()).unwrap().as_str().to_owned();
        assert_eq!(subject_of("users:ada"), "client:users:ada");
        assert_eq!(subject_of(&"x".repeat(1017)).len(), 1024);
        let (one, other) =
            (subject_of(&format!("{}1", "x".repeat(2000))), subject_of(&format!("{}2", "x".repeat(2000))));
        assert!(one.starts_with("client:") && one.len() == 50);
        assert_ne!(one, other);
    }
}
