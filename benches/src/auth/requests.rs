//! The bytes that clients of the authorization server send.

use std::collections::VecDeque;
use std::fmt;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use url::form_urlencoded;

use super::{BASIC, Credentials, POST, RESOURCE, RESOURCE_SERVER, SCOPE};

/// The server that requests are addressed to.
#[derive(Clone, Debug)]
pub struct Target {
    authority: Box<str>,
}

impl Target {
    /// A server at an authority, such as `127.0.0.1:3000`.
    pub fn new(authority: impl fmt::Display) -> Self {
        Self { authority: authority.to_string().into() }
    }

    /// A request for a token by client credentials, authenticated in the header.
    #[must_use]
    pub fn token(&self) -> Vec<u8> {
        self.form(
            "/token",
            Some(BASIC),
            &[("grant_type", "client_credentials"), ("resource", RESOURCE), ("scope", SCOPE)],
        )
    }

    /// The same, authenticated in the form.
    #[must_use]
    pub fn token_post(&self) -> Vec<u8> {
        let form = [
            ("grant_type", "client_credentials"),
            ("resource", RESOURCE),
            ("scope", SCOPE),
            ("client_id", POST.id),
            ("client_secret", POST.secret),
        ];
        self.form("/token", None, &form)
    }

    /// A request to redeem a code.
    #[must_use]
    pub fn redeem(&self, code: &str, redirect: &str, verifier: &str) -> Vec<u8> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ];
        self.form("/token", Some(BASIC), &form)
    }

    /// A request for a new token by a refresh token.
    #[must_use]
    pub fn refresh(&self, token: &str) -> Vec<u8> {
        self.form("/token", Some(BASIC), &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// The question of the resource's server what a token is.
    #[must_use]
    pub fn introspect(&self, token: &str) -> Vec<u8> {
        self.form("/introspect", Some(RESOURCE_SERVER), &[("token", token), ("token_type_hint", "access_token")])
    }

    /// The registration of a public client whose redirect has this number, so that no two are the same.
    #[must_use]
    pub fn register(&self, number: u64) -> Vec<u8> {
        let body = format!(
            concat!(
                r#"{{"client_name":"An app","redirect_uris":["https://app.example.com/callback/{:016x}"],"#,
                r#""grant_types":["authorization_code","refresh_token"],"response_types":["code"],"#,
                r#""token_endpoint_auth_method":"none","scope":"mcp"}}"#,
            ),
            number
        );
        self.post("/register", "application/json", "", &body)
    }

    /// A form of this server's pages, as a browser sends it.
    #[must_use]
    pub fn page_form(&self, path: &str, cookies: &str, fields: &[(&str, &str)]) -> Vec<u8> {
        self.post(path, FORM, &format!("Cookie: {cookies}\r\n"), &encode(fields))
    }

    /// A page, as a browser asks for it.
    #[must_use]
    pub fn page(&self, path: &str, cookies: &str) -> Vec<u8> {
        let authority = &self.authority;
        let cookies = if cookies.is_empty() { String::new() } else { format!("Cookie: {cookies}\r\n") };
        format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\n{cookies}\r\n").into()
    }

    fn form(&self, path: &str, who: Option<Credentials>, fields: &[(&str, &str)]) -> Vec<u8> {
        let headers = who.map(|Credentials { id, secret }| {
            // Neither has a character that has to be encoded (RFC 6749 section 2.3.1).
            format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{id}:{secret}")))
        });
        self.post(path, FORM, &headers.unwrap_or_default(), &encode(fields))
    }

    fn post(&self, path: &str, media_type: &str, headers: &str, body: &str) -> Vec<u8> {
        let authority = &self.authority;
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: {media_type}\r\nAccept: application/json\r\n\
             {headers}Content-Length: {length}\r\n\r\n{body}"
        )
        .into()
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// A form, or a query.
#[must_use]
pub fn encode(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The text of a member of a flat JSON object whose text has no escapes, as tokens have none.
#[must_use]
pub fn member<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let key = format!("\"{name}\":\"");
    let start = memmem::find(body, key.as_bytes())? + key.len();
    let rest = body.get(start..)?;
    std::str::from_utf8(rest.get(..memchr::memchr(b'"', rest)?)?).ok()
}

/// Refreshes one grant after the other, each with its newest token.
#[derive(Debug)]
pub struct Refreshes {
    /// The newest token of each grant; the first is the next to be sent.
    newest: VecDeque<String>,
    /// The request as far as its length, and between that and the token.
    before: Box<[u8]>,
    between: Box<[u8]>,
    request: Vec<u8>,
}

impl Refreshes {
    /// Refreshes the grants of these tokens; `None` if there are none.
    #[must_use]
    pub fn new(target: &Target, tokens: impl IntoIterator<Item = String>) -> Option<Self> {
        let newest: VecDeque<String> = tokens.into_iter().collect();
        let sample = target.refresh(newest.front()?);
        let name = b"Content-Length: ";
        let (before, rest) = sample.split_at_checked(memmem::find(&sample, name)? + name.len())?;
        let between = rest.get(memchr::memchr(b'\r', rest)?..)?.strip_suffix(newest.front()?.as_bytes())?;
        Some(Self { before: before.into(), between: between.into(), newest, request: Vec::new() })
    }

    /// The next request.
    pub fn next_request(&mut self) -> &[u8] {
        const EMPTY_LINE: usize = "\r\n\r\n".len();
        let token = self.newest.front().map(String::as_str).unwrap_or_default();
        let length = self.between.len() - EMPTY_LINE + token.len();
        self.request.clear();
        self.request.extend_from_slice(&self.before);
        // A vector takes whatever is written into it.
        let _ = write!(self.request, "{length}");
        self.request.extend_from_slice(&self.between);
        self.request.extend_from_slice(token.as_bytes());
        &self.request
    }

    /// Takes the newest token of the grant from an answer; whether there was a new one.
    pub fn heed(&mut self, body: &[u8]) -> bool {
        let Some(token) = member(body, "refresh_token") else { return false };
        let replaced = self.newest.pop_front();
        self.newest.push_back(token.to_owned());
        replaced.is_some_and(|replaced| replaced != token)
    }
}

/// Registers one client after the other, over all connections of the process.
#[derive(Debug)]
pub struct Registrations {
    target: Target,
    request: Vec<u8>,
}

/// How many clients this process has registered.
static REGISTERED: AtomicU64 = AtomicU64::new(0);

impl Registrations {
    /// Registers clients that no other process registers at about the same time.
    #[must_use]
    pub const fn new(target: Target) -> Self {
        Self { target, request: Vec::new() }
    }

    /// The next request.
    pub fn next_request(&mut self) -> &[u8] {
        let process = u64::from(std::process::id()) << 32;
        self.request = self.target.register(process | REGISTERED.fetch_add(1, Ordering::Relaxed));
        &self.request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_is_written_as_the_whole_request_would_be() {
        let target = Target::new("h:1");
        let mut refreshes = Refreshes::new(&target, ["mcpo_rt_a.9.x".to_owned(), "mcpo_rt_b.9.y".to_owned()]).unwrap();
        assert_eq!(refreshes.next_request(), target.refresh("mcpo_rt_a.9.x"));
        assert!(refreshes.heed(br#"{"refresh_token":"mcpo_rt_a.10.longer","scope":"mcp"}"#));
        assert_eq!(refreshes.next_request(), target.refresh("mcpo_rt_b.9.y"));
        assert!(!refreshes.heed(br#"{"error":"invalid_grant"}"#));
        assert!(!refreshes.heed(br#"{"refresh_token":"mcpo_rt_b.9.y"}"#), "nothing new");
        assert_eq!(refreshes.next_request(), target.refresh("mcpo_rt_a.10.longer"));
        assert!(Refreshes::new(&target, []).is_none());
    }

    #[test]
    fn no_two_registrations_are_the_same() {
        let mut registrations = [Registrations::new(Target::new("h:1")), Registrations::new(Target::new("h:1"))];
        let [one, two] = &mut registrations;
        let requests = [one.next_request().to_owned(), two.next_request().to_owned(), one.next_request().to_owned()];
        assert!(requests[0] != requests[1] && requests[1] != requests[2] && requests[0] != requests[2]);
    }

    #[test]
    fn forms_are_encoded() {
        let request = String::from_utf8(Target::new("h:1").token()).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "grant_type=client_credentials&resource=https%3A%2F%2Fmcp.example.com%2Fmcp&scope=mcp");
        assert!(head.split("\r\n").any(|line| line == format!("Content-Length: {}", body.len())));
    }
}
