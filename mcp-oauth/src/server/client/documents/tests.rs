use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::Semaphore;

use super::super::cache::DocumentHosts;
use super::super::fetch::{FetchError, Fetched};
use super::super::testing::json_document;
use super::*;

const T0: Timestamp = Timestamp::from_secs(1_000_000);

fn url() -> DocumentUrl {
    DocumentUrl::parse("https://client.example/client.json").unwrap()
}

fn at(seconds: u64) -> Timestamp {
    T0.after(Duration::from_secs(seconds))
}

fn document(redirect: &str) -> Result<Fetched, FetchError> {
    let body = json!({"client_id": url().as_str(), "redirect_uris": [redirect]}).to_string();
    Ok(json_document(body))
}

/// A host that answers what it was told to, one after the other, each when it is let.
struct Host {
    answers: Mutex<VecDeque<Result<Fetched, FetchError>>>,
    fetches: AtomicUsize,
    let_through: Semaphore,
}

#[async_trait]
impl FetchDocument for Host {
    async fn fetch(&self, _: &DocumentUrl) -> Result<Fetched, FetchError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        self.let_through.acquire().await.unwrap().forget();
        self.answers.lock().unwrap().pop_front().unwrap_or(Err(FetchError::Unreachable))
    }
}

fn host<const N: usize>(permits: usize, answers: [Result<Fetched, FetchError>; N]) -> Arc<Host> {
    let answers = Mutex::new(answers.into_iter().collect());
    Arc::new(Host { answers, fetches: AtomicUsize::new(0), let_through: Semaphore::new(permits) })
}

fn documents(host: &Arc<Host>, settings: DocumentSettings) -> Arc<Documents> {
    let fetches = Arc::new(Fetches::new(&settings));
    Arc::new(Documents::new(Arc::clone(host) as _, Arc::default(), settings, fetches))
}

