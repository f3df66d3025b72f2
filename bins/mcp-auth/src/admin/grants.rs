//! What users have allowed clients.

use mcp_oauth::store::By;
use mcp_oauth::types::{GrantId, GrantView};
use mcp_transport::auth::Subject;
use serde_json::{Value, json};

use super::AdminError;
use super::clients::client_id;
use super::desk::Desk;
use super::request::{Reply, Whose};

/// How many are told at a time.
const PAGE: u16 = 200;

impl Desk {
    pub(super) async fn list_grants(&self, whose: Option<&Whose>, after: Option<&str>) -> Result<Reply, AdminError> {
        let (whose, after) = (whose.map(by).transpose()?, after.map(grant_id).transpose()?);
        let page = self.administration.grants(whose.as_ref(), after, PAGE).await?;
        Ok(Reply { items: page.items.iter().map(told).collect(), next: page.next.map(|id| id.to_string()) })
    }

    pub(super) async fn end_grant(&self, id: &str) -> Result<Reply, AdminError> {
        if self.administration.end_grant(grant_id(id)?).await? {
            Ok(Reply::one(json!({"grants_ended": 1})))
        } else {
            Err(AdminError::Absent("live grant", "grants"))
        }
    }

    pub(super) async fn end_grants(&self, whose: &Whose) -> Result<Reply, AdminError> {
        let ended = self.administration.end_grants(&by(whose)?).await?;
        Ok(Reply::one(json!({"grants_ended": ended})))
    }
}

pub(super) fn by(whose: &Whose) -> Result<By, AdminError> {
    match whose {
        Whose::Client(client) => client_id(client).map(By::Client),
        Whose::Subject(subject) => Subject::parse(subject)
            .map(By::Subject)
            .map_err(|error| AdminError::Usage(format!("the subject {subject:?}: {error}"))),
    }
}

fn grant_id(text: &str) -> Result<GrantId, AdminError> {
    // What is given in its place may be a token: it is not repeated.
    text.parse().map_err(|error| AdminError::Usage(format!("GRANT: {error}")))
}

/// A grant as it is printed. Times are seconds since 1970.
fn told(view: &GrantView) -> Value {
    let grant = &view.grant;
    json!({
        "grant": grant.id,
        "client_id": grant.client.id,
        "client_name": grant.client.name,
        "subject": grant.identity.subject,
        "username": grant.identity.username,
        "resource": grant.resource,
        "scope": grant.scopes.to_string(),
        "created_at": grant.created_at.as_secs(),
        "ends_unless_refreshed": view.idle_until.as_secs(),
        "ends": grant.expires_at.as_secs(),
        "refreshed": view.generation.saturating_sub(1),
    })
}
