//! What a line that came in sets going.

use std::{sync::Arc, task::Poll};

use super::{
    answer::{Answer, Gather},
    call::{Call, Kind},
    caught::Caught,
    connection::{Connection, Handshake, Opening, Task},
    judge::{Judged, Way, judge, named},
    table::Doing,
};
use crate::{
    exchange::{Asking, ClientFacts, Exchange, ExchangeBuilder, Transport, meta},
    handler::Outcome,
    jsonrpc::{
        Batch, Code, Defect, DefectKind, ErrorObject, Incoming, Line, Message, Notification, Raw, Request, RequestId,
        Response, frame, lookup, shown,
    },
    outbox::Outbox,
    protocol::{ErrorWithoutId, Method, Revision},
    session::{Session, SessionId, SessionParts},
    stop::Stop,
};

impl Connection {
    pub(super) async fn line(&mut self, line: Line) {
        let text = match line {
            Line::Text(text) => text,
            Line::TooLong => {
                return self.refuse_defect(&DefectKind::TooLarge { limit: self.config.max_line }.into(), Answer::Line);
            }
        };
        let size = text.len();
        match Incoming::parse(text.clone(), &self.limits) {
            Ok(Incoming::Single(message)) => self.fresh(message, Answer::Line, size).await,
            Ok(Incoming::Batch(batch)) => self.batch(batch, size).await,
            Err(defect) if std::str::from_utf8(&text).is_ok_and(|text| defect.is_of_notification(text)) => {
                tracing::debug!(reason = %defect.kind, "ignored a notification");
            }
            Err(defect) => self.refuse_defect(&defect, Answer::Line),
        }
    }

    /// Only 2025-03-26 has batches, and `initialize` "MUST NOT be part of" one, so there is a session by then.
    async fn batch(&mut self, batch: Batch, size: usize) {
        let has_batches = match &self.handshake {
            Handshake::Open(session, _) => session.revision().has_batches(),
            Handshake::Fresh | Handshake::Opening(_) => false,
        };
        if !has_batches {
            let error = ErrorObject::new(Code::INVALID_REQUEST, "batches are not part of this protocol revision");
            return self.refuse(None, &error, Answer::Line);
        }
        let gather = Gather::new(batch.entries.len());
        for (place, entry) in batch.entries.into_iter().enumerate() {
            let answer = Answer::Batch(Arc::clone(&gather), place);
            match entry {
                Ok(message) => self.fresh(message, answer, size).await,
                Err(defect) => self.refuse_defect(&defect, answer),
            }
        }
    }

    /// A message that has just come in.
    async fn fresh(&mut self, message: Message, answer: Answer, size: usize) {
        match message {
            Message::Request(request) if self.is_closing() => {
                let error = ErrorObject::new(Code::INTERNAL_ERROR, "the server is shutting down");
                self.refuse(Some(&request.id), &error, answer);
            }
            message => self.message(message, answer, size).await,
        }
    }

    pub(super) async fn message(&mut self, message: Message, answer: Answer, size: usize) {
        match message {
            Message::Request(request) => return self.request(request, answer, size).await,
            Message::Notification(notification) => self.notification(notification, size).await,
            Message::Response(response) => self.response(response),
        }
        self.deliver(answer.settle(None));
    }

    async fn request(&mut self, request: Request, answer: Answer, size: usize) {
        if self.table.contains(&request.id) {
            let error = ErrorObject::new(Code::INVALID_REQUEST, "a request with this id is still in flight");
            return self.refuse(Some(&request.id), &error, answer);
        }
        match judge(&request, self.revisions, self.standing()) {
            Err(error) => self.refuse(Some(&request.id), &error, answer),
            Ok(Judged::Opens(revision)) => self.initialize(request, revision, answer).await,
            Ok(Judged::Held) => {
                let (id, serial) = (request.id.clone(), self.next_serial());
                match self.held.push(size, (Message::Request(request), answer)) {
                    Ok(()) => self.table.put(id, serial, Doing::Waiting),
                    Err((_, answer)) => self.refuse(Some(&id), &busy(), answer),
                }
            }
            Ok(Judged::Served(way)) => self.admit(request, way, answer, size).await,
        }
    }

    /// Starts a request or lets it wait for its turn.
    async fn admit(&mut self, request: Request, way: Way, answer: Answer, size: usize) {
        let most = self.config.max_in_flight;
        if is_listen(&request, way) {
            if self.listening >= most {
                return self.refuse(Some(&request.id), &busy(), answer);
            }
        } else {
            // "The receiver MUST respond promptly" to a ping (MCP 2025-11-25, ping), however busy it is.
            let is_ping = request.method == Method::Ping;
            let most = if is_ping { most.saturating_mul(2) } else { most };
            // There may be no room within a batch, and for what came while the session was being opened.
            if self.running >= most || !(is_ping || self.has_room()) {
                let (id, serial) = (request.id.clone(), self.next_serial());
                return match self.waiting.push(size, (request, way, answer)) {
                    Ok(()) => self.table.put(id, serial, Doing::Waiting),
                    Err((_, _, answer)) => self.refuse(Some(&id), &busy(), answer),
                };
            }
        }
        self.start(request, way, answer).await;
    }

