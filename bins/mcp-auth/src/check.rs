//! What would be served: the configuration checked, and the store opened.

use std::io::{self, Write as _};

use mcp_oauth::server::client::Quirks;
use mcp_oauth::server::{AuthorizationServer, Registration, stored_keys};
use mcp_transport::auth::ResourceId;

use crate::admin::{AdminError, Socket};
use crate::config::{Config, Documents, Policy};
use crate::error::Failure;
use crate::metrics::Metrics;
use crate::place::Place;
use crate::server::{Signing, build};
use crate::stores::{Opened, StoreUrl};

/// What is said where a server runs: it is not asked what it was told.
pub(crate) const OTHER_SETTINGS: &str =
    "these are the settings of this command; the server that runs may have been started with others";

/// Checks everything that a start would, changes nothing, and prints what it has found.
///
/// # Cancel safety
///
/// Dropped, nothing has changed.
pub(crate) async fn run(config: Config) -> Result<(), Failure> {
    let (place, policy) = (&config.place, &config.policy);
    let server = trial(&config).await?;
    let store = store(place).await?;
    let listen = format!("{} ({})", config.listen, if config.tls.is_some() { "https" } else { "http" });
    let mut lines = vec![
        ("issuer", server.issuer().to_string()),
        ("listens on", listen),
        ("resources", server.resources().iter().map(ResourceId::as_str).collect::<Vec<_>>().join(" ")),
        ("scopes", scopes(policy)),
        ("signs with", signs_with(policy)),
        ("sign-in", sign_in(place)),
        ("registration", registration(policy.registration).to_owned()),
        ("client documents", documents(&policy.documents)),
        ("quirks", quirks(policy)),
        ("data folder", place.data.display().to_string()),
        ("store", store),
    ];
    if Socket::is_answered(&place.socket()).await {
        lines.push(("note", OTHER_SETTINGS.to_owned()));
    }
    if let Some(address) = &config.admin_listen {
        lines.push(("operator's address", address.to_string()));
    }
    if policy.rate_limit.is_none() {
        lines.push(("warning", "requests are not limited".to_owned()));
    }
    lines.extend(config.warnings().map(|warning| ("warning", warning.to_owned())));
    let text: String = lines.iter().map(|(name, value)| format!("{name:<20}{value}\n")).collect();
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}

/// A server of this configuration of which nothing is kept: the library judges the rest of it.
///
/// # Cancel safety
///
/// Dropped, nothing has changed.
pub(crate) async fn trial(config: &Config) -> Result<AuthorizationServer, Failure> {
    let issuer = config.issuer(([127, 0, 0, 1], config.listen.port).into())?;
    let place = config.place.in_memory();
    let stores = place.store.open(None)?.stores;
    build(&place, &config.policy, issuer, stores, Metrics::default(), Signing::Configured).await
}

fn sign_in(place: &Place) -> String {
    match &place.users_file {
        Some(file) => format!("users of {}", file.display()),
        None => "owner, with a one-time code".to_owned(),
    }
}

fn scopes(policy: &Policy) -> String {
    let mut text = match &policy.scopes {
        Some(scopes) => {
            let names = scopes.known.iter().map(|scope| scope.name.as_str()).collect::<Vec<_>>().join(" ");
            format!("{names} (who asks for none gets {})", scopes.default)
        }
        None => "mcp".to_owned(),
    };
    for line in &policy.hierarchy.lines {
        text.push_str("; ");
        text.push_str(line);
    }
    text
}

fn signs_with(policy: &Policy) -> String {
    match policy.rotate_after {
        Some(age) => format!("{}, a new key every {} seconds", policy.algorithm, age.as_secs()),
        None => format!("{}, a new key when 'mcp-auth keys rotate' says so", policy.algorithm),
    }
}

fn documents(documents: &Documents) -> String {
    match documents {
        Documents::Fetched(_, hosts) if hosts.is_empty() => "fetched from public hosts".to_owned(),
        Documents::Fetched(_, hosts) => format!("fetched from public hosts, and from {}", hosts.join(" ")),
        Documents::Off => "not fetched".to_owned(),
    }
}

/// The rules that do something, the library's and the operator's.
fn quirks(policy: &Policy) -> String {
    let table = Quirks::with(policy.quirks.iter().cloned());
    let rules = table.rules().filter(|rule| !rule.quirks.is_empty()).map(|rule| {
        let quirks: Vec<&str> = rule.quirks.iter().map(|quirk| quirk.as_str()).collect();
        format!("{} ({})", rule.name, quirks.join(" "))
    });
    let rules = rules.collect::<Vec<_>>().join(", ");
    if rules.is_empty() { "none".to_owned() } else { rules }
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
    judge(place, &opened).await?;
    Ok(format!("{url} (can serve)"))
}

/// Whether the store can serve, and its keys can be opened with the master key of this place.
///
/// # Cancel safety
///
/// Asking changes nothing.
pub(crate) async fn judge(place: &Place, opened: &Opened) -> Result<(), Failure> {
    for store in &opened.stores.maintenance {
        store.ping().await.map_err(AdminError::Store)?;
    }
    let kept = place.store.is_kept() && opened.stores.keys.load().await.map_err(AdminError::Store)?.is_some();
    if kept {
        let master = place.kept_master_key()?;
        let master = master.ok_or_else(|| AdminError::NoMasterKey(place.master_key_file.clone()))?;
        let keys = stored_keys(opened.stores.keys.as_ref(), master).await;
        keys.map_err(mcp_oauth::server::ConfigError::Keys)?;
    }
    Ok(())
}
