//! What the reports are made of: one request, and the program that it came to. Reports read nothing else, neither
//! clocks nor the environment, and are plain functions of this.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use http::request::Parts;
use mcp_server_kit::Cx;
use mcp_transport::{
    auth::Principal,
    exchange::{ClientFacts, Transport},
    http::origin::AccessPolicy,
    jsonrpc::Limits,
    protocol::Revision,
};

use crate::{
    arrival::{Arrival, Noted},
    environment::Environment,
    redact, report,
};

/// One request, and the program that it came to.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    /// The HTTP request without its body.
    pub(crate) http: Option<&'a Parts>,
    pub(crate) revision: Revision,
    pub(crate) transport: Transport,
    /// What the client said about itself.
    pub(crate) client: &'a ClientFacts,
    /// Whom the guard of this server has let in.
    pub(crate) principal: Option<&'a Principal>,
    /// The id of the legacy session.
    pub(crate) session: Option<&'a str>,
    pub(crate) limits: Limits,
    pub(crate) now: SystemTime,
    /// How long the request has been here.
    pub(crate) elapsed: Duration,
    /// Since when that is counted.
    pub(crate) noted: Noted,
    pub(crate) program: &'a Program,
}

/// What is the same for all requests.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) environment: Environment,
    pub(crate) access: AccessPolicy,
    pub(crate) wire: Wire,
    /// When the program began to serve.
    pub(crate) started: SystemTime,
}

/// Whether the program's own listener speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Plain,
    Tls,
}

/// The bearer token of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bearer<'a> {
    /// There is no `Authorization` header.
    Absent,
    /// There are several, so that no one can tell which is meant.
    Several,
    /// Another scheme, or none that can be told from a token.
    Other(Option<String>),
    /// The token.
    Token(Cow<'a, str>),
}

impl<'a> Facts<'a> {
    /// What is known of a call.
    pub(crate) fn of(cx: &'a Cx, program: &'a Program) -> Self {
        let exchange = cx.exchange();
        let arrival = Arrival::current();
        Self {
            http: exchange.http(),
            revision: exchange.revision(),
            transport: exchange.transport(),
            client: exchange.client(),
            principal: exchange.principal().map(AsRef::as_ref),
            session: exchange.session().map(|session| session.id().as_str()),
            limits: *exchange.limits(),
            elapsed: arrival.at.elapsed(),
            noted: arrival.noted,
            now: SystemTime::now(),
            program,
        }
    }

    /// All header fields as text, names in lower case, in the order of arrival.
    pub(crate) fn headers(&self) -> Vec<(&'a str, String)> {
        let fields = self.http.into_iter().flat_map(|parts| &parts.headers);
        fields.map(|(name, value)| (name.as_str(), report::text_of(value.as_bytes()))).collect()
    }

    /// All values of a header as text, joined.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values = self.http?.headers.get_all(name).iter().map(|value| report::text_of(value.as_bytes()));
        let values: Vec<String> = values.collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// A header as it may be shown.
    pub(crate) fn shown(&self, name: &str) -> Option<String> {
        self.header(name).map(|value| redact::shown(name, &value).into_owned())
    }

    /// The bearer token. The scheme is compared without regard to case (RFC 9110 section 11.1).
    pub(crate) fn bearer(&self) -> Bearer<'a> {
        let mut values = self.http.into_iter().flat_map(|parts| parts.headers.get_all(http::header::AUTHORIZATION));
        let Some(value) = values.next() else { return Bearer::Absent };
        if values.next().is_some() {
            return Bearer::Several;
        }
        let text = String::from_utf8_lossy(value.as_bytes());
        let (scheme, rest) = text.split_once(' ').unwrap_or((&text, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            return Bearer::Token(Cow::Owned(rest.trim().to_owned()));
        }
        Bearer::Other((!rest.is_empty() && redact::is_scheme(scheme)).then(|| scheme.to_owned()))
    }

    /// Whether the client's side of the connection is HTTPS, and who says so.
    pub(crate) fn https(&self) -> &'static str {
        if self.program.wire == Wire::Tls {
            return "yes, this server speaks TLS";
        }
        match self.header("x-forwarded-proto").as_deref() {
            Some("https") => "yes, says x-forwarded-proto",
            Some(_) => "no, says x-forwarded-proto",
            None => "no",
        }
    }

    /// `legacy` or `modern`.
    pub(crate) const fn era(&self) -> &'static str {
        if self.revision.is_modern() { "modern" } else { "legacy" }
    }

    /// What brought the request.
    pub(crate) const fn transport(&self) -> &'static str {
        match self.transport {
            Transport::Http => "Streamable HTTP",
            Transport::Stdio => "stdio",
            _ => "in memory",
        }
    }

    /// The first characters of the session's id: enough to tell sessions apart, too few to take one over.
    pub(crate) fn session_start(&self) -> Option<String> {
        self.session.map(|id| format!("{}...", id.chars().take(8).collect::<String>()))
    }
}

/// What reports say where a request has no headers.
pub(crate) fn no_headers(facts: &Facts<'_>) -> String {
    format!("No HTTP headers: this request came over {}.", facts.transport())
}
