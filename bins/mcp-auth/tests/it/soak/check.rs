//! Whether the server still knows what it has answered.

use std::collections::BTreeSet;

use super::actor::Actor;
use super::calls::{given, is_refused};
use super::ledger::{Consent, State};

/// How many clients are looked at that nothing was done with lately.
const SAMPLE: usize = 2;

impl Actor<'_> {
    /// Acts until it is told to stop. After each kill it looks at what it was doing, and at some of the rest; at the end at
    /// everything.
    pub(super) fn run(&mut self) {
        let mut kills = self.link.kills();
        while !self.link.is_over() {
            if self.link.kills() != kills {
                kills = self.link.kills();
                self.check_some();
            }
            self.act();
        }
        for client in 0..self.clients.len() {
            self.check(client);
        }
        self.check_services();
    }

    fn check_some(&mut self) {
        let recent: Vec<_> = self.recent.drain(..).collect();
        let mut clients: BTreeSet<usize> = recent.iter().map(|(client, _)| *client).collect();
        clients.extend(self.clients.len().checked_sub(1));
        for client in clients {
            self.check_client(client);
        }
        for (client, lineage) in recent {
            if let Some(lineage) = lineage {
                self.check_lineage(client, lineage);
            }
        }
        for _ in 0..SAMPLE.min(self.clients.len()) {
            let client = self.random.below(self.clients.len());
            self.check(client);
        }
        self.check_services();
    }

    /// A client, with all its grants.
    pub(super) fn check(&mut self, client: usize) {
        self.check_client(client);
        for lineage in 0..self.clients[client].lineages.len() {
            self.check_lineage(client, lineage);
        }
    }

    /// A registration in its newest version, the consent of the user, and the devices that wait.
    pub(super) fn check_client(&mut self, client: usize) {
        self.link.count("clients checked");
        if self.clients[client].state == State::Over {
            return self.check_deleted(client);
        }
        let registered = &mut self.clients[client];
        let (answer, _) = self.link.insist(|address| registered.manage(address, "GET"));
        assert_eq!(answer.status, 200, "the registration is lost: {answer:?}");
        registered.told(&answer.json());
        if registered.consent == Consent::Yes {
            let code = self.authorize(client);
            self.clients[client].codes.push(code);
        }
        self.forget_old_devices(client);
        // From the end: of which something comes is gone.
        for device in (0..self.clients[client].devices.len()).rev() {
            self.poll(client, device);
        }
    }

    /// A grant: the newest tokens are good, or none is.
    pub(super) fn check_lineage(&mut self, client: usize, lineage: usize) {
        let registered = &mut self.clients[client];
        let (own, state) = (&registered.lineages[lineage], registered.state);
        let active = self.inspector.is_active(self.link, &own.access);
        assert_eq!(active, own.state == State::Live, "an access token of a grant that is {:?}", own.state);
        let token = own.newest().to_owned();
        let (answer, asked) = self.link.insist(|address| registered.refresh(address, &token));
        let own = &mut registered.lineages[lineage];
        match (state, own.state) {
            (_, State::Live) => {
                assert_eq!(answer.status, 200, "{asked:?}, a rotation is lost: {answer:?}");
                own.answered(&token, given(&answer));
            }
            (State::Live, State::Over) => {
                assert!(is_refused(&answer, 400, "invalid_grant"), "it was over: {answer:?}");
            }
            (State::Over, State::Over) => {
                assert!(is_refused(&answer, 401, "invalid_client"), "its client was deleted: {answer:?}");
            }
        }
        self.link.count("grants checked");
    }
}
