//! Devices that race, and what users decide about them: check 99 (RFC 8628).

use serde_json::json;

use super::site::{Site, is_refused, split};
use super::{ROUNDS, on_every_redis};
use crate::client::{App, Tokens};
use crate::program::Program;
use crate::wire::{Answer, Request, post};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

struct Device {
    app: App,
    code: String,
    user_code: String,
}

impl Device {
    fn named(program: &Program, name: &str) -> Self {
        let app = App::register_as(
            program,
            &json!({"client_name": name, "token_endpoint_auth_method": "none", "grant_types": [DEVICE_CODE, "refresh_token"]}),
        );
        let answer = post(program, "/device_authorization", &[], &[("client_id", &app.id)]);
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        Self { code: text("device_code"), user_code: text("user_code"), app }
    }

    fn poll(&self) -> Request {
        let form = [("grant_type", DEVICE_CODE), ("client_id", &self.app.id), ("device_code", &self.code)];
        Request::form("/token", &[], &form)
    }

    /// What the user sends who decides so, on a page of their own.
    fn decision(&self, site: &Site, server: usize, decision: &str) -> Request {
        let (program, mut browser) = (&site.programs[server], site.browser.clone());
        let page = browser.get(program, "/device");
        let page = browser.submit(program, &page, &[("user_code", &self.user_code)]);
        browser.filled(&page, &[("decision", decision)])
    }

    fn live(&self, site: &Site) -> usize {
        site.scratch().admin(&["grants", "list", "--client", &self.app.id]).len()
    }
}

/// Whether the user was told that it is as they said.
fn is_done(answer: &Answer) -> bool {
    answer.status == 200
}

on_every_redis! {
    // RFC 8628 section 3.5: after the user has agreed the device is given its tokens, once.
    fn attack_099_one_poll_of_sixty_four_gets_the_tokens(site: &Site) {
        for round in 0..ROUNDS {
            let device = Device::named(&site.programs[0], &format!("Polling {round}"));
            let told = device.decision(site, 1, "approve").send(site.programs[1].address).unwrap();
            assert!(is_done(&told), "{told:?}");
            let (won, lost) = split(site.race(round, &[device.poll()]), |raced| raced.answer.status == 200);
            assert_eq!(won.len(), 1, "round {round}");
            lost.iter().for_each(|lost| is_refused(&lost.answer, 400, "invalid_grant"));
            // Whoever polls twice is impatient, and no thief: the tokens are good.
            let tokens = Tokens::of(&won[0].answer);
            Tokens::of(&device.app.refresh(&site.programs[1], &tokens.refresh));
            assert_eq!(device.live(site), 1);
        }
    }

    // The same code, approved on one page and denied on another: one of them is told so, and it is as that one was told.
    fn attack_099_one_decision_counts(site: &Site) {
        for round in 0..ROUNDS {
            let device = Device::named(&site.programs[0], &format!("Decided {round}"));
            let decisions = ["approve", "deny"];
            let pages = [device.decision(site, 0, decisions[0]), device.decision(site, 1, decisions[1])];
            let (told, refused) = split(site.race(round, &pages), |raced| is_done(&raced.answer));
            let heard: Vec<&str> = told.iter().map(|told| decisions[told.request]).collect();
            assert_eq!(heard.len(), 1, "round {round}: {heard:?}");
            assert!(refused.iter().all(|refused| matches!(refused.answer.status, 400 | 403)), "round {round}");
            let answer = device.poll().send(site.programs[1].address).unwrap();
            match heard[0] {
                "approve" => drop(Tokens::of(&answer)),
                _ => is_refused(&answer, 400, "access_denied"),
            }
            assert_eq!(device.live(site), usize::from(heard[0] == "approve"), "round {round}");
        }
    }
}
