//! GET and DELETE: the streams of a legacy session, and its end.

use std::sync::Arc;

use http::{Response, StatusCode, request::Parts};

use super::{
    headers::{self, Accepts, Standard},
    legacy, reply,
    service::Shared,
    sse::EventId,
    stream::{LegacyStream, McpBody},
};
use crate::{auth::Principal, protocol::Revision};

/// GET: messages outside any request, or the rest of a stream that broke off.
pub(super) async fn listen(shared: &Arc<Shared>, parts: &Parts) -> Response<McpBody> {
    if is_modern(shared, parts) {
        return reply::method_not_allowed(&parts.headers, "POST");
    }
    if !Accepts::of(&parts.headers).sse() {
        return reply::plain(&parts.headers, StatusCode::NOT_ACCEPTABLE, "Accept must list text/event-stream");
    }
    let live = match legacy::listener(shared, parts).await {
        Ok(live) => live,
        Err(refusal) => return refusal,
    };
    let revision = live.session.revision();
    if !revision.has_get_stream() {
        return reply::method_not_allowed(&parts.headers, "POST, DELETE");
    }
    let (stream, after) = match headers::one(&parts.headers, &headers::LAST_EVENT_ID) {
        Err(_) => {
            return reply::plain(&parts.headers, StatusCode::BAD_REQUEST, "Last-Event-ID is there more than once");
        }
        Ok(Some(value)) if revision.has_resumption() && !value.is_empty() => {
            let id = value.to_str().ok().and_then(EventId::parse);
            match id.and_then(|id| Some((live.stream(id.stream)?, id.event))) {
                Some((stream, event)) => (stream, Some(event)),
                None => {
                    return reply::plain(
                        &parts.headers,
                        StatusCode::BAD_REQUEST,
                        "Last-Event-ID names no stream of this session",
                    );
                }
            }
        }
        Ok(Some(_) | None) => {
            let own = live.own_stream(&shared.config, shared.table.budget(&shared.config));
            own.prime();
            (own, None)
        }
    };
    let is_own = stream.stream() == 0;
    let beat = shared.beat(parts.extensions.get::<Arc<Principal>>().cloned());
    match LegacyStream::connect(&live, stream, after, beat) {
        Some(connection) => {
            if is_own {
                // Told before the client knows, so that nothing that it waits for is sent elsewhere.
                live.listens_here(shared).await;
            }
            reply::events(McpBody::legacy(connection))
        }
        None => reply::plain(&parts.headers, StatusCode::BAD_REQUEST, "Last-Event-ID names no event of this session"),
    }
}

/// DELETE: the client is done with its session (MCP 2025-11-25, transports, "Session Management", 5).
pub(super) async fn delete(shared: &Arc<Shared>, parts: &Parts) -> Response<McpBody> {
    if is_modern(shared, parts) {
        return reply::method_not_allowed(&parts.headers, "POST");
    }
    legacy::end(shared, parts).await
}

/// A modern client has no business here, and nobody has where there are no sessions (MCP 2026-07-28, streamable HTTP,
/// "Earlier Streamable HTTP Revisions").
fn is_modern(shared: &Shared, parts: &Parts) -> bool {
    if !shared.has_legacy() {
        return true;
    }
    let fields = Standard::of(&parts.headers);
    fields.revision().is_some_and(Revision::is_modern) && fields.session.is_missing()
}
