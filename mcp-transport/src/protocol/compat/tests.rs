use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Downgrade;
use crate::protocol::{
    CallToolResult, ClientCapabilities, Content, CreateMessageParams, CreateMessageResult, ElicitFormParams,
    ElicitResult, ElicitUrlParams, FormSchema, JsonSchema, MultiSelectSchema, PaginatedParams, Revision, Tool,
};

/// The value read as a `T`, downgraded and written.
fn downgraded<T: DeserializeOwned + Serialize + Downgrade>(value: Value, to: Revision) -> Value {
    let mut value: T = serde_json::from_value(value).unwrap();
    value.downgrade(to);
    serde_json::to_value(&value).unwrap()
}

#[test]
fn structured_content_stays_as_text_where_it_cannot_stay() {
    let only = json!({"content": [], "structuredContent": {"a": 1}});
    assert_eq!(
        downgraded::<CallToolResult>(only.clone(), Revision::V2025_03_26),
        json!({"content": [{"type": "text", "text": r#"{"a":1}"#}]})
    );
    assert_eq!(downgraded::<CallToolResult>(only.clone(), Revision::V2025_06_18), only);
    // Null is a value, and no object.
    assert_eq!(
        downgraded::<CallToolResult>(json!({"content": [], "structuredContent": null}), Revision::V2025_11_25),
        json!({"content": [{"type": "text", "text": "null"}]})
    );
}

#[test]
fn structured_content_that_a_text_says_already_is_not_said_twice() {
    let text = json!({"type": "text", "text": "{ \"b\": 2, \"a\": 1 }"});
    let both = json!({"content": [text], "structuredContent": {"a": 1, "b": 2}});
    assert_eq!(downgraded::<CallToolResult>(both, Revision::V2024_11_05), json!({"content": [text]}));
    let word = json!({"content": [{"type": "text", "text": "yes"}], "structuredContent": "yes"});
    assert_eq!(
        downgraded::<CallToolResult>(word, Revision::V2025_11_25),
        json!({"content": [{"type": "text", "text": "yes"}]})
    );
}

#[test]
fn a_link_becomes_text_that_says_where_it_leads() {
    let link = json!({
        "type": "resource_link", "uri": "file:///a", "name": "a", "title": "The A",
        "description": "the first letter", "mimeType": "text/plain",
        "annotations": {"priority": 1, "lastModified": "2025-01-12T15:00:58Z"}, "_meta": {"x/y": 1},
    });
    assert_eq!(
        downgraded::<Content>(link.clone(), Revision::V2025_03_26),
        json!({
            "type": "text", "text": "The A: file:///a (text/plain)\nthe first letter",
            "annotations": {"priority": 1}, "_meta": {"x/y": 1},
        })
    );
    assert_eq!(downgraded::<Content>(link.clone(), Revision::V2025_06_18), link);
}

#[test]
fn audio_becomes_a_note_only_in_the_first_revision() {
    let audio = json!({"type": "audio", "data": "AAAA", "mimeType": "audio/wav"});
    assert_eq!(downgraded::<Content>(audio.clone(), Revision::V2025_03_26), audio);
    assert_eq!(
        downgraded::<Content>(audio, Revision::V2024_11_05)["text"],
        "[audio, audio/wav, 4 characters of base64, not shown]"
    );
}

#[test]
fn an_unknown_kind_of_content_is_left_alone() {
    let unknown = json!({"type": "video", "data": "AAAA"});
    assert_eq!(downgraded::<Content>(unknown.clone(), Revision::V2024_11_05), unknown);
}

#[test]
fn a_schema_is_touched_only_where_it_must_be() {
    let text = r#"{"z":1,"type":"object","properties":{"y":{"b":1,"a":2},"x":{}},"a":1.0}"#;
    let mut tool = Tool::new("t", JsonSchema::parse(text).unwrap());
    for to in Revision::ALL {
        tool.downgrade(to);
        assert_eq!(tool.input_schema.as_str(), text);
    }
    let schema = r#"{"z":1,"properties":{"y":true,"x":false,"w":{"b":1,"a":2}}}"#;
    let mut tool = Tool::new("t", JsonSchema::parse(schema).unwrap());
    tool.downgrade(Revision::V2026_07_28);
    let typed = r#"{"type":"object","z":1,"properties":{"y":true,"x":false,"w":{"b":1,"a":2}}}"#;
    assert_eq!(tool.input_schema.as_str(), typed);
    tool.downgrade(Revision::V2025_11_25);
    let plain = r#"{"type":"object","z":1,"properties":{"y":{},"x":{"not":{}},"w":{"b":1,"a":2}}}"#;
    assert_eq!(tool.input_schema.as_str(), plain);
}

#[test]
fn an_output_schema_that_is_no_object_goes_with_its_content() {
    let tool = |schema: Value| json!({"name": "t", "inputSchema": {"type": "object"}, "outputSchema": schema});
    for schema in [json!({"type": "array"}), json!({"$ref": "#/$defs/a"}), json!({"type": ["object"]})] {
        let older = downgraded::<Tool>(tool(schema.clone()), Revision::V2025_11_25);
        assert!(older.get("outputSchema").is_none(), "{schema}");
        let newest = downgraded::<Tool>(tool(schema.clone()), Revision::V2026_07_28);
        assert_eq!(newest["outputSchema"], schema);
    }
    let object = tool(json!({"type": "object"}));
    assert_eq!(downgraded::<Tool>(object.clone(), Revision::V2025_06_18), object);
}

#[test]
fn a_legacy_request_does_not_claim_to_be_modern() {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "n", "version": "1"},
    });
    let params = json!({"cursor": "c", "_meta": meta});
    assert_eq!(downgraded::<PaginatedParams>(params.clone(), Revision::V2025_11_25), json!({"cursor": "c"}));
    assert_eq!(downgraded::<PaginatedParams>(params, Revision::V2026_07_28)["_meta"], meta);
    let traced = json!({"_meta": {"progressToken": 1, "traceparent": "00-a-b-01"}});
    assert_eq!(downgraded::<PaginatedParams>(traced.clone(), Revision::V2024_11_05), traced);
}

#[test]
fn a_client_with_urls_only_cannot_elicit_where_there_are_only_forms() {
    let capable = |elicitation: Value| json!({"elicitation": elicitation});
    let older = |value| downgraded::<ClientCapabilities>(capable(value), Revision::V2025_06_18);
    assert_eq!(older(json!({"url": {}})), json!({}));
    assert_eq!(older(json!({"url": {}, "form": {}})), capable(json!({})));
    assert_eq!(older(json!({})), capable(json!({})));
}

#[test]
fn titled_choices_become_names_and_multiple_ones_a_text() {
    let form = json!({
        "message": "m", "mode": "form",
        "requestedSchema": {"type": "object", "properties": {
            "one": {"type": "string", "default": "b", "title": "One", "oneOf": [
                {"const": "a", "title": "A"}, {"const": "b", "title": "B"}]},
            "some": {"type": "array", "description": "Which?", "default": ["x"],
                "items": {"type": "string", "enum": ["x", "y"]}},
            "flag": {"type": "boolean", "default": true},
        }},
    });
    assert_eq!(
        downgraded::<ElicitFormParams>(form.clone(), Revision::V2025_06_18),
        json!({
            "message": "m",
            "requestedSchema": {"type": "object", "properties": {
                "one": {"type": "string", "title": "One", "enum": ["a", "b"], "enumNames": ["A", "B"]},
                "some": {"type": "string",
                    "description": "Which?\nAny of these, separated by commas: x, y"},
                "flag": {"type": "boolean", "default": true},
            }},
        })
    );
    assert_eq!(downgraded::<ElicitFormParams>(form.clone(), Revision::V2025_11_25), form);
}

#[test]
fn the_answer_to_a_multiple_choice_survives_the_way_there_and_back() {
    let values = vec!["a b".to_owned(), "c".to_owned()];
    let form = FormSchema::default().required("some", MultiSelectSchema::new(values));
    let accepted = json!({"action": "accept", "content": {"some": ["a b", "c"], "other": "d, e"}});
    let mut answer: ElicitResult = serde_json::from_value(accepted.clone()).unwrap();
    answer.downgrade(Revision::V2025_06_18);
    assert_eq!(answer.content.as_ref().unwrap()["some"], "a b, c");
    form.read_answer(&mut answer);
    assert_eq!(serde_json::to_value(&answer).unwrap(), accepted);
}

#[test]
fn an_elicitation_id_is_there_in_the_revision_that_requires_it_and_only_there() {
    let url = ElicitUrlParams::new("m", "https://example.com/1");
    for to in Revision::ALL {
        let mut url = url.clone();
        url.downgrade(to);
        assert_eq!(url.elicitation_id.is_some(), to.has_elicitation_id(), "{to}");
    }
    let mut named = url.with_elicitation_id("7");
    named.downgrade(Revision::V2025_11_25);
    assert_eq!(named.elicitation_id.as_deref(), Some("7"));
}

#[test]
fn sampling_of_several_blocks_becomes_several_messages() {
    let params = json!({"maxTokens": 1, "tools": [], "toolChoice": {}, "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": {"type": "tool_use", "id": "1", "name": "t", "input": {"x": 1}}},
        {"role": "user", "content": {"type": "tool_result", "toolUseId": "1", "isError": true,
            "content": [{"type": "text", "text": "no"}], "structuredContent": [1]}},
    ]});
    assert_eq!(
        downgraded::<CreateMessageParams>(params.clone(), Revision::V2025_06_18),
        json!({"maxTokens": 1, "messages": [
            {"role": "user", "content": {"type": "text", "text": "a"}},
            {"role": "user", "content": {"type": "text", "text": "b"}},
            {"role": "assistant", "content": {"type": "text", "text": "[tool use 1] t {\"x\":1}"}},
            {"role": "user", "content": {"type": "text", "text": "[tool result 1, failed]\nno\n[1]"}},
        ]})
    );
    let newest = downgraded::<CreateMessageParams>(params.clone(), Revision::V2026_07_28);
    assert_eq!(newest, params);
}

#[test]
fn an_answer_of_several_blocks_becomes_one() {
    let answer = |content: Value| json!({"role": "assistant", "model": "m", "content": content});
    let older = |content| downgraded::<CreateMessageResult>(answer(content), Revision::V2025_06_18);
    let image = json!({"type": "image", "data": "AA==", "mimeType": "image/png"});
    assert_eq!(older(json!([image])), answer(image));
    let (a, b) = (json!({"type": "text", "text": "a"}), json!({"type": "text", "text": "b"}));
    assert_eq!(older(json!([a, b])), answer(json!({"type": "text", "text": "a\nb"})));
}
