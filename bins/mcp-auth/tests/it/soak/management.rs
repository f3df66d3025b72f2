//! Clients that register, put newer versions of themselves in their place, and go (RFC 7591 and 7592).

use super::actor::Actor;
use super::calls::{given, is_refused, register};
use super::ledger::{Consent, Registered, State};
use super::link::Asked;
use super::software::{Kind, Software};
use crate::wire::Answer;

impl Actor<'_> {
    /// Software that nobody else has.
    pub(super) fn register(&mut self) {
        let name = format!("{} {}", self.name, self.clients.len());
        let method = if self.random.percent(25) { "client_secret_post" } else { "none" };
        let kind = if self.random.percent(30) { Kind::Device } else { Kind::App };
        self.register_as(Software { kind, name, method });
    }

    fn register_as(&mut self, software: Software) {
        let (answer, asked) = self.link.insist(|address| register(address, &software));
        assert_eq!(answer.status, 201, "{answer:?}");
        let body = answer.json();
        let text = |member: &str| body[member].as_str().map(str::to_owned);
        let id = text("client_id").unwrap();
        let known = self.clients.iter().find(|client| client.id == id);
        assert!(known.is_none(), "a client that was deleted, or another, comes back: {answer:?}");
        let mut registered = Registered {
            software,
            id,
            secret: text("client_secret"),
            token: text("registration_access_token").unwrap(),
            versions: vec![0],
            consent: Consent::No,
            state: State::Live,
            maybe_shared: asked == Asked::Again,
            lineages: Vec::new(),
            codes: Vec::new(),
            devices: Vec::new(),
        };
        registered.told(&body);
        self.clients.push(registered);
        self.link.count("registrations");
    }

    /// A newer version takes the place of the one that is registered.
    pub(super) fn update(&mut self, client: usize) {
        let version = self.clients[client].next_version();
        let live = self.clients[client].live();
        match self.random.below(4) {
            0 => self.update_together(client, version),
            1 if !live.is_empty() => {
                let lineage = *self.random.of(&live);
                self.update_in_use(client, version, lineage);
            }
            _ => {
                let registered = &self.clients[client];
                let (answer, _) = self.link.insist(|address| registered.replace(address, version));
                self.updated(client, version, &answer);
            }
        }
        self.touched(client, None);
    }

    #[track_caller]
    fn updated(&mut self, client: usize, version: usize, answer: &Answer) {
        assert_eq!(answer.status, 200, "{answer:?}");
        let registered = &mut self.clients[client];
        registered.versions = vec![version];
        registered.told(&answer.json());
        self.link.count("updates");
    }

    /// Two versions come at once: one of them is left, as a whole.
    fn update_together(&mut self, client: usize, version: usize) {
        let (registered, link) = (&self.clients[client], self.link);
        let versions = [version, version + 1];
        let answers = std::thread::scope(|scope| {
            let put = |version| move || link.insist(|address| registered.replace(address, version)).0;
            versions.map(|version| scope.spawn(put(version))).map(|put| put.join().unwrap())
        });
        for (version, answer) in versions.into_iter().zip(&answers) {
            self.updated(client, version, answer);
        }
        self.clients[client].versions = versions.to_vec();
        link.count("updates together");
        self.check_client(client);
    }

    /// The client goes on meanwhile.
    fn update_in_use(&mut self, client: usize, version: usize, lineage: usize) {
        let (registered, link) = (&self.clients[client], self.link);
        let token = registered.lineages[lineage].newest().to_owned();
        let (put, refreshed) = std::thread::scope(|scope| {
            let put = scope.spawn(|| link.insist(|address| registered.replace(address, version)).0);
            let refreshed = link.insist(|address| registered.refresh(address, &token)).0;
            (put.join().unwrap(), refreshed)
        });
        self.updated(client, version, &put);
        assert_eq!(refreshed.status, 200, "it is the newest: {refreshed:?}");
        self.clients[client].lineages[lineage].answered(&token, given(&refreshed));
        link.count("updates in use");
    }

    /// The client goes, sometimes while a newer version is on its way; and its software may come back.
    pub(super) fn delete(&mut self, client: usize) {
        let (registered, link) = (&self.clients[client], self.link);
        let version = self.random.percent(30).then(|| registered.next_version());
        let (answer, asked) = std::thread::scope(|scope| {
            let put = version.map(|version| {
                link.count("deletions while updated");
                scope.spawn(move || link.ask(|address| registered.replace(address, version)))
            });
            let deleted = link.insist(|address| registered.manage(address, "DELETE"));
            if let Some(answer) = put.and_then(|put| put.join().unwrap()) {
                assert!(matches!(answer.status, 200 | 401), "{answer:?}");
            }
            deleted
        });
        let before = asked == Asked::Again && answer.status == 401;
        assert!(answer.status == 204 || before, "{answer:?}");
        let registered = &mut self.clients[client];
        registered.state = State::Over;
        registered.codes.clear();
        for lineage in &mut registered.lineages {
            lineage.state = State::Over;
        }
        link.count("deletions");
        self.touched(client, None);
        self.check(client);
        if self.random.percent(30) {
            self.register_as(self.clients[client].software.clone());
        }
    }

    /// Nothing brings back a client that was deleted.
    pub(super) fn check_deleted(&mut self, client: usize) {
        let (registered, link) = (&self.clients[client], self.link);
        let version = registered.next_version();
        for method in ["GET", "PUT", "DELETE"] {
            let (answer, _) = link.insist(|address| match method {
                "PUT" => registered.replace(address, version),
                _ => registered.manage(address, method),
            });
            assert_eq!(answer.status, 401, "{method}, and the registration was deleted: {answer:?}");
        }
        match registered.software.kind {
            Kind::App => {
                let (page, _) = link.insist(|address| self.browser.try_get(address, &registered.link()));
                assert!(page.status == 400 && page.header("location").is_none(), "a client that was deleted: {page:?}");
            }
            Kind::Device => {
                let (answer, _) = link.insist(|address| registered.begin_device(address));
                assert!(is_refused(&answer, 401, "invalid_client"), "its client was deleted: {answer:?}");
            }
        }
        for device in &registered.devices {
            let (answer, _) = link.insist(|address| registered.poll(address, &device.code));
            assert!(is_refused(&answer, 401, "invalid_client"), "its client was deleted: {answer:?}");
        }
        link.count("deleted clients checked");
    }
}
