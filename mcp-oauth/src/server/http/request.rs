//! A request as the endpoints see it: read within limits, from a peer that is known as far as it can be.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{StatusCode, request};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::server::error::{ErrorCode, OAuthError};
use crate::server::form::{Form, FormError};

/// The largest body. A registration with every member at its limit fits.
const LARGEST: usize = 64 * 1024;
/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Who a request comes from: put into its extensions by whoever accepts connections.
///
/// Behind a reverse proxy it is the client that the proxy names, once that proxy is known to be ours:
/// [`TrustedProxies`](super::TrustedProxies). Without it the address is unknown, and all requests share one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// How its request got here.
    pub transport: Transport,
}

/// How a request got here, as far as anybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// Through TLS, to us or to a proxy of ours.
    Secure,
    /// In plain text over a network.
    Plain,
    /// In plain text from this machine: a proxy that does not say more, or a person who tries something.
    Local,
}

impl Peer {
    /// A peer that is connected to this process itself, without TLS. A server whose issuer is https refuses it, unless it is on
    /// this machine.
    #[must_use]
    pub const fn direct(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let transport = if address.is_loopback() { Transport::Local } else { Transport::Plain };
        Self { address, transport }
    }

    /// A peer that is connected to this process itself, through TLS.
    #[must_use]
    pub const fn secure(address: IpAddr) -> Self {
        Self { address: address.to_canonical(), transport: Transport::Secure }
    }

    /// A peer.
    #[must_use]
    pub const fn new(address: IpAddr, transport: Transport) -> Self {
        Self { address, transport }
    }
}

/// A request, its body read.
pub(crate) struct Incoming {
    pub(crate) head: request::Parts,
    pub(crate) body: Bytes,
}

impl Incoming {
    /// Reads the body within size and time.
    pub(crate) async fn read<B>(head: request::Parts, body: B) -> Result<Self, OAuthError>
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<crate::store::BoxError>,
    {
        let limited = Limited::new(body, LARGEST);
        let collected = tokio::time::timeout(BODY_TIME, limited.collect()).await;
        match collected {
            Ok(Ok(body)) => Ok(Self { head, body: body.to_bytes() }),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                let error = OAuthError::invalid_request("the body has more than 64 KiB");
                Err(error.with_status(StatusCode::PAYLOAD_TOO_LARGE))
            }
            Ok(Err(_)) => Err(OAuthError::invalid_request("the body could not be read")),
            Err(_) => {
                let error = OAuthError::invalid_request("the body did not arrive in time");
                Err(error.with_status(StatusCode::REQUEST_TIMEOUT))
            }
        }
    }

    /// The peer, if whoever accepted the connection says who it is.
    pub(crate) fn peer(&self) -> Option<Peer> {
        self.head.extensions.get().copied()
    }

    /// Its address.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.peer().map(|peer| peer.address)
    }

    /// The parameters of the query.
    pub(crate) fn query(&self) -> Result<Form, OAuthError> {
        Form::parse(self.head.uri.query().unwrap_or_default().as_bytes()).map_err(malformed)
    }

    /// The parameters of the body, which has to be a form without repetitions (RFC 6749 section 3.2).
    pub(crate) fn form(&self) -> Result<Form, OAuthError> {
        let mut types = self.head.headers.get_all(CONTENT_TYPE).iter();
        let media_type = types.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim_matches([' ', '\t']);
        if types.next().is_some() || !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let text = "send the parameters in a body of the type application/x-www-form-urlencoded";
            return Err(OAuthError::invalid_request(text));
        }
        // RFC 6749 section 2.3.1: credentials "MUST NOT be included in the request URI"; nor anything else here.
        if self.head.uri.query().is_some_and(|query| !query.is_empty()) {
            return Err(OAuthError::invalid_request("send the parameters in the body, not in the query"));
        }
        let form = Form::parse(&self.body).map_err(malformed)?;
        form.check().map_err(malformed)?;
        Ok(form)
    }
}

fn malformed(error: FormError) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, error.to_string())
}
