//! A server in a set-up, its commands, and all that is told and kept.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use mcp_oauth::server::stored_keys;
use mcp_oauth::store::Stores;
use mcp_oauth::store::embedded::{EmbeddedOptions, EmbeddedStore};
use mcp_transport::seal::SealKey;
use scripted_browser::secrets::{Kind, Secrets};
use scripted_browser::{Jar, forms, with_fields};
use serde_json::Value;

use super::transport::Way;
use crate::browser::{owner_code, path};
use crate::client::parameter;
use crate::program::{Program, Scratch, command, text};
use crate::users::ADA;
use crate::wire::{Answer, Request};

/// What there is in every set-up.
const KINDS: [Kind; 13] = [
    Kind::AccessToken,
    Kind::Assertion,
    Kind::ClientSecret,
    Kind::Code,
    Kind::Cookie,
    Kind::DeviceCode,
    Kind::FormToken,
    Kind::PrivateKey,
    Kind::RefreshToken,
    Kind::RegistrationToken,
    Kind::State,
    Kind::UserCode,
    Kind::Verifier,
];

/// Where secrets are meant to be.
const MEANT: [&str; 4] = ["master-key", "owner-code", "tls-key", "redis.conf"];

/// Who signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignIn {
    /// With the code from the file.
    Owner,
    /// `ada`, with her password.
    User,
}

/// A server, what is secret, and what it has told.
pub(super) struct Site {
    pub(super) scratch: Scratch,
    pub(super) secrets: Secrets,
    pub(super) signs_in: SignIn,
    pub(super) way: Box<dyn Way>,
    program: Option<Program>,
    environment: Vec<(String, String)>,
    told: Vec<(String, Vec<u8>)>,
    jar: Jar,
}

