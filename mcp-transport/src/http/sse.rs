//! Server-sent events, as they are written (HTML living standard, section 9.2).

use bytes::{BufMut, BytesMut};

/// The position of an event in a legacy stream: which stream of the session, and which event of it. On the wire
/// `7-12`, so that `Last-Event-ID` names the stream too (MCP 2025-11-25, transports, "Resumability and Redelivery").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) stream: u32,
    pub(crate) event: u64,
}

impl EventId {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (stream, event) = text.split_once('-')?;
        // `u32::from_str` takes a plus sign, which we never write.
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        (digits(stream) && digits(event))
            .then(|| Some(Self { stream: stream.parse().ok()?, event: event.parse().ok()? }))?
    }
}

/// Writes one message, on one line.
pub(crate) fn put_message(out: &mut BytesMut, id: Option<EventId>, frame: &[u8]) {
    out.reserve(frame.len() + 64);
    put_id(out, id);
    out.put_slice(b"event: message\ndata: ");
    let start = out.len();
    out.put_slice(frame);
    // What a handler passed on may be written over several lines: white space between JSON tokens, for which blanks do as
    // well. Several `data` lines would be right, too, but not every client puts them together.
    if memchr::memchr2(b'\n', b'\r', frame).is_some() {
        for byte in out.iter_mut().skip(start).filter(|byte| matches!(byte, b'\n' | b'\r')) {
            *byte = b' ';
        }
    }
    out.put_slice(b"\n\n");
}

/// Writes the event that primes a client to come back: an id and no data (MCP 2025-11-25, transports, "Sending
/// Messages to the Server", 6).
pub(crate) fn put_priming(out: &mut BytesMut, id: EventId, retry_ms: u64) {
    put_id(out, Some(id));
    out.put_slice(b"retry: ");
    put_number(out, retry_ms);
    out.put_slice(b"\ndata: \n\n");
}

/// Writes a comment: it keeps the connection open through proxies, and clients pass over it.
pub(crate) fn put_keep_alive(out: &mut BytesMut) {
    out.put_slice(b": keep-alive\n\n");
}

/// Writes a comment that says how many events are no longer there.
pub(crate) fn put_missed(out: &mut BytesMut, events: u64) {
    out.put_slice(b": events that were not kept: ");
    put_number(out, events);
    out.put_slice(b"\n\n");
}

fn put_id(out: &mut BytesMut, id: Option<EventId>) {
    if let Some(EventId { stream, event }) = id {
        out.put_slice(b"id: ");
        put_number(out, stream.into());
        out.put_u8(b'-');
        put_number(out, event);
        out.put_u8(b'\n');
    }
}

fn put_number(out: &mut BytesMut, number: u64) {
    out.put_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_an_id_a_name_and_one_line() {
        let mut out = BytesMut::new();
        put_message(&mut out, Some(EventId { stream: 3, event: 9 }), b"{\"a\":1}");
        put_message(&mut out, None, b"{\r\n\"a\":\n1}");
        put_priming(&mut out, EventId { stream: 3, event: 0 }, 500);
        put_keep_alive(&mut out);
        assert_eq!(
            out,
            "id: 3-9\nevent: message\ndata: {\"a\":1}\n\nevent: message\ndata: {  \"a\": 1}\n\n\
             id: 3-0\nretry: 500\ndata: \n\n: keep-alive\n\n"
        );
    }

    #[test]
    fn only_ids_of_ours_are_read() {
        assert_eq!(EventId::parse("3-9"), Some(EventId { stream: 3, event: 9 }));
        for bad in ["", "3", "-", "3-", "-9", "+3-9", "3-9-1", "3-x", "99999999999-1", " 3-9"] {
            assert_eq!(EventId::parse(bad), None, "{bad}");
        }
    }
}
