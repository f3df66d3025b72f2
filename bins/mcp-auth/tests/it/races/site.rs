//! Two servers on one Redis or one cluster, and requests that race at them.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::Value;

use super::held::Held;
use crate::browser::Browser;
use crate::client::App;
use crate::program::{ISSUER, Program, Scratch, admin, command, until};
use crate::redis::{Cluster, PASSWORD, Server};
use crate::users::{ADA, with_ada};
use crate::wire::{Answer, Request};

/// How many requests race: half of them at each server.
pub(crate) const REQUESTS: usize = 64;

/// How many calls of each server wait at Redis at the same time, where it is held. A server has more connections than that.
const AT_ONCE: usize = 8;

/// The servers have users of their own at Redis: it tells whose calls wait.
const USERS: [&str; 2] = ["first", "second"];

/// What both servers keep things in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kept {
    Standalone,
    Cluster,
}

/// The Redis itself.
pub(super) enum Redis {
    Standalone(Server),
    Cluster(Cluster),
}

/// The servers, and what they stand on.
pub(crate) struct Site {
    pub(super) programs: [Program; 2],
    redis: Redis,
    scratch: Scratch,
    /// The user `ada` is signed in here.
    pub(super) browser: Browser,
}

/// An answer, and who gave it to what.
pub(super) struct Raced {
    pub(super) server: usize,
    /// Which of the requests it answers.
    pub(super) request: usize,
    pub(super) answer: Answer,
}

impl Redis {
    pub(super) fn start(kept: Kept) -> Self {
        let password = ["--requirepass", PASSWORD];
        let redis = match kept {
            Kept::Standalone => Self::Standalone(Server::start(&password)),
            Kept::Cluster => Self::Cluster(Cluster::start("no", &password)),
        };
        for (master, user) in redis.masters().iter().flat_map(|master| USERS.map(|user| (master, user))) {
            let added = master.cli(&["ACL", "SETUSER", user, "on", &format!(">{PASSWORD}"), "~*", "&*", "+@all"]);
            assert_eq!(added, "OK");
        }
        redis
    }

    fn masters(&self) -> &[Server] {
        match self {
            Self::Standalone(server) => std::slice::from_ref(server),
            Self::Cluster(cluster) => &cluster.servers,
        }
    }

    /// Where it is, for the server of this number.
    fn url(&self, number: usize) -> String {
        let url = match self {
            Self::Standalone(server) => server.url(),
            Self::Cluster(cluster) => cluster.url(),
        };
        url.replace("://", &format!("://{}@", USERS[number]))
    }

    /// From now on no script is run, and what only reads is answered.
    pub(super) fn hold(&self) -> Holding<'_> {
        for master in self.masters() {
            assert_eq!(master.cli(&["CLIENT", "PAUSE", "60000", "WRITE"]), "OK");
        }
        Holding(self)
    }

    pub(super) fn forget_everything(&self) {
        for master in self.masters() {
            assert_eq!(master.cli(&["FLUSHALL"]), "OK");
        }
    }

    /// Starts the server of this number.
    pub(super) fn serve(&self, number: usize, scratch: &Scratch, users: &str, more: &[&str]) -> Program {
        let mut command = command();
        command.env("REDIS_URL", self.url(number % 2)).env("REDIS_PASSWORD", PASSWORD);
        command.args(["--listen", "127.0.0.1:0", "--issuer", ISSUER, "--rate-limit", "0"]);
        // What is held at Redis waits for as long as a busy machine takes to see it.
        command.args(["--store-timeout", "60"]);
        command.args(["--data", &data(scratch, number)]);
        command.args(["--users-file", users, "--master-key-file"]).arg(scratch.path("master-key"));
        Program::start_as(command.args(more))
    }
}

/// The data folder of the server of this number. Commands of administration go to the first.
fn data(scratch: &Scratch, number: usize) -> String {
    if number == 0 { scratch.data() } else { format!("{}-{number}", scratch.data()) }
}

/// Redis runs no script as long as this lives.
pub(super) struct Holding<'a>(&'a Redis);

