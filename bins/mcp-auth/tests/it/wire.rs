//! HTTP/1.1 by hand.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::program::{PATIENCE, Program};

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The head as it was sent.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The values of a header.
    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends one request on a connection of its own.
pub(crate) fn send(program: &Program, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    send_to(program.address, method, path, headers, body)
}

pub(crate) fn send_to(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    try_send_to(address, method, path, headers, body).unwrap()
}

/// The same of a server that may go away in the middle. An answer that was cut off is none.
pub(crate) fn try_send_to(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Answer> {
    Request::new(method, path, headers, body).send(address)
}

/// A request as it is sent, on a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) text: String,
    /// The answer to HEAD tells the length of a body that it has not.
    has_body: bool,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let length = body.len();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:8000\r\nConnection: close\r\nContent-Length: {length}\r\n"
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
        Self { text: request, has_body: method != "HEAD" }
    }

    /// A form that is posted.
    pub(crate) fn form(path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Self {
        let headers = [&[("Content-Type", "application/x-www-form-urlencoded")], headers].concat();
        Self::new("POST", path, &headers, &encode(form))
    }

    pub(crate) fn send(&self, address: SocketAddr) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(self.text.as_bytes())?;
        self.answer(stream)
    }

    /// Reads the answer to what was written, whole.
    pub(crate) fn answer(&self, mut stream: TcpStream) -> io::Result<Answer> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let answer = Answer { status, head: head.to_owned(), body: body.to_owned() };
        let length = answer.header("content-length").filter(|_| self.has_body);
        if length.is_some_and(|length| length.parse() != Ok(body.len())) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(answer)
    }
}

pub(crate) fn get(program: &Program, path: &str) -> Answer {
    send(program, "GET", path, &[], "")
}

/// Posts a form.
pub(crate) fn post(program: &Program, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Answer {
    try_post(program.address, path, headers, form).unwrap()
}

/// The same of a server that may go away in the middle.
pub(crate) fn try_post(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    form: &[(&str, &str)],
) -> io::Result<Answer> {
    Request::form(path, headers, form).send(address)
}

/// A form as it is sent.
pub(crate) fn encode(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}
