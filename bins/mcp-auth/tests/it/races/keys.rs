//! Servers that make and change their keys at the same moment: check 105.

use std::thread;
use std::time::SystemTime;

use mcp_oauth::jose::{AccessTokenPolicy, VerifyingKeys};
use mcp_transport::auth::Issuer;

use super::held::Held;
use super::site::{Kept, Redis, Site};
use super::{codes, on_every_redis};
use crate::browser::Browser;
use crate::client::{App, Tokens, redirected};
use crate::program::{ISSUER, Program, Scratch, admin};
use crate::users::{ADA, with_ada};
use crate::wire::get;

/// How often two servers are started on nothing.
const STARTS: usize = 5;

/// What resource servers do with the keys that this server publishes now.
#[track_caller]
fn verify(token: &str, server: &Program) {
    let keys = VerifyingKeys::from_jwks(get(server, "/jwks").body).unwrap();
    let policy = AccessTokenPolicy::for_issuer(Issuer::parse(ISSUER).unwrap());
    policy.verify(token, &keys, SystemTime::now()).unwrap();
}

/// Starts two servers on a Redis that has no keys yet, and lets them go on together.
fn starts(kept: Kept) {
    let redis = Redis::start(kept);
    for _ in 0..STARTS {
        let scratch = Scratch::new();
        let users = with_ada(&scratch);
        redis.forget_everything();
        let holding = redis.hold();
        let [first, second] = thread::scope(|scope| {
            let start = |number| {
                let (redis, scratch, users) = (&redis, &scratch, &users);
                scope.spawn(move || redis.serve(number, scratch, users, &[]))
            };
            let starting = [0, 1].map(start);
            // The first script of a server asks for the time; both of them are about to look for keys then.
            holding.until_both_wait(1);
            drop(holding);
            starting.map(|program| program.join().unwrap())
        });
        assert_eq!(get(&first, "/jwks").body, get(&second, "/jwks").body);
        let app = App::register(&first);
        let mut browser = Browser::default();
        for (issuing, other) in [(&first, &second), (&second, &first)] {
            let page = browser.sign_in(&first, &app.link(), "ada", ADA);
            let code = redirected(&browser.submit(&first, &page, &[("decision", "approve")]), "code");
            verify(&app.redeem(issuing, &code).access, other);
            browser = Browser::default();
        }
    }
}

#[test]
fn attack_105_two_servers_that_start_at_once_have_the_same_keys_on_one_redis() {
    starts(Kept::Standalone);
}

#[test]
fn attack_105_two_servers_that_start_at_once_have_the_same_keys_on_a_cluster() {
    starts(Kept::Cluster);
}

/// How many sessions of a client refresh at each server, while its keys change.
const SESSIONS: usize = 4;
/// How often they change.
const CHANGES: usize = 10;

on_every_redis! {
    // RFC 7517 section 5: verifiers find the key of a token in the set. A new one is published before it signs, and two
    // operators who change the key at once change it once. Nobody who refreshes meanwhile notices.
    fn attack_105_a_change_of_keys_at_both_servers_at_once(site: &Site) {
        let app = App::register(&site.programs[0]);
        let begin = |number: usize| app.redeem(&site.programs[number % 2], &codes::code(site, &app));
        let mut sessions: Vec<Tokens> = (0..2 * SESSIONS).map(begin).collect();
        for _ in 0..CHANGES {
            let known = site.admin(0, &["keys", "list"]).len();
            let holding = site.hold();
            let refreshed: Vec<Tokens> = thread::scope(|scope| {
                for data in [0, 1].map(|server| site.data(server)) {
                    scope.spawn(move || admin(&data, &["keys", "rotate"]));
                }
                // Each has made a key, and wants to put it in the place of what both have read.
                holding.until_both_wait(1);
                assert_eq!(holding.waiting(), [1, 1]);
                let held = sessions.iter().enumerate().map(|(number, tokens)| {
                    let address = site.programs[number % 2].address;
                    let mut held = Held::at(address, &app.refreshing(&tokens.refresh));
                    held.let_go();
                    held
                });
                let held: Vec<Held> = held.collect();
                holding.until_both_wait(1 + SESSIONS);
                assert_eq!(holding.waiting(), [1 + SESSIONS; 2]);
                drop(holding);
                held.into_iter().map(|held| Tokens::of(&held.answer())).collect()
            });
            let keys = site.admin(0, &["keys", "list"]);
            let next: Vec<_> = keys.iter().filter(|key| key["state"] == "next").collect();
            assert_eq!((keys.len(), next.len()), (known + 1, 1), "{keys:?}");
            for tokens in sessions.iter().chain(&refreshed) {
                site.programs.iter().for_each(|server| verify(&tokens.access, server));
            }
            assert_eq!(get(&site.programs[0], "/jwks").body, get(&site.programs[1], "/jwks").body);
            site.admin(0, &["keys", "revoke", next[0]["key_id"].as_str().unwrap()]);
            sessions = refreshed;
        }
    }
}
