//! The message types of all five protocol revisions, in one model: the shape of the newest.
//!
//! - What differs between the revisions is answered by [`Revision`], one question per function.
//! - A value is built in its newest shape; [`Downgrade`] brings it into the shape of the revision that a peer speaks.
//! - Every object keeps the members that it does not know in `extra`.
//!
//! A result's `resultType` belongs to whoever frames the result ([`ResultKind`]); JSON-RPC envelopes are not here.

mod capabilities;
mod compat;
mod completion;
mod content;
mod discover;
mod elicitation;
mod error;
mod form;
mod input_required;
mod lifecycle;
mod logging;
pub mod meta;
mod method;
mod number;
mod object;
mod page;
mod progress;
mod prompt;
mod resource;
mod result;
mod revision;
mod roots;
mod rules;
mod sampling;
mod scalar;
mod schema;
mod subscription;
mod task;
mod tool;

pub use capabilities::{
    ClientCapabilities, ElicitationCapability, ListCapability, ResourcesCapability, RootsCapability,
    SamplingCapability, ServerCapabilities, Settings, TASKS_EXTENSION,
};
pub use compat::Downgrade;
pub use completion::{
    CompleteArgument, CompleteContext, CompleteParams, CompleteResult, Completion, PromptReference, Reference,
    ResourceTemplateReference,
};
pub use content::{
    Annotations, AudioContent, Content, EmbeddedResource, ImageContent, Role, TextContent, ToolResultContent,
    ToolUseContent,
};
pub use discover::DiscoverResult;
pub use elicitation::{
    ElicitAction, ElicitFormParams, ElicitParams, ElicitResult, ElicitUrlParams, ElicitationCompleteParams, FormMode,
};
pub use error::ShapeError;
pub use form::{
    BooleanSchema, EnumItems, EnumOption, EnumSchema, FieldSchema, Fields, FormSchema, MultiSelectSchema, NumberKind,
    NumberSchema, ObjectKind, StringFormat, StringKind, StringSchema, TitledEnumSchema, TitledItems,
    TitledMultiSelectSchema,
};
pub use input_required::{InputRequest, InputRequests, InputRequiredResult, InputResponse, InputResponses};
pub use lifecycle::{Icon, IconTheme, Implementation, InitializeParams, InitializeResult};
pub use logging::{LoggingLevel, LoggingMessageParams, SetLevelParams};
pub use meta::{CancelledParams, EmptyParams, Meta};
pub use method::{Direction, Method};
pub use page::{Cursor, PaginatedParams};
pub use progress::ProgressParams;
pub use prompt::{GetPromptParams, GetPromptResult, ListPromptsResult, Prompt, PromptArgument, PromptMessage};
pub use resource::{
    BlobResourceContents, ListResourceTemplatesResult, ListResourcesResult, ReadResourceParams, ReadResourceResult,
    Resource, ResourceContents, ResourceTemplate, TextResourceContents,
};
pub use result::{CacheHints, CacheScope, EmptyResult, RESULT_TYPE, ResultKind};
pub use revision::{Revision, Revisions};
pub use roots::{ListRootsResult, Root};
pub use rules::ErrorWithoutId;
pub use sampling::{
    CreateMessageParams, CreateMessageResult, IncludeContext, ModelHint, ModelPreferences, SamplingContent,
    SamplingMessage, ToolChoice, ToolChoiceMode,
};
pub use scalar::{ProgressToken, RawId};
pub use schema::JsonSchema;
pub use subscription::{AcknowledgedParams, ListenParams, ResourceUpdatedParams, SubscribeParams, SubscriptionFilter};
pub use task::{
    CreateTaskResult, DetailedTask, TASK_RESULT_TYPE, TaskId, TaskParams, TaskStatus, TaskTtl, UpdateTaskParams,
};
pub use tool::{CallToolParams, CallToolResult, ListToolsResult, TaskSupport, Tool, ToolAnnotations, ToolExecution};
