//! What clients say of themselves when they register.

use serde_json::{Value, json};

/// An HTTPS redirect: of those the server remembers a consent.
pub(super) const REDIRECT: &str = "https://app.example/callback";
/// RFC 8628 section 3.4.
pub(super) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a client gets its grants by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its user comes back with a code.
    App,
    /// It shows a code, and its user goes to a page with it.
    Device,
}

/// What a client is made of. It is registered anew in newer versions.
#[derive(Clone)]
pub(super) struct Software {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) method: &'static str,
}

impl Software {
    /// What it registers itself with (RFC 7591 section 2) in this version.
    pub(super) fn metadata(&self, version: usize) -> Value {
        let grant = match self.kind {
            Kind::App => "authorization_code",
            Kind::Device => DEVICE_CODE,
        };
        let mut metadata = json!({
            "client_name": format!("{}, version {version}", self.name),
            "software_version": version.to_string(),
            "token_endpoint_auth_method": self.method,
            "grant_types": [grant, "refresh_token"],
        });
        if self.kind == Kind::App {
            metadata["redirect_uris"] = json!([REDIRECT, format!("https://app.example/{version}")]);
        }
        metadata
    }

    /// Which version is registered, by what the server says; none if it is a mixture.
    pub(super) fn version_in(&self, told: &Value) -> Option<usize> {
        let version = told["software_version"].as_str()?.parse().ok()?;
        let own = self.metadata(version);
        own.as_object()?.iter().all(|(member, value)| told[member] == *value).then_some(version)
    }
}
