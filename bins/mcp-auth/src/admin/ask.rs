//! From the command line to a request, and its answer printed.

use std::io::{self, Write as _};

use super::AdminError;
use super::commands::{Clients, Consents, Grants, Keys, NewClient};
use super::line::{Line, Need};
use super::request::{ClientSpec, Request, Whose};
use crate::config::client_lifetime;
use crate::environment::Environment;
use crate::error::Failure;
use crate::options::{Command, Options};
use crate::place::Place;

/// The largest file of a client's keys.
const LARGEST_KEYS: u64 = 64 << 10;

/// Has a command carried out and prints the answer: one JSON object for each thing, on a line of its own.
///
/// # Cancel safety
///
/// Dropped, the command may be carried out all the same.
pub(crate) async fn run(request: Request, options: &Options, environment: &Environment) -> Result<(), Failure> {
    let place = Place::new(&options.place, environment)?;
    let unused = client_lifetime(&options.server);
    let mut line = Line::open(&place, options, environment, Need::of(&request), unused).await?;
    let mut next = Some(request);
    while let Some(request) = next {
        let reply = line.ask(request.clone()).await?;
        let mut text = Vec::new();
        for item in &reply.items {
            // Values always serialise.
            serde_json::to_writer(&mut text, item).map_err(|error| Failure::Output(error.into()))?;
            text.push(b'\n');
        }
        io::stdout().write_all(&text).map_err(Failure::Output)?;
        next = reply.next.and_then(|after| request.after(after));
    }
    Ok(())
}

impl Request {
    /// The request of a command; `None` for those that no server carries out.
    pub(crate) fn of(command: &Command) -> Result<Option<Self>, AdminError> {
        Ok(Some(match command {
            Command::Clients(Clients::Add(client)) => Self::AddClient(Box::new(spec(client)?)),
            Command::Clients(Clients::List) => Self::ListClients { after: None },
            Command::Clients(Clients::Show { client_id }) => Self::ShowClient { id: client_id.clone() },
            Command::Clients(Clients::Delete { client_id }) => Self::DeleteClient { id: client_id.clone() },
            Command::Grants(Grants::List { client, subject }) => {
                Self::ListGrants { whose: whose(client.as_ref(), subject.as_ref()), after: None }
            }
            Command::Grants(Grants::Revoke { grant: Some(grant), .. }) => Self::EndGrant { id: grant.clone() },
            Command::Grants(Grants::Revoke { grant: None, client, subject }) => {
                let whose = whose(client.as_ref(), subject.as_ref());
                let none = || AdminError::Usage("say which grants are meant".to_owned());
                Self::EndGrants { whose: whose.ok_or_else(none)? }
            }
            Command::Consents(Consents::List { subject }) => Self::ListConsents { subject: subject.clone() },
            Command::Consents(Consents::Revoke { subject, client }) => {
                Self::ForgetConsents { subject: subject.clone(), client: client.clone() }
            }
            Command::Keys(Keys::List) => Self::ListKeys,
            Command::Keys(Keys::Rotate) => Self::RotateKeys,
            Command::Keys(Keys::Revoke { key_id }) => Self::RevokeKey { id: key_id.clone() },
            Command::Stats => Self::Stats,
            Command::Purge => Self::Purge,
            Command::Backup { file } => {
                let to = std::path::absolute(file).map_err(|error| AdminError::Usage(error.to_string()))?;
                Self::Backup { to }
            }
            Command::Serve
            | Command::Check
            | Command::Doctor
            | Command::Users(_)
            | Command::Restore { .. }
            | Command::Completions { .. }
            | Command::Man => return Ok(None),
        }))
    }

    /// The same for the next page.
    fn after(self, last: String) -> Option<Self> {
        match self {
            Self::ListClients { .. } => Some(Self::ListClients { after: Some(last) }),
            Self::ListGrants { whose, .. } => Some(Self::ListGrants { whose, after: Some(last) }),
            _ => None,
        }
    }
}

fn whose(client: Option<&String>, subject: Option<&String>) -> Option<Whose> {
    client.cloned().map(Whose::Client).or_else(|| subject.cloned().map(Whose::Subject))
}

fn spec(client: &NewClient) -> Result<ClientSpec, AdminError> {
    let jwks = match &client.jwks_file {
        Some(path) => {
            let wrong = |why: String| AdminError::Usage(format!("--jwks-file {}: {why}", path.display()));
            let mut text = Vec::new();
            let file = std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
            let read = io::Read::read_to_end(&mut io::Read::take(file, LARGEST_KEYS), &mut text);
            read.map_err(|error| wrong(error.to_string()))?;
            Some(serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?)
        }
        None => None,
    };
    Ok(ClientSpec {
        id: client.client_id.clone(),
        redirect_uris: client.redirect_uri.clone(),
        auth_method: client.auth_method.clone(),
        grant_types: client.grant_type.clone(),
        name: client.name.clone(),
        scope: client.scope.clone(),
        jwks_uri: client.jwks_uri.clone(),
        jwks,
        serves: client.serves.clone(),
    })
}
