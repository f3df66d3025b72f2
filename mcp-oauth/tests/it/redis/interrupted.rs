//! A process ends between two steps: what it leaves behind is whole, or nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mcp_oauth::store::redis::{RedisOptions, RedisStore};
use mcp_oauth::store::{By, ClientStore, GrantStore as _, Inserted, Replaced};
use mcp_oauth::types::{Client, Digest, EndReason};
use mcp_transport::auth::Subject;

use super::proxy::{NEVER, Wire};
use super::sample::{Dice, IDLE, client, grant, seconds};
use super::server::Server;
use super::shared::{open, prefix};

/// A store whose wire to Redis is cut after so many scripts, and one that is not.
async fn pair(server: &Server, wire: &Wire) -> (RedisStore, RedisStore) {
    let mut options = RedisOptions::default();
    options.prefix = prefix();
    let cut = RedisStore::open(&wire.url(), &options).unwrap();
    wire.scripts.store(NEVER, Ordering::SeqCst);
    (cut, open(&server.url(), &options.prefix))
}

async fn listed(store: &RedisStore) -> Vec<Client> {
    let page = ClientStore::page(store, None, 100).await.unwrap();
    assert_eq!(page.next, None);
    page.items.into_iter().map(|versioned| versioned.value).collect()
}

#[tokio::test]
async fn an_interrupted_insertion_leaves_one_client_or_none() {
    let server = Server::start(&[]);
    let wire = Wire::to(server.port).await;
    let mut outcomes = [0; 2];
    for cut in 0..12 {
        let (first, second) = pair(&server, &wire).await;
        wire.scripts.store(cut, Ordering::SeqCst);
        let fingerprint = Some(Digest::sha256(b"f"));
        let answer = first.insert(client("a"), fingerprint).await;
        let visible = second.get(&client("a").id).await.unwrap();
        if let Ok(Inserted::New(new)) = &answer {
            assert_eq!(visible.as_ref(), Some(new), "{cut}");
        }
        let id = match second.insert(client("b"), fingerprint).await.unwrap() {
            Inserted::Joined(joined) => {
                outcomes[0] += 1;
                joined.value.id
            }
            Inserted::New(new) => {
                outcomes[1] += 1;
                assert_eq!(visible, None, "{cut}: there was one already");
                new.value.id
            }
            other => panic!("{cut}: {other:?}"),
        };
        // From here on it is always the same one, and it is the only one.
        for _ in 0..2 {
            let third = second.insert(client("c"), fingerprint).await.unwrap();
            assert!(matches!(&third, Inserted::Joined(joined) if joined.value.id == id), "{cut}: {third:?}");
        }
        assert_eq!(listed(&second).await.iter().map(|client| &client.id).collect::<Vec<_>>(), [&id], "{cut}");
    }
    assert!(outcomes.iter().all(|outcome| *outcome > 0), "{outcomes:?}");
}

#[tokio::test]
async fn an_interrupted_deletion_frees_the_fingerprint() {
    let server = Server::start(&[]);
    let wire = Wire::to(server.port).await;
    let mut gone = 0;
    for cut in 0..8 {
        let (first, second) = pair(&server, &wire).await;
        let fingerprint = Some(Digest::sha256(b"f"));
        let Inserted::New(old) = first.insert(client("a"), fingerprint).await.unwrap() else { panic!() };
        wire.scripts.store(cut, Ordering::SeqCst);
        let answer = first.delete(&client("a").id, None).await;
        let visible = second.get(&client("a").id).await.unwrap();
        assert!(!matches!(answer, Ok(Replaced::Done)) || visible.is_none(), "{cut}");
        gone += u32::from(visible.is_none());
        match second.insert(client("b"), fingerprint).await.unwrap() {
            Inserted::Joined(joined) => assert!(visible.is_some() && joined.value.id == client("a").id, "{cut}"),
            Inserted::New(new) => assert!(visible.is_none() && new.value.id == client("b").id, "{cut}"),
            other => panic!("{cut}: {other:?}"),
        }
        assert_eq!(listed(&second).await.len(), 1, "{cut}");
        if visible.is_none() {
            let Inserted::New(new) = second.insert(client("a"), None).await.unwrap() else { panic!() };
            assert!(new.version > old.version, "{cut}");
        }
    }
    assert!(gone > 2, "{gone}");
}

