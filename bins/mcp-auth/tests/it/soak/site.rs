//! The server, its Redis, and how they are killed.

use std::process::Stdio;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use super::actor::Actor;
use super::calls::Inspector;
use super::link::Link;
use super::random::Random;
use crate::browser::Browser;
use crate::client::App;
use crate::program::{ISSUER, Program, Scratch, command, pause};
use crate::redis::{PASSWORD, Redis};
use crate::users::{ADA, with_ada};
use crate::wire::get;

/// How many clients there are at once.
const ACTORS: u64 = 6;

/// Where the server keeps things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    File,
    Redis,
}

/// The server and what it needs.
pub(super) struct Site {
    pub(super) link: Link,
    program: Program,
    pub(super) redis: Option<Redis>,
    users: String,
    keys: String,
    inspector: Inspector,
    /// Signed in.
    browser: Browser,
    scratch: Scratch,
}

impl Site {
    pub(super) fn new(kept: Kept) -> Self {
        let scratch = Scratch::new();
        let users = with_ada(&scratch);
        let redis = (kept == Kept::Redis).then(Redis::durable);
        let program = Program::start_as(&mut serve(&scratch, redis.as_ref(), &users));
        let added = scratch.admin_one(&[
            "clients",
            "add",
            "--auth-method",
            "client_secret_post",
            "--grant-type",
            "client_credentials",
            "--serves",
            ISSUER,
        ]);
        let text = |member: &str| added[member].as_str().unwrap().to_owned();
        let inspector = Inspector { id: text("client_id"), secret: text("client_secret") };
        // Passwords are slow by design: all clients have the same user, who signs in once.
        let mut browser = Browser::default();
        let page = browser.sign_in(&program, &App::register(&program).link(), "ada", ADA);
        assert!(page.status == 200 && page.body.contains("decision"), "{page:?}");
        let (link, keys) = (Link::default(), get(&program, "/jwks").body);
        link.up(program.address);
        Self { link, program, redis, users, keys, inspector, browser, scratch }
    }

    /// Does something while clients do what they do, and has them look at everything at the end.
    pub(super) fn under_load(&mut self, seed: u64, disturb: impl FnOnce(&mut Disturbed<'_>, &Load<'_>)) {
        let Self { link, program, redis, users, keys, inspector, browser, scratch } = self;
        let (link, inspector): (&Link, &Inspector) = (link, inspector);
        let mut disturbed = Disturbed { link, program, redis: redis.as_mut(), users, keys, scratch };
        std::thread::scope(|scope| {
            let actors = (1..=ACTORS).map(|number| {
                let random = Random::new(seed, number);
                let name = format!("Soak {number}");
                let mut actor = Actor { link, inspector, random, browser: browser.clone(), name, clients: Vec::new() };
                scope.spawn(move || actor.run())
            });
            let load = Load { link, actors: actors.collect() };
            disturb(&mut disturbed, &load);
            load.end();
        });
    }
}

/// The server as it may be disturbed.
pub(super) struct Disturbed<'a> {
    pub(super) link: &'a Link,
    pub(super) program: &'a mut Program,
    pub(super) redis: Option<&'a mut Redis>,
    users: &'a str,
    keys: &'a str,
    scratch: &'a Scratch,
}

impl Disturbed<'_> {
    /// Lets them work for a moment, and kills the server, or Redis, or both.
    pub(super) fn kill_something(&mut self, random: &mut Random) {
        pause(Duration::from_millis(random.next() % 1200));
        let redis = self.redis.is_some() && random.percent(35);
        let server = !redis || random.percent(40);
        if server {
            self.kill();
        }
        if redis && let Some(own) = &mut self.redis {
            own.signal("KILL");
            self.link.count("Redis killed");
            pause(Duration::from_millis(random.next() % 500));
            own.restart();
        }
        if server {
            if random.percent(20) {
                self.kill_while_it_starts(random);
            }
            self.start();
        }
        self.link.killed();
    }

    fn kill(&mut self) {
        let log = self.program.kill();
        self.link.down();
        assert!(!log.iter().any(|line| line.contains("panicked")), "{log:?}");
        self.link.count("server killed");
    }

    fn kill_while_it_starts(&mut self, random: &mut Random) {
        let mut command = serve(self.scratch, self.redis.as_deref(), self.users);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        pause(Duration::from_millis(random.next() % 150));
        child.kill().unwrap();
        child.wait().unwrap();
        self.link.count("server killed at its start");
    }

    fn start(&mut self) {
        *self.program = Program::start_as(&mut serve(self.scratch, self.redis.as_deref(), self.users));
        assert_eq!(get(self.program, "/jwks").body, self.keys, "the keys are lost");
        self.link.up(self.program.address);
    }
}

/// What starts the server.
fn serve(scratch: &Scratch, redis: Option<&Redis>, users: &str) -> std::process::Command {
    let mut command = command();
    command.args(["--listen", "127.0.0.1:0", "--issuer", ISSUER, "--data", &scratch.data(), "--rate-limit", "0"]);
    command.args(["--users-file", users]);
    if let Some(redis) = redis {
        command.env("REDIS_URL", &redis.url).env("REDIS_PASSWORD", PASSWORD);
    }
    command
}

/// Clients at work. They come to an end with it, also when the test fails.
pub(super) struct Load<'scope> {
    link: &'scope Link,
    actors: Vec<ScopedJoinHandle<'scope, ()>>,
}

impl Load<'_> {
    /// Whether one of them has found something.
    pub(super) fn has_failed(&self) -> bool {
        self.actors.iter().any(ScopedJoinHandle::is_finished)
    }

    fn end(mut self) {
        self.link.end();
        for actor in std::mem::take(&mut self.actors) {
            if let Err(found) = actor.join() {
                std::panic::resume_unwind(found);
            }
        }
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        self.link.end();
    }
}
