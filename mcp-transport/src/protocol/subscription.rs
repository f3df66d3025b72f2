//! Subscriptions: listening (modern), and subscribing to single resources (legacy).

use super::object::object;
use super::{Meta, TaskId};

object! {
    /// What a listener wants to hear of.
    #[derive(Default)]
    pub struct SubscriptionFilter {
        optional {
            /// Changes to the list of tools.
            tools_list_changed: bool => with_tools_list_changed,
            /// Changes to the list of prompts.
            prompts_list_changed: bool => with_prompts_list_changed,
            /// Changes to the list of resources.
            resources_list_changed: bool => with_resources_list_changed,
            /// Updates to these resources, by URI.
            resource_subscriptions: Vec<String> => with_resource_subscriptions,
            /// The state of these tasks (the tasks extension).
            task_ids: Vec<TaskId> => with_task_ids,
        }
    }
}

object! {
    /// The params of `subscriptions/listen`.
    pub struct ListenParams {
        required {
            /// What to hear of.
            notifications: SubscriptionFilter,
        }
        optional {
            /// Metadata of the request.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The params of `notifications/subscriptions/acknowledged`.
    pub struct AcknowledgedParams {
        required {
            /// What the server agreed to tell.
            notifications: SubscriptionFilter,
        }
        optional {
            /// Metadata of the notification: the subscription's id.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The params of `resources/subscribe` and `resources/unsubscribe` (legacy).
    pub struct SubscribeParams {
        required {
            /// The resource.
            uri: String,
        }
        optional {
            /// Metadata of the request.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The params of `notifications/resources/updated`.
    pub struct ResourceUpdatedParams {
        required {
            /// The resource, or one below the subscribed one.
            uri: String,
        }
        optional {
            /// Metadata of the notification.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}
