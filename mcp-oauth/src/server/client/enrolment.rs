//! A client is born: its id, its secret, and the token that manages it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_transport::auth::ClientId;
use zeroize::Zeroizing;

use super::fingerprint::fingerprint;
use super::management::{Replacement, SecretChange};
use crate::types::token::{CLIENT_SECRET, REGISTRATION_TOKEN};
use crate::types::{Client, ClientMetadata, ClientSource, Digest, RandomError, Secret, Timestamp, random};

/// The prefix of the id of a client that has registered itself. No id begins like a URL: those are documents
/// (draft-ietf-oauth-client-id-metadata-document section 7.1).
const CLIENT_ID: &str = "mcpo_c_";

/// A client to be inserted into the store, with what it is told once and the server forgets.
#[derive(Clone, Debug)]
pub(crate) struct Enrolled {
    /// The client.
    pub(crate) client: Client,
    /// What the store finds the very same client by. If it has [joined](crate::store::Inserted::Joined) another one, the
    /// answer has the id of that one, and this token.
    pub(crate) fingerprint: Option<Digest>,
    /// Its secret, if it authenticates by one.
    pub(crate) secret: Option<Secret>,
    /// The token that manages it.
    pub(crate) token: Secret,
}

/// Makes a client of what is [registered](super::register).
///
/// # Errors
///
/// When the system gives no random bytes.
pub(crate) fn enrol(metadata: ClientMetadata, now: Timestamp) -> Result<Enrolled, RandomError> {
    // Of the system once: each time is a call of it.
    let bytes = Zeroizing::new(random::<80>()?);
    let (of_id, of_secrets) = bytes.split_first_chunk::<16>().ok_or(RandomError)?;
    let (of_token, of_secret) = of_secrets.split_first_chunk::<32>().ok_or(RandomError)?;
    let of_secret = of_secret.first_chunk::<32>().ok_or(RandomError)?;
    let mut id = String::with_capacity(CLIENT_ID.len() + 22);
    id.push_str(CLIENT_ID);
    URL_SAFE_NO_PAD.encode_string(of_id, &mut id);
    // The prefix and base64url are letters, digits, `-` and `_`.
    let id = ClientId::parse(&id).map_err(|_| RandomError)?;
    let has_secret = metadata.token_endpoint_auth_method.has_secret();
    let secret = has_secret.then(|| Secret::of(CLIENT_SECRET, of_secret));
    let token = Secret::of(REGISTRATION_TOKEN, of_token);
    let fingerprint = fingerprint(&metadata);
    let mut client = Client::new(id, ClientSource::Registered, metadata, now);
    client.secret = secret.as_ref().map(Secret::digest);
    client.management.push(token.digest());
    Ok(Enrolled { client, fingerprint, secret, token })
}

impl Replacement {
    /// The client after the update, and its secret if it gets one.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub(crate) fn apply(&self, client: &Client) -> Result<(Client, Option<Secret>), RandomError> {
        let mut client = client.clone();
        client.metadata = self.registration.metadata.clone();
        let issued = match self.secret {
            SecretChange::Keep => return Ok((client, None)),
            SecretChange::Issue => Some(Secret::random(CLIENT_SECRET)?),
            SecretChange::Remove => None,
        };
        client.secret = issued.as_ref().map(Secret::digest);
        Ok((client, issued))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Managed, MetadataPolicy, is_document_url, register};
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(7);

    fn enrolled(method: &str) -> Enrolled {
        let body = json!({"redirect_uris": ["https://h/cb"], "token_endpoint_auth_method": method});
        let registration = register(body.to_string().as_bytes(), &MetadataPolicy::default()).unwrap();
        enrol(registration.metadata, NOW).unwrap()
    }

    #[test]
    fn a_public_client_has_no_secret_and_can_be_shared() {
        let (one, two) = (enrolled("none"), enrolled("none"));
        assert!(one.secret.is_none() && one.client.secret.is_none());
        assert!(one.fingerprint.is_some() && one.fingerprint == two.fingerprint);
        assert_ne!(one.client.id, two.client.id);
        assert!(!is_document_url(one.client.id.as_str()) && one.client.id.as_str().starts_with("mcpo_c_"));
        assert_eq!((one.client.issued_at, one.client.source), (NOW, ClientSource::Registered));
        // Who joins manages the client with the own token.
        let mut shared = one.client.clone();
        shared.join(&two.client);
        for token in [&one.token, &two.token] {
            assert!(Managed::authorize(Some(&shared), token).is_some());
        }
    }

    #[test]
    fn a_secret_is_known_by_its_digest_alone() {
        let enrolled = enrolled("client_secret_post");
        let secret = enrolled.secret.unwrap();
        assert!(secret.expose().starts_with("mcpo_cs_") && enrolled.fingerprint.is_none());
        assert_eq!(enrolled.client.secret, Some(secret.digest()));
        let stored = serde_json::to_string(&enrolled.client).unwrap();
        assert!(!stored.contains(secret.expose()) && !stored.contains(enrolled.token.expose()), "{stored}");
    }

    #[test]
    fn an_update_changes_the_secret_with_the_method() {
        let before = enrolled("none");
        let change = |client: &Client, token: &Secret, method: &str| {
            let body = json!({"client_id": client.id, "redirect_uris": ["https://h/new"],
                "token_endpoint_auth_method": method});
            let managed = Managed::authorize(Some(client), token).unwrap();
            let replacement = managed.replace(body.to_string().as_bytes(), &MetadataPolicy::default()).unwrap();
            replacement.apply(client).unwrap()
        };
        let (with, issued) = change(&before.client, &before.token, "client_secret_basic");
        let issued = issued.unwrap();
        assert_eq!((with.secret, &with.id), (Some(issued.digest()), &before.client.id));
        let (kept, none) = change(&with, &before.token, "client_secret_post");
        assert!(none.is_none() && kept.secret == with.secret);
        let (without, none) = change(&kept, &before.token, "none");
        assert!(none.is_none() && without.secret.is_none());
        assert_eq!(without.metadata.redirect_uris[0].as_str(), "https://h/new");
    }
}
