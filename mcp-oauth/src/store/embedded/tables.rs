//! The layout of the file.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | a name | a number: the layout, the newest version of a client, pings |
//! | `clients` | the id | client, version, fingerprint |
//! | `fingerprints` | fingerprint | the id of its client |
//! | `grants` | the id | the view |
//! | `grants_of_subject`, `grants_of_client` | digest of the owner, id of the grant | - |
//! | `devices` | digest of the device code | the state |
//! | `user_codes` | digest of the user code | digest of the device code: of several the newest |
//! | `flows` | kind, digest | when it is over, bytes |
//! | `replays` | kind, digest | when it is over |
//! | `consents` | digest | the record |
//! | `consents_of_subject`, `consents_of_client` | digest of the user or of the client, digest of the consent | - |
//! | `keys` | the empty text | revision, document |
//! | `expiry` | when, kind, key | - |
//!
//! Owners are digests in the keys of an index: they have one length, and none runs into the next.

use std::cell::{Cell, OnceCell};

use redb::{AccessGuard, Key, Range, ReadableTable as _, Table, TableDefinition, Value, WriteTransaction};

use super::error::Failure;

/// The layout that this version writes, and the newest that it reads.
pub(super) const LAYOUT: u64 = 1;

pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
pub(super) const CLIENTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("clients");
pub(super) const FINGERPRINTS: TableDefinition<'_, &[u8; 32], &str> = TableDefinition::new("fingerprints");
pub(super) const GRANTS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("grants");
pub(super) const GRANTS_OF_SUBJECT: TableDefinition<'_, &[u8; 48], ()> = TableDefinition::new("grants_of_subject");
pub(super) const GRANTS_OF_CLIENT: TableDefinition<'_, &[u8; 48], ()> = TableDefinition::new("grants_of_client");
pub(super) const DEVICES: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("devices");
pub(super) const USER_CODES: TableDefinition<'_, &[u8; 32], &[u8; 32]> = TableDefinition::new("user_codes");
pub(super) const FLOWS: TableDefinition<'_, &[u8; 33], &[u8]> = TableDefinition::new("flows");
pub(super) const REPLAYS: TableDefinition<'_, &[u8; 33], u64> = TableDefinition::new("replays");
pub(super) const CONSENTS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("consents");
pub(super) const CONSENTS_OF_SUBJECT: TableDefinition<'_, &[u8; 64], ()> = TableDefinition::new("consents_of_subject");
pub(super) const CONSENTS_OF_CLIENT: TableDefinition<'_, &[u8; 64], ()> = TableDefinition::new("consents_of_client");
pub(super) const KEYS: TableDefinition<'_, &str, (u64, &[u8])> = TableDefinition::new("keys");
pub(super) const EXPIRY: TableDefinition<'_, &[u8], ()> = TableDefinition::new("expiry");

/// Calls a macro with each table: whoever goes over all of them forgets none.
macro_rules! each_table {
    ($each:ident) => {
        $each!(META);
        $each!(CLIENTS);
        $each!(FINGERPRINTS);
        $each!(GRANTS);
        $each!(GRANTS_OF_SUBJECT);
        $each!(GRANTS_OF_CLIENT);
        $each!(DEVICES);
        $each!(USER_CODES);
        $each!(FLOWS);
        $each!(REPLAYS);
        $each!(CONSENTS);
        $each!(CONSENTS_OF_SUBJECT);
        $each!(CONSENTS_OF_CLIENT);
        $each!(KEYS);
        $each!(EXPIRY);
    };
}
pub(super) use each_table;

/// The name of the layout in `meta`.
pub(super) const LAYOUT_NAME: &str = "layout";
const CLIENT_VERSION: &str = "client version";
const PING: &str = "ping";

/// A table inside a write transaction that notes when it is written to.
///
/// It is opened when it is first used: most transactions use few of them, and each that is open costs the commit something.
pub(super) struct Kept<'t, K: Key + 'static, V: Value + 'static> {
    transaction: &'t WriteTransaction,
    definition: TableDefinition<'static, K, V>,
    table: OnceCell<Table<'t, K, V>>,
    writes: &'t Cell<u64>,
}

impl<'t, K: Key + 'static, V: Value + 'static> Kept<'t, K, V> {
    const fn new(
        transaction: &'t WriteTransaction,
        definition: TableDefinition<'static, K, V>,
        writes: &'t Cell<u64>,
    ) -> Self {
        Self { transaction, definition, table: OnceCell::new(), writes }
    }

    fn table(&self) -> Result<&Table<'t, K, V>, redb::Error> {
        if let Some(table) = self.table.get() {
            return Ok(table);
        }
        let opened = self.transaction.open_table(self.definition)?;
        Ok(self.table.get_or_init(|| opened))
    }

    fn table_mut(&mut self) -> Result<&mut Table<'t, K, V>, redb::Error> {
        self.table()?;
        Ok(self.table.get_mut().expect("it has just been opened"))
    }

    pub(super) fn get<'a>(
        &self,
        key: impl std::borrow::Borrow<K::SelfType<'a>>,
    ) -> Result<Option<AccessGuard<'_, V>>, redb::Error> {
        Ok(self.table()?.get(key)?)
    }

    pub(super) fn range<'a, B>(&self, range: impl std::ops::RangeBounds<B> + 'a) -> Result<Range<'_, K, V>, redb::Error>
    where
        B: std::borrow::Borrow<K::SelfType<'a>> + 'a,
    {
        Ok(self.table()?.range(range)?)
    }

    pub(super) fn insert<'k, 'v>(
        &mut self,
        key: impl std::borrow::Borrow<K::SelfType<'k>>,
        value: impl std::borrow::Borrow<V::SelfType<'v>>,
    ) -> Result<(), redb::Error> {
        self.writes.set(self.writes.get() + 1);
        self.table_mut()?.insert(key, value)?;
        Ok(())
    }

    /// Removes it, and gives whether it was there.
    pub(super) fn remove<'a>(&mut self, key: impl std::borrow::Borrow<K::SelfType<'a>>) -> Result<bool, redb::Error> {
        let gone = self.table_mut()?.remove(key)?.is_some();
        if gone {
            self.writes.set(self.writes.get() + 1);
        }
        Ok(gone)
    }
}

