//! The tasks extension, `io.modelcontextprotocol/tasks` (SEP-2663). The experimental tasks of 2025-11-25 are another
//! protocol under the same method names and are passed through unread.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::object::object;
use super::{InputRequests, InputResponses, Meta};

/// The name of the result kind of a [`CreateTaskResult`].
pub const TASK_RESULT_TYPE: &str = "task";

/// The id of a task: chosen by the server, opaque to the client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(String);

impl TaskId {
    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for TaskId {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for TaskId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskStatus {
    /// It runs.
    Working,
    /// It waits for answers of the client's.
    InputRequired,
    /// It has its result; a failed tool call is a result, too.
    Completed,
    /// It ended in a JSON-RPC error.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl TaskStatus {
    /// Whether the task is over and its status stays.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// For how long a task is kept: milliseconds since its creation, or null on the wire for without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
#[expect(clippy::exhaustive_structs, reason = "a number that can be null")]
pub struct TaskTtl(pub Option<u64>);

impl<'de> Deserialize<'de> for TaskTtl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self)
    }
}

impl From<u64> for TaskTtl {
    fn from(milliseconds: u64) -> Self {
        Self(Some(milliseconds))
    }
}

object! {
    /// The result of a request that the server goes on with as a task. Its kind is [`TASK_RESULT_TYPE`].
    pub result CreateTaskResult {
        required {
            /// The task's id.
            task_id: TaskId,
            /// How it stands.
            status: TaskStatus,
            /// When it was created, as an ISO 8601 time.
            created_at: String,
            /// When it last changed, as an ISO 8601 time.
            last_updated_at: String,
            /// For how long it is kept.
            ttl_ms: TaskTtl,
        }
        optional {
            /// What is going on, for people.
            status_message: String => with_status_message,
            /// How many milliseconds to wait between two looks.
            poll_interval_ms: u64 => with_poll_interval_ms,
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// A task with what its status brings along: the result of `tasks/get`, and the params of `notifications/tasks`.
    pub result DetailedTask {
        required {
            /// The task's id.
            task_id: TaskId,
            /// How it stands.
            status: TaskStatus,
            /// When it was created, as an ISO 8601 time.
            created_at: String,
            /// When it last changed, as an ISO 8601 time.
            last_updated_at: String,
            /// For how long it is kept.
            ttl_ms: TaskTtl,
        }
        optional {
            /// What is going on, for people.
            status_message: String => with_status_message,
            /// How many milliseconds to wait between two looks.
            poll_interval_ms: u64 => with_poll_interval_ms,
            /// What is asked, while [`TaskStatus::InputRequired`].
            input_requests: InputRequests => with_input_requests,
            /// The result of the request, once [`TaskStatus::Completed`].
            result: Map<String, Value> => with_result,
            /// The JSON-RPC error object, once [`TaskStatus::Failed`].
            error: Map<String, Value> => with_error,
            /// Metadata of the message.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The params of `tasks/get` and `tasks/cancel`.
    pub struct TaskParams {
        required {
            /// The task.
            task_id: TaskId,
        }
        optional {
            /// Metadata of the request.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The params of `tasks/update`. Its result is [`EmptyResult`](super::EmptyResult), as that of `tasks/cancel`.
    pub struct UpdateTaskParams {
        required {
            /// The task.
            task_id: TaskId,
            /// Answers to some or all of what it asks.
            input_responses: InputResponses,
        }
        optional {
            /// Metadata of the request.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_created_task_is_flat_and_its_ttl_may_be_null() {
        // SEP-2663: CreateTaskResult is Result & Task; `ttlMs` is required and null means without limit.
        let task = CreateTaskResult::new("t", TaskStatus::Working, "then", "now", TaskTtl(None));
        let written = serde_json::to_value(task.with_poll_interval_ms(500_u64)).unwrap();
        let expected = json!({
            "taskId": "t", "status": "working", "createdAt": "then", "lastUpdatedAt": "now",
            "ttlMs": null, "pollIntervalMs": 500,
        });
        assert_eq!(written, expected);
        let read: CreateTaskResult = serde_json::from_value(written).unwrap();
        assert_eq!(read.ttl_ms, TaskTtl(None));
    }

    #[test]
    fn each_status_brings_its_own_member() {
        let task = |status: &str, member: &str, value: Value| {
            let mut task = json!({
                "taskId": "t", "status": status, "createdAt": "then", "lastUpdatedAt": "now",
                "ttlMs": 1000, "x-unknown": {"a": null},
            });
            task[member] = value;
            task
        };
        for value in [
            task("working", "statusMessage", json!("half way")),
            task("input_required", "inputRequests", json!({"a": {"method": "roots/list"}})),
            task("completed", "result", json!({"content": [], "isError": true})),
            task("failed", "error", json!({"code": -32603, "message": "no"})),
            task("cancelled", "statusMessage", json!("by the client")),
        ] {
            let read: DetailedTask = serde_json::from_value(value.clone()).unwrap();
            let over = !matches!(read.status, TaskStatus::Working | TaskStatus::InputRequired);
            assert_eq!(read.status.is_terminal(), over);
            assert_eq!(serde_json::to_value(&read).unwrap(), value);
        }
    }

    #[test]
    fn an_update_carries_answers_by_key() {
        let value = json!({"taskId": "t", "inputResponses": {"a": {"action": "decline"}}});
        let params: UpdateTaskParams = serde_json::from_value(value.clone()).unwrap();
        assert!(params.input_responses["a"].to_elicit_result().is_ok());
        assert_eq!(serde_json::to_value(&params).unwrap(), value);
    }
}
