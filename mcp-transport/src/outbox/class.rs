//! Which messages can stand for one another.

use crate::{
    jsonrpc::{Raw, frame},
    protocol::Method,
};

/// What may happen to a message when there is no room.
#[derive(PartialEq, Eq)]
pub(super) enum Class {
    Progress(Option<String>),
    ListChanged(Method),
    Updated(Option<String>),
    Acknowledged,
    Other,
}

impl Class {
    pub(super) fn of(method: &Method, params: Option<&Raw>) -> Self {
        let member = |name| params.and_then(|params| frame::string_member(params, name));
        match method {
            Method::Progress => {
                let token = params.and_then(|params| crate::jsonrpc::lookup(params.as_str(), &["progressToken"]));
                Self::Progress(token.map(Into::into))
            }
            Method::ToolListChanged | Method::PromptListChanged | Method::ResourceListChanged => {
                Self::ListChanged(method.clone())
            }
            Method::ResourceUpdated => Self::Updated(member("uri")),
            Method::SubscriptionsAcknowledged => Self::Acknowledged,
            _ => Self::Other,
        }
    }

    /// Whether it is taken even where there is no room. A list change or an acknowledgement that got lost would leave the
    /// client with an old list, or without its stream, for good; and there are but a few, because equal ones merge.
    pub(super) const fn is_never_lost(&self) -> bool {
        matches!(self, Self::ListChanged(_) | Self::Acknowledged)
    }
}
