//! Clients on devices: they show a code, and ask until their user has decided (RFC 8628).

use std::time::{Duration, Instant};

use super::actor::Actor;
use super::calls::{given, is_refused};
use super::ledger::Lineage;
use super::link::Asked;
use crate::wire::Answer;

/// How long a device code is kept. The server takes it for ten minutes.
const DEVICE: Duration = Duration::from_secs(300);

/// What a user says on the page for devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Approve,
    Deny,
}

/// A device that waits for its user, or for what its user has said.
pub(super) struct Device {
    pub(super) code: String,
    pub(super) user_code: String,
    pub(super) issued: Instant,
    /// What the user has sent, whether it was answered or not.
    pub(super) sent: Vec<Decision>,
    /// What the user was told that it is.
    pub(super) decided: Option<Decision>,
    /// Whether the device may have been told, and not have heard it.
    pub(super) maybe_told: bool,
}

/// What a device hears when it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polled {
    Pending,
    Tokens,
    /// The user has refused.
    Denied,
    /// The code was used up by a poll whose answer was lost: it begins anew.
    Lost,
}

impl Device {
    /// What an answer says, which has to fit what is known.
    #[track_caller]
    pub(super) fn heard(&self, answer: &Answer) -> Polled {
        if answer.status == 200 {
            assert!(self.sent.contains(&Decision::Approve), "nobody has agreed: {answer:?}");
            assert_ne!(self.decided, Some(Decision::Deny), "the user has refused: {answer:?}");
            return Polled::Tokens;
        }
        assert_eq!(answer.status, 400, "{answer:?}");
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        match error.as_str() {
            "authorization_pending" | "slow_down" => {
                assert_eq!(self.decided, None, "what the user has said is lost: {answer:?}");
                Polled::Pending
            }
            "access_denied" => {
                assert!(self.sent.contains(&Decision::Deny), "nobody has refused: {answer:?}");
                assert_ne!(self.decided, Some(Decision::Approve), "the user has agreed: {answer:?}");
                Polled::Denied
            }
            "invalid_grant" => {
                assert!(self.maybe_told, "the device code is lost: {answer:?}");
                Polled::Lost
            }
            _ => panic!("{answer:?}"),
        }
    }
}