/// Makes those tables that are not there yet.
pub(super) fn make_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    macro_rules! make {
        ($table:ident) => {
            transaction.open_table($table)?
        };
    }
    each_table!(make);
    Ok(())
}

/// All tables, inside a write transaction.
///
/// A piece of work reads and decides first and writes then: if it fails after it has written, the whole transaction fails,
/// with all others in it.
pub(super) struct Tables<'t> {
    /// The newest version of a client, once one was given out.
    version: Option<u64>,
    meta: Kept<'t, &'static str, u64>,
    pub(super) clients: Kept<'t, &'static str, &'static [u8]>,
    pub(super) fingerprints: Kept<'t, &'static [u8; 32], &'static str>,
    pub(super) grants: Kept<'t, &'static [u8; 16], &'static [u8]>,
    pub(super) grants_of_subject: Kept<'t, &'static [u8; 48], ()>,
    pub(super) grants_of_client: Kept<'t, &'static [u8; 48], ()>,
    pub(super) devices: Kept<'t, &'static [u8; 32], &'static [u8]>,
    pub(super) user_codes: Kept<'t, &'static [u8; 32], &'static [u8; 32]>,
    pub(super) flows: Kept<'t, &'static [u8; 33], &'static [u8]>,
    pub(super) replays: Kept<'t, &'static [u8; 33], u64>,
    pub(super) consents: Kept<'t, &'static [u8; 32], &'static [u8]>,
    pub(super) consents_of_subject: Kept<'t, &'static [u8; 64], ()>,
    pub(super) consents_of_client: Kept<'t, &'static [u8; 64], ()>,
    pub(super) keys: Kept<'t, &'static str, (u64, &'static [u8])>,
    pub(super) expiry: Kept<'t, &'static [u8], ()>,
}

impl<'t> Tables<'t> {
    /// Those of a transaction; `writes` counts what is written.
    pub(super) const fn of(transaction: &'t WriteTransaction, writes: &'t Cell<u64>) -> Self {
        Self {
            version: None,
            meta: Kept::new(transaction, META, writes),
            clients: Kept::new(transaction, CLIENTS, writes),
            fingerprints: Kept::new(transaction, FINGERPRINTS, writes),
            grants: Kept::new(transaction, GRANTS, writes),
            grants_of_subject: Kept::new(transaction, GRANTS_OF_SUBJECT, writes),
            grants_of_client: Kept::new(transaction, GRANTS_OF_CLIENT, writes),
            devices: Kept::new(transaction, DEVICES, writes),
            user_codes: Kept::new(transaction, USER_CODES, writes),
            flows: Kept::new(transaction, FLOWS, writes),
            replays: Kept::new(transaction, REPLAYS, writes),
            consents: Kept::new(transaction, CONSENTS, writes),
            consents_of_subject: Kept::new(transaction, CONSENTS_OF_SUBJECT, writes),
            consents_of_client: Kept::new(transaction, CONSENTS_OF_CLIENT, writes),
            keys: Kept::new(transaction, KEYS, writes),
            expiry: Kept::new(transaction, EXPIRY, writes),
        }
    }

    fn number(&self, name: &str) -> Result<u64, Failure> {
        Ok(self.meta.get(name)?.map_or(0, |number| number.value()))
    }

    /// The layout of the file; 0 if it has just been made.
    pub(super) fn layout(&self) -> Result<u64, Failure> {
        self.number(LAYOUT_NAME)
    }

    /// Notes that the file has our layout.
    pub(super) fn set_layout(&mut self) -> Result<(), Failure> {
        Ok(self.meta.insert(LAYOUT_NAME, LAYOUT)?)
    }

    /// The next version of a client. It was never given out before, whatever has been deleted since.
    pub(super) fn next_version(&mut self) -> Result<u64, Failure> {
        let version = match self.version {
            Some(version) => version,
            None => self.number(CLIENT_VERSION)?,
        };
        self.version = Some(version + 1);
        Ok(version + 1)
    }

    /// Writes what is written once for the whole transaction. It comes before the commit.
    pub(super) fn finish(mut self) -> Result<(), redb::Error> {
        match self.version {
            Some(version) => self.meta.insert(CLIENT_VERSION, version),
            None => Ok(()),
        }
    }

    /// Writes something.
    pub(super) fn ping(&mut self) -> Result<(), Failure> {
        let pings = self.number(PING)?.wrapping_add(1);
        Ok(self.meta.insert(PING, pings)?)
    }
}

/// Two keys of an index after each other.
pub(super) fn joined<const A: usize, const B: usize, const BOTH: usize>(
    first: &[u8; A],
    second: &[u8; B],
) -> [u8; BOTH] {
    const { assert!(A + B == BOTH, "the parts fill the whole") };
    let mut both = [0; BOTH];
    for (to, from) in both.iter_mut().zip(first.iter().chain(second)) {
        *to = *from;
    }
    both
}
