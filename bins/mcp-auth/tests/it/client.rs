//! A client: sends its user to the server, redeems codes, refreshes.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scripted_browser::{VERIFIER, challenge_of, claims_of};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::program::{Program, Scratch};
use crate::wire::{Answer, Request, encode, send};

pub(crate) const REDIRECT: &str = "http://127.0.0.1:4711/callback";

/// A public client.
pub(crate) struct App {
    pub(crate) id: String,
    redirect: String,
}

/// What a client got.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) body: Value,
}

impl App {
    /// One that the server knows already by this id, with the usual redirect.
    pub(crate) fn known(id: &str) -> Self {
        Self { id: id.to_owned(), redirect: REDIRECT.to_owned() }
    }

    /// Registers itself.
    #[track_caller]
    pub(crate) fn register(program: &Program) -> Self {
        Self::named(program, "An app")
    }

    /// Registers itself under this name: apps of the same name are one client.
    #[track_caller]
    pub(crate) fn named(program: &Program, name: &str) -> Self {
        Self::register_as(
            program,
            &json!({
                "client_name": name,
                "redirect_uris": [REDIRECT],
                "token_endpoint_auth_method": "none",
                "grant_types": ["authorization_code", "refresh_token"],
            }),
        )
    }

    /// Registers itself with this metadata.
    #[track_caller]
    pub(crate) fn register_as(program: &Program, body: &Value) -> Self {
        let answer = send(program, "POST", "/register", &[("Content-Type", "application/json")], &body.to_string());
        assert_eq!(answer.status, 201, "{answer:?}");
        let text = |value: &Value| value.as_str().unwrap_or(REDIRECT).to_owned();
        let answer = answer.json();
        Self { id: text(&answer["client_id"]), redirect: text(&answer["redirect_uris"][0]) }
    }

    /// The link that it sends its user to.
    pub(crate) fn link(&self) -> String {
        let parameters = [
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect),
            ("state", "xyz"),
            ("code_challenge", &challenge()),
            ("code_challenge_method", "S256"),
        ];
        format!("/authorize?{}", encode(&parameters))
    }

    #[track_caller]
    pub(crate) fn redeem(&self, program: &Program, code: &str) -> Tokens {
        Tokens::of(&self.redemption(code).send(program.address).unwrap())
    }

    /// What redeems a code.
    pub(crate) fn redemption(&self, code: &str) -> Request {
        Request::form("/token", &[], &[&code_form(code, &self.redirect)[..], &[("client_id", &self.id)]].concat())
    }

    pub(crate) fn refresh(&self, program: &Program, token: &str) -> Answer {
        self.refresh_at(program.address, token)
    }

    pub(crate) fn refresh_at(&self, address: SocketAddr, token: &str) -> Answer {
        self.refreshing(token).send(address).unwrap()
    }

    /// What asks for new tokens.
    pub(crate) fn refreshing(&self, token: &str) -> Request {
        let form = [("grant_type", "refresh_token"), ("client_id", self.id.as_str()), ("refresh_token", token)];
        Request::form("/token", &[], &form)
    }

    /// All the way to its first tokens, of the owner's.
    #[track_caller]
    pub(crate) fn tokens(&self, program: &Program, scratch: &Scratch) -> Tokens {
        let mut browser = Browser::default();
        let page = browser.sign_in_as_owner(program, scratch, &self.link());
        let answer = browser.submit(program, &page, &[("decision", "approve")]);
        let location = answer.header("location").filter(|location| location.starts_with(&self.redirect));
        let location = location.unwrap_or_else(|| panic!("{answer:?}"));
        self.redeem(program, &parameter(location, "code").unwrap_or_else(|| panic!("no code in {location}")))
    }
}

impl Tokens {
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token"), body }
    }

    /// The claims of the access token, unverified.
    pub(crate) fn claims(&self) -> Value {
        claims_of(&self.access)
    }

    /// The name of the key that has signed the access token.
    pub(crate) fn key(&self) -> String {
        let header = URL_SAFE_NO_PAD.decode(self.access.split('.').next().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
    }
}

/// What this client sends of its verifier.
pub(crate) fn challenge() -> String {
    challenge_of(VERIFIER)
}

/// What redeems a code, without what says who does.
pub(crate) fn code_form<'a>(code: &'a str, redirect: &'a str) -> [(&'a str, &'a str); 4] {
    let kind = ("grant_type", "authorization_code");
    [kind, ("code", code), ("redirect_uri", redirect), ("code_verifier", VERIFIER)]
}

/// A parameter of the URL that the browser is sent back to.
#[track_caller]
pub(crate) fn redirected(answer: &Answer, name: &str) -> String {
    let location = answer.header("location").unwrap_or_else(|| panic!("{answer:?}"));
    assert!(location.starts_with(REDIRECT), "{location}");
    parameter(location, name).unwrap_or_else(|| panic!("no {name} in {location}"))
}

/// A parameter of a URL.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}
