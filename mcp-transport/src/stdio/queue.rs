//! The way to the writer: a bounded queue that knows what has not been written.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::mpsc::{self, error::TrySendError};

/// How many messages wait for the writer.
const MOST: usize = 64;

/// A queue to a writer.
pub(super) fn queue() -> (Out, mpsc::Receiver<Frame>) {
    let (frames, taken) = mpsc::channel(MOST);
    (Out { frames, owed: Owed::default() }, taken)
}

/// Where messages for the writer go in. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Out {
    frames: mpsc::Sender<Frame>,
    owed: Owed,
}

/// How many messages were to be written and are not.
#[derive(Clone, Debug, Default)]
pub(super) struct Owed(Arc<AtomicU64>);

impl Owed {
    pub(super) fn messages(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// A message that is to be written. One that is dropped with its receipt stays owed.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Bytes,
    pub(super) receipt: Receipt,
}

/// What is owed for one message.
#[derive(Debug)]
pub(super) struct Receipt(Owed);

impl Receipt {
    /// The message is written.
    pub(super) fn settle(self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Room for one message.
#[derive(Debug)]
pub(super) struct Room<'a> {
    out: &'a Out,
    place: mpsc::Permit<'a, Frame>,
}

impl Room<'_> {
    pub(super) fn put(self, bytes: Bytes) {
        self.place.send(self.out.frame(bytes));
    }
}

impl Out {
    pub(super) fn owed(&self) -> Owed {
        self.owed.clone()
    }

    /// A message that is owed from now on.
    pub(super) fn frame(&self, bytes: Bytes) -> Frame {
        self.owed.0.fetch_add(1, Ordering::AcqRel);
        Frame { bytes, receipt: Receipt(self.owed.clone()) }
    }

    /// Gives a message to the writer, or back if there is no room for it now. Where nobody reads any more it is owed for
    /// ever, and the connection ends.
    pub(super) fn try_put(&self, frame: Frame) -> Result<(), Frame> {
        match self.frames.try_send(frame) {
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
            Err(TrySendError::Full(frame)) => Err(frame),
        }
    }

    /// Gives a message to the writer as soon as there is room. It is owed from now on, whether or not the future is
    /// dropped.
    pub(super) async fn put(&self, frame: Frame) {
        let _ = self.frames.send(frame).await;
    }

    /// Room for a message that is not owed before it is put there; `None` where nobody reads any more.
    pub(super) async fn room(&self) -> Option<Room<'_>> {
        let place = self.frames.reserve().await.ok()?;
        Some(Room { out: self, place })
    }

    /// Gives the first of the messages to the writer as soon as there is room. Dropped before, it has given none.
    pub(super) async fn put_first(&self, frames: &mut VecDeque<Frame>) {
        // Where nobody reads any more, the connection ends, and the messages with it.
        let place = self.frames.reserve().await.ok();
        if let (Some(place), Some(frame)) = (place, frames.pop_front()) {
            place.send(frame);
        }
    }
}
