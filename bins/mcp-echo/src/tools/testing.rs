//! Requests for the tests of reports: all that a report looks at, given by hand.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderName, HeaderValue, Request, request::Parts};
use mcp_transport::{
    auth::{Issuer, Principal, Subject},
    exchange::{ClientFacts, Transport},
    http::origin::{AccessPolicy, HostPolicy, OriginPolicy},
    jsonrpc::Limits,
    protocol::Revision,
};

use crate::{
    arrival::Noted,
    environment::Environment,
    facts::{Facts, Program, Wire},
};

/// 2027-01-15T08:00:00Z.
pub(crate) const NOW: i64 = 1_800_000_000;

/// A request to a program.
pub(crate) struct Given {
    http: Option<Parts>,
    revision: Revision,
    client: ClientFacts,
    principal: Option<Principal>,
    session: Option<String>,
    elapsed: Duration,
    uptime: Duration,
    variables: Vec<(&'static str, &'static str)>,
    origins: OriginPolicy,
}

impl Given {
    /// A POST to the endpoint, with no header but its host.
    pub(crate) fn http() -> Self {
        let request = Request::post("/mcp?access_token=x").header("host", "127.0.0.1:3000").body(()).unwrap();
        Self { http: Some(request.into_parts().0), ..Self::stdio() }
    }

    /// A line on the standard input.
    pub(crate) fn stdio() -> Self {
        Self {
            http: None,
            revision: Revision::LATEST,
            client: ClientFacts::default(),
            principal: None,
            session: None,
            elapsed: Duration::ZERO,
            uptime: Duration::ZERO,
            variables: Vec::new(),
            origins: OriginPolicy::loopback(),
        }
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        self.header_bytes(name, value.as_bytes())
    }

    pub(crate) fn header_bytes(mut self, name: &str, value: &[u8]) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.http.as_mut().unwrap().headers.append(name, HeaderValue::from_bytes(value).unwrap());
        self
    }

    pub(crate) fn revision(self, revision: Revision) -> Self {
        Self { revision, ..self }
    }

    pub(crate) fn client(self, client: serde_json::Value) -> Self {
        Self { client: serde_json::from_value(client).unwrap(), ..self }
    }

    pub(crate) fn session(self, id: &str) -> Self {
        Self { session: Some(id.to_owned()), ..self }
    }

    /// With the caller that a guard has let in.
    pub(crate) fn verified(self, subject: &str, scopes: &str) -> Self {
        let issuer = Issuer::parse("https://as.example").unwrap();
        let principal = Principal::builder(issuer, Subject::parse(subject).unwrap()).scopes(scopes.parse().unwrap());
        Self { principal: Some(principal.build()), ..self }
    }

    pub(crate) fn elapsed(self, elapsed: Duration) -> Self {
        Self { elapsed, ..self }
    }

    pub(crate) fn uptime(self, uptime: Duration) -> Self {
        Self { uptime, ..self }
    }

    pub(crate) fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    pub(crate) fn allow_origin(mut self, origin: &str) -> Self {
        self.origins = self.origins.allow(origin).unwrap();
        self
    }

    /// What `report` says of the request.
    pub(crate) fn report(self, report: impl FnOnce(&Facts<'_>) -> String) -> String {
        let now = UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs());
        let program = Program {
            environment: Environment::of(self.variables.iter().map(|(name, value)| (name.into(), value.into()))),
            access: AccessPolicy::new(HostPolicy::loopback(), self.origins),
            wire: Wire::Plain,
            started: now - self.uptime,
        };
        report(&Facts {
            http: self.http.as_ref(),
            revision: self.revision,
            transport: if self.http.is_some() { Transport::Http } else { Transport::Stdio },
            client: &self.client,
            principal: self.principal.as_ref(),
            session: self.session.as_deref(),
            limits: Limits::default(),
            now,
            elapsed: self.elapsed,
            noted: Noted::HeadRead,
            program: &program,
        })
    }
}
