//! Requests that lie ready at a server but for their last byte.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use crate::wire::{Answer, Request};

/// One of them, on a connection of its own.
pub(super) struct Held {
    request: Request,
    stream: TcpStream,
}

impl Held {
    /// Sends all but the last byte.
    pub(super) fn at(address: SocketAddr, request: &Request) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let bytes = request.text.as_bytes();
        stream.write_all(&bytes[..bytes.len() - 1]).unwrap();
        Self { request: request.clone(), stream }
    }

    /// Sends the last byte.
    pub(super) fn let_go(&mut self) {
        let bytes = self.request.text.as_bytes();
        self.stream.write_all(&bytes[bytes.len() - 1..]).unwrap();
    }

    pub(super) fn answer(self) -> Answer {
        self.request.answer(self.stream).unwrap()
    }
}
