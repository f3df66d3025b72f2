//! The servers, their Redis, and how they are killed.

use std::collections::VecDeque;
use std::process::{Command, Stdio};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use super::actor::Actor;
use super::calls::Inspector;
use super::link::Link;
use super::random::Random;
use super::service::{Daemon, Service};
use crate::browser::Browser;
use crate::client::App;
use crate::program::{ISSUER, Program, Scratch, command, pause};
use crate::redis::{PASSWORD, Server, durable};
use crate::users::{ADA, with_ada};
use crate::wire::get;

/// Where servers keep things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// In a file, which one server has.
    File,
    /// In Redis, which two servers share.
    Redis,
}

/// The servers and what they need.
pub(super) struct Site {
    pub(super) link: Link,
    pub(super) programs: Vec<Program>,
    pub(super) redis: Option<Server>,
    place: Place,
    keys: String,
    inspector: Inspector,
    services: Vec<Service>,
    /// Signed in.
    browser: Browser,
}

/// What servers are started with.
struct Place {
    scratch: Scratch,
    users: String,
}

impl Site {
    pub(super) fn new(kept: Kept) -> Self {
        let scratch = Scratch::new();
        let place = Place { users: with_ada(&scratch), scratch };
        let redis = (kept == Kept::Redis).then(durable);
        let count = if kept == Kept::Redis { 2 } else { 1 };
        let programs: Vec<_> =
            (0..count).map(|number| Program::start_as(&mut place.serve(number, redis.as_ref()))).collect();
        let added = place.scratch.admin_one(&[
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
        let services = Service::add_all(&place.scratch);
        // Passwords are slow by design: all clients have the same user, who signs in once.
        let (mut browser, first) = (Browser::default(), &programs[0]);
        let page = browser.sign_in(first, &App::register(first).link(), "ada", ADA);
        assert!(page.status == 200 && page.body.contains("decision"), "{page:?}");
        let (link, keys) = (Link::default(), get(first, "/jwks").body);
        for (number, program) in programs.iter().enumerate() {
            link.up(number, program.address);
        }
        Self { link, programs, redis, place, keys, inspector, services, browser }
    }

    /// Does something while so many clients do what they do, and has them look at everything at the end.
    pub(super) fn under_load(&mut self, seed: u64, clients: u64, disturb: impl FnOnce(&mut Disturbed<'_>, &Load<'_>)) {
        let Self { link, programs, redis, place, keys, inspector, services, browser } = self;
        let (link, inspector, services): (&Link, &Inspector, &[Service]) = (link, inspector, services);
        let mut disturbed = Disturbed { link, programs, redis: redis.as_mut(), place, keys };
        std::thread::scope(|scope| {
            let actors = (1..=clients).map(|number| {
                let random = Random::new(seed, number);
                let name = format!("Soak {number}");
                let (browser, clients, recent, daemon) =
                    (browser.clone(), Vec::new(), VecDeque::new(), Daemon::default());
                let mut actor = Actor { link, inspector, random, browser, name, clients, recent, services, daemon };
                scope.spawn(move || actor.run())
            });
            let load = Load { link, actors: actors.collect() };
            disturb(&mut disturbed, &load);
            load.end();
        });
    }

    /// Stops the servers, and looks at what they have logged.
    pub(super) fn end(self) -> Link {
        for program in self.programs {
            let (status, _, log) = program.stop();
            assert_eq!(status.code(), Some(0), "{log:?}");
            heard(&self.link, &log);
        }
        let (told, meant) = (self.link.counted("reuses told"), self.link.counted("reuses"));
        assert!(told <= meant, "{told} reuses were found, and there were {meant}");
        self.link
    }
}

impl Place {
    /// What starts the server of this number.
    fn serve(&self, number: usize, redis: Option<&Server>) -> Command {
        let (mut command, scratch) = (command(), &self.scratch);
        // Commands of administration go to the first.
        let data = if number == 0 { scratch.data() } else { format!("{}-{number}", scratch.data()) };
        command.args(["--listen", "127.0.0.1:0", "--issuer", ISSUER, "--rate-limit", "0", "--data", &data]);
        command.args(["--users-file", &self.users, "--master-key-file"]).arg(scratch.path("master-key"));
        if let Some(redis) = redis {
            command.env("REDIS_URL", redis.url()).env("REDIS_PASSWORD", PASSWORD);
        }
        command
    }
}

/// The servers as they may be disturbed.
pub(super) struct Disturbed<'a> {
    pub(super) link: &'a Link,
    pub(super) programs: &'a mut [Program],
    pub(super) redis: Option<&'a mut Server>,
    place: &'a Place,
    keys: &'a str,
}

impl Disturbed<'_> {
    /// Lets them work for a moment, and kills a server, or Redis, or both.
    pub(super) fn kill_something(&mut self, random: &mut Random) {
        pause(Duration::from_millis(random.next() % 1200));
        let redis = self.redis.is_some() && random.percent(35);
        let server = (!redis || random.percent(40)).then(|| random.below(self.programs.len()));
        if let Some(server) = server {
            self.kill(server);
        }
        if redis && let Some(own) = &mut self.redis {
            own.signal("KILL");
            self.link.count("Redis killed");
            pause(Duration::from_millis(random.next() % 500));
            own.restart();
        }
        if let Some(server) = server {
            if random.percent(20) {
                self.kill_while_it_starts(server, random);
            }
            self.start(server);
        }
        self.link.killed();
    }

    fn kill(&mut self, server: usize) {
        let log = self.programs[server].kill();
        self.link.down(server);
        heard(self.link, &log);
        self.link.count("servers killed");
    }

    fn kill_while_it_starts(&mut self, server: usize, random: &mut Random) {
        let mut command = self.place.serve(server, self.redis.as_deref());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        pause(Duration::from_millis(random.next() % 150));
        child.kill().unwrap();
        child.wait().unwrap();
        self.link.count("servers killed at their start");
    }

    fn start(&mut self, server: usize) {
        let program = Program::start_as(&mut self.place.serve(server, self.redis.as_deref()));
        assert_eq!(get(&program, "/jwks").body, self.keys, "the keys are lost");
        self.link.up(server, program.address);
        self.programs[server] = program;
    }
}

/// What the log of a server must not say, and what it says of reuse.
fn heard(link: &Link, log: &[String]) {
    for line in log {
        assert!(!line.contains("panicked"), "{log:?}");
        // What a client has got, the store has forgotten. The client is not told: it goes on.
        assert!(!line.contains("kind=RefreshResynced"), "a rotation is lost: {line}");
        if line.contains("kind=GrantEnded(RefreshReused)") {
            link.count("reuses told");
        }
    }
}

/// Clients at work. When the test fails, they come to an end with it.
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
        if std::thread::panicking() {
            self.link.give_up();
        }
    }
}