impl Holding<'_> {
    /// How many calls of each server wait.
    pub(super) fn waiting(&self) -> [usize; 2] {
        let lists: Vec<String> = self.0.masters().iter().map(|master| master.cli(&["CLIENT", "LIST"])).collect();
        USERS.map(|user| {
            let own = format!(" user={user} ");
            let waits = |line: &&str| line.contains(" flags=b ") && line.contains(&own);
            lists.iter().flat_map(|list| list.lines()).filter(waits).count()
        })
    }

    /// Until so many calls of each server wait, side by side.
    pub(super) fn until_both_wait(&self, each: usize) {
        until("calls of both servers wait at Redis", || {
            self.waiting().iter().all(|waiting| *waiting >= each).then_some(())
        });
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        for master in self.0.masters() {
            master.cli(&["CLIENT", "UNPAUSE"]);
        }
    }
}

impl Site {
    /// Has the check made at the servers of this kind, which the tests share. One goes on at a time, since a Redis that is
    /// held is held for all.
    pub(crate) fn of(kept: Kept, check: fn(&Self)) {
        static SITES: [Mutex<Weak<Mutex<Site>>>; 2] = [const { Mutex::new(Weak::new()) }; 2];
        let site = {
            let mut shared = SITES[kept as usize].lock().unwrap_or_else(PoisonError::into_inner);
            // They end with the last test that wants them: what is never dropped would outlive the tests.
            shared.upgrade().unwrap_or_else(|| {
                let site = Arc::new(Mutex::new(Self::start(kept)));
                *shared = Arc::downgrade(&site);
                site
            })
        };
        check(&site.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn start(kept: Kept) -> Self {
        let (redis, scratch) = (Redis::start(kept), Scratch::new());
        let users = with_ada(&scratch);
        let programs = [0, 1].map(|number| redis.serve(number, &scratch, &users, &[]));
        let mut browser = Browser::default();
        let app = App::register(&programs[0]);
        let page = browser.sign_in(&programs[0], &app.link(), "ada", ADA);
        assert!(page.body.contains("decision"), "{page:?}");
        Self { programs, redis, scratch, browser }
    }

    /// One more server, beside the two.
    pub(super) fn another(&self, arguments: &[&str]) -> Program {
        self.redis.serve(2, &self.scratch, self.scratch.path("users").to_str().unwrap(), arguments)
    }

    /// The data folder of the server of this number.
    pub(super) fn data(&self, number: usize) -> String {
        data(&self.scratch, number)
    }

    pub(super) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// See [`Redis::hold`].
    pub(super) fn hold(&self) -> Holding<'_> {
        self.redis.hold()
    }

    /// Has a command of administration carried out at the server of this number.
    #[track_caller]
    pub(super) fn admin(&self, server: usize, arguments: &[&str]) -> Vec<Value> {
        admin(&self.data(server), arguments)
    }

    /// Lets sixty-four requests go at the same moment, half of them at each server: as many of each of these.
    pub(super) fn race(&self, round: usize, requests: &[Request]) -> Vec<Raced> {
        let which = |number: usize| (number % 2, number / 2 % requests.len());
        let mut held: Vec<Held> = (0..REQUESTS)
            .map(which)
            .map(|(server, request)| Held::at(self.programs[server].address, &requests[request]))
            .collect();
        let holding = round.is_multiple_of(2).then(|| self.redis.hold());
        held.iter_mut().for_each(Held::let_go);
        if let Some(holding) = &holding {
            holding.until_both_wait(AT_ONCE);
        }
        drop(holding);
        let answers = held.into_iter().enumerate().map(|(number, held)| {
            let (server, request) = which(number);
            Raced { server, request, answer: held.answer() }
        });
        answers.collect()
    }
}

/// Those that are so, and the others. Each server has answered its half.
pub(super) fn split(raced: Vec<Raced>, is_so: impl Fn(&Raced) -> bool) -> (Vec<Raced>, Vec<Raced>) {
    for server in [0, 1] {
        assert_eq!(raced.iter().filter(|raced| raced.server == server).count(), REQUESTS / 2);
    }
    raced.into_iter().partition(is_so)
}

/// RFC 6749 section 5.2.
#[track_caller]
pub(super) fn is_refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(error)), "{answer:?}");
}
