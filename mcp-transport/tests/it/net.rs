//! The way out: every forbidden place is really tried, every odd but legitimate one really reached.

mod dns;
mod hostile;
mod legitimate;
mod limits;
mod proxies;
mod reach;
mod rebinding;
mod redirects;
#[cfg(feature = "redis")]
mod redis;
mod secure;
mod support;
