//! Who is refused by a limit is counted, and told of once a minute.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use mcp_oauth::identity::{Owner, Terminal};
use mcp_oauth::server::audit::{AuditSink, Event, EventKind, Limit};
use mcp_oauth::server::{Peer, Transport};

use crate::support::{App, Bed, DocumentHost, Keeper, Reply, log, request};

/// Counts each refusal, and keeps what is told of them.
#[derive(Debug, Default)]
struct Ledger {
    each: Mutex<Vec<Limit>>,
    told: Mutex<Vec<Event>>,
}

impl AuditSink for Ledger {
    fn record(&self, event: Event) {
        if let EventKind::Limited(_) = event.kind {
            self.told.lock().unwrap().push(event);
        }
    }

    fn refused(&self, limit: Limit) {
        self.each.lock().unwrap().push(limit);
    }
}

impl Ledger {
    /// How many were refused by a limit.
    fn count(&self, limit: Limit) -> usize {
        self.each.lock().unwrap().iter().filter(|own| **own == limit).count()
    }

    /// What was told since this was asked last: the limit, how often, the address.
    fn told(&self) -> Vec<(Limit, u64, Option<IpAddr>)> {
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        let limit = |event: &Event| match event.kind {
            EventKind::Limited(limit) => limit,
            other => panic!("{other:?}"),
        };
        told.iter().map(|event| (limit(event), event.count, event.address)).collect()
    }
}

async fn bed(ledger: &Arc<Ledger>) -> Bed {
    let ledger = Arc::clone(ledger);
    Bed::with(Keeper::memory(), |builder| {
        let owner = Owner::new(Arc::new(Terminal)).codes_per_minute(NonZeroU32::MIN);
        builder.rate_limit(NonZeroU32::new(300)).audit(ledger).identity(Arc::new(owner))
    })
    .await
}

async fn get(bed: &Bed, address: IpAddr, path: &str) -> Reply {
    let mut request = request(Method::GET, path, &[], "");
    request.extensions_mut().insert(Peer::new(address, Transport::Secure));
    bed.send(request).await
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_one_event_a_minute() {
    let ledger = Arc::<Ledger>::default();
    let bed = bed(&ledger).await;
    let (one, two) = ("198.51.100.1".parse().unwrap(), "198.51.100.2".parse().unwrap());
    for number in 0..1300 {
        let status = get(&bed, one, "/authorize").await.status;
        assert_eq!(status, if number < 300 { 400 } else { 429 }, "{number}");
    }
    assert_eq!((ledger.count(Limit::Request), ledger.told()), (1000, vec![(Limit::Request, 1, Some(one))]));
    // What came in between is told of with the next, or after a minute in which none comes.
    bed.advance(60);
    for _ in 0..302 {
        get(&bed, two, "/authorize").await;
    }
    assert_eq!(ledger.told(), [(Limit::Request, 1000, Some(two))]);
    bed.advance(60);
    assert_eq!(ledger.told(), []);
    tokio::select! {
        () = bed.server.maintain() => {}
        () = tokio::time::sleep(Duration::from_millis(1)) => {}
    }
    assert_eq!((ledger.count(Limit::Request), ledger.told()), (1002, vec![(Limit::Request, 1, None)]));
}

#[tokio::test]
async fn what_a_provider_and_the_fetches_of_documents_refuse_is_counted_too() {
    let ledger = Arc::<Ledger>::default();
    let bed = bed(&ledger).await;
    let app = App::register(&bed).await;
    let (one, two) = ("198.51.100.1".parse().unwrap(), "198.51.100.2".parse().unwrap());
    let link = app.link_with(&[("identity_provider", "owner")]);
    let statuses = [get(&bed, one, &link).await.status, get(&bed, two, &link).await.status];
    assert_eq!((statuses[0], ledger.count(Limit::Provider)), (200, 1), "{statuses:?}");
    assert_eq!(ledger.told(), [(Limit::Provider, 1, Some(two))]);

    let host = DocumentHost::start("https://app.example/cb").await;
    let document = Bed::with(Keeper::memory(), |builder| host.known(builder).audit(Arc::clone(&ledger) as _)).await;
    host.goes_down();
    for number in 0..31 {
        let app = App { id: format!("{}?{number}", host.url), ..host.app("https://app.example/cb") };
        get(&document, one, &app.link()).await;
    }
    assert_eq!(ledger.count(Limit::Document), 11, "an address has 20 in a minute");
}

#[tokio::test]
async fn the_log_says_how_many_there_were() {
    log::listen();
    let bed = Bed::with(Keeper::memory(), |builder| builder.rate_limit(NonZeroU32::new(300))).await;
    let address = "198.51.100.1".parse().unwrap();
    for _ in 0..310 {
        get(&bed, address, "/authorize").await;
    }
    bed.advance(60);
    for _ in 0..301 {
        get(&bed, address, "/authorize").await;
    }
    let heard = log::heard();
    let told: Vec<&str> = heard.lines().filter(|line| line.contains("Limited(Request)")).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        !told[0].contains("count=") && told[1].contains("count=10") && told[1].contains("198.51.100.1"),
        "{told:?}"
    );
}
