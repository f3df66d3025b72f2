//! The device authorization grant (RFC 8628 section 3.4).

use async_trait::async_trait;

use super::{GrantContext, GrantHandler, TokenPlan};
use crate::server::audit::EventKind;
use crate::server::error::{ErrorCode, OAuthError};
use crate::store::Poll;
use crate::types::{Digest, Secret};

/// Answers devices that poll.
pub(crate) struct DeviceCodeGrant;

#[async_trait]
impl GrantHandler for DeviceCodeGrant {
    fn grant_type(&self) -> &'static str {
        super::DEVICE_CODE
    }

    fn is_for_strangers(&self) -> bool {
        true
    }

    async fn plan(&self, cx: &GrantContext<'_>) -> Result<TokenPlan, OAuthError> {
        let code = Secret::new(cx.required("device_code")?.to_owned()).digest();
        let error = |code, text: &'static str| Err(OAuthError::new(code, text));
        let approved = match cx.stores().devices.poll(&code, &cx.client().id, cx.now()).await? {
            Poll::Approved(grant) => Some(grant),
            Poll::Denied => None,
            Poll::Pending => return error(ErrorCode::AuthorizationPending, "the user has not decided yet"),
            Poll::SlowDown => return error(ErrorCode::SlowDown, "wait five seconds longer between two requests"),
            Poll::Expired => return error(ErrorCode::ExpiredToken, "the device code is over; begin anew"),
            Poll::OtherClient | Poll::Absent => return Err(OAuthError::invalid_grant()),
        };
        // As with authorization codes: all else is judged first, and the code is used up last.
        let Some(grant) = approved else {
            used_up(cx, code).await?;
            return error(ErrorCode::AccessDenied, "the user has refused");
        };
        let view = cx.stores().grants.peek(grant, cx.now()).await?.ok_or_else(OAuthError::invalid_grant)?;
        if !view.is_live(cx.now()) || view.grant.client.id != cx.client().id {
            return Err(OAuthError::invalid_grant());
        }
        let key = cx.refresh_key(&view.grant).await?;
        used_up(cx, code).await?;
        cx.record(EventKind::TokenIssued, Some(&view.grant));
        Ok(TokenPlan::of(view.grant, view.generation, key.as_deref()))
    }
}

/// Uses the device code up. Whoever is not the first is refused.
async fn used_up(cx: &GrantContext<'_>, code: Digest) -> Result<(), OAuthError> {
    let attempt = cx.engine.attempts.begin(code)?;
    let first = cx.stores().devices.redeem(&code, &cx.client().id, attempt.name(), cx.now()).await?;
    attempt.settle();
    if first { Ok(()) } else { Err(OAuthError::invalid_grant()) }
}
