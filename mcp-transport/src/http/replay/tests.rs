use std::task::Waker;

use super::*;

fn stream(messages: usize, bytes: usize) -> Arc<Replay> {
    within(&Budget::new(usize::MAX), messages, bytes)
}

fn within(budget: &Arc<Budget>, messages: usize, bytes: usize) -> Arc<Replay> {
    Replay::new(7, Revision::V2025_11_25, OutboxLimits::new(messages, bytes), 500, budget)
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

/// Events, their bytes, and the bytes that nobody has read.
fn kept(stream: &Replay) -> (usize, usize, usize) {
    let state = stream.lock();
    (state.ring.len(), state.bytes, state.unread_bytes)
}

#[test]
fn a_client_that_comes_back_reads_what_it_missed() {
    let stream = stream(10, 1000);
    stream.prime();
    stream.prime();
    let first = stream.connect(None).unwrap();
    stream.push(frame("a"));
    assert_eq!(read(&stream, first).unwrap(), "id: 7-0\nretry: 500\ndata: \n\nid: 7-1\nevent: message\ndata: a\n\n");
    assert_eq!(read(&stream, first), None);
    stream.disconnect(first);
    stream.push(frame("b"));
    let second = stream.connect(Some(0)).unwrap();
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
    let first = stream.connect(None).unwrap();
    let second = stream.connect(None).unwrap();
    stream.push(frame("a"));
    assert_eq!(read(&stream, first).unwrap(), "END");
    assert!(read(&stream, second).unwrap().contains("data: a"));
    stream.disconnect(first);
    stream.push(frame("b"));
    assert!(read(&stream, second).unwrap().contains("data: b"));
}

// The issue: a client that stops reading a stream cannot make memory grow past the stream's bound.
#[test]
fn a_reader_that_stops_leaves_no_room() {
    let stream = stream(3, 1000);
    let generation = stream.connect(None).unwrap();
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
    let generation = stream.connect(None).unwrap();
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
    let generation = stream.connect(None).unwrap();
    for text in ["a", "b", "c", "d"] {
        stream.push(frame(text));
        read(&stream, generation);
    }
    let again = stream.connect(Some(0)).unwrap();
    let text = read(&stream, again).unwrap();
    assert!(text.starts_with(": events that were not kept: 1\n\nid: 7-2\n"), "{text}");
    assert!(text.contains("data: c") && text.contains("data: d") && !text.contains("data: b"), "{text}");
    assert_eq!(read(&stream, again), None);
    let again = stream.connect(Some(1)).unwrap();
    assert!(read(&stream, again).unwrap().starts_with("id: 7-2\n"));
}

// MCP 2025-11-25, transports: "Disconnection SHOULD NOT be interpreted as the client cancelling its request."
#[test]
fn without_a_reader_the_oldest_make_room() {
    for (messages, bytes) in [(3, 1000), (1000, 3)] {
        let stream = stream(messages, bytes);
        let first = stream.connect(None).unwrap();
        for text in ["a", "b", "c"] {
            stream.push(frame(text));
        }
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        assert!(stream.poll_room(&Context::from_waker(&waker)).is_pending());
        stream.disconnect(first);
        assert_eq!(count.get(), 1, "who waited for the reader goes on");
        for text in ["d", "e", "f", "g"] {
            assert!(has_room(&stream));
            stream.push(frame(text));
        }
        assert_eq!(kept(&stream), (3, 3, 3));
        let second = stream.connect(None).unwrap();
        assert!(!has_room(&stream));
        let text = read(&stream, second).unwrap();
        assert!(text.starts_with(": events that were not kept: 4\n\nid: 7-4\n"), "{text}");
        assert!(text.ends_with("data: g\n\n"));
        assert_eq!(read(&stream, second), None);
        assert_eq!(kept(&stream), (3, 3, 0));
    }
    // The newest stays, however large it is: it may be the answer.
    let stream = stream(3, 3);
    stream.push(frame("a"));
    stream.push(frame("0123456789"));
    let reader = stream.connect(None).unwrap();
    assert!(read(&stream, reader).unwrap().contains("data: 0123456789"));
}

#[test]
fn an_event_that_never_was_leads_nowhere() {
    let stream = stream(2, 1000);
    assert_eq!(stream.connect(Some(0)), None);
    stream.push(frame("a"));
    assert!(stream.connect(Some(0)).is_some());
    assert_eq!(stream.connect(Some(1)), None);
    assert_eq!(stream.connect(Some(u64::MAX)), None);
}

#[derive(Default)]
struct Count(std::sync::atomic::AtomicUsize);

impl std::task::Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

// A session that ends must free a call that waits for a reader who never comes.
#[test]
fn the_end_wakes_a_writer_that_waits_for_room() {
    let stream = stream(1, 1000);
    stream.connect(None).unwrap();
    stream.push(frame("a"));
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert!(stream.poll_room(&Context::from_waker(&waker)).is_pending());
    stream.finish();
    assert_eq!(count.get(), 1);
    assert!(stream.poll_room(&Context::from_waker(&waker)).is_ready());
}

// MCP 2025-11-25, transports: the server may close the connection "after the server has sent an SSE event with an event
// ID", and not before: without an id the client could not come back.
#[test]
fn a_detached_connection_reads_what_there_is_before_it_closes() {
    let stream = stream(10, 1000);
    stream.prime();
    let first = stream.connect(None).unwrap();
    stream.detach();
    assert_eq!(read(&stream, first).unwrap(), "id: 7-0\nretry: 500\ndata: \n\n");
    assert_eq!(read(&stream, first).unwrap(), "END");
    let second = stream.connect(Some(0)).unwrap();
    assert_eq!(read(&stream, second), None);
    stream.push(frame("b"));
    assert!(read(&stream, second).unwrap().contains("data: b"));
}

// The newer connection must be woken for the next message, even when the older one is polled once more after it.
#[test]
fn an_older_connection_does_not_steal_the_wakeups_of_the_newer() {
    let stream = stream(10, 1000);
    let outbox = Outbox::new(OutboxLimits::default());
    let first = stream.connect(None).unwrap();
    let second = stream.connect(None).unwrap();
    let newer = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&newer));
    stream.pull(second, &outbox, &mut Context::from_waker(&waker));
    stream.pull(first, &outbox, &mut Context::from_waker(Waker::noop()));
    assert_eq!(read(&stream, first).unwrap(), "END");
    outbox.emit(&crate::protocol::Method::ToolListChanged, None);
    assert_eq!(newer.get(), 1);
}

