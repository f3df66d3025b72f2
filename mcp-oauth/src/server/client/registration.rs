//! A registration request (RFC 7591 section 3.1).

use serde_json::{Map, Value};

use super::error::{MemberFault, MetadataError};
use super::metadata::{self, Source};
use super::policy::{MetadataPolicy, StatementError};
use crate::jose::object;
use crate::types::ClientMetadata;

/// How long a software statement is at most.
const LONGEST_STATEMENT: usize = 16 * 1024;

/// What of a registration request is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registration {
    /// What the client is, after all that was replaced and left out. The answer has to say so.
    pub metadata: ClientMetadata,
    /// The software statement that vouched for some of it. RFC 7591 section 3.2.1: it is told back unmodified.
    pub software_statement: Option<String>,
}

/// Judges the body of a registration request. Its size is for the caller to bound.
///
/// What the client may not have is replaced or left out where a client can live with that, and refused where not:
///
/// | member | replaced or left out | refused |
/// |---|---|---|
/// | `redirect_uris` | those that are of no use here | none that is of use; a dangerous one; too many |
/// | `application_type` | `web` with native redirect URIs | (the same, if the policy says so) |
/// | `grant_types`, `response_types` | what is not offered | nothing left; a contradiction |
/// | `token_endpoint_auth_method` | absent: `none` for native clients | not offered, and no choice that is |
/// | `jwks`, `jwks_uri` | members that are not needed | both; anything private; no `https` |
/// | `scope` | scopes that the server does not have | malformed; nothing left, where it is a ceiling |
/// | `client_name`, `contacts` | what a page must not show | wrong type |
/// | `client_uri`, `logo_uri`, `tos_uri`, `policy_uri` | what is no `https` URL | |
/// | `software_statement` | | one that nobody here approves |
/// | others | all | |
///
/// # Errors
///
/// Says what the client is told.
pub fn register(body: &[u8], policy: &MetadataPolicy) -> Result<Registration, MetadataError> {
    judge(object(body.to_vec()).ok_or(MetadataError::Json)?, policy)
}

/// Judges the members of a request.
pub(super) fn judge(mut members: Map<String, Value>, policy: &MetadataPolicy) -> Result<Registration, MetadataError> {
    let software_statement = match members.remove("software_statement") {
        None | Some(Value::Null) => None,
        Some(Value::String(statement)) => {
            // RFC 7591 2.3: what the statement says takes precedence over what stands beside it.
            members.extend(vouched(&statement, policy)?);
            Some(statement)
        }
        Some(_) => return Err(MetadataError::member("software_statement", MemberFault::Type)),
    };
    let metadata = metadata::judge(&members, policy, Source::Registration)?;
    Ok(Registration { metadata, software_statement })
}

fn vouched(statement: &str, policy: &MetadataPolicy) -> Result<Map<String, Value>, MetadataError> {
    // RFC 7591 2.3: "MUST be digitally signed or MACed": a JWT in three parts, of which none is empty.
    let base64url = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let parts = statement.split('.').count();
    if statement.len() > LONGEST_STATEMENT || parts != 3 || !statement.split('.').all(base64url) {
        return Err(MetadataError::InvalidStatement);
    }
    let Some(judge) = &policy.statements else {
        return Err(MetadataError::UnapprovedStatement);
    };
    judge.judge(statement).map_err(|error| match error {
        StatementError::Invalid => MetadataError::InvalidStatement,
        StatementError::Unapproved => MetadataError::UnapprovedStatement,
    })
}

#[cfg(test)]
mod tests;
