//! Which definition is which type of ours.

use mcp_transport::protocol::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A type of ours, and the definitions whose instances it takes: results and parts whole, of messages the params.
pub(super) struct Case {
    pub(super) definitions: &'static [&'static str],
    /// Reads the text, downgrades if asked to, and writes.
    pub(super) run: fn(&str, Option<Revision>) -> Result<Value, String>,
}

fn plain<T: DeserializeOwned + Serialize>(text: &str, _: Option<Revision>) -> Result<Value, String> {
    let value: T = serde_json::from_str(text).map_err(|error| format!("{error} in {text}"))?;
    let written = serde_json::to_string(&value).map_err(|error| error.to_string())?;
    // A value that went through `Value` is the same, too: what is flattened or buffered reads both.
    let buffered: T = serde_json::from_value(serde_json::from_str(text).unwrap())
        .map_err(|error| format!("{error} in the value of {text}"))?;
    let (direct, buffered) = (serde_json::to_value(&value), serde_json::to_value(&buffered));
    assert_eq!(direct.unwrap(), buffered.unwrap());
    serde_json::from_str(&written).map_err(|error| error.to_string())
}

fn downgraded<T: DeserializeOwned + Serialize + Downgrade + Clone + PartialEq>(
    text: &str,
    to: Option<Revision>,
) -> Result<Value, String> {
    let Some(to) = to else {
        return plain::<T>(text, None);
    };
    let mut value: T = serde_json::from_str(text).map_err(|error| format!("{error} in {text}"))?;
    value.downgrade(to);
    let mut twice = value.clone();
    twice.downgrade(to);
    assert!(twice == value, "the second downgrade to {to} changed {text}");
    serde_json::to_value(&value).map_err(|error| error.to_string())
}

macro_rules! cases {
    ($($run:ident $type:ty: $($definition:literal)+;)*) => {
        pub(super) const CASES: &[Case] = &[$(
            Case { definitions: &[$($definition),+], run: $run::<$type> },
        )*];
    };
}

cases! {
    downgraded ClientCapabilities: "ClientCapabilities";
    downgraded ServerCapabilities: "ServerCapabilities";
    downgraded Implementation: "Implementation";
    downgraded InitializeParams: "InitializeRequest" "InitializeRequestParams";
    downgraded InitializeResult: "InitializeResult";
    downgraded DiscoverResult: "DiscoverResult";
    plain Icon: "Icon";
    downgraded EmptyParams: "PingRequest";
    downgraded EmptyParams: "ListRootsRequest";
    downgraded EmptyParams: "DiscoverRequest";
    downgraded EmptyParams: "InitializedNotification";
    downgraded EmptyParams: "RootsListChangedNotification";
    downgraded EmptyParams: "ToolListChangedNotification";
    downgraded EmptyParams: "PromptListChangedNotification";
    downgraded EmptyParams: "ResourceListChangedNotification";
    downgraded EmptyParams: "RequestParams";
    downgraded EmptyParams: "NotificationParams";
    downgraded EmptyResult: "EmptyResult" "Result";
    plain Meta: "MetaObject";
    plain Meta: "RequestMetaObject";
    plain Meta: "NotificationMetaObject";
    plain Meta: "ResultMetaObject";
    plain Meta: "SubscriptionsListenResultMetaObject";
    downgraded EmptyResult: "SubscriptionsListenResult";
    downgraded CancelledParams: "CancelledNotification" "CancelledNotificationParams";
    downgraded ProgressParams: "ProgressNotification" "ProgressNotificationParams";
    plain ProgressToken: "ProgressToken";
    plain RawId: "RequestId";
    downgraded PaginatedParams: "PaginatedRequest" "PaginatedRequestParams" "ListToolsRequest" "ListPromptsRequest"
        "ListResourcesRequest" "ListResourceTemplatesRequest";
    plain Cursor: "Cursor";
    downgraded ListToolsResult: "ListToolsResult";
    downgraded Tool: "Tool";
    plain ToolAnnotations: "ToolAnnotations";
    plain ToolExecution: "ToolExecution";
    downgraded CallToolParams: "CallToolRequest" "CallToolRequestParams";
    downgraded CallToolResult: "CallToolResult";
    downgraded ListResourcesResult: "ListResourcesResult";
    downgraded ListResourceTemplatesResult: "ListResourceTemplatesResult";
    downgraded Resource: "Resource";
    downgraded ResourceTemplate: "ResourceTemplate";
    downgraded ReadResourceParams: "ReadResourceRequest" "ReadResourceRequestParams";
    downgraded ReadResourceResult: "ReadResourceResult";
    plain ResourceContents: "TextResourceContents";
    plain ResourceContents: "BlobResourceContents";
    downgraded SubscribeParams: "SubscribeRequest" "SubscribeRequestParams" "UnsubscribeRequest"
        "UnsubscribeRequestParams" "ResourceRequestParams";
    downgraded ResourceUpdatedParams: "ResourceUpdatedNotification" "ResourceUpdatedNotificationParams";
    downgraded ListenParams: "SubscriptionsListenRequest" "SubscriptionsListenRequestParams";
    downgraded AcknowledgedParams: "SubscriptionsAcknowledgedNotification"
        "SubscriptionsAcknowledgedNotificationParams";
    plain SubscriptionFilter: "SubscriptionFilter";
    downgraded ListPromptsResult: "ListPromptsResult";
    downgraded Prompt: "Prompt";
    downgraded PromptArgument: "PromptArgument";
    downgraded GetPromptParams: "GetPromptRequest" "GetPromptRequestParams";
    downgraded GetPromptResult: "GetPromptResult";
    downgraded PromptMessage: "PromptMessage";
    plain Role: "Role";
    downgraded Content: "ContentBlock";
    downgraded Content: "TextContent";
    downgraded Content: "ImageContent";
    downgraded Content: "AudioContent";
    downgraded Content: "EmbeddedResource";
    downgraded Content: "ResourceLink";
    downgraded Content: "SamplingMessageContentBlock";
    downgraded Content: "ToolUseContent";
    downgraded Content: "ToolResultContent";
    downgraded Annotations: "Annotations";
    downgraded CompleteParams: "CompleteRequest" "CompleteRequestParams";
    downgraded CompleteResult: "CompleteResult";
    downgraded Reference: "PromptReference";
    downgraded Reference: "ResourceTemplateReference" "ResourceReference";
    plain LoggingLevel: "LoggingLevel";
    downgraded SetLevelParams: "SetLevelRequest" "SetLevelRequestParams";
    downgraded LoggingMessageParams: "LoggingMessageNotification" "LoggingMessageNotificationParams";
    downgraded CreateMessageParams: "CreateMessageRequest" "CreateMessageRequestParams";
    downgraded CreateMessageResult: "CreateMessageResult";
    downgraded SamplingMessage: "SamplingMessage";
    plain ModelPreferences: "ModelPreferences";
    plain ModelHint: "ModelHint";
    plain ToolChoice: "ToolChoice";
    downgraded ListRootsResult: "ListRootsResult";
    plain Root: "Root";
    downgraded ElicitParams: "ElicitRequest" "ElicitRequestParams";
    downgraded ElicitParams: "ElicitRequestFormParams";
    downgraded ElicitParams: "ElicitRequestURLParams";
    downgraded ElicitResult: "ElicitResult";
    plain ElicitationCompleteParams: "ElicitationCompleteNotification";
    downgraded FieldSchema: "PrimitiveSchemaDefinition";
    downgraded FieldSchema: "StringSchema";
    downgraded FieldSchema: "NumberSchema";
    downgraded FieldSchema: "BooleanSchema";
    downgraded FieldSchema: "EnumSchema";
    plain FieldSchema: "SingleSelectEnumSchema";
    plain FieldSchema: "UntitledSingleSelectEnumSchema";
    plain FieldSchema: "TitledSingleSelectEnumSchema";
    plain FieldSchema: "LegacyTitledEnumSchema";
    plain FieldSchema: "MultiSelectEnumSchema";
    plain FieldSchema: "UntitledMultiSelectEnumSchema";
    plain FieldSchema: "TitledMultiSelectEnumSchema";
    downgraded InputRequiredResult: "InputRequiredResult";
    downgraded InputRequest: "InputRequest";
    plain InputRequests: "InputRequests";
    plain InputResponse: "InputResponse";
    plain InputResponses: "InputResponses";
}

