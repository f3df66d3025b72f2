//! Forms of users that race: check 22.

use super::site::{Site, split};
use super::{ROUNDS, on_every_redis};
use crate::client::{App, redirected};

on_every_redis! {
    // MCP, security best practices: a consent form is for one use.
    fn attack_022_a_consent_is_taken_once(site: &Site) {
        let program = &site.programs[0];
        for round in 0..ROUNDS {
            let app = App::named(program, &format!("Consent {round}"));
            let mut browser = site.browser.clone();
            let page = browser.get(program, &app.link());
            let raced = site.race(round, &[browser.filled(&page, &[("decision", "approve")])]);
            let (won, lost) = split(raced, |raced| raced.answer.status == 303);
            assert_eq!(won.len(), 1, "round {round}");
            for lost in &lost {
                assert_eq!((lost.answer.status, lost.answer.header("location")), (403, None), "{:?}", lost.answer);
            }
            let grants = site.scratch().admin(&["grants", "list", "--client", &app.id]);
            assert_eq!(grants.len(), 1, "round {round}: {grants:?}");
            app.redeem(&site.programs[1], &redirected(&won[0].answer, "code"));
        }
    }
}
