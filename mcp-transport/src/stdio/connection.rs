//! The loop of one connection: it reads lines, starts calls, and brings all to an end.

use std::{collections::VecDeque, future::poll_fn, io, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    task::{JoinError, JoinSet},
    time::{Instant, timeout_at},
};

use super::{
    answer::Answer,
    backlog::Backlog,
    call::{Finished, Kind, torn_down},
    config::{Ended, Report, StdioConfig},
    judge::{Standing, Way},
    queue::{Frame, Out},
    table::Table,
};
use crate::{
    exchange::ClientFacts,
    handler::{Handler, Outcome},
    jsonrpc::{Limits, Line, Lines, Message, Request, RequestId},
    protocol::{Revision, Revisions},
    session::{Closed, Phase, Session},
    stop::Stop,
};

/// How much is read at once: what a pipe holds.
const CHUNK: usize = 64 << 10;

/// Beyond this many answers that the writer has no room for, no further line is looked at.
const MOST_UNSENT: usize = 64;

/// What `Handler::closed` gets when the time to drain is over.
const CLOSING: Duration = Duration::from_secs(1);

/// One connection.
pub(super) struct Connection {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) config: StdioConfig,
    pub(super) limits: Limits,
    pub(super) revisions: Revisions,
    pub(super) out: Out,
    /// Answers of the loop's own that the writer had no room for. The loop never waits for the writer, so that what
    /// the client says is heard while it does not read.
    unsent: VecDeque<Frame>,
    pub(super) table: Arc<Table>,
    serial: u64,
    pub(super) handshake: Handshake,
    /// Calls and notifications: what a drain waits for.
    pub(super) tasks: JoinSet<Task>,
    /// What a drain does not wait for.
    pub(super) background: JoinSet<()>,
    pub(super) running: usize,
    pub(super) listening: usize,
    pub(super) notifying: usize,
    /// Requests that wait for their turn.
    pub(super) waiting: Backlog<(Request, Way, Answer)>,
    /// Legacy messages that came while `initialize` runs: impatient clients send all at once.
    pub(super) held: Backlog<(Message, Answer)>,
    /// Given to calls when the drain begins.
    pub(super) stop: Stop,
    pub(super) report: Report,
    deadline: Option<Instant>,
}

/// The legacy half of the connection.
pub(super) enum Handshake {
    Fresh,
    /// `initialize` runs.
    Opening(Opening),
    /// There is a session; the signal says that `notifications/initialized` came.
    Open(Session, Stop),
}

/// An `initialize` that runs.
pub(super) struct Opening {
    pub(super) id: RequestId,
    pub(super) serial: u64,
    pub(super) client: Arc<ClientFacts>,
}

/// What ended in a task of its own.
pub(super) enum Task {
    Call(Finished),
    Notified,
}

impl Connection {
    pub(super) fn new(handler: Arc<dyn Handler>, mut config: StdioConfig, out: Out) -> Self {
        config.max_in_flight = config.max_in_flight.max(1);
        let mut limits = config.limits;
        limits.bytes = config.max_line;
        Self {
            revisions: handler.revisions(),
            handler,
            limits,
            out,
            unsent: VecDeque::new(),
            table: Arc::default(),
            serial: 0,
            handshake: Handshake::Fresh,
            tasks: JoinSet::new(),
            background: JoinSet::new(),
            running: 0,
            listening: 0,
            notifying: 0,
            waiting: Backlog::new(config.max_waiting, config.max_waiting_bytes),
            held: Backlog::new(config.max_waiting, config.max_waiting_bytes),
            stop: Stop::new(),
            report: Report::new(),
            deadline: None,
            config,
        }
    }

