//! `_meta`, params of a few members, and results that say little.

use crate::protocol::meta::key;
use crate::protocol::{
    AcknowledgedParams, CallToolParams, CancelledParams, CompleteParams, CompleteResult, Downgrade, EmptyParams,
    EmptyResult, GetPromptParams, ListenParams, LoggingMessageParams, Meta, PaginatedParams, ProgressParams,
    ReadResourceParams, Reference, ResourceUpdatedParams, Revision, SetLevelParams, SubscribeParams,
};

use super::{drop_experimental_task, drop_unless};

/// What modern messages say of themselves and a legacy session has settled once. A server that speaks both eras takes
/// the version among them for a modern request.
const MODERN_KEYS: [&str; 6] = [
    key::PROTOCOL_VERSION,
    key::CLIENT_INFO,
    key::CLIENT_CAPABILITIES,
    key::LOG_LEVEL,
    key::SERVER_INFO,
    key::SUBSCRIPTION_ID,
];

/// Forgets what a modern message says of itself; the object goes with its last member.
impl Downgrade for Option<Meta> {
    fn downgrade(&mut self, to: Revision) {
        if to.is_modern() {
            return;
        }
        if let Some(meta) = self {
            let before = meta.members().len();
            for key in MODERN_KEYS {
                meta.members_mut().remove(key);
            }
            if before > 0 && meta.members().is_empty() {
                *self = None;
            }
        }
    }
}

macro_rules! only_meta {
    ($($name:ident,)*) => {$(
        impl Downgrade for $name {
            fn downgrade(&mut self, to: Revision) {
                self.meta.downgrade(to);
            }
        }
    )*};
}

only_meta! {
    AcknowledgedParams,
    CancelledParams,
    CompleteResult,
    EmptyParams,
    EmptyResult,
    ListenParams,
    LoggingMessageParams,
    PaginatedParams,
    ResourceUpdatedParams,
    SetLevelParams,
    SubscribeParams,
}

macro_rules! retried {
    ($($name:ident,)*) => {$(
        impl Downgrade for $name {
            fn downgrade(&mut self, to: Revision) {
                // The retry of a request that was answered by input requests; a legacy server asks by itself.
                drop_unless(&mut self.input_responses, to.is_modern());
                drop_unless(&mut self.request_state, to.is_modern());
                drop_experimental_task(&mut self.extra, "task", to);
                self.meta.downgrade(to);
            }
        }
    )*};
}

retried! {
    CallToolParams,
    GetPromptParams,
    ReadResourceParams,
}

impl Downgrade for ProgressParams {
    fn downgrade(&mut self, to: Revision) {
        drop_unless(&mut self.message, to.has_progress_message());
        self.meta.downgrade(to);
    }
}

impl Downgrade for CompleteParams {
    fn downgrade(&mut self, to: Revision) {
        drop_unless(&mut self.context, to.has_completion_context());
        self.reference.downgrade(to);
        self.meta.downgrade(to);
    }
}

impl Downgrade for Reference {
    fn downgrade(&mut self, to: Revision) {
        if let Self::Prompt(prompt) = self {
            drop_unless(&mut prompt.title, to.has_titles());
        }
    }
}
