//! One client after another, as real ones are: what they were answered counts, and what was not answered they ask again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::calls::{Inspector, given, is_refused};
use super::ledger::{Code, Consent, Lineage, Registered, State};
use super::link::Link;
use super::random::Random;
use super::service::{Daemon, Service};
use super::software::{Kind, REDIRECT};
use crate::browser::Browser;
use crate::client::parameter;

/// How long a code is kept. The server takes it for 60 seconds.
const CODE: Duration = Duration::from_secs(30);
/// How many clients and grants are remembered as recent.
const RECENT: usize = 24;
/// How many sessions of a user refresh at once.
const SESSIONS: usize = 4;

/// Somebody who has clients.
pub(super) struct Actor<'a> {
    pub(super) link: &'a Link,
    pub(super) inspector: &'a Inspector,
    pub(super) random: Random,
    /// Signed in.
    pub(super) browser: Browser,
    /// What its clients are called.
    pub(super) name: String,
    pub(super) clients: Vec<Registered>,
    /// The clients that something was done with lately, and which of their grants.
    pub(super) recent: VecDeque<(usize, Option<usize>)>,
    /// The clients of the operator, which all have.
    pub(super) services: &'a [Service],
    pub(super) daemon: Daemon,
}

impl Actor<'_> {
    /// Does something.
    pub(super) fn act(&mut self) {
        if self.random.percent(12) {
            return self.serve();
        }
        let live: Vec<usize> = (0..self.clients.len()).filter(|&at| self.clients[at].state == State::Live).collect();
        let chance = self.random.below(100);
        if live.is_empty() || chance < 3 {
            return self.register();
        }
        let client = *self.random.of(&live);
        // One of those who share a client changes nothing for the others.
        let own = !self.clients[client].maybe_shared;
        match chance {
            ..12 => return self.begin(client),
            12..22 => return self.go_on(client),
            22..24 if own => return self.delete(client),
            24..30 if own => return self.update(client),
            _ => {}
        }
        let live = self.clients[client].live();
        if live.is_empty() {
            return self.go_on(client);
        }
        let lineage = *self.random.of(&live);
        self.touched(client, Some(lineage));
        match self.random.below(100) {
            ..60 => self.refresh(client, lineage),
            60..78 => self.refresh_together(client, lineage),
            78..90 => self.refresh_late(client, lineage),
            90..93 => self.reuse(client, lineage),
            _ => self.revoke(client, lineage),
        }
    }

    /// Begins what ends with a grant.
    fn begin(&mut self, client: usize) {
        match self.clients[client].software.kind {
            Kind::App => {
                let code = self.authorize(client);
                self.clients[client].codes.push(code);
            }
            Kind::Device => self.begin_device(client),
        }
    }

    fn go_on(&mut self, client: usize) {
        match self.clients[client].software.kind {
            Kind::App => self.redeem(client),
            Kind::Device => self.go_on_with_device(client),
        }
    }

    /// Something was done with this client, and with this grant of it.
    pub(super) fn touched(&mut self, client: usize, lineage: Option<usize>) {
        self.recent.retain(|other| *other != (client, lineage));
        self.recent.push_back((client, lineage));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// Sends the user to the server until a code comes back.
    pub(super) fn authorize(&mut self, client: usize) -> Code {
        let (link, client) = (self.link, &mut self.clients[client]);
        loop {
            let (browser, way) = (&mut self.browser, client.link());
            let (page, _) = link.insist(|address| browser.try_get(address, &way));
            let answer = if page.status == 303 {
                page
            } else {
                assert!(page.status == 200 && page.body.contains("decision"), "no page of consent: {page:?}");
                assert_ne!(client.consent, Consent::Yes, "the consent is lost: {page:?}");
                client.consent = Consent::Maybe;
                // A form is sent once. The user begins again if nothing comes of it.
                let sent = link.ask(|address| self.browser.try_submit(address, &page, &[("decision", "approve")]));
                let Some(answer) = sent else { continue };
                answer
            };
            let location = answer.header("location").unwrap_or_else(|| panic!("{answer:?}"));
            if parameter(location, "error").as_deref() == Some("temporarily_unavailable") {
                // RFC 6749 section 4.1.2.1: what is 503 elsewhere.
                link.count("answered 503");
                continue;
            }
            assert_ne!(client.consent, Consent::No, "nobody has consented: {location}");
            assert!(location.starts_with(REDIRECT), "{location}");
            let code = parameter(location, "code").unwrap_or_else(|| panic!("no code in {location}"));
            client.consent = Consent::Yes;
            link.count("codes");
            return Code { code, issued: Instant::now() };
        }
    }

    /// Redeems a code that waits, in one of the ways of clients.
    fn redeem(&mut self, client: usize) {
        let codes = &mut self.clients[client].codes;
        codes.retain(|code| code.issued.elapsed() < CODE);
        if codes.is_empty() {
            let code = self.authorize(client);
            self.clients[client].codes.push(code);
        }
        let codes = &mut self.clients[client].codes;
        let code = codes.remove(self.random.below(codes.len())).code;
        match self.random.below(10) {
            0 => self.redeem_twice(client, &code),
            1 => self.redeem_together(client, &code),
            _ => drop(self.redeem_once(client, &code)),
        }
    }

    /// Gives the place of the lineage, if one came of it.
    fn redeem_once(&mut self, client: usize, code: &str) -> Option<usize> {
        let registered = &mut self.clients[client];
        let tokens = match self.link.ask(|address| registered.redeem(address, code)) {
            Some(answer) => given(&answer),
            // Some begin anew at once.
            None if self.random.percent(50) => return None,
            None => {
                // The others try whether it was redeemed; if so, the grant is over (RFC 6749 section 4.1.2), and they begin anew.
                let (answer, _) = self.link.insist(|address| registered.redeem(address, code));
                if is_refused(&answer, 400, "invalid_grant") {
                    // It was redeemed, so that this was a replay, or its time was over.
                    registered.consent = Consent::Maybe;
                    return None;
                }
                given(&answer)
            }
        };
        registered.lineages.push(Lineage::new(tokens));
        let lineage = registered.lineages.len() - 1;
        self.touched(client, Some(lineage));
        self.link.count("grants");
        Some(lineage)
    }

    /// Somebody else has seen the code.
    fn redeem_twice(&mut self, client: usize, code: &str) {
        let Some(lineage) = self.redeem_once(client, code) else { return };
        let registered = &mut self.clients[client];
        let (answer, _) = self.link.insist(|address| registered.redeem(address, code));
        assert!(is_refused(&answer, 400, "invalid_grant"), "a code twice: {answer:?}");
        registered.lineages[lineage].state = State::Over;
        registered.consent = Consent::No;
        self.link.count("codes replayed");
        self.check_lineage(client, lineage);
    }

    /// Two come with the code at once.
    fn redeem_together(&mut self, client: usize, code: &str) {
        let (registered, link) = (&self.clients[client], self.link);
        let once = || link.ask(|address| registered.redeem(address, code));
        let answers = std::thread::scope(|scope| {
            let other = scope.spawn(once);
            [once(), other.join().unwrap()]
        });
        let mut answers: Vec<_> = answers.into_iter().flatten().collect();
        // Until somebody was refused, the grant may be good.
        while !answers.iter().any(|answer| is_refused(answer, 400, "invalid_grant")) {
            answers.push(link.insist(|address| registered.redeem(address, code)).0);
        }
        let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).map(given).collect();
        assert!(won.len() <= 1, "a code was redeemed twice");
        let registered = &mut self.clients[client];
        // Of two at once, the second may not have seen the first: then the consent goes after the grant, or stays in a crash.
        registered.consent = Consent::Maybe;
        for tokens in won {
            registered.lineages.push(Lineage::over(tokens));
        }
        self.link.count("codes raced for");
    }

    fn refresh(&mut self, client: usize, lineage: usize) {
        let registered = &mut self.clients[client];
        let token = registered.lineages[lineage].newest().to_owned();
        let (answer, asked) = self.link.insist(|address| registered.refresh(address, &token));
        assert_eq!(answer.status, 200, "{asked:?}, it is the newest: {answer:?}");
        registered.lineages[lineage].answered(&token, given(&answer));
        self.link.count("refreshes");
    }

    /// Several sessions have the same token, and all want another one.
    fn refresh_together(&mut self, client: usize, lineage: usize) {
        let (registered, link) = (&self.clients[client], self.link);
        let token = registered.lineages[lineage].newest().to_owned();
        let once = || link.insist(|address| registered.refresh(address, &token)).0;
        let answers: Vec<_> = std::thread::scope(|scope| {
            let sessions: Vec<_> = (0..SESSIONS).map(|_| scope.spawn(once)).collect();
            sessions.into_iter().map(|session| session.join().unwrap()).collect()
        });
        let lineage = &mut self.clients[client].lineages[lineage];
        for answer in answers {
            assert_eq!(answer.status, 200, "it is the newest, or was: {answer:?}");
            lineage.answered(&token, given(&answer));
        }
        link.count("refreshes together");
    }

    /// A session that has slept comes with the token before.
    fn refresh_late(&mut self, client: usize, lineage: usize) {
        // Just made: the grace is not over.
        self.refresh(client, lineage);
        let registered = &mut self.clients[client];
        let token = registered.lineages[lineage].before(1).unwrap().to_owned();
        let (answer, _) = self.link.insist(|address| registered.refresh(address, &token));
        assert_eq!(answer.status, 200, "it is within the grace: {answer:?}");
        registered.lineages[lineage].answered(&token, given(&answer));
        self.link.count("refreshes late");
    }

    /// A thief comes with an old token.
    fn reuse(&mut self, client: usize, lineage: usize) {
        let registered = &mut self.clients[client];
        let Some(token) = registered.lineages[lineage].before(2).map(str::to_owned) else { return };
        let (answer, _) = self.link.insist(|address| registered.refresh(address, &token));
        assert!(is_refused(&answer, 400, "invalid_grant"), "RFC 9700 section 4.14.2: {answer:?}");
        registered.lineages[lineage].state = State::Over;
        // What the user has allowed went first.
        registered.consent = Consent::No;
        self.link.count("reuses");
        self.check_lineage(client, lineage);
    }

    fn revoke(&mut self, client: usize, lineage: usize) {
        let registered = &mut self.clients[client];
        let lineages = &mut registered.lineages;
        let token = if self.random.percent(50) { lineages[lineage].newest() } else { &lineages[lineage].access };
        let token = token.to_owned();
        let (answer, _) = self.link.insist(|address| registered.revoke(address, &token));
        assert_eq!(answer.status, 200, "{answer:?}");
        registered.lineages[lineage].state = State::Over;
        registered.consent = Consent::No;
        self.link.count("revocations");
        self.check_lineage(client, lineage);
    }
}
