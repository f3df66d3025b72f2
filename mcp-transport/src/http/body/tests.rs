use std::collections::VecDeque;

use http_body::{Frame, SizeHint};

use std::pin::pin;

use super::*;

/// A body that plays back a list of steps.
struct Script {
    steps: VecDeque<Step>,
    hint: SizeHint,
}

enum Step {
    Data(Bytes),
    Trailers,
    Wait(Duration),
    Waiting(Pin<Box<Sleep>>),
    Fail,
}

impl Body for Script {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Step::Trailers) => {
                    return Poll::Ready(Some(Ok(Frame::trailers(http::HeaderMap::new()))));
                }
                Some(Step::Fail) => return Poll::Ready(Some(Err("reset".into()))),
                Some(Step::Wait(time)) => self.steps.push_front(Step::Waiting(Box::pin(tokio::time::sleep(time)))),
                Some(Step::Waiting(mut sleep)) => {
                    if sleep.as_mut().poll(cx).is_pending() {
                        self.steps.push_front(Step::Waiting(sleep));
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

fn script(steps: impl IntoIterator<Item = Step>) -> Script {
    Script { steps: steps.into_iter().collect(), hint: SizeHint::new() }
}

fn data(text: &'static str) -> Step {
    Step::Data(Bytes::from_static(text.as_bytes()))
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn one_frame_is_not_copied() {
    let frame = Bytes::from(vec![7; 100]);
    let read = collect(script([Step::Data(frame.clone())]), 100, SECOND).await.unwrap();
    assert_eq!(read.as_ptr(), frame.as_ptr());
    let between_empty = script([data(""), Step::Data(frame.clone()), data(""), Step::Trailers]);
    assert_eq!(collect(between_empty, 100, SECOND).await.unwrap().as_ptr(), frame.as_ptr());
}

#[tokio::test(start_paused = true)]
async fn frames_are_joined_in_order() {
    let body = script([data("a"), Step::Wait(SECOND / 2), data("bc"), data("d"), Step::Trailers]);
    assert_eq!(collect(body, 4, SECOND).await.unwrap(), "abcd");
    assert_eq!(collect(script([]), 0, SECOND).await.unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn announced_length_over_the_limit_is_refused_before_reading() {
    let mut body = script([Step::Fail]);
    body.hint = SizeHint::with_exact(11);
    assert!(matches!(collect(body, 10, SECOND).await, Err(BodyError::TooLarge)));
    let mut body = script([]);
    body.hint.set_lower(u64::MAX);
    assert!(matches!(collect(body, usize::MAX - 1, SECOND).await, Err(BodyError::TooLarge)));
}

#[tokio::test(start_paused = true)]
async fn limit_holds_while_reading() {
    assert!(matches!(collect(script([data("abc")]), 2, SECOND).await, Err(BodyError::TooLarge)));
    assert!(matches!(collect(script([data("ab"), data("c")]), 2, SECOND).await, Err(BodyError::TooLarge)));
    assert_eq!(collect(script([data("ab"), data("c")]), 3, SECOND).await.unwrap(), "abc");
    // The frame after the one too large is never asked for.
    assert!(matches!(collect(script([data("abc"), Step::Fail]), 2, SECOND).await, Err(BodyError::TooLarge)));
}

#[tokio::test(start_paused = true)]
async fn timeout_is_for_the_whole_body_not_for_each_frame() {
    let slow = (0..10).flat_map(|_| [Step::Wait(SECOND / 4), data("x")]);
    assert!(matches!(collect(script(slow), 100, SECOND).await, Err(BodyError::TimedOut)));
    let soon = (0..3).flat_map(|_| [Step::Wait(SECOND / 4), data("x")]);
    assert_eq!(collect(script(soon), 100, SECOND).await.unwrap(), "xxx");
}

#[test]
fn body_that_is_there_needs_no_timer() {
    // Outside a runtime a timer would panic.
    let mut reading = pin!(collect(script([data("a"), data("b")]), 10, SECOND));
    let done = reading.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop()));
    assert!(matches!(done, Poll::Ready(Ok(bytes)) if bytes == "ab"));
}

#[tokio::test(start_paused = true)]
async fn broken_body_keeps_its_cause() {
    let error = collect(script([data("a"), Step::Fail]), 10, SECOND).await.unwrap_err();
    assert!(matches!(&error, BodyError::Broken(_)));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "reset");
}