#[test]
fn each_connection_is_primed_unless_messages_wait() {
    let stream = stream(10, 1000);
    for expected in ["id: 7-0", "id: 7-1"] {
        stream.prime();
        stream.prime();
        let connection = stream.connect(None).unwrap();
        assert!(read(&stream, connection).unwrap().contains(expected));
    }
    stream.push(frame("a"));
    stream.prime();
    assert_eq!(stream.lock().end(), 3);
}

#[test]
fn streams_that_are_over_go_when_all_hold_too_much() {
    let budget = Budget::new(10);
    let ended = |text: &'static str| {
        let stream = within(&budget, 100, 100);
        stream.push(frame(text));
        stream.finish();
        stream
    };
    let (oldest, read_now, newer) = (ended("1234"), ended("12"), ended("1234"));
    let reader = read_now.connect(None).unwrap();
    let running = within(&budget, 100, 100);
    running.push(frame("5678"));
    // The oldest goes, and no more than has to. Its events are gone, which is not the same as "nothing new".
    assert_eq!((oldest.connect(None), oldest.connect(Some(0)), kept(&oldest)), (None, None, (0, 0, 0)));
    assert_eq!((kept(&read_now), kept(&newer), kept(&running)), ((1, 2, 2), (1, 4, 4), (1, 4, 4)));
    running.push(frame("9"));
    assert!(newer.connect(None).is_none());
    // One that is read stays.
    running.push(frame("0123456789"));
    assert!(read(&read_now, reader).unwrap().contains("data: 12"));
    assert_eq!(kept(&running), (1, 10, 10), "without a reader it keeps the newest");
    drop(running);
    assert!(!budget.is_exceeded());
    let next = ended("12345678");
    assert!(next.connect(None).is_some());
}

#[test]
fn a_stream_that_is_read_goes_on_message_by_message_when_all_hold_too_much() {
    let budget = Budget::new(10);
    let full = within(&budget, 100, 100);
    let _reader = full.connect(None).unwrap();
    full.push(frame("0123456789"));
    let stream = within(&budget, 100, 100);
    let reader = stream.connect(None).unwrap();
    for text in ["a", "b", "c"] {
        assert!(has_room(&stream));
        stream.push(frame(text));
        assert!(!has_room(&stream) && !has_room(&full));
        assert!(read(&stream, reader).unwrap().contains(text));
        assert_eq!(kept(&stream), (1, 1, 0));
    }
}
