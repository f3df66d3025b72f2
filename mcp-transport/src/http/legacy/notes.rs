//! What a legacy client sends without wanting an answer: notifications, and its answers to our requests.

use std::sync::Arc;

use http::{Response, StatusCode, request::Parts};

use super::{
    super::{call::aside, live::Live, reply, service::Shared, stream::McpBody},
    enter,
};
use crate::{
    exchange::Asking,
    jsonrpc::{Code, ErrorObject, Notification, RequestId, Response as Answer},
    protocol::Method,
    session::BusMessage,
};

pub(in crate::http) async fn notification(
    shared: Arc<Shared>,
    parts: Box<Parts>,
    note: Notification,
) -> Response<McpBody> {
    let live = match enter(&shared, &parts, None).await {
        Ok(live) => live,
        Err(refusal) => return refusal,
    };
    match notify(&shared, &live, parts, note).await {
        Taken::Yes => reply::accepted(),
        Taken::TooMany => {
            let error = ErrorObject::new(Code::INTERNAL_ERROR, "too many notifications wait in this session");
            let revision = Some(live.session.revision());
            reply::refuse(revision, StatusCode::SERVICE_UNAVAILABLE, None, &error)
        }
    }
}

/// What became of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Yes,
    /// The handler has not done with as many as may run at once.
    TooMany,
}

/// Takes a notification. It does not wait for the handler, who may want to ask the client something first.
pub(super) async fn notify(shared: &Arc<Shared>, live: &Arc<Live>, parts: Box<Parts>, note: Notification) -> Taken {
    match note.method {
        Method::Initialized => {
            if live.session.ready() {
                aside(Arc::clone(&shared.handler).opened(live.session.clone()), ()).await;
                let (shared, live) = (Arc::clone(shared), Arc::clone(live));
                // In a task, because the client may go. The store first: a process that takes the session on hears of
                // this from one of the two.
                let told = tokio::spawn(async move {
                    shared.store_use(std::slice::from_ref(&live)).await;
                    live.tell(&shared, BusMessage::Ready).await;
                });
                drop(told.await);
            }
        }
        Method::Cancelled => {
            let id = note.params.get_raw("requestId").and_then(RequestId::from_raw);
            if let Some(id) = id.filter(|id| !live.cancel(id)) {
                // It may run elsewhere, or be over: then nothing happens (2025-11-25, cancellation, "Error Handling").
                live.tell(shared, BusMessage::Cancelled(id)).await;
            }
        }
        _ => {
            let Some(noted) = live.note(shared.config.session_requests) else {
                return Taken::TooMany;
            };
            let mut exchange = shared.exchange(RequestId::from_text(""), live.session.revision(), &note.params, parts);
            exchange.session(live.session.clone(), Asking::Impossible);
            let cx = exchange.build();
            cx.outbox().close();
            aside(Arc::clone(&shared.handler).notify(cx, note), noted).await;
        }
    }
    Taken::Yes
}

/// The client's answer to a request of ours.
pub(in crate::http) async fn response(shared: Arc<Shared>, parts: Box<Parts>, answer: Answer) -> Response<McpBody> {
    let live = match enter(&shared, &parts, None).await {
        Ok(live) => live,
        Err(refusal) => return refusal,
    };
    settle(&shared, &live, answer).await;
    reply::accepted()
}

pub(super) async fn settle(shared: &Shared, live: &Live, answer: Answer) {
    let Some(id) = answer.id else {
        return;
    };
    if !live.session.asks().answer(&id, answer.outcome.clone()) {
        // Another process may wait for it; if none does, it is an answer that came too late.
        live.tell(shared, BusMessage::Answer { id, outcome: answer.outcome }).await;
    }
}
