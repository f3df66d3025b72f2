//! The methods of all revisions.

use std::fmt;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a message goes one way or the other")]
pub enum Direction {
    /// From the client to the server.
    ClientToServer,
    /// From the server to the client.
    ServerToClient,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The method of a request or a notification.
        ///
        /// A known method is named without allocation; any other is kept as it came.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Method {
            $($(#[$doc])* $variant,)*
            /// A method that no revision defines. Never holds the name of a known one if made by [`Method::parse`].
            Other(Box<str>),
        }

        impl Method {
            /// Every method that this crate knows.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant),*];

            /// The method of this name.
            #[must_use]
            pub fn parse(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)*
                    other => Self::Other(other.into()),
                }
            }

            /// The method's name on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }
        }
    };
}

methods! {
    /// `initialize` (legacy)
    Initialize = "initialize",
    /// `ping` (legacy, both ways)
    Ping = "ping",
    /// `server/discover` (modern)
    Discover = "server/discover",
    /// `tools/list`
    ListTools = "tools/list",
    /// `tools/call`
    CallTool = "tools/call",
    /// `resources/list`
    ListResources = "resources/list",
    /// `resources/templates/list`
    ListResourceTemplates = "resources/templates/list",
    /// `resources/read`
    ReadResource = "resources/read",
    /// `resources/subscribe` (legacy)
    Subscribe = "resources/subscribe",
    /// `resources/unsubscribe` (legacy)
    Unsubscribe = "resources/unsubscribe",
    /// `prompts/list`
    ListPrompts = "prompts/list",
    /// `prompts/get`
    GetPrompt = "prompts/get",
    /// `completion/complete`
    Complete = "completion/complete",
    /// `logging/setLevel` (legacy)
    SetLevel = "logging/setLevel",
    /// `subscriptions/listen` (modern)
    Listen = "subscriptions/listen",
    /// `sampling/createMessage`: a request of the server's (legacy), an input request (modern)
    CreateMessage = "sampling/createMessage",
    /// `roots/list`: a request of the server's (legacy), an input request (modern)
    ListRoots = "roots/list",
    /// `elicitation/create`: a request of the server's (legacy), an input request (modern)
    Elicit = "elicitation/create",
    /// `tasks/get` (2025-11-25, and the tasks extension)
    GetTask = "tasks/get",
    /// `tasks/result` (2025-11-25)
    GetTaskPayload = "tasks/result",
    /// `tasks/list` (2025-11-25)
    ListTasks = "tasks/list",
    /// `tasks/cancel` (2025-11-25, and the tasks extension)
    CancelTask = "tasks/cancel",
    /// `tasks/update` (the tasks extension)
    UpdateTask = "tasks/update",
    /// `notifications/initialized` (legacy)
    Initialized = "notifications/initialized",
    /// `notifications/cancelled`
    Cancelled = "notifications/cancelled",
    /// `notifications/progress`
    Progress = "notifications/progress",
    /// `notifications/message`
    LoggingMessage = "notifications/message",
    /// `notifications/tools/list_changed`
    ToolListChanged = "notifications/tools/list_changed",
    /// `notifications/prompts/list_changed`
    PromptListChanged = "notifications/prompts/list_changed",
    /// `notifications/resources/list_changed`
    ResourceListChanged = "notifications/resources/list_changed",
    /// `notifications/resources/updated`
    ResourceUpdated = "notifications/resources/updated",
    /// `notifications/roots/list_changed` (legacy)
    RootsListChanged = "notifications/roots/list_changed",
    /// `notifications/elicitation/complete` (2025-11-25)
    ElicitationComplete = "notifications/elicitation/complete",
    /// `notifications/subscriptions/acknowledged` (modern)
    SubscriptionsAcknowledged = "notifications/subscriptions/acknowledged",
    /// `notifications/tasks/status` (2025-11-25)
    TaskStatus = "notifications/tasks/status",
    /// `notifications/tasks` (the tasks extension)
    Tasks = "notifications/tasks",
}

impl Method {
    /// Whether a message of this method is a notification, told by the prefix that the protocol reserves for them.
    #[must_use]
    pub fn is_notification(&self) -> bool {
        self.as_str().starts_with("notifications/")
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl AsRef<str> for Method {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Method {
    fn from(name: &str) -> Self {
        Self::parse(name)
    }
}

impl PartialEq<str> for Method {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Method {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_method_is_found_again_by_its_name() {
        for method in Method::KNOWN {
            assert_eq!(&Method::parse(method.as_str()), method);
        }
    }

    #[test]
    fn an_unknown_method_keeps_its_name() {
        let method = Method::parse("tools/Call");
        assert_eq!(method, Method::Other("tools/Call".into()));
        assert_eq!(method, "tools/Call");
        assert_eq!(method.to_string(), "tools/Call");
    }

    #[test]
    fn notifications_are_told_by_their_prefix() {
        assert!(Method::Tasks.is_notification());
        assert!(Method::parse("notifications/x").is_notification());
        assert!(!Method::parse("notification").is_notification());
        assert!(!Method::GetTask.is_notification());
    }
}
