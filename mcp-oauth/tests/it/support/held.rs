//! What a store holds, counted in the store itself: not by what it answers.

use std::collections::BTreeMap;
use std::time::Duration;

use mcp_oauth::types::Secret;
use redb::{ReadableDatabase as _, ReadableTableMetadata as _, TableHandle as _};

use super::{Bed, Keeper};

/// How many there are of each kind: records in memory, rows of each table of a file, keys of Redis by what they begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held(BTreeMap<String, usize>);

impl Held {
    /// How many there are of a kind, by its name in memory, as a table, or in a key.
    pub(crate) fn of(&self, memory: &str, table: &str, key: &str) -> usize {
        [memory, table, key].iter().filter_map(|name| self.0.get(*name)).sum()
    }

    pub(crate) fn clients(&self) -> usize {
        self.of("clients of memory", "clients", "c")
    }

    pub(crate) fn grants(&self) -> usize {
        self.of("grants of memory", "grants", "g")
    }

    /// The buckets of the rate limiter. Those beside a file are in memory, where the file's store counts them for itself.
    pub(crate) fn buckets(&self) -> usize {
        self.of("buckets of memory", "", "rl")
    }

    /// The same without the buckets of the rate limiter.
    pub(crate) fn without_buckets(mut self) -> Self {
        self.0.retain(|kind, _| kind != "buckets of memory" && kind != "rl");
        self
    }

    /// By how much the kind has grown that has grown most.
    pub(crate) fn most_growth(&self, before: &Self) -> usize {
        let growth =
            |(kind, now): (&String, &usize)| now.saturating_sub(before.0.get(kind).copied().unwrap_or_default());
        self.0.iter().map(growth).max().unwrap_or_default()
    }

    /// All together.
    pub(crate) fn all(&self) -> usize {
        self.0.values().sum()
    }
}

impl Bed {
    /// What its store holds now.
    pub(crate) fn held(&self) -> Held {
        let counts: Vec<(String, usize)> = match &self.keeper {
            Keeper::Memory(store) => {
                let counts = store.counts();
                let named = [
                    ("clients of memory", counts.clients),
                    ("grants of memory", counts.grants),
                    ("devices of memory", counts.devices),
                    ("consents of memory", counts.consents),
                    ("flows of memory", counts.flows),
                    ("replays of memory", counts.replays),
                    ("buckets of memory", counts.buckets),
                ];
                named.map(|(name, count)| (name.to_owned(), count)).to_vec()
            }
            Keeper::Embedded(store, folder) => {
                let copy = folder.join(Secret::random("copy-").unwrap().expose());
                store.backup(&copy).unwrap();
                let database = redb::Database::open(&copy).unwrap();
                let transaction = database.begin_read().unwrap();
                let rows = |table: redb::UntypedTableHandle| {
                    let rows = transaction.open_untyped_table(table.clone()).unwrap().len().unwrap();
                    (table.name().to_owned(), usize::try_from(rows).unwrap())
                };
                transaction.list_tables().unwrap().map(rows).collect()
            }
            Keeper::Redis { prefix, .. } => {
                let kinds = crate::redis::times_of(prefix).into_iter().map(|(key, _)| (kind(&key).to_owned(), 1));
                kinds.collect()
            }
        };
        let mut held = BTreeMap::new();
        for (kind, count) in counts {
            *held.entry(kind).or_default() += count;
        }
        Held(held)
    }

    /// Of each record that is over some time: that Redis sweeps it by itself, at most this long from now. Other stores are
    /// swept by [`maintain`](mcp_oauth::server::AuthorizationServer::maintain).
    pub(crate) fn assert_swept_within(&self, longest: Duration) {
        let Keeper::Redis { prefix, .. } = &self.keeper else { return };
        for (key, time) in crate::redis::times_of(prefix) {
            // Clients, their indexes and the keys of the server have no end.
            if ["c", "cf", "ca", "k"].contains(&kind(&key)) {
                continue;
            }
            let time = time.unwrap_or_else(|| panic!("{key} stays for ever"));
            assert!(time <= longest, "{key} stays for {time:?}");
        }
    }

    /// That of clients no record is left beyond those that there are, but for what Redis sweeps by itself.
    pub(crate) async fn assert_clients_swept(&self) {
        let clients = self.clients().await;
        match &self.keeper {
            Keeper::Redis { prefix, .. } => {
                let kept = crate::redis::times_of(prefix).into_iter();
                let kept = kept.filter(|(key, time)| kind(key) == "c" && time.is_none()).count();
                assert_eq!(kept, clients);
            }
            _ => assert_eq!(self.held().clients(), clients),
        }
    }
}

/// What a key holds: `mo1:{g:ID}` is a grant.
fn kind(key: &str) -> &str {
    let (_, rest) = key.split_once('{').unwrap();
    rest.split([':', '}']).next().unwrap()
}
