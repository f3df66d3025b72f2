//! Two servers whose keys change again and again while clients are at work: check 105.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::ScopedJoinHandle;

use mcp_oauth::jose::{AccessTokenPolicy, VerifyingKeys};
use mcp_oauth::types::SystemClock;
use mcp_transport::auth::{Issuer, ResourceId};

use super::site::Site;
use super::{codes, on_every_redis};
use crate::client::{App, Tokens};
use crate::program::{ISSUER, admin, until};
use crate::wire::{send_to, try_post};

/// How often the keys change. A key that is published signs after seven minutes: here it goes before that, and another comes.
const CHANGES: u32 = 8;
/// How many clients are at work: each asks for one thing at a time.
const CLIENTS: usize = 4;

/// What both servers say, and whoever verifies by their keys.
struct Witness {
    addresses: [SocketAddr; 2],
    id: String,
    secret: String,
}

impl Witness {
    fn at(site: &Site) -> Self {
        let add = ["clients", "add", "--auth-method", "client_secret_post", "--grant-type", "client_credentials"];
        let added = site.scratch().admin_one(&[&add[..], &["--serves", ISSUER]].concat());
        let text = |member: &str| added[member].as_str().unwrap().to_owned();
        let addresses = site.programs.each_ref().map(|program| program.address);
        Self { addresses, id: text("client_id"), secret: text("client_secret") }
    }

    fn is_active(&self, server: usize, token: &str) -> bool {
        let form = [("client_id", self.id.as_str()), ("client_secret", &self.secret), ("token", token)];
        let answer = try_post(self.addresses[server], "/introspect", &[], &form).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["active"].as_bool().unwrap()
    }

    fn jwks(&self, server: usize) -> VerifyingKeys {
        let answer = send_to(self.addresses[server], "GET", "/jwks", &[], "");
        assert_eq!(answer.status, 200, "{answer:?}");
        VerifyingKeys::from_jwks(answer.body).unwrap()
    }

    #[track_caller]
    fn assert_good(&self, token: &str, kept: &[VerifyingKeys]) {
        let (issuer, resource) = (Issuer::parse(ISSUER).unwrap(), ResourceId::parse(ISSUER).unwrap());
        let policy = AccessTokenPolicy::for_resource(issuer, resource);
        let now = [self.jwks(0), self.jwks(1)];
        for keys in now.iter().chain(kept) {
            if let Err(error) = policy.verify(token, keys, SystemClock.now().into()) {
                panic!("{error:?}");
            }
        }
        assert!(self.is_active(0, token) && self.is_active(1, token));
    }
}

/// Refreshes at one server and then at the other until it is over; gives the newest refresh token.
fn work(
    (app, witness, kept): (&App, &Witness, &[VerifyingKeys]),
    mut refresh: String,
    (over, done): (&AtomicBool, &AtomicU32),
) -> String {
    let mut tokens = Vec::new();
    for turn in 0.. {
        let newest = Tokens::of(&app.refresh_at(witness.addresses[turn % 2], &refresh));
        witness.assert_good(&newest.access, kept);
        tokens.push(newest.access);
        refresh = newest.refresh;
        done.fetch_add(1, Ordering::SeqCst);
        if over.load(Ordering::SeqCst) {
            break;
        }
    }
    // None has been refused since.
    for token in &tokens {
        witness.assert_good(token, kept);
    }
    refresh
}

/// Lets the clients end, also where the test has failed: else it would wait for them for ever.
struct Ends<'t>(&'t AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The keys change at this server while every client waits for an answer of Redis, as the change does. Gives the new key.
fn change(site: &Site, server: usize, clients: &[ScopedJoinHandle<'_, String>]) -> String {
    let (holding, data) = (site.hold(), site.data(server));
    std::thread::scope(|scope| {
        let changed = scope.spawn(move || admin(&data, &["keys", "rotate"]));
        // A client waits with one call at most. So one that is beyond them is the change.
        until("the clients and the change wait at Redis", || {
            assert!(!clients.iter().any(ScopedJoinHandle::is_finished), "a client has ended before its time");
            (holding.waiting().iter().sum::<usize>() == CLIENTS + 1).then_some(())
        });
        drop(holding);
        let keys = changed.join().unwrap();
        let of = |state: &str| keys.iter().filter(|key| key["state"] == state).collect::<Vec<_>>();
        let (next, active) = (of("next"), of("active"));
        assert_eq!((next.len(), active.len()), (1, 1), "{keys:?}");
        next[0]["key_id"].as_str().unwrap().to_owned()
    })
}

on_every_redis! {
    fn attack_105_keys_change_on_two_servers_under_load(site: &Site) {
        let (app, witness) = (App::register(&site.programs[0]), Witness::at(site));
        let kept = [witness.jwks(0), witness.jwks(1)];
        let (over, done) = (AtomicBool::new(false), AtomicU32::new(0));
        let last: Vec<String> = std::thread::scope(|scope| {
            let clients = (0..CLIENTS).map(|number| {
                let first = app.redeem(&site.programs[number % 2], &codes::code(site, &app));
                let (knows, told) = ((&app, &witness, &kept[..]), (&over, &done));
                scope.spawn(move || work(knows, first.refresh, told))
            });
            let ends = Ends(&over);
            let clients: Vec<_> = clients.collect();
            for turn in 0..CHANGES {
                let server = turn as usize % 2;
                let next = change(site, server, &clients);
                let before = done.load(Ordering::SeqCst);
                until("the clients are at work", || {
                    assert!(!clients.iter().any(ScopedJoinHandle::is_finished), "a client has ended before its time");
                    (done.load(Ordering::SeqCst) >= before + 8).then_some(())
                });
                site.admin(server, &["keys", "revoke", &next]);
            }
            drop(ends);
            clients.into_iter().map(|client| client.join().unwrap()).collect()
        });
        // Where the key that signs is dropped, another signs at once. The other server takes what it has signed.
        let active = site.admin(0, &["keys", "list"]).remove(0)["key_id"].as_str().unwrap().to_owned();
        site.admin(0, &["keys", "revoke", &active]);
        let after = Tokens::of(&app.refresh(&site.programs[0], &last[0]));
        assert_ne!(after.key(), active);
        assert!(witness.is_active(0, &after.access) && witness.is_active(1, &after.access));
    }
}
