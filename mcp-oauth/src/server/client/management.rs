//! Reading, changing and deleting a registration (RFC 7592).

use thiserror::Error;

use super::error::{MemberFault, MetadataError};
use super::policy::MetadataPolicy;
use super::registration::{self, Registration};
use crate::jose::object;
use crate::types::token::REGISTRATION_TOKEN;
use crate::types::{Client, ClientSource, Digest, Secret};

/// What a client must not send of its own accord (RFC 7592 section 2.2).
const NOT_SENT: [&str; 4] =
    ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"];

/// A client whose registration access token has been presented: who has this may manage it.
///
/// Not `Clone`, and made by [`Managed::authorize`] alone.
#[derive(Debug)]
pub(crate) struct Managed<'a> {
    client: &'a Client,
    /// Which of the registrants it is.
    token: Digest,
}

/// Why an update does not take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum ReplaceError {
    /// 400: the new metadata is refused.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// 403: more than one has registered this very client, and one may not change it for the others.
    #[error("this client is shared by all who have registered the same metadata; register anew to change it")]
    Shared,
}

/// What becomes of the secret of a client that is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretChange {
    /// It stays as it is, or there is none and none is needed.
    Keep,
    /// The client has a method with a secret now: one is made and told.
    Issue,
    /// The client has no method with a secret any more.
    Remove,
}

/// What a registration is replaced with. The store forgets its fingerprint
/// ([`ClientStore::replace`](crate::store::ClientStore::replace)), which was that of the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replacement {
    /// All that is registered from now on.
    pub(crate) registration: Registration,
    /// What becomes of the secret.
    pub(crate) secret: SecretChange,
}

impl<'a> Managed<'a> {
    /// Judges the bearer token of a management request. `client` is the one that the URL names, if there is one.
    ///
    /// RFC 7592 section 2 lets no request tell an unknown client from a wrong token: both are `None`, after the same
    /// comparison. Only clients that have registered themselves are managed in this way.
    #[must_use]
    pub(crate) fn authorize(client: Option<&'a Client>, presented: &Secret) -> Option<Self> {
        let token = presented.digest();
        let nobody = [Digest::from_bytes([0; 32])];
        let known = client.filter(|client| client.source == ClientSource::Registered);
        let digests = known.map_or(&nobody[..], |client| &client.management);
        // All of them are compared, so that the time does not tell which it was.
        let matches = digests.iter().fold(false, |found, digest| found | digest.matches(&token));
        let own_kind = presented.expose().starts_with(REGISTRATION_TOKEN);
        known.filter(|_| matches && own_kind).map(|client| Self { client, token })
    }

