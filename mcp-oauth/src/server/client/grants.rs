//! The members `grant_types` and `response_types` (RFC 7591 sections 2 and 2.1).
//!
//! Clients list what they can do, also what this server does not offer, and clients compare the answer with the metadata
//! of the server. So unknown ones are left out, what is offered is registered, and a contradiction is refused.

use serde_json::{Map, Value};

use super::error::{MemberFault, MetadataError};
use super::metadata::strings;

const CODE: &str = "authorization_code";
const REFRESH: &str = "refresh_token";
const CLIENT_CREDENTIALS: &str = "client_credentials";

/// How many entries either list may have, and how long each may be.
const MOST: usize = 32;
const LONGEST: usize = 256;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grants {
    pub(super) grant_types: Vec<String>,
    pub(super) response_types: Vec<String>,
}

impl Grants {
    pub(super) fn read(members: &Map<String, Value>, offered: &[String]) -> Result<Self, MetadataError> {
        let list = |member| -> Result<Option<Vec<String>>, MetadataError> {
            let list = strings(members, member, MOST, LONGEST)?;
            // What some serialisers make of an absent one.
            Ok(list.filter(|list| !list.is_empty()))
        };
        // RFC 7591 2: by default "the client will use only the authorization_code Grant Type".
        let asked = list("grant_types")?.unwrap_or_else(|| vec![CODE.to_owned()]);
        let responses = list("response_types")?;
        let code = asked.iter().any(|grant| grant == CODE);
        if let Some(responses) = responses
            && responses.iter().any(|response| response == "code") != code
        {
            return Err(MetadataError::member("response_types", MemberFault::Inconsistent));
        }
        let mut grant_types: Vec<String> = Vec::new();
        for grant in asked {
            if offered.contains(&grant) && !grant_types.contains(&grant) {
                grant_types.push(grant);
            }
        }
        Self { grant_types, response_types: Vec::new() }.finished()
    }

    /// Without what a client that authenticates itself by nothing may not do.
    ///
    /// RFC 6749 section 4.4: "The client credentials grant type MUST only be used by confidential clients."
    pub(super) fn of_public(mut self) -> Result<Self, MetadataError> {
        self.grant_types.retain(|grant| grant != CLIENT_CREDENTIALS);
        self.finished()
    }

    fn finished(mut self) -> Result<Self, MetadataError> {
        // A refresh token needs a grant that it comes from.
        if self.grant_types.iter().all(|grant| grant == REFRESH) {
            return Err(MetadataError::member("grant_types", MemberFault::Unsupported));
        }
        self.response_types = if self.needs_redirect() { vec!["code".to_owned()] } else { Vec::new() };
        Ok(self)
    }

    /// Whether a browser is sent back to the client.
    pub(super) fn needs_redirect(&self) -> bool {
        self.grant_types.iter().any(|grant| grant == CODE)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Grants, MetadataError> {
        let offered = ["authorization_code", "refresh_token", "client_credentials"].map(str::to_owned);
        Grants::read(value.as_object().unwrap(), &offered)
    }

    #[test]
    fn what_is_not_offered_is_left_out() {
        for (value, grants, responses) in [
            (json!({}), &["authorization_code"][..], &["code"][..]),
            (json!({"grant_types": null, "response_types": []}), &["authorization_code"], &["code"]),
            (
                json!({"grant_types": ["authorization_code", "refresh_token", "authorization_code",
                    "urn:ietf:params:oauth:grant-type:device_code", "password", "implicit"],
                    "response_types": ["code", "code id_token", "token"]}),
                &["authorization_code", "refresh_token"],
                &["code"],
            ),
            (json!({"grant_types": ["client_credentials"]}), &["client_credentials"], &[]),
            (json!({"grant_types": ["client_credentials"], "response_types": []}), &["client_credentials"], &[]),
        ] {
            let read = read(&value).unwrap();
            assert_eq!(read.grant_types, grants, "{value}");
            assert_eq!(read.response_types, responses, "{value}");
        }
    }

    #[test]
    fn attack_080_contradictions_are_refused() {
        for (value, member, fault) in [
            (json!({"response_types": ["token"]}), "response_types", MemberFault::Inconsistent),
            (
                json!({"grant_types": ["authorization_code"], "response_types": ["token"]}),
                "response_types",
                MemberFault::Inconsistent,
            ),
            (
                json!({"grant_types": ["client_credentials"], "response_types": ["code"]}),
                "response_types",
                MemberFault::Inconsistent,
            ),
            (
                json!({"grant_types": ["implicit"], "response_types": ["token"]}),
                "grant_types",
                MemberFault::Unsupported,
            ),
            (json!({"grant_types": ["refresh_token"]}), "grant_types", MemberFault::Unsupported),
            (json!({"grant_types": "authorization_code"}), "grant_types", MemberFault::Type),
            (json!({"grant_types": [1]}), "grant_types", MemberFault::Type),
            (json!({"grant_types": vec!["x"; 33]}), "grant_types", MemberFault::Count),
            (json!({"response_types": ["x".repeat(257)]}), "response_types", MemberFault::Length),
        ] {
            assert_eq!(read(&value), Err(MetadataError::member(member, fault)), "{value}");
        }
    }

    #[test]
    fn rfc6749_4_4_public_clients_have_no_client_credentials() {
        let both = read(&json!({"grant_types": ["authorization_code", "client_credentials"]})).unwrap();
        assert_eq!(both.of_public().unwrap().grant_types, ["authorization_code"]);
        assert!(read(&json!({"grant_types": ["client_credentials"]})).unwrap().of_public().is_err());
    }
}
