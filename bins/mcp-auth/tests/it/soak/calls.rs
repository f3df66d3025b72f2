//! The requests of the clients, and what an answer to one may be.

use std::net::SocketAddr;

use serde_json::json;

use super::ledger::Registered;
use super::link::Link;
use crate::client::{Tokens, challenge, code_form};
use crate::wire::{Answer, encode, try_post, try_send_to};

/// An HTTPS redirect: of those the server remembers a consent.
pub(super) const REDIRECT: &str = "https://app.example/callback";

/// What may ask about every token.
pub(super) struct Inspector {
    pub(super) id: String,
    pub(super) secret: String,
}

type Asking = std::io::Result<Answer>;

/// RFC 7591: a registration with this name.
pub(super) fn register(address: SocketAddr, name: &str, method: &str) -> Asking {
    let body = json!({
        "client_name": name,
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": method,
        "grant_types": ["authorization_code", "refresh_token"],
    });
    try_send_to(address, "POST", "/register", &[("Content-Type", "application/json")], &body.to_string())
}

impl Registered {
    /// RFC 7592: reads (`GET`) or ends (`DELETE`) the registration.
    pub(super) fn manage(&self, address: SocketAddr, method: &str) -> Asking {
        let bearer = format!("Bearer {}", self.token);
        let path = format!("/register/{}", self.id);
        try_send_to(address, method, &path, &[("Authorization", &bearer)], "")
    }

    pub(super) fn link(&self) -> String {
        let parameters = [
            ("response_type", "code"),
            ("client_id", self.id.as_str()),
            ("redirect_uri", REDIRECT),
            ("state", "xyz"),
            ("code_challenge", &challenge()),
            ("code_challenge_method", "S256"),
        ];
        format!("/authorize?{}", encode(&parameters))
    }

    pub(super) fn redeem(&self, address: SocketAddr, code: &str) -> Asking {
        self.post(address, "/token", &code_form(code, REDIRECT))
    }

    pub(super) fn refresh(&self, address: SocketAddr, token: &str) -> Asking {
        self.post(address, "/token", &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    pub(super) fn revoke(&self, address: SocketAddr, token: &str) -> Asking {
        self.post(address, "/revoke", &[("token", token)])
    }

    fn post(&self, address: SocketAddr, path: &str, form: &[(&str, &str)]) -> Asking {
        let mut form = form.to_vec();
        form.push(("client_id", &self.id));
        if let Some(secret) = &self.secret {
            form.push(("client_secret", secret));
        }
        try_post(address, path, &[], &form)
    }
}

impl Inspector {
    /// RFC 7662: whether the token is good.
    pub(super) fn is_active(&self, link: &Link, token: &str) -> bool {
        let form = [("client_id", self.id.as_str()), ("client_secret", &self.secret), ("token", token)];
        let (answer, _) = link.insist(|address| try_post(address, "/introspect", &[], &form));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["active"].as_bool().unwrap()
    }
}

/// Tokens that were given: the access token, and the refresh token.
#[track_caller]
pub(super) fn given(answer: &Answer) -> (String, String) {
    let tokens = Tokens::of(answer);
    (tokens.access, tokens.refresh)
}

/// RFC 6749 section 5.2.
pub(super) fn is_refused(answer: &Answer, status: u16, error: &str) -> bool {
    answer.status == status && answer.json()["error"] == error
}
