use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::super::{Client, Policy, Target};
use super::*;

/// Keeps what is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Level, String)>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push((*event.metadata().level(), text.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Log {
    /// What was logged since the last time.
    fn take(&self) -> Vec<(Level, String)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[test]
fn every_switch_says_so_in_the_log() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let address = "127.0.0.1:1".parse().unwrap();
    let client = || Client::builder(Policy::public());
    let switches: [(&str, &dyn Fn()); 5] = [
        ("plain http", &|| drop(plain_http(Public::new()))),
        ("any port", &|| drop(any_port(Public::new()))),
        ("private", &|| drop(private_addresses(Public::new()))),
        ("proxy", &|| drop(public_through_proxy(client()))),
        ("instead", &|| drop(dial_instead(client(), address, address))),
    ];
    for (what, switch) in switches {
        switch();
        let said = log.take();
        assert!(matches!(&said[..], [(Level::WARN, text)] if text.contains(what)), "{what}: {said:?}");
    }
}

#[tokio::test]
async fn the_log_has_the_cause_and_the_error_does_not_show_it() {
    let log = Log::default();
    let Ok(client) = Client::builder(Policy::public()).build() else { return };
    let guard = tracing::subscriber::set_default(log.clone());
    let target = Target::parse("https://10.1.2.3/secret/path?token=secret").unwrap();
    let error = client.get(&target, 1).await.unwrap_err();
    drop(guard);
    let said = log.take();
    let (level, text) = said.iter().find(|(_, text)| text.contains("10.1.2.3")).unwrap();
    assert_eq!(*level, Level::INFO);
    assert!(text.contains("class Private") && !text.contains("secret"), "{text}");
    assert_eq!(error.to_string(), "the request to the other server failed");
}
