use std::task::Waker;

use super::*;

fn stream(messages: usize, bytes: usize) -> Replay {
    Replay::new(7, Revision::V2025_11_25, OutboxLimits::new(messages, bytes), 500)
}

fn frame(text: &'static str) -> Option<Bytes> {
    Some(Bytes::from_static(text.as_bytes()))
}

fn read(stream: &Replay, generation: u64) -> Option<String> {
    let mut out = BytesMut::new();
    match stream.poll_read(generation, &Context::from_waker(Waker::noop()), &mut out) {
        Poll::Ready(Read::Some) => Some(String::from_utf8(out.to_vec()).unwrap()),
        Poll::Ready(Read::End) => Some("END".into()),
        Poll::Pending => None,
    }
}

fn has_room(stream: &Replay) -> bool {
    stream.poll_room(&Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn a_client_that_comes_back_reads_what_it_missed() {
    let stream = stream(10, 1000);
    stream.prime();
    stream.prime();
    let first = stream.connect(None);
    stream.push(frame("a"));
    assert_eq!(read(&stream, first).unwrap(), "id: 7-0\nretry: 500\ndata: \n\nid: 7-1\nevent: message\ndata: a\n\n");
    assert_eq!(read(&stream, first), None);
    stream.disconnect(first);
    stream.push(frame("b"));
    let second = stream.connect(Some(0));
    assert_eq!(
        read(&stream, second).unwrap(),
        "id: 7-1\nevent: message\ndata: a\n\nid: 7-2\nevent: message\ndata: b\n\n"
    );
    stream.finish();
    assert_eq!(read(&stream, second).unwrap(), "END");
}

#[test]
fn a_newer_connection_takes_the_place_of_an_older() {
    let stream = stream(10, 1000);
    let first = stream.connect(None);
    let second = stream.connect(None);
    stream.push(frame("a"));
    assert_eq!(read(&stream, first).unwrap(), "END");
    assert!(read(&stream, second).unwrap().contains("data: a"));
    stream.disconnect(first);
    assert!(stream.is_connected());
}

// The issue: a client that stops reading a stream cannot make memory grow past the stream's bound.
#[test]
fn a_reader_that_stops_leaves_no_room() {
    let stream = stream(3, 1000);
    let generation = stream.connect(None);
    for _ in 0..3 {
        assert!(has_room(&stream));
        stream.push(frame("x"));
    }
    assert!(!has_room(&stream));
    assert!(read(&stream, generation).is_some());
    assert!(has_room(&stream));
    for _ in 0..100 {
        stream.push(frame("y"));
        read(&stream, generation);
    }
    assert!(stream.lock().ring.len() <= 4);
}

#[test]
fn bytes_are_bounded_too() {
    let stream = stream(1000, 10);
    let generation = stream.connect(None);
    stream.push(frame("0123456789"));
    assert!(!has_room(&stream));
    read(&stream, generation);
    assert!(has_room(&stream));
    stream.push(frame("0123456789"));
    assert_eq!(stream.lock().bytes, 10);
}

#[test]
fn an_event_that_is_gone_leads_to_the_oldest_that_is_there() {
    let stream = stream(2, 1000);
    let generation = stream.connect(None);
    for text in ["a", "b", "c", "d"] {
        stream.push(frame(text));
        read(&stream, generation);
    }
    let again = stream.connect(Some(0));
    let text = read(&stream, again).unwrap();
    assert!(text.contains("data: c") && text.contains("data: d") && !text.contains("data: b"), "{text}");
    let beyond = stream.connect(Some(u64::MAX));
    assert_eq!(read(&stream, beyond), None);
}
