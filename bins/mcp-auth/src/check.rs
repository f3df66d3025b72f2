//! What would be served: the configuration checked, and the store opened.

use std::io::{self, Write as _};

use mcp_oauth::server::Registration;
use mcp_transport::auth::ResourceId;

use crate::admin::Socket;
use crate::config::Config;
use crate::error::{Failure, chain};
use crate::metrics::Metrics;
use crate::place::Place;
use crate::server::{Signing, build};
use crate::stores::StoreUrl;

/// Checks everything that a start would, changes nothing, and prints what it has found.
///
/// # Cancel safety
/// Dropped, nothing has changed.
pub(crate) async fn run(config: Config) -> Result<(), Failure> {
    let (place, policy) = (&config.place, &config.policy);
    let address = ([127, 0, 0, 1], config.listen.port).into();
    let issuer = config.issuer(address)?;
    // The library judges the rest of it. Nothing of this server is kept: its store is in memory.
    let trial = place.in_memory();
    let stores = trial.store.open(None)?.stores;
    let server = build(&trial, policy, issuer, stores, Metrics::default(), Signing::Configured).await?;
    let store = store(place).await?;
    let listen = format!("{} ({})", config.listen, if config.tls.is_some() { "https" } else { "http" });
    let mut lines = vec![
        ("issuer", server.issuer().to_string()),
        ("listens on", listen),
        ("resources", server.resources().iter().map(ResourceId::as_str).collect::<Vec<_>>().join(" ")),
        ("signs with", policy.algorithm.to_string()),
        ("sign-in", sign_in(place)),
        ("registration", registration(policy.registration).to_owned()),
        ("data folder", place.data.display().to_string()),
        ("store", store),
    ];
    if let Some(address) = &config.admin_listen {
        lines.push(("operator's address", address.to_string()));
    }
    if policy.rate_limit.is_none() {
        lines.push(("warning", "requests are not limited".to_owned()));
    }
    let text: String = lines.iter().map(|(name, value)| format!("{name:<20}{value}\n")).collect();
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}

fn sign_in(place: &Place) -> String {
    match &place.users_file {
        Some(file) => format!("users of {}", file.display()),
        None => "owner, with a one-time code".to_owned(),
    }
}

const fn registration(which: Registration) -> &'static str {
    match which {
        Registration::Open => "open",
        _ => "off",
    }
}

async fn store(place: &Place) -> Result<String, Failure> {
    let url = &place.store;
    if Socket::is_answered(&place.socket()).await {
        return Ok(format!("{url} (a server runs with it)"));
    }
    if let StoreUrl::File(path) = url
        && !path.exists()
    {
        return Ok(format!("{url} (made at the first start)"));
    }
    if url.is_kept() {
        place.prepare()?;
    }
    let opened = url.open(place.tls.as_ref())?;
    opened.examine().await?;
    for store in &opened.stores.maintenance {
        if let Err(error) = store.ping().await {
            return Ok(format!("{url} (fails: {})", chain(&error)));
        }
    }
    if url.is_kept() && opened.stores.keys.load().await.is_ok_and(|keys| keys.is_some()) {
        // They can be opened with this master key, or the start would fail.
        let master = place.master_key()?;
        let keys = mcp_oauth::server::stored_keys(opened.stores.keys.as_ref(), master).await;
        keys.map_err(mcp_oauth::server::ConfigError::Keys)?;
    }
    Ok(format!("{url} (can serve)"))
}
