//! Under which revision a request is served, or why it is not.

use serde::de::DeserializeOwned;

use crate::{
    exchange::meta,
    jsonrpc::{Code, ErrorObject, Raw, Request, shown},
    protocol::{ClientCapabilities, Implementation, LoggingLevel, Method, Revision, Revisions},
};

/// How far the legacy handshake of the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// There was no `initialize`.
    Fresh,
    /// `initialize` runs.
    Opening,
    /// There is a session.
    Open(Revision),
}

/// What is to be done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It is served.
    Served(Way),
    /// It opens the session; the revision is what is offered to the client.
    Opens(Revision),
    /// It belongs to the session that is being opened, and waits for that.
    Held,
}

/// How a request is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// On its own: a modern request, or a `ping` before the session.
    Alone(Revision),
    /// In the legacy session.
    InSession(Revision),
}

impl Way {
    pub(super) const fn revision(self) -> Revision {
        match self {
            Self::Alone(revision) | Self::InSession(revision) => revision,
        }
    }
}

/// Judges a request.
pub(super) fn judge(request: &Request, served: Revisions, standing: Standing) -> Result<Judged, ErrorObject> {
    let modern = served.intersection(Revisions::modern());
    let legacy = served.intersection(Revisions::legacy());
    if !modern.is_empty() && request.params.meta(meta::PROTOCOL_VERSION).is_some() {
        return by_meta(request, served, standing);
    }
    if request.method == Method::Initialize {
        return handshake(request, served, legacy, standing);
    }
    match (standing, legacy.newest()) {
        (Standing::Open(revision), _) => return Ok(Judged::Served(Way::InSession(revision))),
        // A client may ping before the session is open (MCP 2025-11-25, lifecycle, "Initialization").
        (Standing::Opening | Standing::Fresh, Some(newest)) if request.method == Method::Ping => {
            return Ok(Judged::Served(Way::Alone(newest)));
        }
        (Standing::Opening, _) => return Ok(Judged::Held),
        (Standing::Fresh, _) => {}
    }
    Err(match (modern.is_empty(), legacy.is_empty()) {
        // What a legacy server says to a client that probes for the modern era: any error that is not a modern one
        // (MCP 2026-07-28, stdio, "Backward Compatibility").
        (true, _) if request.method == Method::Discover => ErrorObject::method_not_found(request.method.as_str()),
        (true, _) => ErrorObject::new(Code::INVALID_REQUEST, "there is no session: send initialize first"),
        // "A request missing any required field is malformed; the server MUST reject it with -32602" (MCP 2026-07-28,
        // basic, "Per-request protocol fields").
        (false, false) if !matches!(request.method, Method::Discover | Method::Listen) => {
            ErrorObject::invalid_params(format!(
                "the request names no protocol version: put {} and {} into params._meta, or send initialize first",
                meta::PROTOCOL_VERSION,
                meta::CLIENT_CAPABILITIES
            ))
        }
        (false, _) => missing(meta::PROTOCOL_VERSION),
    })
}

/// The version that `_meta` names, if it is a modern one that is served; for notifications, which need say nothing.
pub(super) fn named(version: Option<&str>, served: Revisions) -> Option<Revision> {
    let revision: Revision = version?.parse().ok()?;
    (revision.is_modern() && served.contains(revision)).then_some(revision)
}

fn by_meta(request: &Request, served: Revisions, standing: Standing) -> Result<Judged, ErrorObject> {
    let params = &request.params;
    let version = params.meta_str(meta::PROTOCOL_VERSION).ok_or_else(|| wrong(meta::PROTOCOL_VERSION, "a string"))?;
    match version.parse::<Revision>() {
        Ok(revision) if revision.is_modern() && served.contains(revision) => {
            let capabilities = params.meta_raw(meta::CLIENT_CAPABILITIES);
            let capabilities = capabilities.ok_or_else(|| missing(meta::CLIENT_CAPABILITIES))?;
            if !capabilities.is_object() || !decodes::<ClientCapabilities>(Some(capabilities)) {
                return Err(wrong(meta::CLIENT_CAPABILITIES, "an object of capabilities"));
            }
            if !decodes::<Implementation>(params.meta_raw(meta::CLIENT_INFO)) {
                return Err(wrong(meta::CLIENT_INFO, "an object with name and version"));
            }
            if !decodes::<LoggingLevel>(params.meta_raw(meta::LOG_LEVEL)) {
                return Err(wrong(meta::LOG_LEVEL, "a logging level"));
            }
            let token = params.meta("progressToken").map(|token| token.as_bytes().first().copied());
            if !matches!(token, None | Some(Some(b'"' | b'-' | b'0'..=b'9'))) {
                return Err(wrong("progressToken", "a string or a number"));
            }
            Ok(Judged::Served(Way::Alone(revision)))
        }
        // A client may well repeat the revision of its session.
        Ok(revision) if standing == Standing::Open(revision) => Ok(Judged::Served(Way::InSession(revision))),
        // A legacy revision that we do serve, but not this way: of what can be named here, only the modern ones count.
        Ok(revision) if served.contains(revision) => {
            Err(unsupported(&version, served.intersection(Revisions::modern())))
        }
        Ok(_) | Err(_) => Err(unsupported(&version, served)),
    }
}

/// MCP 2025-11-25, lifecycle, "Version Negotiation".
fn handshake(
    request: &Request,
    served: Revisions,
    legacy: Revisions,
    standing: Standing,
) -> Result<Judged, ErrorObject> {
    if standing != Standing::Fresh {
        return Err(ErrorObject::new(
            Code::INVALID_REQUEST,
            "initialize was sent before: a connection has one session",
        ));
    }
    let requested = request.params.get_str("protocolVersion");
    let requested = requested.ok_or_else(|| ErrorObject::invalid_params("protocolVersion must be a string"))?;
    let newest = legacy.newest().ok_or_else(|| {
        // "A server that supports only modern versions SHOULD name the protocol versions it supports in any error it
        // returns to an initialize request", in the text too: it is all that a legacy client may show.
        unsupported(&requested, served)
    })?;
    let known = requested.parse::<Revision>().ok().filter(|revision| legacy.contains(*revision));
    Ok(Judged::Opens(known.unwrap_or(newest)))
}

fn decodes<T: DeserializeOwned>(raw: Option<Raw>) -> bool {
    raw.is_none_or(|raw| raw.decode::<T>().is_ok())
}

fn missing(member: &str) -> ErrorObject {
    ErrorObject::invalid_params(format!("params._meta lacks {member}"))
}

fn wrong(member: &str, expected: &str) -> ErrorObject {
    ErrorObject::invalid_params(format!("{member} in params._meta must be {expected}"))
}

/// -32022 (MCP 2026-07-28, versioning, "Protocol Version Negotiation").
fn unsupported(requested: &str, supported: Revisions) -> ErrorObject {
    let requested = shown(requested);
    let supported: Vec<&str> = supported.iter().map(Revision::as_str).collect();
    let text = format!("unsupported protocol version; supported: {}", supported.join(", "));
    let error = ErrorObject::new(Code::UNSUPPORTED_PROTOCOL_VERSION, text);
    match Raw::write(&serde_json::json!({ "supported": supported, "requested": requested })) {
        Ok(data) => error.with_data(data),
        Err(_) => error,
    }
}
