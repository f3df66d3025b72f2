//! Users of one's own, and a say in what they get: `custom_identity [ADDR:PORT]`.
//!
//! Here the users are a table in the program, and their passwords are read from the environment: `EXAMPLE_PASSWORD_ADA`
//! and so on. A real one asks a directory or a database in the same places.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use mcp_oauth::{
    identity::{
        Access, AccessPolicy, Allowed, Attempt, Begin, Decision, Fields, Form, IdentityProvider, PolicyError,
        ProviderId, Reason, SignInError, Standing, Step,
    },
    server::{AuthorizationServer, Peer},
    types::{Digest, Identity, Secret, Timestamp},
};
use mcp_transport::{
    auth::{Issuer, ResourceId},
    http::serve::{self, Server},
    signal,
};

/// The staff: who they are, their teams, and the digests of their passwords.
#[derive(Debug)]
struct Staff {
    id: ProviderId,
    members: BTreeMap<&'static str, Member>,
}

#[derive(Debug)]
struct Member {
    team: Option<&'static str>,
    password: Digest,
}

impl Staff {
    fn from_environment() -> Result<Self, Box<dyn std::error::Error>> {
        let mut members = BTreeMap::new();
        for (name, team) in [("ada", Some("engines")), ("grace", Some("compilers")), ("edsger", None)] {
            if let Ok(password) = std::env::var(format!("EXAMPLE_PASSWORD_{}", name.to_uppercase())) {
                members.insert(name, Member { team, password: Secret::new(password).digest() });
            }
        }
        Ok(Self { id: ProviderId::parse("staff")?, members })
    }

    fn identity(&self, name: &str, member: &Member) -> Result<Identity, SignInError> {
        // Unique over all providers, because it begins with the name of this one.
        let subject = self.id.subject(name).map_err(|fault| SignInError::Unavailable(fault.into()))?;
        let mut identity = Identity::new(self.id.as_str(), subject);
        identity.username = Some(name.to_owned());
        identity.groups = member.team.map(str::to_owned).into_iter().collect();
        Ok(identity)
    }
}

#[async_trait]
impl IdentityProvider for Staff {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn begin(&self, _: &Begin) -> Result<Step, SignInError> {
        Ok(Step::Form(Form::new(Fields::Password).sentence("For members of the staff.")))
    }

    async fn sign_in(&self, attempt: &Attempt) -> Result<Identity, SignInError> {
        let (Some(name), Some(password)) = (&attempt.username, &attempt.password) else {
            return Err(SignInError::Refused);
        };
        // Passwords that people choose want argon2id in the place of a digest: see `UsersFile`.
        let digest = password.digest();
        match self.members.get(name.as_str()) {
            Some(member) if member.password.matches(&digest) => self.identity(name, member),
            _ => Err(SignInError::Refused),
        }
    }

    async fn standing(&self, identity: &Identity, _: Timestamp) -> Result<Standing, SignInError> {
        let name = self.id.account(&identity.subject).unwrap_or_default();
        match self.members.get(name) {
            Some(member) => Ok(Standing::Good(Box::new(self.identity(name, member)?))),
            None => Ok(Standing::Ended),
        }
    }
}

/// Whoever is in no team has no access, and every token says which team it is. Asked at each refresh too: who leaves
/// the team loses access then.
#[derive(Debug)]
struct Teams;

#[async_trait]
impl AccessPolicy for Teams {
    async fn decide(&self, access: &Access<'_>) -> Result<Decision, PolicyError> {
        let Some(team) = access.identity.groups.first() else {
            return Ok(Decision::Deny(Reason::fixed("Only members of a team have access.")));
        };
        let allowed = Allowed::new(access.scopes.clone()).claim("team", team.as_str().into());
        allowed.map(Decision::Allow).map_err(|fault| PolicyError::Unavailable(fault.into()))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let listener = Server::bind(address).await?;
    let public = format!("http://{}", listener.local_addr()?);
    let server = AuthorizationServer::builder(Issuer::parse(&public)?)
        .resource(ResourceId::parse(&format!("{public}/mcp"))?)
        .identity(Arc::new(Staff::from_environment()?))
        .policy(Arc::new(Teams))
        .build()
        .await?;
    let maintained = server.clone();
    tokio::spawn(async move { maintained.maintain().await });
    // It is told who asks by what the accept loop knows: its limits are by address.
    let service = server.service();
    let connected = move |ends: serve::ConnectInfo| {
        let peer = Peer::direct(ends.remote.ip());
        service.clone().peer(move |_| Some(peer))
    };
    eprintln!("listening on {public}");
    listener.serve_with(connected, signal::asked_to_stop()?).await;
    Ok(())
}