    /// Calls the handler. A call that need not wait is answered here; any other gets a task.
    pub(super) async fn start(&mut self, request: Request, way: Way, answer: Answer) {
        let kind = if is_listen(&request, way) { Kind::Listen } else { Kind::Plain };
        let (revision, mut gate) = (way.revision(), None);
        let mut builder = self.exchange(request.id.clone(), revision);
        builder.params(&request.params);
        if kind == Kind::Listen {
            builder.outbox(Outbox::for_subscription(request.id.clone(), self.config.outbox));
        }
        if let (Way::InSession(_), Handshake::Open(session, ready)) = (way, &self.handshake) {
            builder.session(session.clone(), Asking::Possible);
            gate = (!ready.is_given()).then(|| ready.given());
        }
        let cx = builder.build();
        let serial = self.next_serial();
        self.report.requests += 1;
        let mut call = Call::begin(&self.handler, request, cx, (serial, kind, answer), gate);
        if let Poll::Ready(outcome) = call.first_poll().await {
            for frame in call.emitted() {
                self.put(frame);
            }
            for frame in call.last(outcome) {
                self.put(frame);
            }
            return;
        }
        let cancelled = call.cx.cancelled().clone();
        let doing = match kind {
            Kind::Listen => {
                self.listening += 1;
                Doing::Listening(cancelled)
            }
            Kind::Plain | Kind::Initialize => {
                self.running += 1;
                Doing::Running(cancelled)
            }
        };
        self.table.put(call.cx.id().clone(), serial, doing);
        self.spawn(call);
    }

    fn spawn(&mut self, call: Call) {
        let (out, table) = (self.out.clone(), Arc::clone(&self.table));
        self.tasks.spawn(async move { Task::Call(call.drive(out, table).await) });
    }

    async fn initialize(&mut self, request: Request, offer: Revision, answer: Answer) {
        let Ok(client) = request.params.decode::<ClientFacts>() else {
            let error = ErrorObject::invalid_params("capabilities and clientInfo must be objects of their shapes");
            return self.refuse(Some(&request.id), &error, answer);
        };
        let (id, serial) = (request.id.clone(), self.next_serial());
        let mut builder = self.exchange(id.clone(), offer);
        builder.params(&request.params);
        let cx = builder.build();
        self.report.requests += 1;
        let opening = Opening { id: id.clone(), serial, client: Arc::new(client) };
        let mut call = Call::begin(&self.handler, request, cx, (serial, Kind::Initialize, answer), None);
        if let Poll::Ready(outcome) = call.first_poll().await {
            for frame in call.emitted() {
                self.put(frame);
            }
            return self.settle_opening(&opening, outcome);
        }
        self.table.put(id, serial, Doing::Initializing);
        self.handshake = Handshake::Opening(opening);
        self.running += 1;
        self.spawn(call);
    }

    /// Makes the session of what the handler answered to `initialize`. The revision is the one that the answer names: a
    /// server that stands behind the handler may have settled on a lower one.
    pub(super) fn settle_opening(&mut self, opening: &Opening, outcome: Outcome) {
        let id = &opening.id;
        let frame = match outcome {
            Outcome::Reply(reply) => match self.open(opening, &reply.body) {
                Some(()) => frame::result(id, &reply.body),
                None => frame::error(Some(id), ErrorWithoutId::Omit, &ErrorObject::internal()),
            },
            Outcome::Error(error) => frame::error(Some(id), ErrorWithoutId::Omit, &error),
            Outcome::Forbidden(_) => frame::error(Some(id), ErrorWithoutId::Omit, &ErrorObject::internal()),
        };
        self.put(frame);
    }

    fn open(&mut self, opening: &Opening, result: &Raw) -> Option<()> {
        let named = lookup(result.as_str(), &["protocolVersion"]);
        let revision = named.and_then(|text| serde_json::from_str::<Revision>(text).ok());
        let Some(revision) = revision.filter(|revision| revision.has_sessions()) else {
            tracing::error!("the handler answered initialize without a legacy protocolVersion");
            return None;
        };
        let id = SessionId::random().map_err(|error| tracing::error!(%error, "no session id")).ok()?;
        let parts = SessionParts { id, revision, owner: None, client: Arc::clone(&opening.client) };
        self.handshake = Handshake::Open(Session::new(parts, self.config.outbox), Stop::new());
        Some(())
    }