#[tokio::test]
async fn an_interrupted_grant_is_reached_if_it_is_there() {
    let server = Server::start(&[]);
    let wire = Wire::to(server.port).await;
    let mut there = 0;
    for cut in 0..6 {
        let (first, second) = pair(&server, &wire).await;
        wire.scripts.store(cut, Ordering::SeqCst);
        let new = grant("ada", "c");
        let id = new.id;
        let answer = first.create(new, None, IDLE).await;
        let view = second.peek(id, seconds(1)).await.unwrap();
        assert!(answer.is_err() || view.is_some(), "{cut}");
        let by = By::Subject(Subject::parse("ada").unwrap());
        let ended = second.end_all(&by, EndReason::Withdrawn, seconds(1)).await.unwrap();
        assert_eq!(ended, u64::from(view.is_some()), "{cut}");
        there += ended;
    }
    assert!(there > 0);
}

/// What one process does before it ends: some random calls about two ids and one fingerprint.
async fn live_and_die(url: String, prefix: String, seed: u64) {
    let mut dice = Dice::new(seed);
    let mut options = RedisOptions::default();
    options.prefix = prefix;
    options.timeout = Duration::from_secs(10);
    let store = RedisStore::open(&url, &options).unwrap();
    for _ in 0..4 {
        let id = ["a", "b"][usize::from(dice.roll(2) == 0)];
        let failed = match dice.roll(8) {
            0 | 1 => store.delete(&client(id).id, None).await.is_err(),
            2 => match store.get(&client(id).id).await {
                Ok(Some(found)) => store.replace(found.version, client(id), false).await.is_err(),
                answer => answer.is_err(),
            },
            3 => store.insert(client(id), None).await.is_err(),
            _ => store.insert(client(id), Some(Digest::sha256(b"f"))).await.is_err(),
        };
        if failed {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_interrupted_a_fingerprint_has_one_client() {
    let server = Server::start(&[]);
    for round in 0..150 {
        let prefix = prefix();
        let (mut lives, mut wires) = (Vec::new(), Vec::new());
        for number in 0..6 {
            let seed = round * 6 + number;
            let wire = Wire::to(server.port).await;
            // Half of them get to the end.
            let scripts = i64::try_from(Dice::new(seed).roll(40)).unwrap();
            wire.scripts.store(if scripts < 20 { scripts } else { NEVER }, Ordering::SeqCst);
            lives.push(tokio::spawn(live_and_die(wire.url(), prefix.clone(), seed)));
            wires.push(wire);
        }
        for life in lives {
            life.await.unwrap();
        }
        let store = open(&server.url(), &prefix);
        let holders = || {
            let keys = server.cli(&["--scan", "--pattern", &format!("{prefix}:{{c:*")]);
            let holds = |key: &&str| {
                let fields = server.cli(&["HMGET", key, "gone", "fp"]);
                fields == format!("0\n{}", Digest::sha256(b"f"))
            };
            keys.lines().filter(holds).count()
        };
        let before = holders();
        assert!(before <= 1, "round {round}: {before} clients of one fingerprint");
        let held = store.insert(client("z"), Some(Digest::sha256(b"f"))).await.unwrap();
        let joined = matches!(held, Inserted::Joined(_));
        assert!(joined || before == 0, "round {round}: {held:?}");
        assert_eq!(holders(), 1, "round {round}");
        // Every client that is there is listed.
        let mut there = 0;
        for id in ["a", "b", "z"] {
            there += usize::from(store.get(&client(id).id).await.unwrap().is_some());
        }
        assert_eq!(listed(&store).await.len(), there, "round {round}");
        server.cli(&["FLUSHALL"]);
    }
}
