//! What clients are allowed without their users being asked again.

use mcp_oauth::store::{By, ConsentRecord, ConsentsOf};
use serde_json::{Value, json};

use super::AdminError;
use super::desk::Desk;
use super::grants::by;
use super::request::{Reply, Whose};

impl Desk {
    pub(super) async fn list_consents(&self, subject: &str) -> Result<Reply, AdminError> {
        let By::Subject(subject) = by(&Whose::Subject(subject.to_owned()))? else { return Ok(Reply::default()) };
        let consents = self.administration.consents(&subject).await?;
        Ok(Reply { items: consents.iter().map(told).collect(), next: None })
    }

    /// The grants stay: what was allowed goes on, and is asked for again at the next sign-in.
    pub(super) async fn forget_consents(
        &self,
        subject: Option<&str>,
        client: Option<&str>,
    ) -> Result<Reply, AdminError> {
        let parsed = |whose: Option<Whose>| whose.as_ref().map(by).transpose();
        let subject = parsed(subject.map(|subject| Whose::Subject(subject.to_owned())))?;
        let client = parsed(client.map(|client| Whose::Client(client.to_owned())))?;
        let of = match (subject, client) {
            (Some(By::Subject(subject)), Some(By::Client(client))) => ConsentsOf::Both(subject, client),
            (Some(one), None) | (None, Some(one)) => ConsentsOf::from(&one),
            _ => return Err(AdminError::Usage("say which consents are meant".to_owned())),
        };
        let forgotten = self.administration.forget_consents(&of).await?;
        Ok(Reply::one(json!({"consents_forgotten": forgotten})))
    }
}

/// A consent as it is printed. Times are seconds since 1970.
fn told(record: &ConsentRecord) -> Value {
    json!({
        "client_id": record.client_id,
        "client_name": record.client_name,
        "subject": record.subject,
        "redirect_uri": record.redirect_uri,
        "resource": record.resource,
        "scope": record.scopes.to_string(),
        "given_at": record.given_at.as_secs(),
        "ends": record.expires_at.as_secs(),
    })
}