    async fn notification(&mut self, notification: Notification, size: usize) {
        match (&notification.method, &self.handshake) {
            (Method::Cancelled, _) => return self.cancelled(&notification),
            (_, Handshake::Opening(_)) => {
                if self.held.push(size, (Message::Notification(notification), Answer::Line)).is_err() {
                    tracing::warn!("a notification was dropped: too many messages came before the session was open");
                }
                return;
            }
            (Method::Initialized, Handshake::Open(session, ready)) => {
                let (session, ready) = (session.clone(), ready.clone());
                return self.ready(session, &ready).await;
            }
            (Method::Initialized, Handshake::Fresh) => return,
            (_, Handshake::Fresh | Handshake::Open(..)) => {}
        }
        let version = notification.params.meta_str(meta::PROTOCOL_VERSION);
        let mut builder = match (named(version.as_deref(), self.revisions), &self.handshake) {
            (Some(revision), _) => self.exchange(no_request(), revision),
            (None, Handshake::Open(session, _)) => {
                let mut builder = self.exchange(no_request(), session.revision());
                builder.session(session.clone(), Asking::Impossible);
                builder
            }
            (None, Handshake::Fresh | Handshake::Opening(_)) => {
                tracing::debug!(method = %shown(notification.method.as_str()), "ignored: there is no session");
                return;
            }
        };
        if self.notifying >= self.config.max_in_flight {
            tracing::warn!(method = %shown(notification.method.as_str()), "dropped: too many notifications at once");
            return;
        }
        builder.params(&notification.params);
        let cx = builder.build();
        // A notification gets no answer, so nothing can be sent before it: there is the session for that.
        cx.outbox().close();
        let mut taken = Caught::new(|| Arc::clone(&self.handler).notify(cx, notification));
        if taken.first_poll().await.is_pending() {
            self.notifying += 1;
            self.tasks.spawn(async move {
                taken.await;
                Task::Notified
            });
        }
    }

    /// `notifications/initialized` came: messages of ours may go out.
    async fn ready(&mut self, session: Session, ready: &Stop) {
        if !session.ready() {
            return;
        }
        ready.give();
        let mut opened = Caught::new(|| Arc::clone(&self.handler).opened(session));
        if opened.first_poll().await.is_pending() {
            self.background.spawn(async move {
                opened.await;
            });
        }
    }

    /// "Invalid cancellation notifications SHOULD be ignored" (MCP 2026-07-28, cancellation, "Error Handling").
    fn cancelled(&mut self, notification: &Notification) {
        let Some(id) = notification.params.get_raw("requestId").and_then(RequestId::from_raw) else {
            return;
        };
        let Some(doing) = self.table.cancel(&id) else {
            return;
        };
        let reason = notification.params.get_str("reason").unwrap_or_default();
        tracing::debug!(reason = %shown(&reason), "the client cancelled a request");
        self.report.cancelled += 1;
        let answer = match doing {
            Doing::Running(cancelled) | Doing::Listening(cancelled) => return cancelled.give(),
            Doing::Initializing => return,
            Doing::Waiting => {
                let waiting = self.waiting.remove(|(request, ..)| request.id == id).map(|(.., answer)| answer);
                let is_it = |(message, _): &(Message, Answer)| match message {
                    Message::Request(request) => request.id == id,
                    Message::Notification(_) | Message::Response(_) => false,
                };
                waiting.or_else(|| self.held.remove(is_it).map(|(_, answer)| answer))
            }
        };
        self.deliver(answer.and_then(|answer| answer.settle(None)));
    }

    /// An answer to a request of ours. Nobody may wait for it: then it came too late, or the client made it up.
    fn response(&self, response: Response) {
        if let (Handshake::Open(session, _), Some(id)) = (&self.handshake, &response.id)
            && session.asks().answer(id, response.outcome)
        {
            return;
        }
        tracing::debug!("ignored an answer that nobody waits for");
    }

    fn exchange(&self, id: RequestId, revision: Revision) -> ExchangeBuilder {
        let mut exchange = Exchange::builder(id, revision, Transport::Stdio);
        exchange.limits(self.limits).stop(self.stop.clone()).outbox(Outbox::new(self.config.outbox));
        exchange
    }

    fn refuse_defect(&mut self, defect: &Defect, answer: Answer) {
        self.refuse(defect.id.as_ref(), &ErrorObject::from(defect.kind), answer);
    }

    fn refuse(&mut self, id: Option<&RequestId>, error: &ErrorObject, answer: Answer) {
        self.report.refused += 1;
        let frame = frame::error(id, self.revision().error_without_id(), error);
        self.deliver(answer.settle(Some(frame)));
    }

    fn deliver(&mut self, frame: Option<bytes::Bytes>) {
        if let Some(frame) = frame {
            self.put(frame);
        }
    }
}

fn is_listen(request: &Request, way: Way) -> bool {
    request.method == Method::Listen && way.revision().is_modern()
}

fn busy() -> ErrorObject {
    ErrorObject::new(Code::INTERNAL_ERROR, "too many requests are in flight: try again later")
}

/// What stands for the id of the request where there is none.
fn no_request() -> RequestId {
    RequestId::from(0)
}