/// Definitions that are no types of ours, and why.
pub(super) const NOT_OURS: &[(&[&str], &str)] = &[
    (
        &[
            "JSONRPCBatchRequest",
            "JSONRPCBatchResponse",
            "JSONRPCError",
            "JSONRPCErrorResponse",
            "JSONRPCMessage",
            "JSONRPCNotification",
            "JSONRPCRequest",
            "JSONRPCResponse",
            "JSONRPCResultResponse",
            "Request",
            "Notification",
            "CallToolResultResponse",
            "CompleteResultResponse",
            "DiscoverResultResponse",
            "GetPromptResultResponse",
            "ListPromptsResultResponse",
            "ListResourceTemplatesResultResponse",
            "ListResourcesResultResponse",
            "ListToolsResultResponse",
            "ReadResourceResultResponse",
            "SubscriptionsListenResultResponse",
        ],
        "envelopes of JSON-RPC, which the jsonrpc module reads and writes: see envelopes.rs",
    ),
    (
        &[
            "Error",
            "HeaderMismatchError",
            "InternalError",
            "InvalidParamsError",
            "InvalidRequestError",
            "MethodNotFoundError",
            "MissingRequiredClientCapabilityError",
            "ParseError",
            "URLElicitationRequiredError",
            "UnsupportedProtocolVersionError",
        ],
        "error objects, which the jsonrpc module and the drivers make: see envelopes.rs",
    ),
    (
        &["ClientNotification", "ClientRequest", "ClientResult", "ServerNotification", "ServerRequest", "ServerResult"],
        "unions of messages; their methods are held against the rules in methods.rs",
    ),
    (
        &[
            "Annotated",
            "BaseMetadata",
            "CacheableResult",
            "Icons",
            "InputResponseRequestParams",
            "PaginatedResult",
            "ResourceContents",
        ],
        "bases of other definitions, never on the wire by themselves",
    ),
    (&["JSONArray", "JSONObject", "JSONValue"], "JSON itself, which serde_json has"),
    (&["ResultType"], "a text; the framing of results reads and writes it through ResultKind"),
    (
        &[
            "CancelTaskRequest",
            "CancelTaskResult",
            "CreateTaskResult",
            "GetTaskPayloadRequest",
            "GetTaskPayloadResult",
            "GetTaskRequest",
            "GetTaskResult",
            "ListTasksRequest",
            "ListTasksResult",
            "RelatedTaskMetadata",
            "Task",
            "TaskAugmentedRequestParams",
            "TaskMetadata",
            "TaskStatus",
            "TaskStatusNotification",
            "TaskStatusNotificationParams",
        ],
        "the experimental tasks of 2025-11-25, which are passed through unread",
    ),
];
