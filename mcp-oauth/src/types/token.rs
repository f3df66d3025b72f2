//! The secrets that we hand out and take back: how they are written.
//!
//! Each is a selector and a verifier: the selector finds the row, the verifier is checked in constant time.
//! Prefixes let scanners of leaked secrets recognise them. Authorization codes and refresh tokens carry the id of
//! their grant; nothing of them but a digest, or the salt that they are made of, is ever stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::secret::{RandomError, Secret, random};
use super::{Digest, GrantId};

/// The prefix of a client secret.
pub const CLIENT_SECRET: &str = "mcpo_cs_";
/// The prefix of a registration access token (RFC 7592 section 3).
pub const REGISTRATION_TOKEN: &str = "mcpo_rat_";
/// The prefix of a device code (RFC 8628 section 3.2).
pub const DEVICE_CODE: &str = "mcpo_dc_";
const CODE: &str = "mcpo_ac_";
const REFRESH: &str = "mcpo_rt_";

/// Whether a text looks like something that we hand out and nobody else may see: what stands where a name belongs, by
/// mistake, must not be taken down as one.
#[cfg(feature = "server")]
pub(crate) fn is_secret(text: &str) -> bool {
    let own =
        [CLIENT_SECRET, REGISTRATION_TOKEN, DEVICE_CODE, CODE, REFRESH].iter().any(|prefix| text.starts_with(prefix));
    // A JWT: the header is a JSON object, in base64url.
    own || (text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2)
}

/// An authorization code: `mcpo_ac_GRANT.VERIFIER`.
#[derive(Clone, Debug)]
pub struct AuthorizationCode {
    grant: GrantId,
    text: Secret,
}

impl AuthorizationCode {
    /// A new code of this grant, with 256 random bits.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub fn mint(grant: GrantId) -> Result<Self, RandomError> {
        let verifier = Zeroizing::new(random::<32>()?);
        let text = Secret::new(format!("{CODE}{grant}.{}", Zeroizing::new(URL_SAFE_NO_PAD.encode(*verifier)).as_str()));
        Ok(Self { grant, text })
    }

    /// Reads a code as a client presents it; `None` for what cannot be one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (grant, verifier) = text.strip_prefix(CODE)?.split_once('.')?;
        let grant = grant.parse().ok()?;
        (verifier.len() == 43).then(|| Self { grant, text: Secret::new(text.to_owned()) })
    }

    /// The grant that it belongs to, which is a claim until the digest has been compared.
    #[must_use]
    pub const fn grant(&self) -> GrantId {
        self.grant
    }

    /// The code as it is sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// What the store compares it with.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.text.digest()
    }
}

/// The key that refresh tokens are made with. A store that leaks is useless without it.
#[derive(Clone)]
pub struct RefreshKey {
    id: String,
    key: hmac::Key,
}

impl RefreshKey {
    /// A key from its 32 bytes. Its id is public, and derived from them.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        let id = Digest::of("refresh key id", &[bytes]).to_string().chars().take(8).collect();
        Self { id, key: hmac::Key::new(hmac::HMAC_SHA256, bytes) }
    }

    /// The id that grants note, so that they find the key again after it has been replaced.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The refresh token of one generation of a grant. The same arguments always give the same token: clients that
    /// refresh at the same moment get the same successor, and a lost answer can be given again.
    #[must_use]
    pub fn mint(&self, grant: GrantId, salt: &[u8; 32], generation: u32) -> Secret {
        let mac = self.mac(grant, salt, generation);
        Secret::new(format!("{REFRESH}{grant}.{generation}.{}", URL_SAFE_NO_PAD.encode(mac.as_ref())))
    }

    /// Whether a presented token is authentic, compared in constant time.
    #[must_use]
    pub fn made(&self, token: &RefreshToken, salt: &[u8; 32]) -> bool {
        let mac = self.mac(token.grant, salt, token.generation);
        mac.as_ref().ct_eq(&token.mac).into()
    }

    fn mac(&self, grant: GrantId, salt: &[u8; 32], generation: u32) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        // All parts have a fixed length: they cannot run into each other.
        context.update(b"mcp-oauth refresh token 1");
        context.update(salt);
        context.update(grant.as_bytes());
        context.update(&generation.to_be_bytes());
        context.sign()
    }
}

impl std::fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A refresh token as a client presents it: `mcpo_rt_GRANT.GENERATION.MAC`. Whether it is authentic, [`RefreshKey::made`]
/// tells.
#[derive(Clone)]
pub struct RefreshToken {
    grant: GrantId,
    generation: u32,
    mac: [u8; 32],
}

