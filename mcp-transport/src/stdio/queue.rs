//! The way to the writer: a queue that is bounded by its messages and by their bytes, and knows what has not been written.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    mpsc::{self, error::TrySendError},
};

/// How many messages wait for the writer.
const MOST: usize = 64;

/// A queue to a writer, of at most `bytes` bytes. A larger message passes alone.
pub(super) fn queue(bytes: usize) -> (Out, mpsc::Receiver<Frame>) {
    let (frames, taken) = mpsc::channel(MOST);
    let most = u32::try_from(bytes.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
    let bytes = Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS)));
    (Out { frames, owed: Owed::default(), most, bytes }, taken)
}

/// Where messages for the writer go in. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Out {
    frames: mpsc::Sender<Frame>,
    owed: Owed,
    most: u32,
    /// The bytes that there is room for. Nobody overtakes: who wants many gets them as they are written.
    bytes: Arc<Semaphore>,
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

/// What is owed for one message, and the room that it takes until it is written.
#[derive(Debug)]
pub(super) struct Receipt {
    owed: Owed,
    bytes: Option<OwnedSemaphorePermit>,
}

impl Receipt {
    /// The message is written.
    pub(super) fn settle(self) {
        self.owed.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Room for one message.
#[derive(Debug)]
pub(super) struct Room<'a> {
    out: &'a Out,
    place: mpsc::Permit<'a, Frame>,
    bytes: Option<OwnedSemaphorePermit>,
}

impl Room<'_> {
    pub(super) fn put(self, bytes: Bytes) {
        let mut frame = self.out.frame(bytes);
        frame.receipt.bytes = self.bytes;
        self.place.send(frame);
    }
}

impl Out {
    pub(super) fn owed(&self) -> Owed {
        self.owed.clone()
    }

    /// A message that is owed from now on.
    pub(super) fn frame(&self, bytes: Bytes) -> Frame {
        self.owed.0.fetch_add(1, Ordering::AcqRel);
        Frame { bytes, receipt: Receipt { owed: self.owed.clone(), bytes: None } }
    }

    /// How many bytes there is room for; none while somebody waits for room.
    pub(super) fn room_left(&self) -> usize {
        self.bytes.available_permits()
    }

    /// Waits until there is room for a byte and nobody waits.
    pub(super) async fn until_room(&self) {
        drop(self.bytes.acquire().await);
    }

    fn share_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(u32::MAX).min(self.most)
    }

    async fn bytes(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.bytes).acquire_many_owned(self.share_of(bytes)).await.ok()
    }

    /// Gives a message to the writer, or back if there is no room for it now. Where nobody reads any more it is owed for
    /// ever, and the connection ends.
    pub(super) fn try_put(&self, mut frame: Frame) -> Result<(), Frame> {
        match Arc::clone(&self.bytes).try_acquire_many_owned(self.share_of(frame.bytes.len())) {
            Ok(room) => frame.receipt.bytes = Some(room),
            Err(_) => return Err(frame),
        }
        match self.frames.try_send(frame) {
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
            Err(TrySendError::Full(mut frame)) => {
                frame.receipt.bytes = None;
                Err(frame)
            }
        }
    }

    /// Gives a message to the writer as soon as there is room. It is owed from now on, whether or not the future is
    /// dropped.
    pub(super) async fn put(&self, mut frame: Frame) {
        frame.receipt.bytes = self.bytes(frame.bytes.len()).await;
        let _ = self.frames.send(frame).await;
    }

    /// Room for a message of `bytes` bytes that is not owed before it is put there; `None` where nobody reads any more.
    pub(super) async fn room(&self, bytes: usize) -> Option<Room<'_>> {
        let bytes = self.bytes(bytes).await;
        let place = self.frames.reserve().await.ok()?;
        Some(Room { out: self, place, bytes })
    }

    /// Gives the first of the messages to the writer as soon as there is room. Dropped before, it has given none.
    pub(super) async fn put_first(&self, frames: &mut VecDeque<Frame>) {
        let Some(bytes) = frames.front().map(|frame| frame.bytes.len()) else {
            return;
        };
        let bytes = self.bytes(bytes).await;
        // Where nobody reads any more, the connection ends, and the messages with it.
        let place = self.frames.reserve().await.ok();
        if let (Some(place), Some(mut frame)) = (place, frames.pop_front()) {
            frame.receipt.bytes = bytes;
            place.send(frame);
        }
    }
}
