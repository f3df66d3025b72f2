//! The file: whose it is, who may have it open, and what becomes of it when it is damaged.

use std::error::Error as _;
use std::fs;

use super::super::tables::{CONSENTS_OF_CLIENT, LAYOUT_NAME, META};
use super::*;
use crate::store::contract::samples::{IDLE, START, client, client_id, consent, full_grant};
use crate::store::{ClientStore as _, ConsentStore as _, ConsentsOf, GrantStore, rules};

async fn insert(store: &EmbeddedStore, id: &str) {
    store.insert(client(id), None).await.unwrap();
}

async fn is_there(store: &EmbeddedStore, id: &str) -> bool {
    store.get(&client_id(id)).await.unwrap().is_some()
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = Folder::new();
    let file = folder.0.join("a/b/oauth.redb");
    let store = open(&file);
    assert_eq!((mode(&file), mode(file.parent().unwrap()), mode(&folder.0.join("a"))), (0o600, 0o700, 0o700));
    store.backup(&folder.0.join("copy")).unwrap();
    assert_eq!(mode(&folder.0.join("copy")), 0o600);
    drop(store);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let _store = open(&file);
    assert_eq!(mode(&file), 0o600, "one that was copied there by hand");
    let names: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["oauth.redb"], "nothing else is left");
}

#[tokio::test]
async fn a_second_store_on_one_file_is_told_that_it_is_in_use() {
    let folder = Folder::new();
    let store = folder.open();
    insert(&store, "c").await;
    let error = EmbeddedStore::open(&folder.file(), EmbeddedOptions::default()).unwrap_err();
    assert!(matches!(&error, EmbeddedError::InUse { path } if *path == folder.file()));
    assert_eq!(error.to_string(), format!("{} is in use by another process", folder.file().display()));
    assert!(is_there(&store, "c").await);
    drop(store);
    assert!(is_there(&folder.open(), "c").await, "and then it is free");
}

#[tokio::test]
async fn a_file_from_before_an_index_gets_it() {
    let folder = Folder::new();
    let store = folder.open();
    for (user, client) in [("ada", "c"), ("bob", "c"), ("ada", "d")] {
        store.remember(consent(user, client)).await.unwrap();
    }
    drop(store);
    let database = Database::open(folder.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    assert!(transaction.delete_table(CONSENTS_OF_CLIENT).unwrap());
    transaction.commit().unwrap();
    drop(database);
    let store = folder.open();
    store.backup(&folder.0.join("copy")).unwrap();
    assert_eq!(store.forget_all(&ConsentsOf::Client(client_id("c"))).await.unwrap(), 2);
    assert!(store.consent(&consent("ada", "d").key(), START).await.unwrap().is_some());
}

#[tokio::test]
async fn two_who_make_it_at_once_have_one() {
    let folder = Folder::new();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let file = folder.file();
            std::thread::spawn(move || EmbeddedStore::open(&file, EmbeddedOptions::default()))
        })
        .collect();
    // Each handle is kept until all have tried.
    let opened: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let (stores, errors): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
    assert_eq!(stores.len(), 1);
    assert!(errors.iter().all(|error| matches!(error, Err(EmbeddedError::InUse { .. }))), "{errors:?}");
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let folder = Folder::new();
    fs::write(folder.file(), "").unwrap();
    insert(&folder.open(), "c").await;
    assert!(is_there(&folder.open(), "c").await);
}

