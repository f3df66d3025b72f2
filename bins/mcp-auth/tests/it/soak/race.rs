//! Two servers on one Redis, and sixty-four sessions that come with the same token.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::time::Duration;

use crate::client::{App, Tokens};
use crate::program::{Scratch, pause};
use crate::redis::forgetful;
use crate::shared::start;

/// As many as are answered with the same successor: the first, and 63 replays.
const SESSIONS: usize = 64;

#[test]
fn attack_050_sessions_on_two_servers_get_one_successor_and_reuse_ends_all() {
    let (all, folders) = (Scratch::new(), [Scratch::new(), Scratch::new(), Scratch::new()]);
    let redis = forgetful();
    let unlimited = ["--rate-limit", "0"];
    let (first, second) =
        (start(&redis.url(), &all, &folders[0], &unlimited), start(&redis.url(), &all, &folders[1], &unlimited));
    let app = App::register(&first);
    let tokens = app.tokens(&first, &folders[0]);
    let barrier = Barrier::new(SESSIONS);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|session| {
                let address = if session % 2 == 0 { first.address } else { second.address };
                let (app, barrier, token) = (&app, &barrier, &tokens.refresh);
                scope.spawn(move || {
                    barrier.wait();
                    app.refresh_at(address, token)
                })
            })
            .collect();
        sessions.into_iter().map(|session| session.join().unwrap()).collect()
    });
    let successors: BTreeSet<String> = answers.iter().map(|answer| Tokens::of(answer).refresh).collect();
    assert_eq!(successors.len(), 1, "{successors:?}");
    assert!(!successors.contains(&tokens.refresh));
    let successor = successors.into_iter().next().unwrap();
    // Any of the sessions goes on with it, on either server.
    let newest = Tokens::of(&app.refresh(&second, &successor)).refresh;
    assert_eq!(Tokens::of(&app.refresh(&first, &successor)).refresh, newest, "within the grace");

    // How long the grace is, the server that is asked decides: on this one it is over soon.
    let third = start(&redis.url(), &all, &folders[2], &["--rate-limit", "0", "--refresh-grace", "1"]);
    pause(Duration::from_millis(2100));
    // RFC 9700 section 4.14.2: the authorization server "cannot determine which party submitted the invalid refresh token,
    // but it will revoke the active refresh token".
    for (program, token) in [(&third, &successor), (&third, &newest), (&first, &newest), (&second, &newest)] {
        let answer = app.refresh(program, token);
        assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_grant")), "{answer:?}");
    }
}
