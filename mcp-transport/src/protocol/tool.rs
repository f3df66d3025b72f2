//! Tools: what a server lets be called.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::object::object;
use super::{Content, Cursor, Icon, InputResponses, JsonSchema, Meta, result};

object! {
    /// A tool that can be called.
    pub struct Tool {
        required {
            /// Its name for programs.
            name: String,
            /// The schema of its arguments, verbatim.
            input_schema: JsonSchema,
        }
        optional {
            /// Its name for people (since 2025-06-18).
            title: String => with_title,
            /// What it does, for the model.
            description: String => with_description,
            /// The schema of its structured content, verbatim (since 2025-06-18).
            output_schema: JsonSchema => with_output_schema,
            /// Hints about what it does to the world (since 2025-03-26).
            annotations: ToolAnnotations => with_annotations,
            /// Its pictures (since 2025-11-25).
            icons: Vec<Icon> => with_icons,
            /// How it runs (2025-11-25 only).
            execution: ToolExecution => with_execution,
            /// Metadata of the tool.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// Hints about what a tool does to the world: untrusted, unless the server is trusted.
    #[derive(Default)]
    pub struct ToolAnnotations {
        optional {
            /// The tool's name for people.
            title: String => with_title,
            /// It changes nothing. Absent means false.
            read_only_hint: bool => with_read_only_hint,
            /// It may destroy. Absent means true.
            destructive_hint: bool => with_destructive_hint,
            /// Calling it again with the same arguments has no further effect. Absent means false.
            idempotent_hint: bool => with_idempotent_hint,
            /// It reaches outside a closed domain. Absent means true.
            open_world_hint: bool => with_open_world_hint,
        }
    }
}

object! {
    /// How a tool runs (2025-11-25 only, passed through).
    #[derive(Default)]
    pub struct ToolExecution {
        optional {
            /// Whether it can run as an experimental task.
            task_support: TaskSupport => with_task_support,
        }
    }
}

/// Whether a tool can run as an experimental task of 2025-11-25.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TaskSupport {
    /// It cannot.
    Forbidden,
    /// It can.
    Optional,
    /// It must.
    Required,
}

object! {
    /// The result of `tools/list`.
    pub cacheable result ListToolsResult {
        required {
            /// The tools of this page.
            tools: Vec<Tool>,
        }
        optional {
            /// Where the list goes on; it ends here if absent.
            next_cursor: Cursor => with_next_cursor,
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The params of `tools/call`.
    pub struct CallToolParams {
        required {
            /// The tool to call.
            name: String,
        }
        optional {
            /// Its arguments.
            arguments: Map<String, Value> => with_arguments,
            /// Answers to the input requests of the last try (since 2026-07-28).
            input_responses: InputResponses => with_input_responses,
            /// The state that came with them (since 2026-07-28).
            request_state: String => with_request_state,
            /// Metadata of the request.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The result of `tools/call`.
    pub result CallToolResult {
        required {
            /// The answer for the model. Read as empty if a server leaves it out beside `structuredContent`.
            #[serde(default)]
            content: Vec<Content>,
        }
        optional {
            /// The answer as data: any JSON value, null included (an object before 2026-07-28).
            #[serde(deserialize_with = "result::nullable")]
            structured_content: Value => with_structured_content,
            /// Whether the call failed. Absent means that it did not.
            is_error: bool => with_is_error,
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

impl CallToolResult {
    /// A result of one block of text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new([Content::text(text)])
    }

    /// A failure that the model sees and can mend: one block of text, and `isError`.
    #[must_use]
    pub fn error(text: impl Into<String>) -> Self {
        Self::text(text).with_is_error(true)
    }

    /// Data, together with its JSON text for clients that read only text, as the specification advises.
    #[must_use]
    pub fn structured(value: impl Into<Value>) -> Self {
        let value = value.into();
        Self::text(value.to_string()).with_structured_content(value)
    }
}
