use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use super::*;

#[derive(Default)]
struct Count(std::sync::atomic::AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn raw(text: &'static str) -> Raw {
    Raw::parse(text).unwrap()
}

fn take(outbox: &Outbox) -> Option<String> {
    outbox.take().map(|frame| String::from_utf8(frame.to_vec()).unwrap())
}

fn note(name: &str) -> Method {
    Method::Other(name.into())
}

#[test]
fn messages_come_out_in_their_order_and_wake_the_reader() {
    let outbox = Outbox::new(OutboxLimits::default());
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert!(!outbox.is_touched());
    assert!(outbox.poll_take(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(outbox.emit(&note("a"), None), Emitted::Queued);
    assert_eq!(outbox.emit(&note("b"), Some(&raw("{}"))), Emitted::Queued);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(take(&outbox).unwrap(), r#"{"jsonrpc":"2.0","method":"a"}"#);
    assert_eq!(take(&outbox).unwrap(), r#"{"jsonrpc":"2.0","method":"b","params":{}}"#);
    assert_eq!(take(&outbox), None);
}

#[test]
fn a_full_outbox_keeps_the_newest_progress_and_drops_the_rest() {
    let outbox = Outbox::new(OutboxLimits::new(2, 1000));
    outbox.emit(&Method::Progress, Some(&raw(r#"{"progressToken":1,"progress":1}"#)));
    outbox.emit(&note("log"), None);
    assert_eq!(outbox.emit(&note("log"), None), Emitted::Dropped);
    assert_eq!(outbox.dropped(), 1);
    assert_eq!(outbox.emit(&Method::Progress, Some(&raw(r#"{"progressToken":1,"progress":2}"#))), Emitted::Merged);
    assert_eq!(outbox.emit(&Method::Progress, Some(&raw(r#"{"progressToken":2,"progress":2}"#))), Emitted::Dropped);
    assert!(take(&outbox).unwrap().contains(r#""progress":2"#));
    assert!(take(&outbox).unwrap().contains("log"));
}

#[test]
fn list_changes_merge_even_where_there_is_room() {
    let outbox = Outbox::new(OutboxLimits::default());
    assert_eq!(outbox.emit(&Method::ToolListChanged, None), Emitted::Queued);
    assert_eq!(outbox.emit(&Method::ToolListChanged, None), Emitted::Merged);
    assert_eq!(outbox.emit(&Method::PromptListChanged, None), Emitted::Queued);
    assert_eq!(outbox.emit(&Method::ResourceUpdated, Some(&raw(r#"{"uri":"a"}"#))), Emitted::Queued);
    assert_eq!(outbox.emit(&Method::ResourceUpdated, Some(&raw(r#"{"uri":"b"}"#))), Emitted::Queued);
    assert_eq!(outbox.emit(&Method::ResourceUpdated, Some(&raw(r#"{"uri":"a"}"#))), Emitted::Merged);
}

#[test]
fn a_sender_waits_for_room_and_is_let_go_when_nobody_reads() {
    let outbox = Outbox::new(OutboxLimits::new(1, 1000));
    let mut task = Context::from_waker(Waker::noop());
    let (first, second, third) = (note("1"), note("2"), note("3"));
    assert_eq!(pin!(outbox.send(&first, None)).poll(&mut task), Poll::Ready(Emitted::Queued));
    let mut waits = pin!(outbox.send(&second, None));
    assert!(waits.as_mut().poll(&mut task).is_pending());
    assert!(take(&outbox).unwrap().contains('1'));
    assert_eq!(waits.poll(&mut task), Poll::Ready(Emitted::Queued));
    let mut stuck = pin!(outbox.send(&third, None));
    assert!(stuck.as_mut().poll(&mut task).is_pending());
    outbox.close();
    assert_eq!(stuck.poll(&mut task), Poll::Ready(Emitted::Dropped));
    assert_eq!(outbox.poll_take(&mut task), Poll::Ready(None));
}

// MCP 2026-07-28, subscriptions: the acknowledgement MUST come first, and every message carries the subscription's id.
#[test]
fn a_subscription_is_stamped_and_acknowledged_first() {
    let outbox = Outbox::for_subscription(RequestId::from_text("sub"), OutboxLimits::default());
    outbox.emit(&Method::ToolListChanged, None);
    assert_eq!(take(&outbox), None);
    outbox.emit(&Method::SubscriptionsAcknowledged, Some(&raw(r#"{"notifications":{}}"#)));
    let first = take(&outbox).unwrap();
    assert!(first.contains("acknowledged") && first.contains(r#""io.modelcontextprotocol/subscriptionId":"sub""#));
    let second = take(&outbox).unwrap();
    assert!(second.contains("tools/list_changed") && second.contains(r#"/subscriptionId":"sub""#));
    assert_eq!(take(&outbox), None);
}

#[test]
fn memory_is_bounded_by_bytes_too() {
    let outbox = Outbox::new(OutboxLimits::new(1000, 100));
    let big = Raw::write(&serde_json::json!({"x": "y".repeat(500)})).unwrap();
    assert_eq!(outbox.emit(&note("big"), Some(&big)), Emitted::Queued);
    assert_eq!(outbox.emit(&note("small"), None), Emitted::Dropped);
    take(&outbox);
    assert_eq!(outbox.emit(&note("small"), None), Emitted::Queued);
}

// A client that stops reading must not make memory grow: not even by the wakers of those that wait for it.
#[test]
fn a_sender_that_waits_holds_one_waker_however_often_it_is_polled_and_none_once_dropped() {
    let outbox = Outbox::new(OutboxLimits::new(1, 1000));
    assert_eq!(outbox.emit(&note("a"), None), Emitted::Queued);
    let mut task = Context::from_waker(Waker::noop());
    {
        let method = note("b");
        let mut sending = pin!(outbox.send(&method, None));
        for _ in 0..100 {
            assert!(sending.as_mut().poll(&mut task).is_pending());
        }
        assert_eq!(outbox.said().unwrap().writers.len(), 1);
    }
    assert_eq!(outbox.said().unwrap().writers.len(), 0);
}

#[test]
fn sending_into_a_closed_outbox_lets_others_run_first() {
    let outbox = Outbox::new(OutboxLimits::default());
    outbox.close();
    let method = note("a");
    let mut sending = pin!(outbox.send(&method, None));
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut task = Context::from_waker(&waker);
    assert!(sending.as_mut().poll(&mut task).is_pending());
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(sending.as_mut().poll(&mut task), Poll::Ready(Emitted::Dropped));
}

#[test]
fn closing_lets_go_of_messages_that_wait_for_the_acknowledgement() {
    let outbox = Outbox::for_subscription(RequestId::from_text("s"), OutboxLimits::default());
    assert_eq!(outbox.emit(&Method::ToolListChanged, None), Emitted::Queued);
    outbox.close();
    assert_eq!(outbox.said().unwrap().waiting().count(), 0);
}

// Neither may wait for room: the client would keep an old list, or wait for its stream, for good.
#[test]
fn list_changes_and_acknowledgements_are_never_lost() {
    let outbox = Outbox::for_subscription(RequestId::from_text("s"), OutboxLimits::new(2, 1000));
    for n in 0..5 {
        let params = Raw::write(&serde_json::json!({ "uri": format!("a:{n}") })).unwrap();
        let emitted = outbox.emit(&Method::ResourceUpdated, Some(&params));
        assert_eq!(emitted, if n < 2 { Emitted::Queued } else { Emitted::Dropped });
    }
    assert_eq!(outbox.emit(&Method::ToolListChanged, None), Emitted::Queued);
    assert_eq!(outbox.emit(&Method::ToolListChanged, None), Emitted::Merged);
    let mut sending = pin!(outbox.send(&Method::SubscriptionsAcknowledged, None));
    let sent = sending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(sent, Poll::Ready(Emitted::Queued));
    let methods = std::iter::from_fn(|| take(&outbox)).map(|frame| {
        let frame: serde_json::Value = serde_json::from_str(&frame).unwrap();
        assert_eq!(frame["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "s");
        frame["method"].as_str().unwrap().to_owned()
    });
    let methods: Vec<_> = methods.collect();
    let updated = "notifications/resources/updated";
    assert_eq!(
        methods,
        ["notifications/subscriptions/acknowledged", updated, updated, "notifications/tools/list_changed"]
    );
}

#[test]
fn an_outbox_that_was_closed_before_anything_was_sent_takes_nothing() {
    let outbox = Outbox::new(OutboxLimits::default());
    outbox.close();
    outbox.detach();
    assert_eq!(outbox.emit(&note("a"), None), Emitted::Dropped);
    assert!(!outbox.is_touched() && !outbox.take_detach() && outbox.take().is_none());
    assert!(matches!(outbox.poll_take(&mut Context::from_waker(Waker::noop())), Poll::Ready(None)));
}

// The first message and the end race for the state: whichever of the two comes first, nothing is left behind.
#[test]
fn a_message_and_the_end_that_race_leave_nothing_behind() {
    for _ in 0..500 {
        let outbox = Outbox::new(OutboxLimits::default());
        std::thread::scope(|scope| {
            scope.spawn(|| outbox.emit(&note("a"), None));
            scope.spawn(|| outbox.close());
        });
        assert!(outbox.take().is_none());
        assert_eq!(outbox.emit(&note("b"), None), Emitted::Dropped);
    }
}

#[test]
fn the_result_of_a_subscription_carries_its_id() {
    let result = || raw(r#"{"resultType":"complete"}"#);
    assert_eq!(Outbox::new(OutboxLimits::default()).stamped(result()), result());
    let stamped = Outbox::for_subscription(RequestId::from(7), OutboxLimits::default()).stamped(result());
    let stamped: serde_json::Value = serde_json::from_str(stamped.as_str()).unwrap();
    assert_eq!(stamped["_meta"]["io.modelcontextprotocol/subscriptionId"], 7);
}
