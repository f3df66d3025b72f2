//! The requests of the clients, and what an answer to one may be.

use std::net::SocketAddr;

use super::ledger::Registered;
use super::link::Link;
use super::software::{DEVICE_CODE, REDIRECT, Software};
use crate::client::{Tokens, challenge, code_form};
use crate::wire::{Answer, encode, try_post, try_send_to};

/// What may ask about every token.
pub(super) struct Inspector {
    pub(super) id: String,
    pub(super) secret: String,
}

type Asking = std::io::Result<Answer>;

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// RFC 7591: a registration.
pub(super) fn register(address: SocketAddr, software: &Software) -> Asking {
    try_send_to(address, "POST", "/register", &[JSON], &software.metadata(0).to_string())
}

impl Registered {
    /// RFC 7592: reads (`GET`) or ends (`DELETE`) the registration.
    pub(super) fn manage(&self, address: SocketAddr, method: &str) -> Asking {
        self.manage_with(address, method, "")
    }

    /// RFC 7592 section 2.2: puts this version in the place of the one that is registered.
    pub(super) fn replace(&self, address: SocketAddr, version: usize) -> Asking {
        let mut body = self.software.metadata(version);
        body["client_id"] = self.id.as_str().into();
        if let Some(secret) = &self.secret {
            body["client_secret"] = secret.as_str().into();
        }
        self.manage_with(address, "PUT", &body.to_string())
    }

    fn manage_with(&self, address: SocketAddr, method: &str, body: &str) -> Asking {
        let bearer = format!("Bearer {}", self.token);
        let path = format!("/register/{}", self.id);
        try_send_to(address, method, &path, &[("Authorization", &bearer), JSON], body)
    }

    /// RFC 8628 section 3.1.
    pub(super) fn begin_device(&self, address: SocketAddr) -> Asking {
        self.post(address, "/device_authorization", &[])
    }

    /// RFC 8628 section 3.4.
    pub(super) fn poll(&self, address: SocketAddr, device_code: &str) -> Asking {
        self.post(address, "/token", &[("grant_type", DEVICE_CODE), ("device_code", device_code)])
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
