//! Clients that act for themselves (RFC 6749 section 4.4), with a secret or with a key of their own (RFC 7523).

use std::collections::VecDeque;
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_oauth::jose::{Algorithm, SigningKey};
use mcp_oauth::types::SystemClock;
use serde_json::json;

use super::actor::Actor;
use super::calls::is_refused;
use super::ledger::State;
use super::link::Asked;
use crate::program::{ISSUER, Scratch};
use crate::wire::{Answer, try_post};

/// For how long a token, or an assertion, is looked at. Both are good for longer.
const WATCHED: Duration = Duration::from_secs(200);
/// How long an assertion is good, in seconds.
const ASSERTION: u64 = 400;
/// How many tokens, and how many assertions, somebody remembers.
const REMEMBERED: usize = 24;

/// A client that the operator has added.
pub(super) struct Service {
    id: String,
    proof: Proof,
}

enum Proof {
    Secret(String),
    Key(SigningKey),
}

/// What a request shows.
#[derive(Clone)]
pub(super) struct Shown(Option<String>);

impl Service {
    /// Has the operator add one of each kind.
    pub(super) fn add_all(scratch: &Scratch) -> Vec<Self> {
        let add = |method: &str, more: &[&str]| {
            let add = ["clients", "add", "--auth-method", method, "--grant-type", "client_credentials"];
            scratch.admin_one(&[&add[..], more].concat())
        };
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let file = scratch.path("service-keys");
        fs::write(&file, json!({"keys": [key.public_jwk()]}).to_string()).unwrap();
        let with_secret = add("client_secret_basic", &[]);
        let with_key = add("private_key_jwt", &["--jwks-file", file.to_str().unwrap()]);
        let secret = with_secret["client_secret"].as_str().unwrap().to_owned();
        [(with_secret, Proof::Secret(secret)), (with_key, Proof::Key(key))]
            .map(|(added, proof)| Self { id: added["client_id"].as_str().unwrap().to_owned(), proof })
            .into()
    }

    /// What it shows in one request: an assertion is for one.
    fn shown(&self, name: &str) -> Shown {
        Shown(match &self.proof {
            Proof::Secret(_) => None,
            Proof::Key(key) => {
                let until = SystemClock.now().as_secs() + ASSERTION;
                let claims = json!({"iss": self.id, "sub": self.id, "aud": ISSUER, "exp": until, "jti": name});
                Some(key.sign_claims("JWT", &claims).unwrap())
            }
        })
    }

    fn post(&self, address: SocketAddr, path: &str, shown: &Shown, form: &[(&str, &str)]) -> std::io::Result<Answer> {
        let mut form = form.to_vec();
        let mut header = String::new();
        match (&self.proof, &shown.0) {
            (Proof::Secret(secret), _) => {
                header = format!("Basic {}", STANDARD.encode(format!("{}:{secret}", self.id)));
            }
            (Proof::Key(_), assertion) => {
                form.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
                form.push(("client_assertion", assertion.as_deref().unwrap_or_default()));
            }
        }
        let headers = [("Authorization", header.as_str())];
        try_post(address, path, if header.is_empty() { &[] } else { &headers }, &form)
    }

    fn token(&self, address: SocketAddr, shown: &Shown) -> std::io::Result<Answer> {
        self.post(address, "/token", shown, &[("grant_type", "client_credentials")])
    }
}

/// What somebody has done in the names of the services.
#[derive(Default)]
pub(super) struct Daemon {
    /// How many assertions were made.
    made: u64,
    tokens: VecDeque<Own>,
    used: VecDeque<Used>,
}

/// A token of a service.
struct Own {
    service: usize,
    access: String,
    issued: Instant,
    state: State,
}

/// An assertion that was taken.
struct Used {
    service: usize,
    shown: Shown,
    at: Instant,
}

impl Daemon {
    fn name(&mut self, whose: &str) -> String {
        self.made += 1;
        format!("{whose} {}", self.made)
    }
}

/// Keeps the newest of them.
fn remember<T>(all: &mut VecDeque<T>, new: T) {
    all.push_back(new);
    if all.len() > REMEMBERED {
        all.pop_front();
    }
}

