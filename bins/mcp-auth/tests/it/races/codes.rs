//! Codes that race: check 35.

use super::site::{Site, is_refused, split};
use super::{ROUNDS, on_every_redis};
use crate::client::{App, Tokens, redirected};

/// A code that the user has just agreed to.
pub(super) fn code(site: &Site, app: &App) -> String {
    let (program, mut browser) = (&site.programs[0], site.browser.clone());
    let page = browser.get(program, &app.link());
    redirected(&browser.submit(program, &page, &[("decision", "approve")]), "code")
}

on_every_redis! {
    // RFC 6749 section 4.1.2: "If an authorization code is used more than once, the authorization server MUST deny the
    // request and SHOULD revoke (when possible) all tokens previously issued based on that authorization code."
    fn attack_035_one_request_of_sixty_four_redeems_a_code(site: &Site) {
        let app = App::register(&site.programs[0]);
        for round in 0..ROUNDS {
            let raced = site.race(round, &[app.redemption(&code(site, &app))]);
            let (won, lost) = split(raced, |raced| raced.answer.status == 200);
            assert_eq!(won.len(), 1, "round {round}");
            lost.iter().for_each(|lost| is_refused(&lost.answer, 400, "invalid_grant"));
            let tokens = Tokens::of(&won[0].answer);
            for program in &site.programs {
                is_refused(&app.refresh(program, &tokens.refresh), 400, "invalid_grant");
            }
        }
    }
}
