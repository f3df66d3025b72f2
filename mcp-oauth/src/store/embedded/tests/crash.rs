//! What was answered survives the death of the process (`kill -9`).

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;

use super::*;
use crate::store::contract::samples::{IDLE, ROTATION, START, client, client_id, digest, grant, seconds};
use crate::store::{Advance, FlowKind};
use crate::types::GrantId;

/// Where the child finds the file. The test that has it is the child.
const FILE: &str = "MCP_OAUTH_CRASH_TEST_FILE";
const ROUNDS: u64 = 20;
/// How many more answers are waited for in each round.
const STEP: u64 = 20;
const WRITERS: usize = 16;

/// Writes until it is killed, and says what was answered. Without its variable it is no child, and does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let stores = Stores::all_in(&Arc::new(open(Path::new(&file))));
    let run = u64::from_be_bytes(random().unwrap());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let stores = stores.clone();
            tokio::spawn(async move {
                let say = |line: String| {
                    // Not through the macro, whose text the test harness keeps. One write for each line.
                    let mut out = std::io::stdout().lock();
                    out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap();
                };
                for number in 0_u64.. {
                    let name = format!("{run:x}.{writer}.{number}");
                    stores.clients.insert(client(&name), None).await.unwrap();
                    say(format!("client {name}\n"));
                    let given = grant("ada", &name);
                    stores.grants.create(given.clone(), None, IDLE).await.unwrap();
                    for generation in 1..4 {
                        let next = stores.grants.advance(given.id, generation, seconds(1), ROTATION).await.unwrap();
                        assert_eq!(next, Advance::Next(generation + 1));
                        say(format!("grant {} {}\n", given.id, generation + 1));
                    }
                    let (kind, key) = (FlowKind::SignInCode, digest(&name));
                    stores.flows.put(kind, &key, Bytes::new(), seconds(60), START).await.unwrap();
                    stores.flows.take(kind, &key, START).await.unwrap().unwrap();
                    say(format!("taken {name}\n"));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

fn spawn(folder: &Folder) -> Child {
    let (_, name) = concat!(module_path!(), "::child").split_once("::").unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(FILE, folder.file())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the child was answered.
#[derive(Default)]
struct Answered {
    clients: Vec<String>,
    grants: BTreeMap<GrantId, u32>,
    taken: Vec<String>,
}

impl Answered {
    /// Notes a line, and gives whether it was one of the child's.
    fn note(&mut self, line: &str) -> bool {
        // A line that was cut off tells of an answer all the same, but not of which.
        let Some(line) = line.strip_suffix('\n') else { return false };
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["client", name] => self.clients.push(name.to_owned()),
            ["grant", id, generation] => {
                self.grants.insert(id.parse().unwrap(), generation.parse().unwrap());
            }
            ["taken", name] => self.taken.push(name.to_owned()),
            // What the test harness says.
            _ => return false,
        }
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attack_055_nothing_that_was_answered_is_lost_when_the_process_is_killed() {
    let folder = Folder::new();
    let mut answered = Answered::default();
    for round in 0..ROUNDS {
        let mut child = spawn(&folder);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        // At another moment each time; the first ones while the file has just been made.
        let most = round * STEP + u64::from(random::<1>().unwrap()[0]) % STEP;
        let (mut line, mut seen) = (String::new(), 0);
        while seen <= most {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "the child has ended by itself");
            seen += u64::from(answered.note(&line));
        }
        let other = EmbeddedStore::open(&folder.file(), EmbeddedOptions::default()).unwrap_err();
        assert!(matches!(other, EmbeddedError::InUse { .. }), "another process has it: {other:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        loop {
            line.clear();
            if out.read_line(&mut line).unwrap() == 0 {
                break;
            }
            answered.note(&line);
        }

        let stores = Stores::all_in(&Arc::new(folder.open()));
        for name in &answered.clients {
            assert!(stores.clients.get(&client_id(name)).await.unwrap().is_some(), "{name} is lost, round {round}");
        }
        let mut again = Vec::new();
        for (id, generation) in &answered.grants {
            let view = stores.grants.peek(*id, seconds(1)).await.unwrap().unwrap();
            assert!(view.generation >= *generation && view.ended.is_none(), "round {round}");
            if view.replays == 0 {
                let (stores, id, newest) = (stores.clone(), *id, view.generation);
                let call = async move { stores.grants.advance(id, newest - 1, seconds(2), ROTATION).await };
                again.push((newest, tokio::spawn(call)));
            }
        }
        // RFC 9700 section 4.14.2: what was answered, or was about to be, is no reuse when it is asked for again.
        for (newest, call) in again {
            assert_eq!(call.await.unwrap().unwrap(), Advance::Again(newest));
        }
        for name in &answered.taken {
            let taken = stores.flows.peek(FlowKind::SignInCode, &digest(name), START).await.unwrap();
            assert_eq!(taken, None, "{name} was taken, round {round}");
        }
    }
    assert!(answered.clients.len() > 100 && answered.grants.len() > 100 && answered.taken.len() > 100);
}
