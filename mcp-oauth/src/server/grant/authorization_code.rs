//! The authorization code grant (RFC 6749 section 4.1.3, RFC 7636).

use async_trait::async_trait;

use super::{GrantContext, GrantHandler, TokenPlan};
use crate::server::audit::EventKind;
use crate::server::error::{ErrorCode, OAuthError};
use crate::store::{Redeem, Touched};
use crate::types::token::AuthorizationCode;
use crate::types::{ClientSource, Digest, EndReason};

/// Redeems codes.
pub(crate) struct AuthorizationCodeGrant;

#[async_trait]
impl GrantHandler for AuthorizationCodeGrant {
    fn grant_type(&self) -> &'static str {
        "authorization_code"
    }

    fn is_for_strangers(&self) -> bool {
        true
    }

    async fn plan(&self, cx: &GrantContext<'_>) -> Result<TokenPlan, OAuthError> {
        let code = AuthorizationCode::parse(cx.required("code")?).ok_or_else(OAuthError::invalid_grant)?;
        let verifier = cx.required("code_verifier")?;
        let grants = &cx.stores().grants;
        // Everything is judged against a look, and the code is consumed last: whoever presents a wrong verifier, another
        // resource or somebody else's code does not use it up.
        let view = grants.peek(code.grant(), cx.now()).await?.ok_or_else(OAuthError::invalid_grant)?;
        let record = view.code.as_ref().ok_or_else(OAuthError::invalid_grant)?;
        if !record.digest.matches(&code.digest()) {
            return Err(OAuthError::invalid_grant());
        }
        if view.grant.client.id != cx.client().id {
            cx.record(EventKind::CodeOfOtherClient, Some(&view.grant));
            return Err(OAuthError::invalid_grant());
        }
        // RFC 6749 section 4.1.3: "if the redirect_uri parameter was included in the authorization request [..] their
        // values MUST be identical". Where it was left out, the registered one was meant, and may be left out here too.
        let named =
            cx.form().get("redirect_uri").or_else(|| record.redirect_implied.then(|| record.redirect_uri.as_str()));
        if named != Some(record.redirect_uri.as_str()) {
            return Err(OAuthError::invalid_grant());
        }
        if !is_verifier(verifier) || !Digest::sha256(verifier.as_bytes()).matches(&record.challenge) {
            return Err(OAuthError::invalid_grant());
        }
        if cx.form().get("resource").is_some() && *cx.resource()? != view.grant.resource {
            let text = "the code was issued for another resource";
            return Err(OAuthError::new(ErrorCode::InvalidTarget, text));
        }
        let key = cx.refresh_key(&view.grant).await?;
        // The client is noted as used first: when that fails, the code is still good. A client that is deleted after this takes
        // the grant with it, redeemed or not.
        if view.grant.client.source != ClientSource::MetadataDocument
            && cx.stores().clients.touch(&view.grant.client.id, cx.now()).await? == Touched::Absent
            && cx.client().source == ClientSource::Registered
        {
            // It was deleted between: nothing is issued to a client that is gone.
            grants.end(view.grant.id, EndReason::ClientDeleted, cx.now()).await?;
            return Err(OAuthError::invalid_client());
        }
        // A code that was redeemed is a replay: its grant ends, and what was allowed is forgotten, before that happens.
        let foreseen = view.redeemed && view.ended.is_none();
        if foreseen {
            cx.stores().forget_consent(&view.grant).await?;
        }
        match grants.redeem_code(code.grant(), &code.digest(), cx.now()).await? {
            Redeem::Won(won) => {
                let grant = won.grant;
                cx.record(EventKind::TokenIssued, Some(&grant));
                Ok(TokenPlan::of(grant, won.generation, key.as_deref()))
            }
            Redeem::Replayed => {
                // RFC 6749 section 4.1.2: the store has ended the grant, and its tokens with it.
                cx.record(EventKind::GrantEnded(EndReason::CodeReplayed), Some(&view.grant));
                if !foreseen && view.ended.is_none() {
                    cx.stores().forget_consent(&view.grant).await?;
                }
                Err(OAuthError::invalid_grant())
            }
            Redeem::Expired | Redeem::Absent => Err(OAuthError::invalid_grant()),
        }
    }
}

/// RFC 7636 section 4.1: 43 to 128 unreserved characters.
fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7636_4_1_the_verifiers_grammar() {
        assert!(is_verifier(&"a".repeat(43)) && is_verifier(&"-._~".repeat(32)));
        for text in [String::new(), "a".repeat(42), "a".repeat(129), format!("{} ", "a".repeat(43)), "ä".repeat(30)] {
            assert!(!is_verifier(&text), "{text}");
        }
    }
}
