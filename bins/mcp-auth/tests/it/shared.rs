//! Two servers on one Redis, a real one.

use crate::client::{App, Tokens};
use crate::program::{ISSUER, Program, Scratch, command, text, until};
use crate::redis::{PASSWORD, forgetful};
use crate::wire::get;

/// A server with a data folder of its own, on the Redis of this URL, with the master key of all.
pub(crate) fn start(redis: &str, all: &Scratch, own: &Scratch, arguments: &[&str]) -> Program {
    let mut command = command();
    command.env("REDIS_URL", redis).env("REDIS_PASSWORD", PASSWORD);
    command.args(["--listen", "127.0.0.1:0", "--issuer", ISSUER, "--data", &own.data()]);
    command.args(["--master-key-file", all.path("master-key").to_str().unwrap()]);
    Program::start_as(command.args(arguments))
}

#[test]
fn what_one_server_gives_another_takes() {
    let (all, one, two) = (Scratch::new(), Scratch::new(), Scratch::new());
    let redis = forgetful();
    let (first, second) = (start(&redis.url(), &all, &one, &[]), start(&redis.url(), &all, &two, &[]));
    assert_eq!(get(&first, "/jwks").body, get(&second, "/jwks").body);
    let app = App::register(&first);
    let tokens = app.tokens(&first, &one);
    let tokens = Tokens::of(&app.refresh(&second, &tokens.refresh));
    let (status, _, log) = first.stop();
    assert_eq!(status.code(), Some(0));
    // It says what is not durable about this Redis, and keeps its password to itself.
    assert!(log.iter().any(|line| line.contains("append-only")), "{log:?}");
    assert!(!log.iter().any(|line| line.contains(PASSWORD)), "{log:?}");
    let tokens = Tokens::of(&app.refresh(&second, &tokens.refresh));
    // Nobody serves from the first folder any more: the command goes to the store itself.
    let mut command = command();
    command.env("REDIS_URL", redis.url()).env("REDIS_PASSWORD", PASSWORD);
    let output = command.args(["--data", &one.data(), "grants", "revoke", "--client", &app.id]).output().unwrap();
    assert_eq!(text(&output.stdout), "{\"grants_ended\":1}\n", "{}", text(&output.stderr));
    assert_eq!(app.refresh(&second, &tokens.refresh).status, 400);
    assert_eq!(get(&second, "/ready").status, 200);
    drop(redis);
    until("it is ready without its store", || (get(&second, "/ready").status == 503).then_some(()));
    assert_eq!(get(&second, "/health").status, 200);
    // The store cannot tell: that says nothing about the token.
    let answer = app.refresh(&second, &tokens.refresh);
    assert_eq!(answer.status, 503, "{answer:?}");
}

#[test]
fn a_redis_that_cannot_be_used_stops_the_start() {
    let scratch = Scratch::new();
    let redis = forgetful();
    let start = |url: &str| {
        let output = scratch.run(&["--listen", "127.0.0.1:0", "--store", url], "");
        assert!(!text(&output.stderr).contains("chocolate"), "{}", text(&output.stderr));
        (output.status.code().unwrap(), text(&output.stderr))
    };
    let (code, said) = start(&redis.url().replace("redis://", "redis://:chocolate@"));
    assert!(code == 1 && said.contains("Redis cannot be used"), "{said}");
    let (code, said) = start("redis://:chocolate@127.0.0.1:1");
    assert!(code == 1 && said.contains("Redis cannot be used"), "{said}");
    let (code, said) = start("redis://:chocolate@127.0.0.1:port");
    assert!(code == 2 && said.contains("--store"), "{said}");
}
