//! Two processes on one Redis.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use mcp_oauth::store::redis::RedisStore;
use mcp_oauth::store::{Advance, ClientStore as _, GrantStore, Inserted, Redeem};
use mcp_oauth::types::{Digest, EndReason, GrantId};
use tokio::sync::Barrier;

use super::sample::{IDLE, RULES, client, code, grant, seconds};
use super::shared::{open, prefix, urls};

/// Tells a child which Redis it races on, and under which prefix.
const URL: &str = "MCP_OAUTH_RACE_URL";
const PREFIX: &str = "MCP_OAUTH_RACE_PREFIX";
/// How many calls each of the two processes makes at once.
const CALLS: usize = 32;
/// What they race for.
const CALL_NAMES: [&str; 3] = ["redeem", "advance", "insert"];

/// What a child process does: for each line `CALL NAME` it makes the call 32 times at once, and prints the answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other tests of this file run it as a process of its own"]
async fn racer() {
    let (url, prefix) = (std::env::var(URL).unwrap(), std::env::var(PREFIX).unwrap());
    let store = Arc::new(open(&url, &prefix));
    // The connections are made before the race.
    let _ = store.peek(GrantId::from_bytes([0; 16]), seconds(0)).await.unwrap();
    println!("ready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (call, id) = line.split_once(' ').unwrap();
        let (call, id): (&'static str, String) =
            (CALL_NAMES.iter().find(|name| **name == call).unwrap(), id.to_owned());
        let barrier = Arc::new(Barrier::new(CALLS));
        let calls: Vec<_> = (0..CALLS)
            .map(|number| {
                let (store, barrier, id) = (Arc::clone(&store), Arc::clone(&barrier), id.clone());
                tokio::spawn(async move {
                    barrier.wait().await;
                    make(&store, call, &id, number).await
                })
            })
            .collect();
        for call in calls {
            println!("answer {}", call.await.unwrap());
        }
        println!("done");
    }
}

/// One call, and its answer in short.
async fn make(store: &RedisStore, call: &str, name: &str, number: usize) -> String {
    match call {
        "redeem" => match store.redeem_code(name.parse().unwrap(), &code().digest, seconds(10)).await.unwrap() {
            Redeem::Won(view) => format!("Won({})", view.generation),
            other => format!("{other:?}"),
        },
        "advance" => format!("{:?}", store.advance(name.parse().unwrap(), 1, seconds(20), RULES).await.unwrap()),
        _ => {
            let new = client(&format!("{name}.{}.{number}", std::process::id()));
            match store.insert(new, Some(Digest::sha256(name.as_bytes()))).await.unwrap() {
                Inserted::New(new) => format!("New({})", new.value.id),
                Inserted::Joined(joined) => format!("Joined({})", joined.value.id),
                other => format!("{other:?}"),
            }
        }
    }
}

struct Racer {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Racer {
    fn start(url: &str, prefix: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "redis::process::racer", "--ignored", "--nocapture"])
            .envs([(URL, url), (PREFIX, prefix)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut racer = Self { child, input, output };
        racer.until("ready");
        racer
    }

    fn send(&mut self, call: &str, id: &str) {
        writeln!(self.input, "{call} {id}").unwrap();
    }

    /// The answers before this line.
    fn until(&mut self, end: &str) -> Vec<String> {
        let mut answers = Vec::new();
        loop {
            let line = self.output.next().expect("the other process goes on").unwrap();
            // The harness writes the name of the test before the first line.
            if line.ends_with(end) {
                return answers;
            }
            answers.extend(line.strip_prefix("answer ").map(str::to_owned));
        }
    }

    fn end(self) {
        let Self { mut child, input, output } = self;
        drop(input);
        // The harness has a last word, which somebody has to read.
        output.for_each(drop);
        let _ = child.wait();
    }
}

/// Lets both processes make the call on one grant.
fn race(racers: &mut [Racer; 2], call: &str, id: &str) -> Vec<String> {
    for racer in racers.iter_mut() {
        racer.send(call, id);
    }
    racers.iter_mut().flat_map(|racer| racer.until("done")).collect()
}

fn count(answers: &[String], one: &str) -> usize {
    answers.iter().filter(|answer| *answer == one).count()
}

#[tokio::test]
async fn attack_035_two_processes_redeem_a_code_once() {
    for url in urls() {
        let prefix = prefix();
        let (store, mut racers) = (open(&url, &prefix), [Racer::start(&url, &prefix), Racer::start(&url, &prefix)]);
        for _ in 0..5 {
            let new = grant("ada", "c");
            let id = new.id;
            store.create(new, Some(code()), IDLE).await.unwrap();
            let answers = race(&mut racers, "redeem", &id.to_string());
            assert_eq!(count(&answers, "Won(1)"), 1, "{url} {answers:?}");
            assert_eq!(count(&answers, "Replayed"), 2 * CALLS - 1, "{url} {answers:?}");
            assert_eq!(store.peek(id, seconds(20)).await.unwrap().unwrap().ended, Some(EndReason::CodeReplayed));
        }
        racers.into_iter().for_each(Racer::end);
    }
}

#[tokio::test]
async fn attack_050_two_processes_get_one_successor() {
    for url in urls() {
        let prefix = prefix();
        let (store, mut racers) = (open(&url, &prefix), [Racer::start(&url, &prefix), Racer::start(&url, &prefix)]);
        for _ in 0..5 {
            let new = grant("ada", "c");
            let id = new.id;
            store.create(new, None, IDLE).await.unwrap();
            let answers = race(&mut racers, "advance", &id.to_string());
            assert_eq!(count(&answers, "Next(2)"), 1, "{url} {answers:?}");
            assert_eq!(count(&answers, "Again(2)"), 2 * CALLS - 1, "{url} {answers:?}");
            let view = store.peek(id, seconds(20)).await.unwrap().unwrap();
            assert_eq!((view.generation, view.replays, view.ended), (2, 63, None));
            assert_eq!(store.advance(id, 2, seconds(30), RULES).await.unwrap(), Advance::Next(3));
        }
        racers.into_iter().for_each(Racer::end);
    }
}

#[tokio::test]
async fn two_processes_insert_a_fingerprint_once() {
    for url in urls() {
        let prefix = prefix();
        let (store, mut racers) = (open(&url, &prefix), [Racer::start(&url, &prefix), Racer::start(&url, &prefix)]);
        for round in 0..5 {
            let answers = race(&mut racers, "insert", &format!("f{round}"));
            let new: Vec<&str> = answers.iter().filter_map(|answer| answer.strip_prefix("New")).collect();
            let [id] = new.as_slice() else { panic!("{url} {answers:?}") };
            assert_eq!(count(&answers, &format!("Joined{id}")), 2 * CALLS - 1, "{url} {answers:?}");
            let page = mcp_oauth::store::ClientStore::page(&store, None, 100).await.unwrap();
            assert_eq!(page.items.len(), round + 1, "{url}");
        }
        racers.into_iter().for_each(Racer::end);
    }
}