impl Site {
    /// Starts one that logs everything.
    pub(super) fn start(
        scratch: Scratch,
        signs_in: SignIn,
        arguments: &[&str],
        environment: &[(&str, &str)],
        way: impl FnOnce(&Program) -> Box<dyn Way>,
    ) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let environment: Vec<_> = environment.iter().copied().chain([("RUST_LOG", "trace")]).map(owned).collect();
        let mut command = command();
        command.args(["--listen", "localhost:0", "--data", &scratch.data(), "--rate-limit", "0"]).args(arguments);
        let program = Program::start_as(command.envs(environment.iter().map(|(name, value)| (name, value))));
        let mut site = Self {
            secrets: Secrets::default(),
            signs_in,
            way: way(&program),
            program: Some(program),
            environment,
            told: Vec::new(),
            jar: Jar::default(),
            scratch,
        };
        // A server that keeps nothing makes none.
        if let Ok(key) = fs::read_to_string(site.scratch.path("data/master-key")) {
            site.secrets.add(Kind::MasterKey, key.trim());
        }
        site
    }

    pub(super) fn address(&self) -> std::net::SocketAddr {
        self.program.as_ref().unwrap().address
    }

    /// Sends a request, and notes the secrets in its answer.
    pub(super) fn send(&mut self, request: &Request) -> Answer {
        let answer = self.way.send(request);
        self.noted(answer)
    }

    pub(super) fn noted(&mut self, answer: Answer) -> Answer {
        for cookie in answer.headers("set-cookie") {
            self.jar.keep(cookie);
        }
        self.secrets.kept(&self.jar);
        self.secrets.answered(&serde_json::from_str(&answer.body).unwrap_or_default());
        self.secrets.shown(&answer.body);
        let location = answer.header("location").filter(|location| location.contains("://"));
        if let Some(code) = location.and_then(|location| parameter(location, "code")) {
            self.secrets.add(Kind::Code, code);
        }
        answer
    }

    /// Posts a form that has secrets in it.
    pub(super) fn post(&mut self, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Answer {
        self.secrets.sent(form);
        self.send(&Request::form(path, headers, form))
    }

    pub(super) fn json(&mut self, method: &str, path: &str, bearer: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {bearer}");
        let headers = [("Content-Type", "application/json"), ("Authorization", bearer.as_str())];
        self.send(&Request::new(method, path, &headers, &body.to_string()))
    }

    /// Goes to a page, as a browser does.
    pub(super) fn browse(&mut self, url: &str) -> Answer {
        let cookies = self.jar.header();
        self.send(&Request::new("GET", path(url), &[("Cookie", &cookies), ("Sec-Fetch-Site", "none")], ""))
    }

    /// Fills in the form of a page that has these fields.
    #[track_caller]
    pub(super) fn submit(&mut self, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let form = with_fields(forms(&page.body), &names).unwrap_or_else(|| panic!("no form has {names:?}: {page:?}"));
        let cookies = self.jar.header();
        let headers = [("Cookie", cookies.as_str()), ("Origin", "null"), ("Sec-Fetch-Site", "same-origin")];
        self.post(path(&form.action), &headers, &form.filled(fields))
    }

    /// The page behind a link, for somebody who mistypes, signs in, and is signed in from then on.
    pub(super) fn page(&mut self, link: &str) -> Answer {
        let page = self.browse(link);
        let signed_in = match self.signs_in {
            _ if page.body.contains("decision") || page.body.contains("user_code") => return page,
            SignIn::Owner => {
                let page = self.submit(&page, &[("code", "BCDFG-HJKLM-NPQRS")]);
                let code = owner_code(&self.scratch);
                self.submit(&page, &[("code", &code)])
            }
            SignIn::User => {
                let page = self.submit(&page, &[("username", "ada"), ("password", "incorrect horse")]);
                // In the wrong field, too.
                let page = self.submit(&page, &[("username", ADA), ("password", "incorrect horse")]);
                self.submit(&page, &[("username", "ada"), ("password", ADA)])
            }
        };
        assert_eq!(signed_in.status, 303, "{signed_in:?}");
        let next = signed_in.header("location").unwrap().to_owned();
        self.browse(&next)
    }

    /// Has a command carried out, which logs everything too; gives what it printed.
    pub(super) fn command(&mut self, arguments: &[&str], input: &str) -> Vec<Value> {
        let mut command = command();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.args(["--data", &self.scratch.data()]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing has closed it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let mut printed = text(&output.stdout);
        let lines: Vec<Value> = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if let Some(secret) = lines.first().and_then(|client| client["client_secret"].as_str()) {
            self.secrets.add(Kind::ClientSecret, secret);
            printed = printed.replacen(secret, "", 1);
        }
        self.told.push((format!("what {arguments:?} says"), [printed.as_bytes(), &output.stderr].concat()));
        lines
    }

    /// Takes down what the operator's pages say.
    pub(super) fn look(&mut self) {
        for page in ["/metrics", "/ready", "/health"] {
            let answer = self.send(&Request::new("GET", page, &[], ""));
            self.told.push((page.to_owned(), answer.body.into_bytes()));
        }
    }

    /// Takes down what is in the files of a folder.
    pub(super) fn kept_below(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                self.kept_below(&path);
            } else if path.is_file() && !MEANT.contains(&name.as_str()) {
                self.told.push((path.display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }

    /// Takes down what is kept in a store, and notes the keys in it.
    pub(super) fn keys(&mut self, stores: &Stores) {
        let master = SealKey::from_base64(self.secrets.of(Kind::MasterKey).next().unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let keys = runtime.block_on(stored_keys(stores.keys.as_ref(), master)).unwrap().unwrap();
        for record in keys.keys() {
            self.secrets.add_key(record.key().to_pkcs8());
        }
    }

    /// The same for the file of a server that has stopped.
    pub(super) fn keys_in_file(&mut self) {
        let store = EmbeddedStore::open(&self.scratch.path("data/store.redb"), EmbeddedOptions::default()).unwrap();
        self.keys(&Stores::all_in(&Arc::new(store)));
    }

    /// Stops the server, and takes down what it has said and kept.
    pub(super) fn stop(&mut self) {
        let (status, out, log) = self.program.take().unwrap().stop();
        assert!(status.success() && out.is_empty(), "{status}, {out}, {:?}", log.last());
        let log = log.join("\n");
        // What is looked for would be found: it was told to log everything, and has, also what was decided.
        for part in
            ["DEBUG", "there is no such client", "TokenIssued", "ClientRefused", "SignInRefused", "RefreshReplayed"]
        {
            assert!(log.contains(part), "{part} is not in the log: {log}");
        }
        self.told.push(("the log".to_owned(), log.into_bytes()));
    }

    /// That nothing that was secret stands anywhere.
    #[track_caller]
    pub(super) fn end(mut self, kinds: &[Kind]) {
        let folder = self.scratch.path("");
        self.kept_below(&folder);
        self.secrets.assert_has(&KINDS);
        self.secrets.assert_has(kinds);
        let search = self.secrets.search();
        let told = self.told.iter().flat_map(|(place, bytes)| search.complaints(place, bytes));
        let complaints: Vec<String> = told.collect();
        assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
    }
}
