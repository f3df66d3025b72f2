//! What is built with our constructors and setters is valid at every revision.

use mcp_transport::protocol::*;
use serde::Serialize;
use serde_json::{Value, json};

use super::document::{Document, Members};

fn valid_everywhere<T: Clone + Serialize + Downgrade>(name: &str, value: &T) {
    for to in Revision::ALL {
        let document = Document::of(to);
        let Some(node) = document.node(name) else {
            continue;
        };
        let mut value = value.clone();
        value.downgrade(to);
        let mut written = serde_json::to_value(&value).unwrap();
        if document.requires(node, "resultType") {
            written["resultType"] = ResultKind::Complete.as_str().into();
        }
        for members in [Members::AsWritten, Members::DefinedOnly] {
            let validator = document.validator(name, members);
            if let Err(error) = validator.validate(&written) {
                panic!("{name} of {to}: {error}\n{written}");
            }
        }
    }
}

fn members(value: &Value) -> serde_json::Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn icons() -> Vec<Icon> {
    vec![
        Icon::new("data:image/png;base64,AA==")
            .with_mime_type("image/png")
            .with_sizes(["48x48".to_owned()])
            .with_theme(IconTheme::Dark),
    ]
}

fn annotations() -> Annotations {
    Annotations::new()
        .with_audience([Role::User, Role::Assistant])
        .with_priority(1)
        .with_last_modified("2025-01-12T15:00:58Z")
}

fn resource() -> Resource {
    Resource::new("file:///a", "a")
        .with_title("A")
        .with_description("the letter")
        .with_mime_type("text/plain")
        .with_size(1_u64)
        .with_annotations(annotations())
        .with_icons(icons())
}

fn contents() -> Vec<Content> {
    vec![
        Content::text("text"),
        Content::image("AA==", "image/png"),
        Content::audio("AA==", "audio/wav"),
        Content::resource_link(resource()),
        Content::resource(ResourceContents::text("file:///a", "a")),
        Content::resource(ResourceContents::blob("file:///b", "AA==")),
    ]
}