    /// The client.
    #[must_use]
    pub(crate) const fn client(&self) -> &'a Client {
        self.client
    }

    /// Judges the body of an update (PUT). It is a whole registration: what it leaves out is gone, or gets its default.
    ///
    /// # Errors
    ///
    /// When the client is shared, or the new metadata is refused.
    pub(crate) fn replace(&self, body: &[u8], policy: &MetadataPolicy) -> Result<Replacement, ReplaceError> {
        let members = object(body.to_vec()).ok_or(MetadataError::Json)?;
        if self.client.is_shared() {
            return Err(ReplaceError::Shared);
        }
        let refused = |member, fault| Err(MetadataError::member(member, fault).into());
        // RFC 7592 2.2: the request "MUST NOT include" these.
        if let Some(member) = NOT_SENT.iter().find(|member| members.contains_key(**member)) {
            return refused(member, MemberFault::NotAllowed);
        }
        // RFC 7592 2.2: "The client MUST include its client_id field in the request, and it MUST be the same as its
        // currently issued client identifier."
        if members.get("client_id").and_then(|id| id.as_str()) != Some(self.client.id.as_str()) {
            return refused("client_id", MemberFault::Mismatch);
        }
        // RFC 7592 2.2: a secret may be left out; one that is sent "MUST match the currently issued client secret", and
        // a client "MUST NOT be allowed to overwrite" it.
        if let Some(value) = members.get("client_secret").filter(|value| !value.is_null()) {
            let sent = value.as_str().map(|text| Secret::new(text.to_owned()).digest());
            let same = sent.zip(self.client.secret).is_some_and(|(sent, issued)| issued.matches(&sent));
            if !same {
                return refused("client_secret", MemberFault::Mismatch);
            }
        }
        let registration = registration::judge(members, policy)?;
        let needed = registration.metadata.token_endpoint_auth_method.has_secret();
        let secret = match (needed, self.client.secret.is_some()) {
            (true, false) => SecretChange::Issue,
            (false, true) => SecretChange::Remove,
            (true, true) | (false, false) => SecretChange::Keep,
        };
        Ok(Replacement { registration, secret })
    }

    /// What is left of the client when this registrant deletes its registration; `None` if it goes altogether.
    ///
    /// One registrant of a shared client takes away its own token, not the client of the others. What is left counts as
    /// shared for ever, so that the last of them cannot change what users have trusted under the name of the others. It
    /// goes when nobody uses it.
    #[must_use]
    pub(crate) fn withdraw(&self) -> Option<Client> {
        if !self.client.is_shared() {
            return None;
        }
        let mut rest = self.client.clone();
        rest.management.retain(|digest| !digest.matches(&self.token));
        rest.widely_shared = true;
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use mcp_transport::auth::ClientId;
    use serde_json::{Value, json};

    use super::*;
    use crate::types::{ClientAuthMethod, ClientMetadata, Timestamp};

    fn token(text: &str) -> Secret {
        Secret::new(format!("{REGISTRATION_TOKEN}{text}"))
    }

    fn client() -> Client {
        let mut metadata =
            ClientMetadata::new(ClientAuthMethod::ClientSecretBasic, vec!["https://h/cb".parse().unwrap()]);
        metadata.client_name = Some("Name".to_owned());
        let id = ClientId::parse("c1").unwrap();
        let mut client = Client::new(id, ClientSource::Registered, metadata, Timestamp::from_secs(1));
        client.management.push(token("right").digest());
        client.secret = Some(Secret::new("hunter2".to_owned()).digest());
        client
    }

    fn replaced(client: &Client, body: &Value) -> Result<Replacement, ReplaceError> {
        let managed = Managed::authorize(Some(client), &token("right")).unwrap();
        managed.replace(body.to_string().as_bytes(), &MetadataPolicy::default())
    }

    #[test]
    fn attack_083_unknown_client_and_bad_token_look_alike() {
        let client = client();
        assert_eq!(Managed::authorize(Some(&client), &token("right")).unwrap().client().id.as_str(), "c1");
        for presented in
            ["", "mcpo_rat_", "mcpo_rat_wrong", "right", "mcpo_cs_right", "mcpo_ac_x.y", "eyJhbGciOiJub25lIn0"]
        {
            let presented = Secret::new(presented.to_owned());
            assert!(Managed::authorize(Some(&client), &presented).is_none());
            assert!(Managed::authorize(None, &presented).is_none());
        }
        assert!(Managed::authorize(None, &token("right")).is_none(), "the token of a client that is gone");
        // The token of another client, and a client that nobody manages, also with a token whose digest is guessed.
        let mut other = client.clone();
        other.management = vec![token("other").digest()];
        assert!(Managed::authorize(Some(&other), &token("right")).is_none());
        other.management.clear();
        assert!(Managed::authorize(Some(&other), &token("right")).is_none());
        // A token that was made for something else, though a client has its digest.
        other.management = vec![Secret::new("mcpo_at_user".to_owned()).digest()];
        assert!(Managed::authorize(Some(&other), &Secret::new("mcpo_at_user".to_owned())).is_none());
        for source in [ClientSource::Preregistered, ClientSource::MetadataDocument] {
            let foreign = Client { source, ..client.clone() };
            assert!(Managed::authorize(Some(&foreign), &token("right")).is_none(), "{source:?}");
        }
    }

    #[test]
    fn attack_084_an_update_replaces_everything() {
        // RFC 7592 2.2: "replace, not augment", and omitted members "MUST be treated as null or empty values".
        let done = replaced(&client(), &json!({"client_id": "c1", "redirect_uris": ["https://h/new"]})).unwrap();
        let metadata = &done.registration.metadata;
        assert_eq!(
            (metadata.client_name.as_deref(), &metadata.grant_types[..]),
            (None, &["authorization_code".to_owned()][..])
        );
        assert_eq!(metadata.redirect_uris[0].as_str(), "https://h/new");
        assert_eq!(done.secret, SecretChange::Keep);
        let with_secret = json!({"client_id": "c1", "client_secret": "hunter2", "redirect_uris": ["https://h/cb"]});
        assert!(replaced(&client(), &with_secret).is_ok());
    }

    #[test]
    fn attack_084_what_an_update_may_not_say() {
        for (member, value, fault) in [
            ("client_id", json!("c2"), MemberFault::Mismatch),
            ("client_id", json!(null), MemberFault::Mismatch),
            ("client_secret", json!("wrong"), MemberFault::Mismatch),
            ("client_secret", json!(1), MemberFault::Mismatch),
            ("registration_access_token", json!("mcpo_rat_right"), MemberFault::NotAllowed),
            ("registration_client_uri", json!("https://as/register/c1"), MemberFault::NotAllowed),
            ("client_secret_expires_at", json!(0), MemberFault::NotAllowed),
            ("client_id_issued_at", json!(1), MemberFault::NotAllowed),
        ] {
            let mut body = json!({"client_id": "c1", "redirect_uris": ["https://h/cb"]});
            body[member] = value;
            assert_eq!(replaced(&client(), &body), Err(MetadataError::member(member, fault).into()), "{body}");
        }
        let without = json!({"redirect_uris": ["https://h/cb"]});
        assert_eq!(
            replaced(&client(), &without),
            Err(MetadataError::member("client_id", MemberFault::Mismatch).into())
        );
        let dangerous = json!({"client_id": "c1", "redirect_uris": ["javascript:x"]});
        assert!(matches!(replaced(&client(), &dangerous), Err(ReplaceError::Metadata(MetadataError::RedirectUris(_)))));
        // A client without a secret cannot bring one.
        let mut public = client();
        public.secret = None;
        let chosen = json!({"client_id": "c1", "client_secret": "mine", "redirect_uris": ["https://h/cb"]});
        assert!(replaced(&public, &chosen).is_err());
    }

    #[test]
    fn a_changed_method_changes_the_secret() {
        let body = |method: &str| json!({"client_id": "c1", "redirect_uris": ["https://h/cb"], "token_endpoint_auth_method": method});
        assert_eq!(replaced(&client(), &body("none")).unwrap().secret, SecretChange::Remove);
        let mut public = client();
        public.secret = None;
        assert_eq!(replaced(&public, &body("client_secret_post")).unwrap().secret, SecretChange::Issue);
        assert_eq!(replaced(&public, &body("none")).unwrap().secret, SecretChange::Keep);
    }

    #[test]
    fn a_shared_client_is_not_changed_by_one() {
        let mut shared = client();
        let other = Client { management: vec![token("other").digest()], ..client() };
        shared.join(&other);
        let body = json!({"client_id": "c1", "redirect_uris": ["https://evil.test/cb"]});
        assert_eq!(replaced(&shared, &body), Err(ReplaceError::Shared));
        let rest = Managed::authorize(Some(&shared), &token("right")).unwrap().withdraw().unwrap();
        assert_eq!(rest.management, other.management);
        let last = Managed::authorize(Some(&rest), &token("other")).unwrap();
        let changed = last.replace(body.to_string().as_bytes(), &MetadataPolicy::default());
        assert_eq!(changed, Err(ReplaceError::Shared));
        assert_eq!(last.withdraw().unwrap().management, []);
        assert!(Managed::authorize(Some(&client()), &token("right")).unwrap().withdraw().is_none());
    }
}
