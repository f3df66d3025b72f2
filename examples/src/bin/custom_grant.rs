//! A grant of one's own (RFC 6749 section 4.5): `custom_grant [ADDR:PORT]`.
//!
//! The gate at the door takes badges. Each is a code that was printed beforehand, is good for one day, and once; its
//! holder becomes the subject of the token. The gate is a client that the operator has added, with the secret in
//! `EXAMPLE_GATE_SECRET`; `EXAMPLE_BADGES` names the badges and whose they are, as in `ada:4711 grace:4712`.
//!
//! ```sh
//! curl -s http://127.0.0.1:8000/token -d client_id=gate -d client_secret=SECRET \
//!   -d grant_type=urn:example:params:oauth:grant-type:badge -d badge=4711
//! ```

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_oauth::{
    identity::{Attempt, Begin, Fields, Form, IdentityProvider, ProviderId, SignInError, Standing, Step},
    server::{
        AuthorizationServer, OAuthError, Peer,
        grant::{GrantContext, GrantHandler, TokenPlan},
    },
    store::ReplayKind,
    types::{Client, ClientAuthMethod, Digest, Identity, Secret, Timestamp},
};
use mcp_transport::{
    auth::{ClientId, Issuer, ResourceId},
    http::serve::{self, Server},
    signal,
};

const BADGE: &str = "urn:example:params:oauth:grant-type:badge";

/// The holders of badges, by the digests of these.
#[derive(Clone, Debug)]
struct Badges {
    provider: ProviderId,
    holders: Arc<BTreeMap<Digest, String>>,
}

impl Badges {
    fn from_environment() -> Result<Self, Box<dyn std::error::Error>> {
        let text = std::env::var("EXAMPLE_BADGES")?;
        let badge = |entry: &str| {
            let (holder, badge) = entry.split_once(':')?;
            Some((Digest::sha256(badge.as_bytes()), holder.to_owned()))
        };
        let holders = text.split_whitespace().map(badge).collect::<Option<_>>().ok_or("a badge is HOLDER:CODE")?;
        Ok(Self { provider: ProviderId::parse("badges")?, holders: Arc::new(holders) })
    }
}

#[async_trait]
impl GrantHandler for Badges {
    fn grant_type(&self) -> &str {
        BADGE
    }

    async fn plan(&self, cx: &GrantContext<'_>) -> Result<TokenPlan, OAuthError> {
        // What could be known before is judged before the badge is used up.
        let (resource, scopes) = (cx.resource()?, cx.scopes()?);
        let badge = Digest::sha256(cx.required("badge")?.as_bytes());
        let holder = self.holders.get(&badge).ok_or_else(OAuthError::invalid_grant)?;
        let subject = self.provider.subject(holder).map_err(OAuthError::server_error)?;
        let tomorrow = cx.now().after(Duration::from_secs(24 * 3600));
        let id = Digest::of("badge", &[badge.as_bytes()]);
        if !cx.stores().replays.first_use(ReplayKind::Embedder, &id, tomorrow, cx.now()).await? {
            return Err(OAuthError::invalid_grant());
        }
        let mut plan = cx.for_user(Identity::new(self.provider.as_str(), subject), resource, &scopes).await?;
        plan.claims.insert("badge".to_owned(), true.into());
        Ok(plan)
    }
}

/// Who holds a badge is somebody: at each refresh it is asked whether they still do. Nobody signs in with one on a
/// page.
#[async_trait]
impl IdentityProvider for Badges {
    fn id(&self) -> &ProviderId {
        &self.provider
    }

    async fn begin(&self, _: &Begin) -> Result<Step, SignInError> {
        Ok(Step::Form(Form::new(Fields::Code).sentence("Show your badge at the door.")))
    }

    async fn sign_in(&self, _: &Attempt) -> Result<Identity, SignInError> {
        Err(SignInError::Refused)
    }

    async fn standing(&self, identity: &Identity, _: Timestamp) -> Result<Standing, SignInError> {
        let account = self.provider.account(&identity.subject).unwrap_or_default();
        let holds = self.holders.values().any(|holder| holder == account);
        Ok(if holds { Standing::Good(Box::new(identity.clone())) } else { Standing::Ended })
    }
}

/// The client at the door. It may use this grant, and refresh what it has got.
fn gate(secret: String) -> Result<Client, Box<dyn std::error::Error>> {
    let (id, method) = (ClientId::parse("gate")?, ClientAuthMethod::ClientSecretPost);
    Ok(Client::confidential(id, method, &Secret::new(secret), [BADGE, "refresh_token"]))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let badges = Badges::from_environment()?;
    let listener = Server::bind(address).await?;
    let public = format!("http://{}", listener.local_addr()?);
    let server = AuthorizationServer::builder(Issuer::parse(&public)?)
        .resource(ResourceId::parse(&format!("{public}/mcp"))?)
        .identity(Arc::new(badges.clone()))
        .grant(Arc::new(badges))
        .client(gate(std::env::var("EXAMPLE_GATE_SECRET")?)?)
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