#[test]
fn tools_and_their_results() {
    let schema = JsonSchema::parse(r#"{"properties":{"a":true,"b":false,"c":{}}}"#).unwrap();
    let tool = Tool::new("t", schema)
        .with_title("T")
        .with_description("does")
        .with_output_schema(JsonSchema::parse(r#"{"type":"array"}"#).unwrap())
        .with_annotations(ToolAnnotations::new().with_title("T").with_read_only_hint(true))
        .with_icons(icons())
        .with_execution(ToolExecution::new().with_task_support(TaskSupport::Optional))
        .with_meta(Meta::new().with("example.com/a", 1));
    valid_everywhere("Tool", &tool);
    let cached = ListToolsResult::new([tool]).with_next_cursor("more").with_cache(CacheHints::public(1000));
    valid_everywhere("ListToolsResult", &cached);
    for value in [json!({"a": 1}), json!([1]), json!(null), json!("a")] {
        valid_everywhere("CallToolResult", &CallToolResult::structured(value.clone()));
        let result = CallToolResult::new(contents()).with_structured_content(value);
        valid_everywhere("CallToolResult", &result.with_is_error(false));
    }
    valid_everywhere("CallToolResult", &CallToolResult::error("no"));
}

#[test]
fn resources_and_prompts() {
    valid_everywhere("Resource", &resource());
    let read = ReadResourceResult::new([ResourceContents::text("file:///a", "a")]);
    valid_everywhere("ReadResourceResult", &read.with_cache(CacheHints::NONE));
    let argument = PromptArgument::new("a").with_title("A").with_required(true);
    let prompt = Prompt::new("p").with_title("P").with_arguments([argument]).with_icons(icons());
    let list = ListPromptsResult::new([prompt]).with_cache(CacheHints::private(5));
    valid_everywhere("ListPromptsResult", &list);
    let messages: Vec<_> = contents().into_iter().map(|content| PromptMessage::new(Role::User, content)).collect();
    valid_everywhere("GetPromptResult", &GetPromptResult::new(messages).with_description("d"));
    let completion = Completion::new(["a".to_owned()]).with_total(1_u64).with_has_more(false);
    valid_everywhere("CompleteResult", &CompleteResult::new(completion));
}

#[test]
fn the_handshake_and_its_modern_heirs() {
    let me = Implementation::new("n", "1")
        .with_title("N")
        .with_description("d")
        .with_website_url("https://example.com")
        .with_icons(icons());
    let client = ClientCapabilities::new()
        .with_roots(RootsCapability::new().with_list_changed(true))
        .with_sampling(SamplingCapability::new().with_tools(Settings::new()))
        .with_elicitation(ElicitationCapability::new().with_form(Settings::new()).with_url(Settings::new()))
        .with_experimental(members(&json!({"x": {}})))
        .with_extensions(members(&json!({ TASKS_EXTENSION: {} })));
    let server = ServerCapabilities::new()
        .with_logging(Settings::new())
        .with_completions(Settings::new())
        .with_prompts(ListCapability::new().with_list_changed(true))
        .with_resources(ResourcesCapability::new().with_subscribe(true).with_list_changed(true))
        .with_tools(ListCapability::new())
        .with_extensions(members(&json!({ TASKS_EXTENSION: {} })));
    let params = InitializeParams::new("2025-11-25", client.clone(), me.clone());
    valid_everywhere("InitializeRequest", &params);
    let result = InitializeResult::new("2025-11-25", server.clone(), me.clone());
    valid_everywhere("InitializeResult", &result.with_instructions("read me"));
    let meta = Meta::new()
        .with(meta::key::PROTOCOL_VERSION, Revision::LATEST.as_str())
        .with(meta::key::PROGRESS_TOKEN, 7)
        .with_typed(meta::key::CLIENT_INFO, &me)
        .with_typed(meta::key::CLIENT_CAPABILITIES, &client)
        .with_typed(meta::key::LOG_LEVEL, &LoggingLevel::Info);
    assert_eq!(meta.client_info().unwrap().as_ref(), Some(&me));
    assert_eq!(meta.client_capabilities().unwrap().as_ref(), Some(&client));
    assert_eq!(meta.progress_token().unwrap(), Some(ProgressToken::from(7)));
    assert_eq!(meta.protocol_version().unwrap(), Some("2026-07-28"));
    assert_eq!(meta.log_level().unwrap(), Some(LoggingLevel::Info));
    let call = CallToolParams::new("t")
        .with_arguments(members(&json!({"a": 1})))
        .with_request_state("s")
        .with_meta(meta.clone());
    valid_everywhere("CallToolRequest", &call);
    valid_everywhere("ListToolsRequest", &PaginatedParams::new().with_meta(meta));
    let versions: Vec<_> = Revisions::all().iter().map(|r| r.as_str().to_owned()).collect();
    let discover = DiscoverResult::new(versions, server).with_cache(CacheHints::NONE);
    assert_eq!(discover.known_versions(), Revisions::all());
    valid_everywhere("DiscoverResult", &discover);
}

#[test]
fn what_is_asked_of_the_client() {
    let options = || vec![EnumOption::new("a", "A"), EnumOption::new("b", "B")];
    let values = || vec!["a".to_owned(), "b".to_owned()];
    let form = FormSchema::default()
        .required("s", StringSchema::new().with_format(StringFormat::DateTime).with_default("x"))
        .optional("n", NumberSchema::number().with_minimum(0).with_maximum(9).with_default(1))
        .optional("i", NumberSchema::integer())
        .optional("b", BooleanSchema::new().with_default(true))
        .optional("e", EnumSchema::new(values()).with_default("a"))
        .optional("l", EnumSchema::new(values()).with_enum_names(values()))
        .optional("t", TitledEnumSchema::new(options()).with_title("T").with_default("a"))
        .optional("m", MultiSelectSchema::new(values()).with_min_items(1_u64))
        .optional("tm", TitledMultiSelectSchema::new(options()).with_description("some"));
    let params = ElicitFormParams::new("why", form).with_mode(FormMode::Form);
    valid_everywhere("ElicitRequest", &ElicitParams::from(params.clone()));
    let messages = vec![
        SamplingMessage::new(Role::User, "hello"),
        SamplingMessage::new(Role::User, contents()[..3].to_vec()),
        SamplingMessage::new(
            Role::Assistant,
            Content::ToolUse(ToolUseContent::new("1", "t", members(&json!({"a": 1})))),
        ),
        SamplingMessage::new(Role::User, Content::ToolResult(Box::new(ToolResultContent::new("1", contents())))),
    ];
    let sampling = CreateMessageParams::new(messages, 100_u64)
        .with_temperature(0.5)
        .with_include_context(IncludeContext::None)
        .with_model_preferences(ModelPreferences::new().with_cost_priority(1))
        .with_tools([Tool::new("t", JsonSchema::object())])
        .with_tool_choice(ToolChoice::new().with_mode(ToolChoiceMode::Auto));
    valid_everywhere("CreateMessageRequest", &sampling);
    let requests = InputRequests::from([
        ("a".to_owned(), ElicitParams::from(params).into()),
        ("b".to_owned(), sampling.into()),
        ("c".to_owned(), InputRequest::ListRoots(None)),
    ]);
    let ask = InputRequiredResult::new().with_input_requests(requests).with_request_state("s");
    let document = Document::of(Revision::LATEST);
    let mut written = serde_json::to_value(&ask).unwrap();
    written["resultType"] = ResultKind::InputRequired.as_str().into();
    let validator = document.validator("InputRequiredResult", Members::AsWritten);
    assert!(validator.is_valid(&written), "{written}");
}

// The tasks extension has a schema of its own, which is not among these; its types are held against what they share with
// the core: the statuses, which 2025-11-25 has too, results, questions, answers, errors.
#[test]
fn tasks_are_results_with_parts_that_the_core_defines() {
    let experimental = Document::of("2025-11-25".parse().unwrap());
    let core = Document::of(Revision::LATEST);
    let valid = |document: &Document, name: &str, value: &Value| {
        for members in [Members::AsWritten, Members::DefinedOnly] {
            if let Err(error) = document.validator(name, members).validate(value) {
                panic!("{name} of {}: {error}\n{value}", document.revision);
            }
        }
    };
    let statuses = [
        TaskStatus::Working,
        TaskStatus::InputRequired,
        TaskStatus::Completed,
        TaskStatus::Failed,
        TaskStatus::Cancelled,
    ];
    for status in statuses {
        valid(&experimental, "TaskStatus", &serde_json::to_value(status).unwrap());
    }
    let known = experimental.definition("TaskStatus").unwrap()["enum"].as_array().unwrap();
    assert_eq!(known.len(), statuses.len());

    let created = CreateTaskResult::new("t", TaskStatus::Working, "then", "now", 1000)
        .with_status_message("half way")
        .with_poll_interval_ms(500_u64)
        .with_meta(Meta::new().with("example.com/a", 1));
    let mut created = serde_json::to_value(&created).unwrap();
    created["resultType"] = TASK_RESULT_TYPE.into();
    // A result has what members it likes.
    let result = core.validator("Result", Members::AsWritten);
    assert!(result.is_valid(&created), "{created}");
    // But for two names and what is the extension's own, it is the task that 2025-11-25 has.
    let mut older = created.clone();
    let renamed = older.as_object_mut().unwrap();
    renamed.retain(|name, _| name != "resultType" && name != "_meta");
    for (name, was) in [("ttlMs", "ttl"), ("pollIntervalMs", "pollInterval")] {
        let value = renamed.remove(name).unwrap();
        renamed.insert(was.to_owned(), value);
    }
    valid(&experimental, "Task", &older);

    let form = ElicitFormParams::new("why", FormSchema::default());
    let asks = InputRequests::from([("a".to_owned(), ElicitParams::from(form).into())]);
    let detailed = DetailedTask::new("t", TaskStatus::InputRequired, "then", "now", TaskTtl(None))
        .with_input_requests(asks)
        .with_result(members(&json!({"content": []})))
        .with_error(members(&json!({"code": -32603, "message": "no"})));
    let mut detailed = serde_json::to_value(&detailed).unwrap();
    valid(&core, "InputRequests", &detailed["inputRequests"]);
    valid(&core, "Error", &detailed["error"]);
    assert_eq!(detailed["ttlMs"], Value::Null);
    detailed["resultType"] = ResultKind::Complete.as_str().into();
    assert!(result.is_valid(&detailed), "{detailed}");

    let update = json!({"taskId": "t", "inputResponses": {"a": {"action": "decline"}, "b": {"roots": []}}});
    let update: UpdateTaskParams = serde_json::from_value(update).unwrap();
    valid(&core, "InputResponses", &serde_json::to_value(&update).unwrap()["inputResponses"]);
}
