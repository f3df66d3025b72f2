//! What it takes: run by hand, `cargo test --release -p mcp-oauth measure -- --ignored --nocapture --test-threads=1`.

use std::time::{Duration, Instant};

use super::super::clients::raw_row;
use super::super::tables::{CLIENTS, FINGERPRINTS, META};
use super::*;
use crate::store::contract::samples::{ROTATION, START, digest, grant, registered_by, seconds};
use crate::store::{Advance, Inserted};
use crate::types::{Client, GrantId};

const WRITERS: usize = 64;
const EACH: usize = 50;
const ROUNDS: usize = 9;

fn named(kind: &str, number: usize) -> (Client, Digest) {
    let name = format!("{kind}{number:08}-{}", digest(&number.to_string()));
    (registered_by(&name, &name), digest(&name))
}

fn rate(what: &str, count: usize, took: Duration) -> f64 {
    let rate = count as f64 / took.as_secs_f64();
    println!("{what}: {count} in {took:?}, {rate:.0}/s");
    rate
}

/// The same writes by redb alone, so many in each transaction.
fn redb_alone(kind: &str, count: usize, group: usize) -> f64 {
    let folder = Folder::new();
    let database = open::open(&folder.file(), EmbeddedOptions::default()).unwrap();
    let clients: Vec<_> = (0..count).map(|number| named(kind, number)).collect();
    let began = Instant::now();
    let mut version = 0;
    for group in clients.chunks(group) {
        let transaction = database.begin_write().unwrap();
        {
            let mut rows = transaction.open_table(CLIENTS).unwrap();
            let mut fingerprints = transaction.open_table(FINGERPRINTS).unwrap();
            let mut meta = transaction.open_table(META).unwrap();
            for (client, fingerprint) in group {
                version += 1;
                let row = raw_row(version, *fingerprint, client.clone());
                fingerprints.insert(fingerprint.as_bytes(), client.id.as_str()).unwrap();
                rows.insert(client.id.as_str(), row.as_slice()).unwrap();
                meta.insert("client version", version).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
    rate(&format!("redb alone, {group} in each transaction"), count, began.elapsed())
}

async fn ours(writers: usize, each: usize) -> f64 {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let stores = Stores::all_in(&store);
    let clients: Vec<Vec<_>> =
        (0..writers).map(|writer| (0..each).map(|number| named("ours", writer * each + number)).collect()).collect();
    let began = Instant::now();
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|clients| {
            let stores = stores.clone();
            tokio::spawn(async move {
                for (client, fingerprint) in clients {
                    let inserted = stores.clients.insert(client, Some(fingerprint)).await.unwrap();
                    assert!(matches!(inserted, Inserted::New(_)));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rate = rate(&format!("ours, {writers} writers"), writers * each, began.elapsed());
    println!("  {:?}", store.counts());
    rate
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_registrations() {
    let (mut one, mut many, mut alone, mut together) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // In turns, because the disk is not the same all the time; the middle one counts.
    for _ in 0..ROUNDS {
        one.push(redb_alone("one", 200, 1));
        alone.push(ours(1, 200).await);
        many.push(redb_alone("many", WRITERS * EACH, WRITERS));
        together.push(ours(WRITERS, EACH).await);
    }
    let [one, alone, many, together] = [one, alone, many, together].map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[ROUNDS / 2]
    });
    println!("one writer: {alone:.0}/s, redb alone {one:.0}/s: {:.2}", alone / one);
    println!("{WRITERS} writers: {together:.0}/s, redb alone {many:.0}/s: {:.2}", together / many);
}

/// The id of the grant of this number: scattered as random ones are, and known again.
fn id(number: u64) -> GrantId {
    let (id, _) =
        digest(&number.to_string()).as_bytes().split_first_chunk().map(|(id, rest)| (*id, rest.len())).unwrap();
    GrantId::from_bytes(id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_a_million_grants() {
    let folder = Folder::new();
    let mut made = 0_u64;
    for total in [10_000_u64, 100_000, 1_000_000] {
        let stores = Stores::all_in(&Arc::new(folder.open()));
        let began = Instant::now();
        let before = made;
        while made < total {
            let tasks: Vec<_> = (made..(made + 1000).min(total))
                .map(|number| {
                    let stores = stores.clone();
                    tokio::spawn(async move {
                        let mut given = grant(&format!("user{}", number / 3), &format!("client{}", number % 1000));
                        given.id = id(number);
                        stores.grants.create(given, None, Duration::from_secs(30_000)).await.unwrap();
                    })
                })
                .collect();
            made += tasks.len() as u64;
            for task in tasks {
                task.await.unwrap();
            }
        }
        rate("created", (total - before) as usize, began.elapsed());
        let began = Instant::now();
        drop(stores);
        let (closed, began) = (began.elapsed(), Instant::now());
        let store = Arc::new(folder.open());
        let opened = began.elapsed();
        let size = std::fs::metadata(folder.file()).unwrap().len();
        println!("{total} grants: {} MiB, closed in {closed:?}, opened in {opened:?}", size >> 20);
        let stores = Stores::all_in(&store);
        let mut chosen = (0_u64..).map(|number| id(number.wrapping_mul(2_654_435_761) % total));
        for round in ["cold", "warm"] {
            let ids: Vec<_> = if round == "cold" {
                chosen.by_ref().take(2000).collect()
            } else {
                (0_u64..2000).map(|number| id(number.wrapping_mul(2_654_435_761) % total)).collect()
            };
            let began = Instant::now();
            for id in &ids {
                assert!(stores.grants.peek(*id, START).await.unwrap().is_some());
            }
            println!("  peek, {round}: {:?} each", began.elapsed() / 2000);
        }
        for (writers, each) in [(1, 100), (64, 20)] {
            let began = Instant::now();
            let tasks: Vec<_> = (0..writers)
                .map(|_| {
                    let (stores, ids) = (stores.clone(), chosen.by_ref().take(each).collect::<Vec<_>>());
                    tokio::spawn(async move {
                        for id in ids {
                            let view = stores.grants.peek(id, seconds(1)).await.unwrap().unwrap();
                            let next = stores.grants.advance(id, view.generation, seconds(1), ROTATION).await.unwrap();
                            assert!(matches!(next, Advance::Next(_)));
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            rate(&format!("  advance, {writers} at once"), writers * each, began.elapsed());
        }
    }
    // As a crash leaves it: a copy of the file while it is open.
    let store = folder.open();
    let copy = folder.0.join("crashed.redb");
    store.ping().await.unwrap();
    std::fs::copy(folder.file(), &copy).unwrap();
    drop(store);
    let began = Instant::now();
    drop(open(&copy));
    println!("opened after a crash in {:?}", began.elapsed());
}