    /// Serves until the input has ended or a shutdown was asked for, and then until the calls are drained. An error of
    /// the input ends it like the end of input does.
    pub(super) async fn run<R: AsyncRead>(&mut self, mut reader: Pin<&mut R>) -> (Ended, Option<io::Error>) {
        let mut lines = Lines::new(self.config.max_line);
        let mut buffer = vec![0; CHUNK];
        let mut shutdown = self.config.shutdown.given();
        let mut input: Option<Option<io::Error>> = None;
        let mut ended = None;
        // A line that is not looked at yet, because there is no room for what it may bring about.
        let mut ahead: Option<Line> = None;
        loop {
            self.forward();
            self.start_waiting().await;
            while let Some(line) = ahead.take().or_else(|| lines.next_line()) {
                if !self.has_room() {
                    ahead = Some(line);
                    break;
                }
                self.line(line).await;
            }
            let looked_at_all = ahead.is_none();
            if looked_at_all && input.is_some() && self.input_is_over(&mut lines).await && ended.is_none() {
                ended = Some(Ended::InputClosed);
                self.drain();
            }
            if ended.is_some() && self.is_idle() {
                break;
            }
            let (deadline, is_full) = (self.deadline, self.unsent.is_empty() && !self.has_room());
            tokio::select! {
                biased;
                Some(task) = self.tasks.join_next(), if !self.tasks.is_empty() => self.task_ended(task).await,
                Some(_) = self.background.join_next(), if !self.background.is_empty() => {}
                () = until(deadline), if deadline.is_some() => break,
                () = &mut shutdown, if ended.is_none() => {
                    ended = Some(Ended::Shutdown);
                    self.drain();
                }
                () = self.out.put_first(&mut self.unsent), if !self.unsent.is_empty() => {}
                () = self.out.until_room(), if is_full => {}
                read = reader.read(&mut buffer), if looked_at_all && input.is_none() => match read {
                    Ok(0) => input = Some(None),
                    Ok(length) => lines.extend(buffer.get(..length).unwrap_or_default()),
                    Err(error) => input = Some(Some(error)),
                },
                Some(frame) = outside(&self.handshake), if self.unsent.is_empty() => self.put(frame),
            }
        }
        self.last_messages().await;
        (ended.unwrap_or(Ended::InputClosed), input.flatten())
    }

    /// The input has ended: looks at a last line without an end. No answer to a request of ours can come any more, so
    /// whoever waits for one is let go.
    async fn input_is_over(&mut self, lines: &mut Lines) -> bool {
        if let Some(line) = lines.finish() {
            self.line(line).await;
        }
        if let Handshake::Open(session, _) = &self.handshake {
            session.asks().close();
        }
        true
    }

    fn drain(&mut self) {
        self.deadline = Some(Instant::now() + self.config.drain);
        self.stop.give();
    }

    /// Whether new requests are refused: after a shutdown was asked for.
    pub(super) fn is_closing(&self) -> bool {
        self.deadline.is_some()
    }

    fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.waiting.is_empty() && self.held.is_empty() && self.unsent.is_empty()
    }

    async fn task_ended(&mut self, task: Result<Task, JoinError>) {
        match task {
            Ok(Task::Call(Finished::Answered(Kind::Listen))) => self.listening = self.listening.saturating_sub(1),
            Ok(Task::Call(Finished::Answered(Kind::Plain | Kind::Initialize))) | Err(_) => {
                self.running = self.running.saturating_sub(1);
            }
            Ok(Task::Call(Finished::Initialized(outcome))) => {
                self.running = self.running.saturating_sub(1);
                self.initialized(outcome).await;
            }
            Ok(Task::Notified) => self.notifying = self.notifying.saturating_sub(1),
        }
        if let Handshake::Open(session, _) = &self.handshake {
            // There is no store, and nobody else to tell.
            drop(session.take_changes());
        }
    }

    /// Starts the requests whose turn has come.
    async fn start_waiting(&mut self) {
        while self.running < self.config.max_in_flight && self.has_room() {
            let Some((request, way, answer)) = self.waiting.pop() else {
                return;
            };
            self.table.remove(&request.id);
            self.start(request, way, answer).await;
        }
    }

    /// Whether there is room for what another request may bring about.
    pub(super) fn has_room(&self) -> bool {
        let unsent = self.unsent.iter().map(|frame| frame.bytes.len()).sum::<usize>();
        self.unsent.len() < MOST_UNSENT && unsent < self.out.room_left()
    }

    /// Sends one of the messages outside any request, which have their turn however much is read.
    fn forward(&mut self) {
        if self.unsent.is_empty()
            && let Handshake::Open(session, ready) = &self.handshake
            && ready.is_given()
            && let Some(frame) = session.outbox().take()
        {
            self.put(frame);
        }
    }

    /// `initialize` has an outcome: the session, or another try; then what came meanwhile.
    async fn initialized(&mut self, outcome: Outcome) {
        if let Handshake::Opening(opening) = std::mem::replace(&mut self.handshake, Handshake::Fresh) {
            self.table.finish(&opening.id, opening.serial);
            self.settle_opening(&opening, outcome);
        }
        while let Some((message, answer)) = self.held.pop() {
            if let Message::Request(request) = &message {
                self.table.remove(&request.id);
            }
            self.message(message, answer, 0).await;
        }
    }

    /// The time is over, or all is done: says what must still be said.
    async fn last_messages(&mut self) {
        let latest = self.at_least(CLOSING);
        let mut frames: Vec<Bytes> = self.table.listening().iter().map(torn_down).collect();
        self.background.abort_all();
        while self.background.join_next().await.is_some() {}
        if let Handshake::Open(session, _) = &self.handshake
            && session.phase() == Phase::Ready
        {
            frames.extend(std::iter::from_fn(|| session.outbox().take()));
        }
        let frames = frames.into_iter().map(|frame| self.out.frame(frame));
        for frame in self.unsent.drain(..).chain(frames).collect::<Vec<_>>() {
            if timeout_at(latest, self.out.put(frame)).await.is_err() {
                return;
            }
        }
    }

    /// The end of the drain, or some time from now if that is later.
    pub(super) fn at_least(&self, time: Duration) -> Instant {
        let least = Instant::now() + time;
        self.deadline.map_or(least, |deadline| deadline.max(least))
    }

    /// Drops what still runs and closes the session.
    pub(super) async fn finish(&mut self, ended: Ended) {
        self.report.dropped = u64::try_from(self.table.len()).unwrap_or(u64::MAX);
        self.stop.give();
        self.tasks.abort_all();
        self.background.abort_all();
        let Handshake::Open(session, _) = std::mem::replace(&mut self.handshake, Handshake::Fresh) else {
            return;
        };
        // A call that is being polled by another thread ends with this poll; `closed` comes after all calls.
        let gone =
            async { while self.tasks.join_next().await.is_some() || self.background.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(CLOSING, gone).await;
        if session.close() != Phase::Ready {
            return;
        }
        let why = match ended {
            Ended::InputClosed | Ended::OutputClosed => Closed::ByClient,
            Ended::Shutdown => Closed::Drained,
        };
        let mut closing = tokio::spawn(Arc::clone(&self.handler).closed(session.id().clone(), why));
        if !matches!(timeout_at(self.at_least(CLOSING), &mut closing).await, Ok(Ok(()))) {
            closing.abort();
            tracing::warn!("the handler did not take the end of the session");
        }
    }

    pub(super) fn into_report(self, ended: Ended) -> Report {
        Report { ended, ..self.report }
    }

    pub(super) fn standing(&self) -> Standing {
        match &self.handshake {
            Handshake::Fresh => Standing::Fresh,
            Handshake::Opening(_) => Standing::Opening,
            Handshake::Open(session, _) => Standing::Open(session.revision()),
        }
    }

    /// The revision whose rules hold for what belongs to no request.
    pub(super) fn revision(&self) -> Revision {
        match &self.handshake {
            Handshake::Open(session, _) => session.revision(),
            Handshake::Fresh | Handshake::Opening(_) => self.revisions.newest().unwrap_or(Revision::LATEST),
        }
    }

    pub(super) const fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Sends a frame of the loop's own, now or as soon as the writer has room.
    pub(super) fn put(&mut self, frame: Bytes) {
        let frame = self.out.frame(frame);
        if !self.unsent.is_empty() {
            self.unsent.push_back(frame);
        } else if let Err(frame) = self.out.try_put(frame) {
            self.unsent.push_back(frame);
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The next message outside any request, once the client is ready for it. The loop takes one only when all that it had
/// to say itself is on its way.
async fn outside(handshake: &Handshake) -> Option<Bytes> {
    match handshake {
        Handshake::Open(session, ready) if ready.is_given() => poll_fn(|task| session.outbox().poll_take(task)).await,
        Handshake::Fresh | Handshake::Opening(_) | Handshake::Open(..) => None,
    }
}
