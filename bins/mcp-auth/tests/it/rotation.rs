//! Two servers on one Redis, whose keys change while clients are at work: check 105.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use mcp_oauth::jose::{AccessTokenPolicy, VerifyingKeys};
use mcp_oauth::types::SystemClock;
use mcp_transport::auth::{Issuer, ResourceId};

use crate::client::{App, Tokens};
use crate::program::{ISSUER, Scratch, until};
use crate::redis::forgetful;
use crate::shared::start;
use crate::wire::{send_to, try_post};

/// How often the keys change. A key that is published signs after seven minutes: here it goes before that, and another comes.
const CHANGES: u32 = 8;

/// What both servers say, and whoever verifies by their keys.
struct Witness {
    addresses: [SocketAddr; 2],
    id: String,
    secret: String,
}

impl Witness {
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

#[test]
fn attack_105_keys_change_on_two_servers_under_load() {
    let (all, folders) = (Scratch::new(), [Scratch::new(), Scratch::new()]);
    let redis = forgetful();
    let programs = folders.each_ref().map(|folder| start(&redis.url(), &all, folder, &["--rate-limit", "0"]));
    let app = App::register(&programs[0]);
    let add = ["clients", "add", "--auth-method", "client_secret_post", "--grant-type", "client_credentials"];
    let added = folders[0].admin_one(&[&add[..], &["--serves", ISSUER]].concat());
    let text = |member: &str| added[member].as_str().unwrap().to_owned();
    let addresses = programs.each_ref().map(|program| program.address);
    let witness = Witness { addresses, id: text("client_id"), secret: text("client_secret") };
    let kept = [witness.jwks(0), witness.jwks(1)];
    let firsts: Vec<_> = (0..4).map(|number| app.tokens(&programs[number % 2], &folders[number % 2])).collect();
    let (over, work) = (AtomicBool::new(false), AtomicU32::new(0));
    let last: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = firsts
            .iter()
            .map(|first| {
                let (app, witness, kept, over, work) = (&app, &witness, &kept, &over, &work);
                scope.spawn(move || {
                    let mut tokens = Vec::new();
                    let mut refresh = first.refresh.clone();
                    for turn in 0.. {
                        let newest = Tokens::of(&app.refresh_at(witness.addresses[turn % 2], &refresh));
                        witness.assert_good(&newest.access, kept);
                        tokens.push(newest.access);
                        refresh = newest.refresh;
                        work.fetch_add(1, Ordering::SeqCst);
                        if over.load(Ordering::SeqCst) {
                            break;
                        }
                    }
                    // None has been refused since.
                    for token in &tokens {
                        witness.assert_good(token, kept);
                    }
                    refresh
                })
            })
            .collect();
        for change in 0..CHANGES {
            let folder = &folders[change as usize % 2];
            let keys = folder.admin(&["keys", "rotate"]);
            let of = |state: &str| keys.iter().filter(|key| key["state"] == state).collect::<Vec<_>>();
            let (next, active) = (of("next"), of("active"));
            assert_eq!((next.len(), active.len()), (1, 1), "{keys:?}");
            let before = work.load(Ordering::SeqCst);
            until("the clients are at work", || {
                let ended = clients.iter().any(std::thread::ScopedJoinHandle::is_finished);
                assert!(!ended, "a client has ended before its time");
                (work.load(Ordering::SeqCst) >= before + 8).then_some(())
            });
            folder.admin(&["keys", "revoke", next[0]["key_id"].as_str().unwrap()]);
        }
        over.store(true, Ordering::SeqCst);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    // Where the key that signs is dropped, another signs at once. The other server takes what it has signed.
    let active = folders[0].admin(&["keys", "list"]).remove(0);
    folders[0].admin(&["keys", "revoke", active["key_id"].as_str().unwrap()]);
    let after = Tokens::of(&app.refresh(&programs[0], &last[0]));
    assert_ne!(after.key(), active["key_id"].as_str().unwrap());
    assert!(witness.is_active(0, &after.access) && witness.is_active(1, &after.access));
}