impl Actor<'_> {
    /// Does something in the name of a service.
    pub(super) fn serve(&mut self) {
        let service = self.random.below(self.services.len());
        match self.random.below(20) {
            0..12 => self.ask_for_itself(service),
            12..14 => self.ask_together(service),
            14..17 => self.replay(),
            _ => self.revoke_own(),
        }
    }

    fn show(&mut self, service: usize) -> Shown {
        let name = self.daemon.name(&self.name);
        self.services[service].shown(&name)
    }

    /// A token was given for this.
    #[track_caller]
    fn given_own(&mut self, service: usize, shown: Shown, answer: &Answer) {
        assert_eq!(answer.status, 200, "a client that the operator has added: {answer:?}");
        let access = answer.json()["access_token"].as_str().unwrap().to_owned();
        remember(&mut self.daemon.tokens, Own { service, access, issued: Instant::now(), state: State::Live });
        if shown.0.is_some() {
            remember(&mut self.daemon.used, Used { service, shown, at: Instant::now() });
        }
        self.link.count("own tokens");
    }

    fn ask_for_itself(&mut self, service: usize) {
        let own = &self.services[service];
        loop {
            // What is not answered is sent again as it was.
            let shown = self.show(service);
            let (answer, asked) = self.link.insist(|address| own.token(address, &shown));
            let used = asked == Asked::Again && shown.0.is_some() && is_refused(&answer, 401, "invalid_client");
            if !used {
                return self.given_own(service, shown, &answer);
            }
            // It was taken before, and the answer was lost. The client signs anew.
            self.link.count("assertions lost");
        }
    }

    /// Two come with the same assertion at once. A secret is good for both.
    fn ask_together(&mut self, service: usize) {
        let (own, link, shown) = (&self.services[service], self.link, self.show(service));
        let once = || link.ask(|address| own.token(address, &shown));
        let answers = std::thread::scope(|scope| {
            let other = scope.spawn(once);
            [once(), other.join().unwrap()]
        });
        let all = answers.iter().all(Option::is_some);
        let (won, refused): (Vec<_>, Vec<_>) = answers.into_iter().flatten().partition(|answer| answer.status == 200);
        if shown.0.is_some() {
            assert!(won.len() <= 1, "an assertion was taken twice");
            assert!(!all || won.len() == 1, "no one was taken: {refused:?}");
            assert!(refused.iter().all(|answer| is_refused(answer, 401, "invalid_client")), "{refused:?}");
            link.count("assertions raced for");
        } else {
            assert!(refused.is_empty(), "{refused:?}");
        }
        for answer in won {
            self.given_own(service, shown.clone(), &answer);
        }
    }

    /// Somebody else has seen an assertion.
    fn replay(&mut self) {
        self.daemon.used.retain(|used| used.at.elapsed() < WATCHED);
        if self.daemon.used.is_empty() {
            return;
        }
        let place = self.random.below(self.daemon.used.len());
        self.check_used(place);
        self.link.count("assertions replayed");
    }

    fn check_used(&self, place: usize) {
        let used = &self.daemon.used[place];
        let (answer, _) = self.link.insist(|address| self.services[used.service].token(address, &used.shown));
        assert!(is_refused(&answer, 401, "invalid_client"), "an assertion twice: {answer:?}");
    }

    fn revoke_own(&mut self) {
        let live = |own: &Own| own.state == State::Live && own.issued.elapsed() < WATCHED;
        let Some(place) = self.daemon.tokens.iter().position(live) else { return };
        let (service, token) = (self.daemon.tokens[place].service, self.daemon.tokens[place].access.clone());
        let (own, name, daemon) = (&self.services[service], &self.name, &mut self.daemon);
        let (answer, _) = self.link.insist(|address| {
            let shown = own.shown(&daemon.name(name));
            own.post(address, "/revoke", &shown, &[("token", &token)])
        });
        assert_eq!(answer.status, 200, "{answer:?}");
        self.daemon.tokens[place].state = State::Over;
        self.link.count("own revocations");
        self.check_own(place);
    }

    fn check_own(&self, place: usize) {
        let own = &self.daemon.tokens[place];
        let active = self.inspector.is_active(self.link, &own.access);
        assert_eq!(active, own.state == State::Live, "a token of a service that is {:?}", own.state);
    }

    /// What the services were given is good, what was revoked is not, and no assertion is taken again.
    pub(super) fn check_services(&mut self) {
        self.daemon.tokens.retain(|own| own.issued.elapsed() < WATCHED);
        self.daemon.used.retain(|used| used.at.elapsed() < WATCHED);
        (0..self.daemon.tokens.len()).for_each(|place| self.check_own(place));
        (0..self.daemon.used.len()).for_each(|place| self.check_used(place));
        self.link.count("services checked");
    }
}
