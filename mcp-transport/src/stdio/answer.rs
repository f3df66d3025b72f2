//! Where an answer goes: out as a line, or into the array that answers a batch.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::jsonrpc::frame;

/// Where the answer to a request goes. Each is settled once.
#[derive(Debug)]
pub(super) enum Answer {
    /// A line of its own.
    Line,
    /// A place in the answer to a batch.
    Batch(Arc<Gather>, usize),
}

impl Answer {
    /// Takes the answer, or `None` if there will be none. Gives what goes out now.
    pub(super) fn settle(self, frame: Option<Bytes>) -> Option<Bytes> {
        match self {
            Self::Line => frame,
            Self::Batch(gather, place) => gather.settle(place, frame),
        }
    }
}

/// The answers to one batch (MCP 2025-03-26, basic, "Batching"; JSON-RPC 2.0 section 6): one array, sent when the last
/// of them is there.
#[derive(Debug)]
pub(super) struct Gather(Mutex<Gathered>);

#[derive(Debug)]
struct Gathered {
    frames: Vec<Option<Bytes>>,
    open: usize,
}

impl Gather {
    /// Waits for `places` answers.
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Gathered { frames: vec![None; places], open: places })))
    }

    fn settle(&self, place: usize, frame: Option<Bytes>) -> Option<Bytes> {
        let mut gathered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = gathered.frames.get_mut(place) {
            *waiting = frame;
        }
        gathered.open = gathered.open.saturating_sub(1);
        if gathered.open > 0 {
            return None;
        }
        let frames: Vec<Bytes> = gathered.frames.drain(..).flatten().collect();
        // JSON-RPC 2.0 section 6: where there is nothing to answer, "the server MUST NOT return an empty Array".
        (!frames.is_empty()).then(|| frame::batch(&frames))
    }
}
