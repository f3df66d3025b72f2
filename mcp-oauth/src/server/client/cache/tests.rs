use super::super::fetch::FetchError;
use super::*;
use crate::types::{ClientAuthMethod, ClientMetadata, ClientSource};

const T0: Timestamp = Timestamp::from_secs(1_000_000);
const UNREACHABLE: DocumentFault = DocumentFault::Fetch(FetchError::Unreachable);

fn url(text: &str) -> DocumentUrl {
    DocumentUrl::parse(text).unwrap()
}

fn at(seconds: u64) -> Timestamp {
    T0.after(Duration::from_secs(seconds))
}

fn client(url: &DocumentUrl) -> Client {
    let metadata = ClientMetadata::new(ClientAuthMethod::None, vec!["https://h/cb".parse().unwrap()]);
    Client::new(url.client_id().clone(), ClientSource::MetadataDocument, metadata, T0)
}

fn lifetime(seconds: u64) -> Lifetime {
    Lifetime { fresh: Duration::from_secs(seconds), kept: Kept::AfterFreshness }
}

fn is_fresh(known: &Known) -> bool {
    matches!(known, Known::Fresh(_))
}

#[test]
fn fresh_then_asked_for_again() {
    let (mut cache, settings, url) = (Cache::default(), DocumentSettings::default(), url("https://h/c"));
    assert!(matches!(cache.known(&url, &settings, T0), Known::Unknown));
    cache.keep(&url, client(&url), lifetime(100), &settings, T0);
    assert!(is_fresh(&cache.known(&url, &settings, at(99))));
    assert!(matches!(cache.known(&url, &settings, at(100)), Known::Unknown));
}

#[test]
fn the_last_good_copy_bridges_an_outage_of_a_week() {
    let (mut cache, settings, url) = (Cache::default(), DocumentSettings::default(), url("https://h/c"));
    cache.keep(&url, client(&url), lifetime(100), &settings, T0);
    for (seconds, fault) in
        [(100, UNREACHABLE), (4000, DocumentFault::Status(503)), (90_000, DocumentFault::Status(403))]
    {
        assert!(cache.fail(&url, fault, &settings, at(seconds)).is_ok(), "{fault:?}");
        // Until the next attempt is due, nothing is fetched.
        assert!(matches!(cache.known(&url, &settings, at(seconds + 59)), Known::Failed(Ok(_))));
        assert!(matches!(cache.known(&url, &settings, at(seconds + 60)), Known::Unknown));
    }
    let week = 7 * 24 * 3600;
    assert!(cache.fail(&url, UNREACHABLE, &settings, at(week - 1)).is_ok());
    assert!(cache.fail(&url, UNREACHABLE, &settings, at(week)).is_err());
    assert!(matches!(cache.known(&url, &settings, at(week)), Known::Failed(Err(_))));
}

#[test]
fn a_document_that_is_gone_or_broken_is_believed_in_the_end() {
    let settings = DocumentSettings::default();
    for fault in [DocumentFault::Status(404), DocumentFault::Status(302), DocumentFault::Json, DocumentFault::ClientId]
    {
        let (mut cache, url) = (Cache::default(), url("https://h/c"));
        cache.keep(&url, client(&url), lifetime(100), &settings, T0);
        assert!(cache.fail(&url, fault, &settings, at(100)).is_ok());
        // That it cannot be reached in between does not make it good again.
        assert!(cache.fail(&url, UNREACHABLE, &settings, at(3000)).is_ok());
        assert!(cache.fail(&url, fault, &settings, at(3700)).is_err(), "{fault:?}");
        assert!(cache.last_good(&url, &settings, Duration::ZERO, at(3700)).is_err());
    }
    let strict = DocumentSettings { doubt: Duration::ZERO, ..settings };
    let (mut cache, url) = (Cache::default(), url("https://h/c"));
    cache.keep(&url, client(&url), lifetime(100), &strict, T0);
    assert!(cache.fail(&url, DocumentFault::Status(410), &strict, at(100)).is_err());
}

#[test]
fn a_good_document_ends_the_doubt() {
    let (mut cache, settings, url) = (Cache::default(), DocumentSettings::default(), url("https://h/c"));
    cache.keep(&url, client(&url), lifetime(100), &settings, T0);
    let _ = cache.fail(&url, DocumentFault::Json, &settings, at(100));
    cache.keep(&url, client(&url), lifetime(100), &settings, at(200));
    assert!(cache.fail(&url, DocumentFault::Json, &settings, at(3900)).is_ok());
}

#[test]
fn rfc9111_5_2_2_5_no_store_leaves_no_copy() {
    let (mut cache, settings, url) = (Cache::default(), DocumentSettings::default(), url("https://h/c"));
    let no_store = Lifetime { fresh: Duration::from_secs(60), kept: Kept::WhileFresh };
    cache.keep(&url, client(&url), no_store, &settings, T0);
    assert!(is_fresh(&cache.known(&url, &settings, at(59))));
    assert!(cache.last_good(&url, &settings, Duration::ZERO, at(60)).is_err());
    assert!(cache.fail(&url, UNREACHABLE, &settings, at(60)).is_err());
}

#[test]
fn attack_094_a_failure_is_not_tried_again_at_once() {
    let (mut cache, settings, url) = (Cache::default(), DocumentSettings::default(), url("https://h/c"));
    assert!(cache.fail(&url, DocumentFault::Status(404), &settings, T0).is_err());
    assert!(matches!(cache.known(&url, &settings, at(59)), Known::Failed(Err(_))));
    assert!(matches!(cache.known(&url, &settings, at(60)), Known::Unknown));
}

#[test]
fn everything_is_bounded() {
    let mut cache = Cache::default();
    let settings = DocumentSettings { most_documents: 10, most_failures: 10, ..DocumentSettings::default() };
    let favourite = url("https://favourite/c");
    cache.keep(&favourite, client(&favourite), lifetime(9999), &settings, T0);
    for number in 0..5000_u64 {
        assert!(is_fresh(&cache.known(&favourite, &settings, at(1))), "what is used stays");
        let other = url(&format!("https://h{number}/c"));
        cache.known(&other, &settings, T0);
        cache.keep(&other, client(&other), lifetime(9999), &settings, T0);
        let _ = cache.fail(&url(&format!("https://h{number}/d")), UNREACHABLE, &settings, at(number));
        assert!(cache.copies.len() <= 10 && cache.failures.len() <= 10);
    }
    // Of the failures the newest are remembered.
    assert!(matches!(cache.known(&url("https://h4999/d"), &settings, at(5000)), Known::Failed(Err(_))));
}

#[test]
fn hosts_that_are_trusted() {
    let only = DocumentHosts::Only(vec!["claude.ai".to_owned()]);
    assert!(only.admits(&url("https://claude.ai/oauth/claude-code-client-metadata")));
    for other in ["https://evil.claude.ai/c", "https://claude.ai.evil.test/c", "https://evil.test/claude.ai"] {
        assert!(!only.admits(&url(other)), "{other}");
        assert!(DocumentHosts::Any.admits(&url(other)));
    }
}