impl Host {
    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn fetched_once_and_then_kept() {
    let host = host(9, [document("https://h/1"), document("https://h/2")]);
    let documents = documents(&host, DocumentSettings::default());
    let first = documents.get(&url(), None, T0).await.unwrap();
    assert_eq!((first.age, first.client.id.as_str()), (DocumentAge::Fresh, url().as_str()));
    assert_eq!(first.client.source, ClientSource::MetadataDocument);
    assert_eq!(documents.get(&url(), None, at(3599)).await.unwrap(), first);
    assert_eq!(host.fetches(), 1);
    let second = documents.get(&url(), None, at(3600)).await.unwrap();
    assert_eq!(second.client.metadata.redirect_uris[0].as_str(), "https://h/2");
}

#[tokio::test]
async fn an_outage_is_bridged_and_seen() {
    let host = host(9, [document("https://h/1"), Err(FetchError::Timeout), document("https://h/2")]);
    let documents = documents(&host, DocumentSettings::default());
    let first = documents.get(&url(), None, T0).await.unwrap();
    let stale = documents.get(&url(), None, at(4000)).await.unwrap();
    assert_eq!((stale.age, &stale.client), (DocumentAge::Stale, &first.client));
    assert_eq!(documents.get(&url(), None, at(4001)).await.unwrap().age, DocumentAge::Stale);
    assert_eq!(host.fetches(), 2, "not asked again at once");
    assert_eq!(documents.get(&url(), None, at(4060)).await.unwrap().age, DocumentAge::Fresh);
}

#[tokio::test]
async fn attack_089_a_bad_answer_is_not_kept() {
    let host = host(9, [Ok(Fetched::new(200, http::HeaderMap::new(), "<html>")), document("https://h/1")]);
    let documents = documents(&host, DocumentSettings::default());
    let error = documents.get(&url(), None, T0).await.unwrap_err();
    assert_eq!(error.cause(), DocumentFault::MediaType);
    let again = documents.get(&url(), None, at(1)).await.unwrap_err();
    assert_eq!((again.cause(), again.to_string()), (DocumentFault::Recently, error.to_string()));
    assert!(documents.get(&url(), None, at(60)).await.is_ok());
    assert_eq!(host.fetches(), 2);
}

#[tokio::test]
async fn attack_094_parallel_requests_make_one_fetch() {
    for answer in [document("https://h/1"), Err(FetchError::Unreachable)] {
        let host = host(0, [answer.clone()]);
        let documents = documents(&host, DocumentSettings::default());
        let asking: Vec<_> = (0..50)
            .map(|_| {
                let documents = Arc::clone(&documents);
                tokio::spawn(async move { documents.get(&url(), None, T0).await })
            })
            .collect();
        tokio::task::yield_now().await;
        host.let_through.add_permits(50);
        for asked in asking {
            assert_eq!(asked.await.unwrap().is_ok(), answer.is_ok());
        }
        assert_eq!(host.fetches(), 1);
        assert!(documents.flights.is_empty());
    }
}

#[tokio::test]
async fn whoever_waits_goes_on_when_the_first_gives_up() {
    let host = host(0, [document("https://h/1")]);
    let documents = documents(&host, DocumentSettings::default());
    let ask = || {
        let documents = Arc::clone(&documents);
        tokio::spawn(async move { documents.get(&url(), None, T0).await })
    };
    let (first, second) = (ask(), ask());
    tokio::task::yield_now().await;
    assert_eq!(host.fetches(), 1);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    host.let_through.add_permits(1);
    assert!(second.await.unwrap().is_ok());
    assert_eq!(host.fetches(), 2);
    assert!(documents.flights.is_empty());
}

#[tokio::test]
async fn attack_094_only_so_many_at_a_time() {
    let host = host(0, []);
    let documents = documents(&host, DocumentSettings { most_fetches: 2, ..DocumentSettings::default() });
    let asking: Vec<_> = (0..2)
        .map(|number| {
            let documents = Arc::clone(&documents);
            let url = DocumentUrl::parse(&format!("https://h{number}/c")).unwrap();
            tokio::spawn(async move { documents.get(&url, None, T0).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let third = documents.get(&url(), None, T0).await.unwrap_err();
    assert_eq!((third.cause(), host.fetches()), (DocumentFault::Busy, 2));
    assert!(third.retry_after().is_some());
    asking.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn attack_094_a_thousand_urls_of_one_host() {
    let host = host(2000, []);
    let documents = documents(&host, DocumentSettings::default());
    for number in 0..1000 {
        let url = DocumentUrl::parse(&format!("https://client.example/{number}")).unwrap();
        let error = documents.get(&url, None, T0).await.unwrap_err();
        assert_eq!(error.to_string(), "the client metadata document cannot be used");
    }
    assert_eq!(host.fetches(), 20);
}

#[tokio::test]
async fn attack_094_one_address_leaves_the_fetches_of_the_others() {
    let host = host(2000, []);
    let documents = documents(&host, DocumentSettings::default());
    let ask = async |address: &str, number: u32| {
        let url = DocumentUrl::parse(&format!("https://h{number}.example/c")).unwrap();
        documents.get(&url, Some(address.parse().unwrap()), T0).await.unwrap_err()
    };
    for number in 0..1000 {
        let error = ask(&format!("2001:db8:1:1:{number:x}::1"), number).await;
        assert!(error.retry_after().is_some(), "it is nobody's fault: {error:?}");
        assert_eq!(error.cause() == DocumentFault::Busy, number >= 20, "{number}");
    }
    assert_eq!(host.fetches(), 20, "a /64 is one address");
    // Whoever has a /48 has 65536 of those.
    for number in 0..1000 {
        ask(&format!("2001:db8:1:{number:x}::1"), 2000 + number).await;
    }
    assert_eq!(host.fetches(), 60);
    for (number, address) in (5000..).zip(["192.0.2.1", "192.0.2.2", "2001:db8:2::1"]) {
        assert_ne!(ask(address, number).await.cause(), DocumentFault::Busy, "{address}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_trusted_is_never_asked() {
    let host = host(9, [document("https://h/1")]);
    let hosts = DocumentHosts::Only(vec!["claude.ai".to_owned()]);
    let documents = documents(&host, DocumentSettings { hosts, ..DocumentSettings::default() });
    assert_eq!(documents.get(&url(), None, T0).await.unwrap_err().cause(), DocumentFault::Host);
    assert_eq!(host.fetches(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_left_of_many_that_come_and_go() {
    let host = host(usize::MAX >> 4, []);
    let minute =
        crate::store::Quota { burst: u32::MAX.try_into().unwrap(), period: Duration::from_secs(u64::from(u32::MAX)) };
    let settings = DocumentSettings {
        retry: Duration::ZERO,
        per_host: minute,
        per_address: minute,
        overall: minute,
        ..Default::default()
    };
    let documents = documents(&host, settings);
    let asking: Vec<_> = (0..2000_usize)
        .map(|number| {
            let documents = Arc::clone(&documents);
            let url = DocumentUrl::parse(&format!("https://h{}/c", number % 7)).unwrap();
            let task = tokio::spawn(async move { documents.get(&url, None, T0).await });
            if number % 3 == 0 {
                task.abort();
            }
            task
        })
        .collect();
    for asked in asking {
        let _ = asked.await;
    }
    assert!(documents.flights.is_empty());
    assert!(host.fetches() >= 7);
}