impl RefreshToken {
    /// Takes the text apart; `None` for what cannot be one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(REFRESH)?.split('.');
        let (grant, generation, mac) = (parts.next()?, parts.next()?, parts.next()?);
        // One way to write each number: a token has one form, and so has its digest.
        let plain = !generation.starts_with(['0', '+']) && generation.bytes().all(|byte| byte.is_ascii_digit());
        if parts.next().is_some() || !plain {
            return None;
        }
        let mac: Digest = mac.parse().ok()?;
        Some(Self { grant: grant.parse().ok()?, generation: generation.parse().ok()?, mac: *mac.as_bytes() })
    }

    /// The grant that it claims to belong to.
    #[must_use]
    pub const fn grant(&self) -> GrantId {
        self.grant
    }

    /// The generation that it claims to be. The first is 1.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshToken")
            .field("grant", &self.grant)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_was_written() {
        let grant = GrantId::random().unwrap();
        let code = AuthorizationCode::mint(grant).unwrap();
        let read = AuthorizationCode::parse(code.expose()).unwrap();
        assert_eq!((read.grant(), read.digest()), (grant, code.digest()));
        assert_ne!(AuthorizationCode::mint(grant).unwrap().digest(), code.digest());
        let text = code.expose();
        for other in
            ["", "mcpo_ac_", "x", &text[1..], &text[..text.len() - 1], &format!("{text}x"), &text.replace('.', "-")]
        {
            assert!(AuthorizationCode::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn refresh_tokens_are_made_again_and_not_forged() {
        let (key, other) = (RefreshKey::new(&[1; 32]), RefreshKey::new(&[2; 32]));
        let grant = GrantId::from_bytes([7; 16]);
        let minted = key.mint(grant, &[9; 32], 3);
        assert_eq!(minted.expose(), key.mint(grant, &[9; 32], 3).expose());
        let token = RefreshToken::parse(minted.expose()).unwrap();
        assert_eq!((token.grant(), token.generation()), (grant, 3));
        assert!(key.made(&token, &[9; 32]));
        assert!(!key.made(&token, &[8; 32]));
        assert!(!other.made(&token, &[9; 32]));
        for (from, to) in [(".3.", ".4."), ("mcpo_rt_Bwc", "mcpo_rt_Bwd")] {
            let forged = RefreshToken::parse(&minted.expose().replace(from, to)).unwrap();
            assert!(!key.made(&forged, &[9; 32]));
        }
        assert_ne!(key.id(), other.id());
        assert_eq!(key.id().len(), 8);
    }

    #[test]
    fn secrets_are_told_from_names() {
        let grant = GrantId::from_bytes([7; 16]);
        let minted = [
            AuthorizationCode::mint(grant).unwrap().expose().to_owned(),
            RefreshKey::new(&[1; 32]).mint(grant, &[9; 32], 3).expose().to_owned(),
            "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln".to_owned(),
        ];
        let random = [CLIENT_SECRET, REGISTRATION_TOKEN, DEVICE_CODE];
        let random = random.map(|prefix| Secret::random(prefix).unwrap().expose().to_owned());
        assert!(minted.iter().chain(&random).all(|text| is_secret(text)));
        for name in ["mcpo_c_AAECAwQFBgcICQoLDA0ODw", "https://app.example/client.json", "eyJ.example", "batch", ""] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_token_has_one_form() {
        let text = RefreshKey::new(&[1; 32]).mint(GrantId::from_bytes([7; 16]), &[9; 32], 3);
        for (from, to) in
            [(".3.", ".03."), (".3.", ".+3."), (".3.", ".."), (".3.", ".4294967296."), (".3.", ".x."), ("rt", "at")]
        {
            assert!(RefreshToken::parse(&text.expose().replace(from, to)).is_none(), "{to}");
        }
        assert!(RefreshToken::parse(&format!("{}.x", text.expose())).is_none());
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = RefreshKey::new(&[1; 32]);
        let minted = key.mint(GrantId::from_bytes([7; 16]), &[9; 32], 3);
        let mac = minted.expose().rsplit('.').next().unwrap();
        let token = RefreshToken::parse(minted.expose()).unwrap();
        let code = AuthorizationCode::mint(GrantId::from_bytes([7; 16])).unwrap();
        let text = format!("{key:?} {token:?} {minted:?} {code:?}");
        assert!(!text.contains(mac) && !text.contains(code.expose()), "{text}");
    }
}
