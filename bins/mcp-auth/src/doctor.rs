//! What is wrong, and how to mend it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use mcp_oauth::identity::users_file::list;
use mcp_transport::auth::Issuer;
use mcp_transport::net::{Client, Policy, Target};

use crate::admin::Socket;
use crate::check::{OTHER_SETTINGS, judge, trial};
use crate::config::Config;
use crate::error::{Failure, chain};
use crate::place::Place;
use crate::stores::StoreUrl;

/// The largest document that is read.
const LARGEST: usize = 256 << 10;

/// What was found about one thing.
type Finding = Result<String, String>;

/// Looks at everything, prints what it finds, a line for each, and fails if something is wrong.
///
/// # Cancel safety
///
/// Dropped, nothing has changed.
pub(crate) async fn run(config: Config) -> Result<(), Failure> {
    let place = &config.place;
    let runs = Socket::is_answered(&place.socket()).await;
    let said = if runs { format!("can be served; {OTHER_SETTINGS}") } else { "can be served".to_owned() };
    let tried = trial(&config).await.map(|_| said);
    let mut findings = vec![
        ("configuration", tried.map_err(|failure| failure.to_string())),
        ("data folder", folder(place)),
        ("store", if runs { Ok(format!("{} (a server runs with it)", place.store)) } else { store(place).await }),
    ];
    if let Some(file) = &place.users_file {
        findings.push(("users", users(file)));
    }
    if runs || config.policy.issuer.is_some() {
        // Where there is no name, clients know the server by its address.
        let issuer = config.issuer(([127, 0, 0, 1], config.listen.port).into())?;
        findings.push(("clients", clients(place, &issuer).await));
    }
    let mut text = String::new();
    let mut wrong = 0;
    for (name, finding) in findings {
        let (word, what) = match finding {
            Ok(what) => ("ok", what),
            Err(what) => {
                wrong += 1;
                ("WRONG", what)
            }
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{word:<7}{name:<16}{what}");
    }
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)?;
    if wrong == 0 { Ok(()) } else { Err(Failure::Diagnosed(wrong)) }
}

fn folder(place: &Place) -> Finding {
    let shown = place.data.display();
    if !place.data.exists() {
        return Ok(format!("{shown} (made at the first start)"));
    }
    place.prepare().map_err(|error| error.to_string())?;
    if place.store.is_kept() && place.has_master_key() {
        place.master_key().map_err(|error| error.to_string())?;
    }
    Ok(shown.to_string())
}

async fn store(place: &Place) -> Finding {
    let url = &place.store;
    if let StoreUrl::File(path) = url
        && !path.exists()
    {
        return Ok(format!("{url} (made at the first start)"));
    }
    let opened = url.open_checked(place.tls.as_ref()).map_err(|error| error.to_string())?;
    opened.examine().await.map_err(|error| error.to_string())?;
    judge(place, &opened).await.map_err(|failure| failure.to_string())?;
    Ok(format!("{url} (every page is sound)"))
}

fn users(file: &Path) -> Finding {
    let users = list(file).map_err(|error| chain(&error))?;
    Ok(format!("{} in {}", users.len(), file.display()))
}

/// Whether clients find the server where its issuer says, and read there what it says of itself.
async fn clients(place: &Place, issuer: &Issuer) -> Finding {
    let told = |what: &dyn std::fmt::Display| format!("{issuer}: {what}");
    // RFC 8414 section 3.1: behind the host, before the path.
    let (scheme, rest) = issuer.as_str().split_once("://").unwrap_or_default();
    let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    let url = format!("{scheme}://{host}/.well-known/oauth-authorization-server{path}");
    let target = Target::parse(&url).map_err(|error| told(&error))?;
    let mut client = Client::builder(Policy::operator());
    if let Some(tls) = &place.tls {
        client = client.tls(tls.clone());
    }
    let client = client.build().map_err(|error| told(&chain(&error)))?;
    let answer = client.get(&target, LARGEST).await.map_err(|error| told(&chain(&error)))?;
    if !answer.status().is_success() {
        return Err(told(&format_args!("its metadata is answered with {}", answer.status())));
    }
    let document: serde_json::Value = serde_json::from_slice(answer.body()).map_err(|error| told(&error))?;
    match document.get("issuer").and_then(|own| own.as_str()) {
        Some(own) if own == issuer.as_str() => Ok(format!("find the server at {issuer}")),
        Some(own) => Err(told(&format_args!("the server there calls itself {own:?}"))),
        None => Err(told(&"what is there is no authorization server")),
    }
}
