//! The list of checks held against the sources: each has tests that bear its number, or is said not to apply.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The checks that concern what is built, as numbers and spans.
const ASKED: &str = "1-22, 24-55, 57-70, 73, 78-96, 99, 102, 103, 105-110";

/// How many checks there are in all; each stands in the table once.
const ALL: &str = "1-110";

/// Where the tests are, from the root of the repository.
const PLACES: [&str; 4] = ["mcp-oauth/src", "mcp-oauth/tests", "mcp-transport", "bins"];

/// Reads numbers and spans: `1-3, 7`.
fn numbers(text: &str) -> BTreeSet<u16> {
    let spans = text.split(',').map(|part| {
        let (first, last) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
        let number = |text: &str| text.parse::<u16>().unwrap_or_else(|_| panic!("{text:?} is no number"));
        number(first)..=number(last)
    });
    spans.flatten().collect()
}

/// The numbers at the beginning of a name: `063_064_answers` is about two checks.
fn named(name: &str) -> Vec<u16> {
    let is_number = |part: &&str| part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    name.split('_').take_while(is_number).map(|part| part.parse().unwrap()).collect()
}

/// The functions below a folder that are named for checks, by number.
fn tests(folder: &Path, found: &mut BTreeMap<u16, Vec<String>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for line in text.lines() {
                let function = line.trim_start().trim_start_matches("async ").strip_prefix("fn ").unwrap_or_default();
                // What was renamed stays so: a test that nobody finds by its number is not there.
                let other =
                    function.strip_prefix("check_").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
                assert!(!other, "{}: {function} is named otherwise than the others", path.display());
                for number in named(function.strip_prefix("attack_").unwrap_or_default()) {
                    found.entry(number).or_default().push(path.display().to_string());
                }
            }
        }
    }
}

/// The table: numbers, and what it says of where their tests are.
fn table() -> Vec<(BTreeSet<u16>, &'static str)> {
    let rows = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
    let rows = rows.filter(|row| row.starts_with(|first: char| first.is_ascii_digit()));
    let rows = rows.map(|row| {
        let cells: Vec<&str> = row.trim_end_matches('|').split(" | ").collect();
        let [checks, _, place] = cells[..] else { panic!("{row}") };
        (numbers(checks), place.trim())
    });
    rows.collect()
}

#[test]
fn every_check_has_tests_or_a_reason_why_it_has_none() {
    let mut found = BTreeMap::new();
    for place in PLACES {
        tests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(place), &mut found);
    }
    let table = table();
    let listed: Vec<u16> = table.iter().flat_map(|(checks, _)| checks).copied().collect();
    let once: BTreeSet<u16> = listed.iter().copied().collect();
    assert_eq!(once, numbers(ALL), "each check stands in the table");
    assert_eq!(listed.len(), once.len(), "each check stands in the table once: {listed:?}");
    let strangers: Vec<_> = found.iter().filter(|(number, _)| !once.contains(number)).collect();
    assert!(strangers.is_empty(), "tests of checks that there are not: {strangers:?}");

    let mut left_out: BTreeSet<u16> = BTreeSet::new();
    for (checks, place) in &table {
        let Some(reason) = place.strip_prefix("not applicable") else { continue };
        let reason = reason.trim_start_matches(':').trim();
        assert!(reason.len() > 10, "{checks:?} do not apply, and nothing says why");
        let stale: Vec<_> = checks.iter().filter(|check| found.contains_key(check)).collect();
        assert!(stale.is_empty(), "{stale:?} do not apply, as the table says, and have tests");
        left_out.extend(checks);
    }
    let asked = numbers(ASKED);
    let missing: Vec<_> =
        asked.iter().filter(|check| !found.contains_key(check) && !left_out.contains(check)).collect();
    assert!(missing.is_empty(), "checks without a test `attack_NNN_..`: {missing:?}");
    // What is served beyond that has its tests too.
    let untold: Vec<_> = once.iter().filter(|check| !found.contains_key(check) && !left_out.contains(check)).collect();
    assert!(untold.is_empty(), "checks without a test, and without a reason: {untold:?}");
}

/// Tests of a server are made by `on_every_store!`, for memory, a file and Redis. `socket` is about what comes before a
/// request: nothing there touches a store.
#[test]
fn every_attack_on_a_server_is_made_on_every_store() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/attacks")];
    let mut on_every_store = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            on_every_store += text.matches("(keeper: Keeper)").count();
            if !["socket.rs", "listed.rs"].contains(&path.file_name().unwrap().to_str().unwrap()) {
                let alone = ["#[tokio::test", "Keeper::memory()", "Keeper::embedded()", "Keeper::redis()"];
                let found = alone.iter().find(|alone| text.contains(**alone));
                assert!(found.is_none(), "{}: {found:?} is for one store", path.display());
            }
        }
    }
    assert!(on_every_store > 150, "{on_every_store}");
}
