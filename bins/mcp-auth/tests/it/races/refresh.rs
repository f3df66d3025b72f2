//! Refresh tokens that race: checks 47 to 50.

use std::collections::BTreeSet;
use std::time::Duration;

use super::codes::code;
use super::site::{Raced, Site, is_refused, split};
use super::{ROUNDS, on_every_redis};
use crate::client::{App, Tokens};
use crate::program::pause;

/// How many replays of a token are answered with its successor, within the grace.
const MOST_REPLAYS: usize = 1024;

/// The successors that were given out.
fn successors<'a>(answers: impl IntoIterator<Item = &'a Raced>) -> BTreeSet<String> {
    answers.into_iter().map(|raced| Tokens::of(&raced.answer).refresh).collect()
}

/// A client and its first tokens.
fn signed_in(site: &Site) -> (App, Tokens) {
    let app = App::register(&site.programs[0]);
    let tokens = app.redeem(&site.programs[0], &code(site, &app));
    (app, tokens)
}

on_every_redis! {
    // OAuth 2.1 section 4.3.1: the tokens of public clients are rotated. Sessions that refresh in parallel are one client.
    fn attack_050_sessions_on_two_servers_get_one_successor_and_reuse_ends_all(site: &Site) {
        let [first, second] = &site.programs;
        let (app, tokens) = signed_in(site);
        let (mut newest, mut all) = (tokens.refresh.clone(), BTreeSet::from([tokens.refresh]));
        for round in 0..ROUNDS {
            let raced = site.race(round, &[app.refreshing(&newest)]);
            let (given, refused) = split(raced, |raced| raced.answer.status == 200);
            assert!(refused.is_empty(), "round {round}: {:?}", refused[0].answer);
            let successors = successors(&given);
            assert_eq!(successors.len(), 1, "round {round}: {successors:?}");
            newest = successors.into_iter().next().unwrap();
            assert!(all.insert(newest.clone()), "round {round}: a token comes back");
        }
        // Any of the sessions goes on with it, on either server.
        let successor = Tokens::of(&app.refresh(second, &newest)).refresh;
        assert_eq!(Tokens::of(&app.refresh(first, &newest)).refresh, successor, "within the grace");

        // How long the grace is, the server that is asked decides: on this one it is over soon.
        let third = site.another(&["--refresh-grace", "1"]);
        pause(Duration::from_millis(2100));
        // RFC 9700 section 4.14.2: the authorization server "cannot determine which party submitted the invalid refresh
        // token, but it will revoke the active refresh token".
        for (program, token) in [(&third, &newest), (&third, &successor), (first, &successor), (second, &successor)] {
            is_refused(&app.refresh(program, token), 400, "invalid_grant");
        }
    }

    // The same section: whoever comes with a token whose successor was redeemed ends the family, also while its newest token
    // is being redeemed. Whichever comes first, nothing is left.
    fn attack_048_a_reuse_and_refreshes_at_once(site: &Site) {
        for round in 0..ROUNDS {
            let (app, tokens) = signed_in(site);
            let next = Tokens::of(&app.refresh(&site.programs[0], &tokens.refresh)).refresh;
            let newest = Tokens::of(&app.refresh(&site.programs[1], &next)).refresh;
            let raced = site.race(round, &[app.refreshing(&tokens.refresh), app.refreshing(&newest)]);
            let (given, refused) = split(raced, |raced| raced.answer.status == 200);
            refused.iter().for_each(|refused| is_refused(&refused.answer, 400, "invalid_grant"));
            assert!(given.iter().all(|given| given.request == 1), "round {round}: an old token is good");
            let successors = successors(&given);
            assert!(successors.len() <= 1, "round {round}: {successors:?}");
            for token in successors.iter().chain([&newest]) {
                for program in &site.programs {
                    is_refused(&app.refresh(program, token), 400, "invalid_grant");
                }
            }
        }
    }

    // The grace is for so many replays, which are counted across servers. Who comes after them is put off, and ends nothing.
    fn attack_049_replays_are_counted_across_servers(site: &Site) {
        let (app, tokens) = signed_in(site);
        let (mut replays, mut given_out) = (0, BTreeSet::new());
        let last = (0..).find_map(|round| {
            let raced = site.race(round, &[app.refreshing(&tokens.refresh)]);
            let (given, refused) = split(raced, |raced| raced.answer.status == 200);
            replays += given.len();
            given_out.extend(successors(&given));
            (!refused.is_empty()).then_some(refused)
        });
        last.unwrap().iter().for_each(|refused| is_refused(&refused.answer, 429, "temporarily_unavailable"));
        assert_eq!((replays, given_out.len()), (1 + MOST_REPLAYS, 1));
        assert_eq!(app.refresh(&site.programs[0], given_out.first().unwrap()).status, 200);
    }
}
