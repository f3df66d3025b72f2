//! Proxies as the environment names them.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

use super::error::Error;
use super::names;
use super::target::{Host, Scheme, Target};

/// Which requests go through which proxy.
///
/// A proxy looks up names by itself, so that nobody here can judge where a request ends. That is why proxies are only
/// for hosts that the configuration or the user stands for: under the policy [`Public`](super::Public) they are ignored, unless
/// [`danger::public_through_proxy`](super::danger::public_through_proxy) says otherwise.
///
/// `localhost` and loopback addresses never go through a proxy.
#[derive(Clone, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: Direct,
}

impl Proxies {
    /// No proxy.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// What `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` say, in lower or upper case; lower case goes first.
    ///
    /// `HTTP_PROXY` is left out in a CGI program (`REQUEST_METHOD` is set), where a client's `Proxy` header would set it.
    ///
    /// # Errors
    ///
    /// [`Error::is_config`] if one of them is no `http` or `https` URL.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// As [`Proxies::from_env`], with the values handed in.
    ///
    /// # Errors
    ///
    /// As [`Proxies::from_env`].
    pub fn from_variables(mut variable: impl FnMut(&str) -> Option<String>) -> Result<Self, Error> {
        let mut first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name).filter(|value| !value.trim().is_empty())?;
                Some((*name, value))
            })
        };
        let is_cgi = first(&["REQUEST_METHOD"]).is_some();
        let http = first(if is_cgi { &["http_proxy"] } else { &["http_proxy", "HTTP_PROXY"] });
        let https = first(&["https_proxy", "HTTPS_PROXY"]);
        let all = first(&["all_proxy", "ALL_PROXY"]);
        let direct = first(&["no_proxy", "NO_PROXY"]).map(|(_, list)| list).unwrap_or_default();
        let proxy = |own: Option<(&'static str, String)>| {
            own.as_ref().or(all.as_ref()).map(|(name, text)| Proxy::parse(name, text)).transpose()
        };
        Ok(Self { http: proxy(http)?, https: proxy(https)?, direct: Direct::parse(&direct) })
    }

    /// The proxy for a URL, if it has one.
    pub(super) fn of(&self, target: &Target) -> Option<&Proxy> {
        let proxy = match target.scheme() {
            Scheme::Http => self.http.as_ref(),
            Scheme::Https => self.https.as_ref(),
        }?;
        let near = match target.host() {
            Host::Name(name) => names::is_localhost(name),
            Host::Address(address) => address.to_canonical().is_loopback(),
        };
        (!near && !self.direct.covers(target)).then_some(proxy)
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies").field("http", &self.http).field("https", &self.https).finish_non_exhaustive()
    }
}

/// One proxy.
#[derive(Clone)]
pub(super) struct Proxy {
    target: Target,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// `http://user:password@host:port`; without a scheme it is http. An error names the variable and does not show the text:
    /// it may hold a password.
    fn parse(variable: &'static str, text: &str) -> Result<Self, Error> {
        let wrong = || Error::config(format!("{variable} is not the http or https URL of a proxy"));
        let text = text.trim();
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&text).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong());
        }
        let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let mut authorization = None;
        if !url.username().is_empty() || url.password().is_some() {
            // RFC 7617 section 2: user-id, colon, password.
            let credentials = [decode(url.username()), decode(url.password().unwrap_or_default())].join(&b':');
            let mut value =
                HeaderValue::try_from(format!("Basic {}", STANDARD.encode(credentials))).map_err(|_| wrong())?;
            value.set_sensitive(true);
            authorization = Some(value);
        }
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| wrong())?;
        let target = Target::parse(url.as_str()).map_err(|_| wrong())?;
        Ok(Self { target, authorization })
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// The value of `Proxy-Authorization` (RFC 9110 section 11.7.2).
    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("target", &self.target).finish_non_exhaustive()
    }
}

/// `NO_PROXY`: what is dialled directly.
#[derive(Clone, Default)]
struct Direct {
    rules: Vec<Rule>,
}

#[derive(Clone)]
enum Rule {
    Everything,
    /// A name and all names under it, and perhaps one port alone.
    Name(String, Option<u16>),
    Network(IpAddr, u32, Option<u16>),
}

impl Direct {
    /// Reads what programs agree on: names and addresses with commas between, networks as `10.0.0.0/8`, a port after a colon,
    /// and `*`. What cannot be read covers nothing.
    fn parse(text: &str) -> Self {
        let entries = text.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
        Self { rules: entries.filter_map(Rule::parse).collect() }
    }

    fn covers(&self, target: &Target) -> bool {
        self.rules.iter().any(|rule| rule.covers(target))
    }
}

impl Rule {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::Everything);
        }
        if let Some((network, length)) = entry.split_once('/') {
            return Some(Self::Network(network.parse().ok()?, length.parse().ok()?, None));
        }
        let bare = entry.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            return Some(Self::Network(address, 128, None));
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse() {
            return Some(Self::Network(address, 128, port));
        }
        let name = host.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase();
        (!name.is_empty()).then_some(Self::Name(name, port))
    }

    fn covers(&self, target: &Target) -> bool {
        match (self, target.host()) {
            (Self::Everything, _) => true,
            (Self::Name(rule, port), Host::Name(name)) => {
                names::is_under(name, rule) && port.is_none_or(|port| port == target.port())
            }
            (Self::Network(network, length, port), Host::Address(address)) => {
                within(*network, *length, address) && port.is_none_or(|port| port == target.port())
            }
            (Self::Name(..), Host::Address(_)) | (Self::Network(..), Host::Name(_)) => false,
        }
    }
}

fn within(network: IpAddr, length: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (network.to_bits() ^ address.to_bits()).leading_zeros() >= length.min(32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            (network.to_bits() ^ address.to_bits()).leading_zeros() >= length.min(128)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
