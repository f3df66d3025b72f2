//! What other processes say about a session, and what is sent to the one that has its GET stream.

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    sync::{Arc, Weak},
    task::Poll,
};

use tokio::task::JoinHandle;

use super::{Live, lock};
use crate::{
    http::{call::guarded, service::Shared},
    jsonrpc::{Limits, Message, Raw},
    session::{BusMessage, BusSink},
    stop::Stop,
};

/// Where the client's GET stream is, if another process has it.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    /// Counts the moves.
    number: u64,
    /// Ends the task that sends there what waits here.
    stop: Option<Stop>,
    task: Option<JoinHandle<()>>,
}

impl Elsewhere {
    fn forward(&mut self, stop: Option<Stop>) -> u64 {
        self.number += 1;
        if let Some(old) = std::mem::replace(&mut self.stop, stop) {
            old.give();
        }
        self.number
    }
}

impl Live {
    /// The client's GET stream is here from now on: what waits is no longer sent elsewhere.
    /// The others are told behind all that was sent to them, so that whoever had the stream sends that back.
    ///
    /// # Cancel safety
    /// The others may not know then: the client is gone, and they are told when it comes back.
    pub(in crate::http) async fn listens_here(&self, shared: &Shared) {
        if let Some(forwarding) = self.forwards_nothing() {
            drop(forwarding.await);
        }
        self.tell(shared, BusMessage::Listening).await;
    }

    /// Lets what waits wait here. Gives the task that sent it elsewhere, which comes to its end.
    pub(super) fn forwards_nothing(&self) -> Option<JoinHandle<()>> {
        let mut elsewhere = lock(&self.elsewhere);
        elsewhere.forward(None);
        elsewhere.task.take()
    }

    /// The client's GET stream is at another process from now on. A stream here has been replaced, as by a second GET
    /// (what it has not read is lost), and what waits, or is yet to come, goes over there.
    fn listens_elsewhere(self: &Arc<Self>, shared: &Arc<Shared>) {
        if let Some(own) = lock(&self.streams).own.take() {
            own.finish();
        }
        let stop = Stop::new();
        let mut given = stop.given();
        let mut elsewhere = lock(&self.elsewhere);
        let number = elsewhere.forward(Some(stop));
        let (live, shared) = (Arc::clone(self), Arc::clone(shared));
        let before = elsewhere.task.take();
        elsewhere.task = Some(tokio::spawn(async move {
            if let Some(before) = before {
                drop(before.await);
            }
            loop {
                let next = poll_fn(|task| {
                    if Pin::new(&mut given).poll(task).is_ready() {
                        return Poll::Ready(None);
                    }
                    // Held over the look into the outbox, so that a connection here registers after this.
                    let elsewhere = lock(&live.elsewhere);
                    if elsewhere.number != number {
                        return Poll::Ready(None);
                    }
                    live.session.outbox().poll_take(task)
                });
                let Some(frame) = next.await else { return };
                live.tell(&shared, BusMessage::Message(Raw::trusted(frame))).await;
            }
        }));
    }

    /// Takes a message of another process for the client, if its GET stream is here.
    fn pass_on(&self, message: Raw, limits: &Limits) {
        if self.stream(0).is_none() {
            return;
        }
        let outbox = self.session.outbox();
        match Message::parse(message.into_bytes(), limits) {
            Ok(Message::Notification(note)) => drop(outbox.emit(&note.method, note.params.raw())),
            Ok(Message::Request(ask)) => drop(outbox.request(&ask.id, &ask.method, ask.params.raw())),
            Ok(Message::Response(_)) | Err(_) => tracing::error!("another process sent what is no message of ours"),
        }
    }
}

/// Takes what other processes say about a session that this one holds.
#[derive(Debug)]
pub(in crate::http) struct Sink {
    pub(in crate::http) live: Weak<Live>,
    pub(in crate::http) shared: Weak<Shared>,
}

impl BusSink for Sink {
    fn deliver(&self, message: BusMessage) {
        let (Some(live), Some(shared)) = (self.live.upgrade(), self.shared.upgrade()) else {
            return;
        };
        match message {
            BusMessage::Answer { id, outcome } => drop(live.session.asks().answer(&id, outcome)),
            BusMessage::Cancelled(id) => drop(live.cancel(&id)),
            BusMessage::Ready if live.session.ready() => {
                let opened = Arc::clone(&shared.handler).opened(live.session.clone());
                drop(tokio::spawn(guarded(opened)));
            }
            BusMessage::Ready => {}
            BusMessage::Changed(change) => live.session.apply(change),
            BusMessage::Listening => live.listens_elsewhere(&shared),
            BusMessage::Joined if live.stream(0).is_some() => {
                drop(tokio::spawn(async move { live.tell(&shared, BusMessage::Holds).await }));
            }
            // The stream may have moved here while the answer was on its way.
            BusMessage::Holds if live.stream(0).is_none() => live.listens_elsewhere(&shared),
            BusMessage::Joined | BusMessage::Holds => {}
            BusMessage::Message(message) => live.pass_on(message, &shared.config.limits),
            BusMessage::Ended(why) => drop(shared.end_here(&live, why)),
        }
    }
}
