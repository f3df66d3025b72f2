//! One message, told apart by its keys.

use bytes::Bytes;
use bytestring::ByteString;

use super::{
    Defect, DefectKind, ErrorObject, Limits, Params, Raw, RequestId,
    params::Noted,
    scan::{Broken, Scanner, text},
    span::Span,
};
use crate::protocol::Method;

/// A request: it wants an answer.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a request is its id, method and params, by JSON-RPC 2.0 section 4")]
pub struct Request {
    /// Sent back with the answer, as it was written.
    pub id: RequestId,
    /// What to do.
    pub method: Method,
    /// With what.
    pub params: Params,
}

/// A notification: it gets no answer.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a notification is its method and params, by JSON-RPC 2.0 section 4.1")]
pub struct Notification {
    /// What happened.
    pub method: Method,
    /// To what.
    pub params: Params,
}

/// The answer to a request that we sent.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a response is its id and outcome, by JSON-RPC 2.0 section 5")]
pub struct Response {
    /// The id of our request; `None` where the peer could not read it.
    pub id: Option<RequestId>,
    /// What came of it.
    pub outcome: Result<Raw, ErrorObject>,
}

/// One message.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "JSON-RPC 2.0 knows these three")]
pub enum Message {
    /// It wants an answer.
    Request(Request),
    /// It wants none.
    Notification(Notification),
    /// It is one.
    Response(Response),
}

impl Message {
    /// Reads one message. What it holds are slices of `bytes`.
    ///
    /// ```
    /// use mcp_transport::jsonrpc::{Limits, Message};
    ///
    /// let text = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo"}}"#;
    /// let Message::Request(request) = Message::parse(text.into(), &Limits::default()).unwrap() else { panic!() };
    /// assert_eq!(request.params.get_str("name").unwrap(), "echo");
    /// ```
    ///
    /// # Errors
    /// What is wrong, with the id of the request where it could be read.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Self, Defect> {
        let text = text(bytes, limits)?;
        let mut scanner = Scanner::new(&text, limits);
        let envelope = Envelope::scan(&mut scanner)?;
        scanner.finish()?;
        envelope.classify(&text)
    }
}

/// Where the members of one envelope stand.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    is_no_object: bool,
    jsonrpc: Option<Span>,
    id: Option<Span>,
    method: Option<Span>,
    params: Option<Noted>,
    result: Option<Span>,
    error: Option<Span>,
}

impl Envelope {
    /// Walks over one value, and judges nothing but how it is written: what it means is for [`classify`](Self::classify),
    /// when the rest of the text is known to be well-formed.
    pub(super) fn scan(scanner: &mut Scanner<'_>) -> Result<Self, Broken> {
        let mut seen = Self::default();
        if scanner.peek() != Some(b'{') {
            seen.is_no_object = true;
            scanner.value()?;
            return Ok(seen);
        }
        let mut object = scanner.enter()?;
        while let Some(name) = scanner.member(&mut object)? {
            match Key::of(name, scanner.text()) {
                Key::Params => seen.params = Some(Noted::scan(scanner)?),
                Key::Jsonrpc => seen.jsonrpc = Some(scanner.value()?),
                Key::Id => seen.id = Some(scanner.value()?),
                Key::Method => seen.method = Some(scanner.value()?),
                Key::Result => seen.result = Some(scanner.value()?),
                Key::Error => seen.error = Some(scanner.value()?),
                Key::Other => drop(scanner.value()?),
            }
        }
        Ok(seen)
    }

    pub(super) fn classify(self, written: &ByteString) -> Result<Message, Defect> {
        if self.is_no_object {
            return Err(DefectKind::NotAMessage("the value is not an object").into());
        }
        let has_id = self.id.is_some();
        let id = self.id.and_then(|span| RequestId::from_raw(Raw::slice(written, span)));
        let refuse = |kind: DefectKind| Defect { kind, id: id.clone() };
        let not = |why: &'static str| refuse(DefectKind::NotAMessage(why));

        if self.jsonrpc.and_then(|span| span.string(written)).as_deref() != Some("2.0") {
            return Err(not(r#"jsonrpc must be "2.0""#));
        }
        let outcome = match (self.result, self.error) {
            (None, None) => None,
            (Some(result), None) => Some(Ok(Raw::slice(written, result))),
            (None, Some(error)) => {
                let error = Raw::slice(written, error);
                Some(Err(error
                    .decode::<ErrorObject>()
                    .map_err(|_| not("error must be an object with code and message"))?))
            }
            (Some(_), Some(_)) => return Err(not("a response has a result or an error, not both")),
        };
        match (self.method, outcome) {
            (Some(_), Some(_)) => Err(not("a message has a method, or a result or an error, not both")),
            (None, None) => Err(not("there is no method, no result and no error")),
            (None, Some(outcome)) => match (id, has_id, &outcome) {
                (None, true, Err(_)) if self.id.map(|span| span.of(written)) == Some("null") => {
                    Ok(Message::Response(Response { id: None, outcome }))
                }
                (None, false, Err(_)) => Ok(Message::Response(Response { id: None, outcome })),
                (None, ..) => Err(DefectKind::NotAMessage("the id of a response is that of a request").into()),
                (id, ..) => Ok(Message::Response(Response { id, outcome })),
            },
            (Some(method), None) => {
                let method = method.string(written).ok_or_else(|| not("method must be a string"))?;
                let method = Method::parse(&method);
                let params = match self.params {
                    None => Params::default(),
                    Some(noted) => noted.params(written).map_err(refuse)?,
                };
                match (id, has_id) {
                    (Some(id), _) => Ok(Message::Request(Request { id, method, params })),
                    (None, false) => Ok(Message::Notification(Notification { method, params })),
                    (None, true) => Err(DefectKind::NotAMessage("id must be a string or an integer").into()),
                }
            }
        }
    }
}

/// The members that an envelope is told apart by.
enum Key {
    Jsonrpc,
    Id,
    Method,
    Params,
    Result,
    Error,
    Other,
}

impl Key {
    fn of(name: Span, text: &str) -> Self {
        if name.is_escaped() { Self::named(&name.unescaped(text)) } else { Self::named(name.of(text)) }
    }

    fn named(name: &str) -> Self {
        match name {
            "jsonrpc" => Self::Jsonrpc,
            "id" => Self::Id,
            "method" => Self::Method,
            "params" => Self::Params,
            "result" => Self::Result,
            "error" => Self::Error,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests;
