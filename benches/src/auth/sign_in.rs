//! A user with a browser: signs in, consents once, and from then on is sent back with a code at once.

use std::io;

use mcp_oauth::types::Digest;
use tokio::io::{AsyncRead, AsyncWrite};

use super::requests::{Target, encode, member};
use super::{BASIC, REDIRECT, RESOURCE, SCOPE};
use crate::client::{Answer, Connection};

/// RFC 7636 section 4.1.
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";

/// What a client gets for a code.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

/// Somebody who is signed in and has consented.
#[derive(Debug)]
pub struct User<'a, S> {
    connection: &'a mut Connection<S>,
    target: Target,
    cookies: Vec<(String, String)>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> User<'a, S> {
    /// Signs in over a connection, and consents, if that has not been done before.
    ///
    /// # Errors
    /// Those of the connection, and `InvalidData` if the server shows other pages than those of sign-in and consent.
    ///
    /// # Cancel safety
    /// None, as [`Connection::exchange`].
    pub async fn sign_in(connection: &'a mut Connection<S>, target: &Target, name: &str) -> io::Result<Self> {
        let mut user = Self { connection, target: target.clone(), cookies: Vec::new() };
        let flow = user.get(&link()).await?.flow()?;
        user.post(&[("flow", &flow), ("code", name)]).await?.location()?;
        let page = user.get(&link()).await?;
        // Who has consented over another connection is not asked again.
        if page.location.is_none() {
            let flow = page.flow()?;
            user.post(&[("flow", &flow), ("decision", "approve")]).await?.code()?;
        }
        Ok(user)
    }

    /// The tokens of a new grant.
    ///
    /// # Errors
    /// Those of the connection, and `InvalidData` if the server gives none.
    ///
    /// # Cancel safety
    /// None, as [`Connection::exchange`].
    pub async fn tokens(&mut self) -> io::Result<Tokens> {
        let code = self.get(&link()).await?.code()?;
        let answer = self.connection.exchange(&self.target.redeem(&code, REDIRECT, VERIFIER)).await?;
        let token = |name| member(answer.body, name).map(str::to_owned).ok_or_else(|| unexpected(&answer));
        Ok(Tokens { access: token("access_token")?, refresh: token("refresh_token")? })
    }

    async fn get(&mut self, path: &str) -> io::Result<Seen> {
        let request = self.target.page(path, &self.cookie_header());
        self.see(&request).await
    }

    async fn post(&mut self, fields: &[(&str, &str)]) -> io::Result<Seen> {
        let request = self.target.page_form("/authorize", &self.cookie_header(), fields);
        self.see(&request).await
    }

    async fn see(&mut self, request: &[u8]) -> io::Result<Seen> {
        let answer = self.connection.exchange(request).await?;
        for (_, cookie) in answer.headers().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let pair = cookie.split(';').next().and_then(|pair| pair.split_once('='));
            let (name, value) = pair.ok_or_else(|| unexpected(&answer))?;
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        Ok(Seen {
            location: answer.header("location").map(str::to_owned),
            html: String::from_utf8_lossy(answer.body).into_owned(),
            status: answer.status,
        })
    }

    fn cookie_header(&self) -> String {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }
}

/// What a browser was answered.
struct Seen {
    status: u16,
    location: Option<String>,
    html: String,
}

impl Seen {
    /// The hidden field of a page.
    fn flow(&self) -> io::Result<String> {
        let field = self.html.split_once(r#"name="flow" value=""#).and_then(|(_, rest)| rest.split_once('"'));
        field.map(|(flow, _)| flow.to_owned()).ok_or_else(|| self.unexpected())
    }

    /// Where the browser is sent.
    fn location(&self) -> io::Result<&str> {
        self.location.as_deref().ok_or_else(|| self.unexpected())
    }

    /// The code with which the client is answered.
    fn code(&self) -> io::Result<String> {
        let answer = url::Url::parse(self.location()?).map_err(|_| self.unexpected())?;
        let code = answer.query_pairs().find(|(name, _)| name == "code");
        code.map(|(_, code)| code.into_owned()).ok_or_else(|| self.unexpected())
    }

    fn unexpected(&self) -> io::Error {
        let text = format!("not the page of a sign-in: {} {:?}", self.status, self.location);
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

fn unexpected(answer: &Answer<'_>) -> io::Error {
    let body = String::from_utf8_lossy(answer.body);
    io::Error::new(io::ErrorKind::InvalidData, format!("an unexpected answer: {} {body}", answer.status))
}

/// The link with which the client sends its user to the server.
fn link() -> String {
    // RFC 7636 section 4.2.
    let challenge = Digest::sha256(VERIFIER.as_bytes()).to_string();
    let query = [
        ("response_type", "code"),
        ("client_id", BASIC.id),
        ("redirect_uri", REDIRECT),
        ("resource", RESOURCE),
        ("scope", SCOPE),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    format!("/authorize?{}", encode(&query))
}
