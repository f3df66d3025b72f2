//! A request that may not have been answered yet.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use mcp_transport::{exchange::Exchange, handler::Outcome};

use super::TestClient;

/// A request that may not have been answered yet. Dropping it cancels the call.
pub struct OpenCall<'a> {
    client: &'a TestClient,
    exchange: Exchange,
    call: Option<Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>>,
}

impl<'a> OpenCall<'a> {
    pub(super) fn new(
        client: &'a TestClient,
        exchange: Exchange,
        call: Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>,
    ) -> Self {
        Self { client, exchange, call: Some(call) }
    }

    /// Lets the call run as far as it gets without waiting, and takes what it sent.
    pub fn turn(&mut self) -> Option<Outcome> {
        match self.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    pub(super) fn poll(&mut self, task: &mut Context<'_>) -> Poll<Outcome> {
        loop {
            let polled = match &mut self.call {
                Some(call) => call.as_mut().poll(task),
                None => return Poll::Pending,
            };
            let outbox = self.exchange.outbox();
            let mut took = false;
            while let Some(frame) = outbox.take() {
                self.client.take(frame);
                took = true;
            }
            if let Poll::Ready(outcome) = polled {
                self.call = None;
                // As drivers do: what is emitted later goes nowhere.
                outbox.close();
                return Poll::Ready(outcome);
            }
            if !took {
                return match outbox.poll_take(task) {
                    Poll::Ready(Some(frame)) => {
                        self.client.take(frame);
                        continue;
                    }
                    Poll::Ready(None) | Poll::Pending => Poll::Pending,
                };
            }
        }
    }
}

impl fmt::Debug for OpenCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OpenCall").field(&self.exchange).finish()
    }
}
