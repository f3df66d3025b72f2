//! What is asked of a server, and what it answers: a line of JSON each, where they go over a socket.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::AdminError;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub(crate) enum Request {
    AddClient(Box<ClientSpec>),
    ListClients { after: Option<String> },
    ShowClient { id: String },
    DeleteClient { id: String },
    ListGrants { whose: Option<Whose>, after: Option<String> },
    EndGrant { id: String },
    EndGrants { whose: Whose },
    ListConsents { subject: String },
    ForgetConsents { subject: Option<String>, client: Option<String> },
    ListKeys,
    RotateKeys,
    RevokeKey { id: String },
    Stats,
    Purge,
    Backup { to: PathBuf },
}

/// Whose grants are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Whose {
    Client(String),
    Subject(String),
}

/// A client to be added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientSpec {
    pub(crate) id: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) auth_method: String,
    pub(crate) grant_types: Vec<String>,
    pub(crate) name: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) jwks_uri: Option<String>,
    pub(crate) jwks: Option<Value>,
    pub(crate) serves: Vec<String>,
}

/// The answer to a command that was carried out: what is to be printed, and where the next page of a list begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(crate) items: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl Reply {
    /// One thing.
    pub(crate) fn one(item: Value) -> Self {
        Self { items: vec![item], next: None }
    }
}

/// What goes back over the socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    Done(Reply),
    /// What was asked for makes no sense.
    Usage(String),
    /// It could not be done.
    Failed(String),
}

impl From<Result<Reply, AdminError>> for Answer {
    fn from(result: Result<Reply, AdminError>) -> Self {
        match result {
            Ok(reply) => Self::Done(reply),
            Err(error) if error.code() == 2 => Self::Usage(error.to_string()),
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

impl From<Answer> for Result<Reply, AdminError> {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Done(reply) => Ok(reply),
            Answer::Usage(why) => Err(AdminError::Usage(why)),
            Answer::Failed(why) => Err(AdminError::Refused(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_are_lines_of_json() {
        for (request, text) in [
            (Request::Stats, json!({"command": "stats"})),
            (Request::ShowClient { id: "c".to_owned() }, json!({"command": "show-client", "id": "c"})),
            (
                Request::EndGrants { whose: Whose::Client("c".to_owned()) },
                json!({"command": "end-grants", "whose": {"client": "c"}}),
            ),
            (
                Request::ForgetConsents { subject: Some("s".to_owned()), client: None },
                json!({"command": "forget-consents", "subject": "s", "client": null}),
            ),
        ] {
            assert_eq!(serde_json::to_value(&request).unwrap(), text);
            assert_eq!(serde_json::from_value::<Request>(text).unwrap(), request);
        }
        assert!(serde_json::from_value::<Request>(json!({"command": "shell"})).is_err());
    }

    #[test]
    fn an_error_keeps_whose_fault_it_is() {
        for (error, code) in [(AdminError::Absent("client", "clients"), 1), (AdminError::Usage("no".to_owned()), 2)] {
            let said = error.to_string();
            let back = Result::<Reply, _>::from(Answer::from(Err(error))).unwrap_err();
            assert_eq!((back.code(), back.to_string()), (code, said));
        }
    }
}