#[tokio::test]
async fn a_copy_is_made_while_the_store_goes_on() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    insert(&store, "before").await;
    let given = full_grant();
    GrantStore::create(&*store, given.clone(), None, IDLE).await.unwrap();
    let to = folder.0.join("copy.redb");
    let (copied, path) = (Arc::clone(&store), to.clone());
    let copying = tokio::task::spawn_blocking(move || copied.backup(&path));
    for number in 0..50 {
        insert(&store, &format!("meanwhile{number}")).await;
    }
    copying.await.unwrap().unwrap();
    insert(&store, "after").await;
    let copy = open(&to);
    assert!(is_there(&copy, "before").await && !is_there(&copy, "after").await);
    assert_eq!(copy.peek(given.id, START).await.unwrap(), Some(rules::created(given, None, IDLE)));
    // What is in the copy is a beginning of what was written: it is one moment.
    let mut there = Vec::new();
    for number in 0..50 {
        there.push(is_there(&copy, &format!("meanwhile{number}")).await);
    }
    assert!(there.is_sorted_by(|earlier, later| earlier >= later), "{there:?}");
    insert(&copy, "of the copy").await;
    let error = store.backup(&to).unwrap_err();
    assert!(matches!(error, EmbeddedError::Io { .. }), "a file is not written over: {error:?}");
    assert!(is_there(&copy, "of the copy").await);
    assert!(store.backup(&folder.0.join("no/such/folder")).is_err());
}

#[tokio::test]
async fn what_is_no_store_is_told_so_and_left_alone() {
    let folder = Folder::new();
    for bytes in [&b"x"[..], b"SQLite format 3\0", &[0; 100_000], &[0xff; 5000]] {
        fs::write(folder.file(), bytes).unwrap();
        let error = EmbeddedStore::open(&folder.file(), EmbeddedOptions::default()).unwrap_err();
        assert!(matches!(error, EmbeddedError::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains("oauth.redb") && error.source().is_some());
        assert_eq!(fs::read(folder.file()).unwrap(), bytes);
    }
    fs::remove_file(folder.file()).unwrap();
    // A database of another program.
    let other: redb::TableDefinition<'_, u64, u64> = redb::TableDefinition::new("x");
    let database = Database::create(folder.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(other).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = EmbeddedStore::open(&folder.file(), EmbeddedOptions::default()).unwrap_err();
    assert!(matches!(error, EmbeddedError::Damaged { .. }), "{error:?}");
    let error = EmbeddedStore::open(&folder.0, EmbeddedOptions::default()).unwrap_err();
    assert!(matches!(error, EmbeddedError::Io { .. }), "a folder: {error:?}");
}

#[tokio::test]
async fn the_file_of_a_newer_version_is_told_so_and_left_alone() {
    let folder = Folder::new();
    drop(folder.open());
    let database = Database::create(folder.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert(LAYOUT_NAME, 7).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = EmbeddedStore::open(&folder.file(), EmbeddedOptions::default()).unwrap_err();
    assert!(matches!(error, EmbeddedError::Newer { found: 7, known: 1, .. }), "{error:?}");
}

#[tokio::test]
async fn damage_is_an_error_and_no_panic() {
    let folder = Folder::new();
    let store = folder.open();
    for number in 0..200 {
        insert(&store, &format!("c{number}")).await;
    }
    drop(store);
    let whole = fs::read(folder.file()).unwrap();
    let checked = EmbeddedOptions { check: true, ..EmbeddedOptions::default() };
    assert!(EmbeddedStore::open(&folder.file(), checked).is_ok(), "there is nothing wrong with it yet");
    let mut refused = 0;
    let mut judge = |bytes: &[u8], what: &str| {
        fs::write(folder.file(), bytes).unwrap();
        match EmbeddedStore::open(&folder.file(), checked) {
            // The damage was where nothing is kept.
            Ok(store) => drop(store),
            Err(error @ (EmbeddedError::Damaged { .. } | EmbeddedError::Newer { .. })) => {
                refused += 1;
                assert!(error.source().is_some(), "{what}: {error:?}");
            }
            Err(error) => panic!("{what}: {error:?}"),
        }
    };
    for length in [1, 100, 4096, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        judge(&whole[..length], &format!("cut to {length}"));
    }
    for offset in (0..320).step_by(16).chain((4096..whole.len()).step_by(whole.len() / 60)) {
        let mut bytes = whole.clone();
        for byte in &mut bytes[offset..offset + 16] {
            *byte ^= 0x55;
        }
        judge(&bytes, &format!("changed at {offset}"));
    }
    assert!(refused > 20, "{refused} have been noticed");
}
