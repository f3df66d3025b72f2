//! What a connection sends, one request after the other, and which answers are good.

use std::io;

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::auth::requests::{Refreshes, Registrations, Target, member};
use crate::auth::{Kind, User};
use crate::client::{Answer, Connection};
use crate::requests::MESSAGE;

/// How many grants each connection refreshes in turn. No two connections share one.
const GRANTS: usize = 10;

/// What a connection sends, one request after the other.
#[derive(Debug)]
pub struct Script(Inner);

#[derive(Debug)]
enum Inner {
    /// The same each time.
    Same {
        request: Box<[u8]>,
        /// What stands in the body of a good answer.
        due: &'static str,
    },
    Refresh(Refreshes),
    Register(Registrations),
}

impl Script {
    /// The same call of the echo tool each time.
    #[must_use]
    pub fn calls(request: Vec<u8>) -> Self {
        Self::same(request, MESSAGE)
    }

    fn same(request: Vec<u8>, due: &'static str) -> Self {
        Self(Inner::Same { request: request.into_boxed_slice(), due })
    }

    /// What a client of an authorization server asks for. What it needs for that, it gets over the connection first.
    ///
    /// # Errors
    /// Those of the connection and of the sign-in.
    ///
    /// # Cancel safety
    /// None, as [`Connection::exchange`].
    pub async fn auth<S>(connection: &mut Connection<S>, target: &Target, kind: Kind) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        const TOKEN: &str = r#""access_token":""#;
        Ok(match kind {
            Kind::Token => Self::same(target.token(), TOKEN),
            Kind::TokenPost => Self::same(target.token_post(), TOKEN),
            Kind::Refresh => {
                let mut user = User::sign_in(connection, target, "ada").await?;
                let mut tokens = Vec::with_capacity(GRANTS);
                for _ in 0..GRANTS {
                    tokens.push(user.tokens().await?.refresh);
                }
                Self(Inner::Refresh(Refreshes::new(target, tokens).ok_or(io::ErrorKind::InvalidData)?))
            }
            Kind::Introspect => {
                let mut user = User::sign_in(connection, target, "ada").await?;
                Self::same(target.introspect(&user.tokens().await?.access), r#""active":true"#)
            }
            Kind::Register => Self(Inner::Register(Registrations::new(target.clone()))),
        })
    }

    /// The next request.
    pub fn next_request(&mut self) -> &[u8] {
        match &mut self.0 {
            Inner::Same { request, .. } => request,
            Inner::Refresh(refreshes) => refreshes.next_request(),
            Inner::Register(registrations) => registrations.next_request(),
        }
    }

    /// Takes notice of the answer to the last request, and says whether it is good. Its body is looked into if `look` says
    /// so, or if the next request depends on it.
    pub fn heed(&mut self, answer: &Answer<'_>, look: bool) -> bool {
        match &mut self.0 {
            Inner::Same { due, .. } => {
                answer.status == 200 && (!look || memmem::find(answer.body, due.as_bytes()).is_some())
            }
            Inner::Refresh(refreshes) => refreshes.heed(answer.body) && answer.status == 200,
            // RFC 7591 section 3.2.1.
            Inner::Register(_) => answer.status == 201 && (!look || member(answer.body, "client_id").is_some()),
        }
    }
}
