//! `initialize`: a session begins.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};

use super::{
    super::{
        call::{Call, Ended},
        headers::{self, Accepts, Standard},
        modern,
        post::{First, first},
        reply::{self, Caller},
        service::Shared,
        stream::McpBody,
    },
    connect, session_of, version,
};
use crate::{
    error::Chain,
    exchange::Asking,
    handler::Outcome,
    jsonrpc::{Code, ErrorObject, Params, Raw, Request, RequestId, lookup},
    protocol::{Revision, Revisions},
    session::{Created, SessionId, SessionRecord},
};

/// What a client may say about itself, in bytes: it is kept as long as the session.
const CLIENT_MOST: usize = 16 << 10;

pub(in crate::http) async fn initialize(
    shared: Arc<Shared>,
    parts: Box<Parts>,
    request: Request,
    accepts: Accepts,
) -> Response<McpBody> {
    let shared = &shared;
    // The header has no meaning here, but one that names no revision of ours is 400 wherever it stands.
    if let Err(error) = version(shared, Standard::of(&parts.headers).version) {
        return reply::invalid(None, Some(&request.id), &error);
    }
    let proposed = match negotiate(shared.handler.revisions(), &request.params) {
        Ok(revision) => revision,
        Err(error) => return reply::invalid(None, Some(&request.id), &error),
    };
    let caller = Caller::of(&parts);
    let principal = caller.principal.clone();
    let needs = match shared.needs(proposed, &request) {
        Ok(needs) => needs,
        Err(error) => return reply::outcome(proposed, &request.id, error.into(), &caller),
    };
    if let Err(missing) = modern::authorised(&needs, principal.as_deref()) {
        return reply::forbidden(proposed, Some(&request.id), &missing, &caller);
    }
    // Copied, because the slice would keep the whole body, and hyper's buffer with it, as long as the session.
    let client = request.params.to_raw();
    if client.as_bytes().len() > CLIENT_MOST {
        let error =
            ErrorObject::invalid_params(format!("the params of initialize are larger than {CLIENT_MOST} bytes"));
        return reply::invalid(Some(proposed), Some(&request.id), &error);
    }
    let client = Raw::trusted(Bytes::copy_from_slice(client.as_bytes()));
    let id = match SessionId::random() {
        Ok(id) => id,
        Err(cause) => return reply::unavailable(Some(proposed), Some(&request.id), &cause),
    };
    let now = (shared.config.clock)();
    let owner = principal.as_ref().map(|principal| principal.owner());
    let mut record = SessionRecord::new(id, owner, proposed, client, now + shared.config.session_idle);
    let unborn = Unborn { shared: Arc::clone(shared), id: Some(record.id.clone()) };
    match shared.config.sessions.create(record.clone(), now).await {
        Ok(Created::Yes) => {}
        Ok(Created::Full) => return full(proposed, &request.id),
        Err(cause) => return reply::unavailable(Some(proposed), Some(&request.id), &cause),
    }
    let session = session_of(record.clone(), shared.config.outbox);
    let request_id = request.id.clone();
    let mut exchange = shared.exchange(request.id.clone(), proposed, &request.params, parts);
    exchange.session(session.clone(), Asking::Impossible);
    let cx = exchange.build();
    let mut call = Call::new(Arc::clone(&shared.handler), cx, request, None);
    // Nothing may be sent before the answer but pings and log messages, which nobody needs here; so no stream.
    let (came, _) = first(shared, &mut call, None, Accepts::JsonOnly, None).await;
    let outcome = match came {
        First::Done(Ended::Answered(outcome)) => outcome,
        First::Done(Ended::Cancelled) | First::Stream(_) | First::Detach => ErrorObject::internal().into(),
    };
    let Outcome::Reply(answer) = &outcome else {
        return reply::outcome(proposed, &request_id, outcome, &caller);
    };
    // What the handler answered counts: a child process may speak only an older revision.
    let settled = lookup(answer.body.as_str(), &["protocolVersion"])
        .and_then(|version| serde_json::from_str::<String>(version).ok())
        .and_then(|version| version.parse::<Revision>().ok())
        .filter(|revision| revision.has_sessions());
    if let Some(settled) = settled.filter(|settled| *settled != proposed) {
        session.settle(settled);
        record.revision = settled;
        let again = async {
            shared.config.sessions.remove(&record.id).await?;
            shared.config.sessions.create(record.clone(), now).await
        };
        match again.await {
            Ok(Created::Yes) => {}
            Ok(Created::Full) => return full(proposed, &request_id),
            Err(cause) => return reply::unavailable(Some(proposed), Some(&request_id), &cause),
        }
    }
    unborn.born();
    let live = shared.hold(session, record.expires_at);
    let mut response = if accepts.json() {
        reply::outcome(proposed, &request_id, outcome, &caller)
    } else {
        let stream = super::open(shared, &live);
        stream.push(Some(reply::message(proposed, &request_id, outcome)));
        stream.finish();
        connect(shared, &live, &stream, principal)
    };
    if let Ok(value) = HeaderValue::from_str(record.id.as_str()) {
        response.headers_mut().insert(headers::MCP_SESSION_ID.clone(), value);
    }
    response
}

/// The revision to propose: the one asked for if it is spoken here, else the newest legacy one (MCP 2025-11-25,
/// lifecycle, "Version Negotiation").
fn negotiate(spoken: Revisions, params: &Params) -> Result<Revision, ErrorObject> {
    let Some(asked) = params.get_str("protocolVersion") else {
        return Err(ErrorObject::invalid_params("initialize needs protocolVersion, a string"));
    };
    let legacy = spoken.intersection(Revisions::legacy());
    let same = asked.parse::<Revision>().ok().filter(|revision| legacy.contains(*revision));
    same.or_else(|| legacy.newest()).ok_or_else(|| modern::unsupported(spoken, &asked))
}

/// A session that is in the store and not yet known to its client. Unless it comes to be, because the handler refuses or
/// the client goes away, it is taken out again: nobody could ever use or end it.
struct Unborn {
    shared: Arc<Shared>,
    id: Option<SessionId>,
}

impl Unborn {
    fn born(mut self) {
        self.id = None;
    }
}

impl Drop for Unborn {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        runtime.spawn(async move {
            if let Err(cause) = shared.config.sessions.remove(&id).await {
                tracing::error!(error = %Chain(&cause), "a session that did not come to be is left in its store");
            }
        });
    }
}

/// 503: the store holds as many sessions as it may.
fn full(revision: Revision, id: &RequestId) -> Response<McpBody> {
    let error = ErrorObject::new(Code::INTERNAL_ERROR, "too many sessions are open; try again later");
    let mut response = reply::refuse(Some(revision), StatusCode::SERVICE_UNAVAILABLE, Some(id), &error);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
    response
}