impl Decision {
    const fn button(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

impl Actor<'_> {
    /// A device of this client asks for a code, and shows it.
    pub(super) fn begin_device(&mut self, client: usize) {
        let registered = &mut self.clients[client];
        let (answer, _) = self.link.insist(|address| registered.begin_device(address));
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        let text = |member: &str| body[member].as_str().unwrap().to_owned();
        registered.devices.push(Device {
            code: text("device_code"),
            user_code: text("user_code"),
            issued: Instant::now(),
            sent: Vec::new(),
            decided: None,
            maybe_told: false,
        });
        self.link.count("device codes");
        self.touched(client, None);
    }

    pub(super) fn forget_old_devices(&mut self, client: usize) {
        self.clients[client].devices.retain(|device| device.issued.elapsed() < DEVICE);
    }

    /// Goes on with a device that waits: its user decides, or it asks.
    pub(super) fn go_on_with_device(&mut self, client: usize) {
        self.forget_old_devices(client);
        if self.clients[client].devices.is_empty() {
            self.begin_device(client);
        }
        self.touched(client, None);
        let device = self.random.below(self.clients[client].devices.len());
        if self.clients[client].devices[device].decided.is_none() && self.random.percent(70) {
            let decision = if self.random.percent(80) { Decision::Approve } else { Decision::Deny };
            return self.decide(client, device, decision);
        }
        match self.random.below(5) {
            0 => self.poll_twice(client, device),
            1 => self.poll_together(client, device),
            _ => drop(self.poll(client, device)),
        }
    }

    /// The user goes to the page with the code, until they are told that it is as they say, or that there is no such code any
    /// more: then an earlier try has counted.
    fn decide(&mut self, client: usize, device: usize, decision: Decision) {
        let (link, browser) = (self.link, &mut self.browser);
        let device = &mut self.clients[client].devices[device];
        let code = [("user_code", device.user_code.as_str())];
        loop {
            let (page, _) = link.insist(|address| browser.try_get(address, "/device"));
            assert_eq!(page.status, 200, "{page:?}");
            let (page, _) = link.insist(|address| browser.try_submit(address, &page, &code));
            if page.status == 400 {
                assert!(!device.sent.is_empty(), "the device is lost: {page:?}");
                return;
            }
            assert!(page.status == 200 && page.body.contains("decision"), "no page of consent: {page:?}");
            device.sent.push(decision);
            let pressed = [("decision", decision.button())];
            match link.ask(|address| browser.try_submit(address, &page, &pressed)) {
                Some(answer) if answer.status == 200 => {
                    device.decided = Some(decision);
                    return link.count("devices decided");
                }
                Some(answer) => {
                    assert!(answer.status == 400 && device.sent.len() > 1, "{answer:?}");
                    return;
                }
                // The user begins again.
                None => {}
            }
        }
    }

    /// The device asks until it is answered. Gives the place of the grant, if one came of it.
    pub(super) fn poll(&mut self, client: usize, device: usize) -> Option<usize> {
        let registered = &mut self.clients[client];
        let code = &registered.devices[device].code;
        let (answer, asked) = self.link.insist(|address| registered.poll(address, code));
        let own = &mut registered.devices[device];
        // Whoever was told has not heard it. ARCHITECTURE.md, "Known limits": then the code may be used up.
        own.maybe_told |= asked == Asked::Again && !own.sent.is_empty();
        let heard = own.heard(&answer);
        match heard {
            Polled::Pending => None,
            Polled::Denied | Polled::Lost => {
                registered.devices.remove(device);
                self.link.count(if heard == Polled::Denied { "devices denied" } else { "device codes lost" });
                None
            }
            Polled::Tokens => {
                registered.devices.remove(device);
                registered.lineages.push(Lineage::new(given(&answer)));
                let lineage = registered.lineages.len() - 1;
                self.touched(client, Some(lineage));
                self.link.count("device grants");
                Some(lineage)
            }
        }
    }

    /// The device asks once more than it has to: its grant is good all the same.
    fn poll_twice(&mut self, client: usize, device: usize) {
        let code = self.clients[client].devices[device].code.clone();
        let Some(lineage) = self.poll(client, device) else { return };
        let registered = &self.clients[client];
        let (answer, _) = self.link.insist(|address| registered.poll(address, &code));
        assert!(is_refused(&answer, 400, "invalid_grant"), "a device code twice: {answer:?}");
        self.link.count("device codes replayed");
        self.check_lineage(client, lineage);
    }

    /// The device asks twice at once: one of them is told.
    fn poll_together(&mut self, client: usize, device: usize) {
        let (registered, link) = (&self.clients[client], self.link);
        let own = &registered.devices[device];
        let once = || link.ask(|address| registered.poll(address, &own.code));
        let answers = std::thread::scope(|scope| {
            let other = scope.spawn(once);
            [once(), other.join().unwrap()]
        });
        let own = &mut self.clients[client].devices[device];
        let (lost, before) = (answers.iter().any(Option::is_none), own.maybe_told);
        own.maybe_told |= !own.sent.is_empty();
        let heard: Vec<(Polled, &Answer)> =
            answers.iter().flatten().map(|answer| (own.heard(answer), answer)).collect();
        let of = |what: Polled| heard.iter().filter(move |(heard, _)| *heard == what).map(|(_, answer)| *answer);
        let won: Vec<&Answer> = of(Polled::Tokens).collect();
        assert!(won.len() <= 1, "a device code was redeemed twice");
        let (denied, refused) = (of(Polled::Denied).count(), of(Polled::Lost).count());
        let told = won.len() + denied;
        assert!(told == 1 || told + refused == 0 || before || lost, "nobody was told, or both: {answers:?}");
        own.maybe_told = before || (lost && !own.sent.is_empty());
        let registered = &mut self.clients[client];
        if let [answer] = won[..] {
            registered.devices.remove(device);
            registered.lineages.push(Lineage::new(given(answer)));
            link.count("device codes raced for");
            self.check_lineage(client, self.clients[client].lineages.len() - 1);
        } else if denied + refused > 0 {
            registered.devices.remove(device);
            link.count(if denied > 0 { "devices denied" } else { "device codes lost" });
        }
    }
}
