//! What one client was answered: what has to hold, whatever becomes of the server.

use serde_json::Value;

use super::device::Device;
use super::software::Software;

/// A registration.
pub(super) struct Registered {
    pub(super) software: Software,
    pub(super) id: String,
    pub(super) secret: Option<String>,
    /// The token that manages it.
    pub(super) token: String,
    /// The version that is registered: one of these, where two came at once.
    pub(super) versions: Vec<usize>,
    pub(super) consent: Consent,
    pub(super) state: State,
    /// Whether it was asked for again, and may so have joined what was registered the first time.
    pub(super) maybe_shared: bool,
    pub(super) lineages: Vec<Lineage>,
    /// Codes that were issued, and not presented so far.
    pub(super) codes: Vec<Code>,
    /// Device codes that were issued, and of which nothing has come so far.
    pub(super) devices: Vec<Device>,
}

impl Registered {
    /// What was registered is what the server says now. From then on it is that.
    #[track_caller]
    pub(super) fn told(&mut self, told: &Value) {
        assert_eq!(told["client_id"], self.id.as_str());
        let found = self.software.version_in(told);
        let found = found.unwrap_or_else(|| panic!("no version of it: {told}"));
        assert!(self.versions.contains(&found), "of {:?} version {found} is left: {told}", self.versions);
        self.versions = vec![found];
    }

    /// The number of the next version.
    pub(super) fn next_version(&self) -> usize {
        self.versions.iter().max().unwrap() + 1
    }

    /// The grants that go on.
    pub(super) fn live(&self) -> Vec<usize> {
        (0..self.lineages.len()).filter(|&at| self.lineages[at].state == State::Live).collect()
    }
}

/// Whether the user has consented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    No,
    /// It was asked for, and not answered; or it may have been forgotten.
    Maybe,
    Yes,
}

/// Whether something is good. What is over stays over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Live,
    Over,
}

/// A code that waits to be redeemed.
pub(super) struct Code {
    pub(super) code: String,
    pub(super) issued: std::time::Instant,
}

/// A grant, by the tokens that it has given.
pub(super) struct Lineage {
    /// The refresh tokens, each the successor of the one before.
    refresh: Vec<String>,
    /// The newest access token.
    pub(super) access: String,
    pub(super) state: State,
}

impl Lineage {
    /// Begins with what came for a code.
    pub(super) fn new((access, refresh): (String, String)) -> Self {
        Self { refresh: vec![refresh], access, state: State::Live }
    }

    /// One that has ended since.
    pub(super) fn over(tokens: (String, String)) -> Self {
        Self { state: State::Over, ..Self::new(tokens) }
    }

    pub(super) fn newest(&self) -> &str {
        self.refresh.last().unwrap()
    }

    /// A token that was replaced so many rotations ago.
    pub(super) fn before(&self, rotations: usize) -> Option<&str> {
        let place = self.refresh.len().checked_sub(rotations + 1)?;
        Some(&self.refresh[place])
    }

    /// What was answered to `presented`. No token has two successors.
    #[track_caller]
    pub(super) fn answered(&mut self, presented: &str, (access, successor): (String, String)) {
        let place = self.refresh.iter().position(|token| token == presented).unwrap();
        match self.refresh.get(place + 1) {
            Some(known) => assert_eq!(*known, successor, "two successors of one token"),
            None => {
                assert!(!self.refresh.contains(&successor), "a successor that was given before");
                self.refresh.push(successor);
            }
        }
        self.access = access;
    }
}
