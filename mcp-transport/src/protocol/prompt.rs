//! Prompts: templates that a person chooses.

use std::collections::BTreeMap;

use super::object::object;
use super::{Content, Cursor, Icon, InputResponses, Meta, Role};

object! {
    /// A prompt that can be filled in.
    pub struct Prompt {
        required {
            /// Its name for programs.
            name: String,
        }
        optional {
            /// Its name for people (since 2025-06-18).
            title: String => with_title,
            /// What it is for.
            description: String => with_description,
            /// Its arguments.
            arguments: Vec<PromptArgument> => with_arguments,
            /// Its pictures (since 2025-11-25).
            icons: Vec<Icon> => with_icons,
            /// Metadata of the prompt.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// An argument of a prompt.
    pub struct PromptArgument {
        required {
            /// Its name for programs.
            name: String,
        }
        optional {
            /// Its name for people (since 2025-06-18).
            title: String => with_title,
            /// What it is for.
            description: String => with_description,
            /// Whether it must be given. Absent means that it need not.
            required: bool => with_required,
        }
    }
}

object! {
    /// The result of `prompts/list`.
    pub cacheable result ListPromptsResult {
        required {
            /// The prompts of this page.
            prompts: Vec<Prompt>,
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
    /// The params of `prompts/get`.
    pub struct GetPromptParams {
        required {
            /// The prompt to fill in.
            name: String,
        }
        optional {
            /// Its arguments: texts all of them.
            arguments: BTreeMap<String, String> => with_arguments,
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
    /// The result of `prompts/get`.
    pub result GetPromptResult {
        required {
            /// The messages.
            messages: Vec<PromptMessage>,
        }
        optional {
            /// What the prompt is for.
            description: String => with_description,
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// A message of a prompt.
    pub struct PromptMessage {
        required {
            /// Who says it.
            role: Role,
            /// What is said.
            content: Content,
        }
    }
}
