//! What the framing writes, and the errors that the drivers make, against the envelopes of each revision.

use mcp_transport::{
    jsonrpc::{Code, DefectKind, ErrorObject, Raw, RequestId, frame},
    protocol::{ClientCapabilities, ErrorWithoutId, Revision, SamplingCapability},
};
use serde_json::{Value, json};

use super::document::Document;

/// The definition of the first of these names that the revision has.
fn named(document: &Document, names: &[&'static str]) -> &'static str {
    names.iter().find(|name| document.definition(name).is_some()).unwrap()
}

fn result_of(document: &Document) -> &'static str {
    named(document, &["JSONRPCResultResponse", "JSONRPCResponse"])
}

fn error_of(document: &Document) -> &'static str {
    named(document, &["JSONRPCErrorResponse", "JSONRPCError"])
}

/// Checks a message against a definition, and that it has no member that the definition does not name.
#[track_caller]
fn check(document: &Document, name: &str, message: &Value) {
    for name in [name, "JSONRPCMessage"] {
        if let Err(error) = document.envelope_validator(name).validate(message) {
            panic!("{name} of {}: {error}\n{message}", document.revision);
        }
    }
    let defined = document.definition(name).unwrap()["properties"].as_object().unwrap();
    for member in message.as_object().unwrap().keys() {
        assert!(defined.contains_key(member), "{name} of {} has no {member}", document.revision);
    }
}

/// The definition of an error object, or of a whole error, that a code has in the newest revision.
fn of_code(code: i64) -> Option<(&'static str, bool)> {
    Some(match code {
        -32700 => ("ParseError", false),
        -32600 => ("InvalidRequestError", false),
        -32601 => ("MethodNotFoundError", false),
        -32602 => ("InvalidParamsError", false),
        -32603 => ("InternalError", false),
        -32020 => ("HeaderMismatchError", true),
        -32021 => ("MissingRequiredClientCapabilityError", true),
        -32022 => ("UnsupportedProtocolVersionError", true),
        _ => return None,
    })
}

/// Checks an error as it went over the wire. `id` is that of the request, if it could be read.
#[track_caller]
pub(crate) fn check_error(revision: Revision, answer: &Value, id: Option<&Value>) {
    let document = Document::of(revision);
    let mut answer = answer.clone();
    match id {
        Some(id) => assert_eq!(answer.get("id"), Some(id), "{answer}"),
        None if revision.error_without_id() == ErrorWithoutId::Omit => {
            assert_eq!(answer.get("id"), None, "{revision}: {answer}");
            let mut with_null = answer.clone();
            with_null["id"] = Value::Null;
            assert!(!document.envelope_validator(error_of(&document)).is_valid(&with_null));
        }
        None => {
            // JSON-RPC 2.0 section 5: "If there was an error in detecting the id in the Request object [..], it MUST be
            // Null." The schemas before 2025-11-25 want an id and forget that it may be null: nothing else is wrong.
            assert_eq!(answer.get("id"), Some(&Value::Null), "{revision}: {answer}");
            assert!(!document.envelope_validator(error_of(&document)).is_valid(&answer));
            answer["id"] = json!(1);
        }
    }
    check(&document, error_of(&document), &answer);
    if let Some((name, is_whole)) = of_code(answer["error"]["code"].as_i64().unwrap())
        && document.definition(name).is_some()
    {
        let part = if is_whole { &answer } else { &answer["error"] };
        if let Err(error) = document.envelope_validator(name).validate(part) {
            panic!("{name} of {revision}: {error}\n{answer}");
        }
    }
}

fn read(frame: &[u8]) -> Value {
    serde_json::from_slice(frame).unwrap()
}

fn raw(value: &Value) -> Raw {
    Raw::write(value).unwrap()
}

#[test]
fn what_the_framing_writes_is_a_message_of_every_revision() {
    let ids =
        [RequestId::from(0), RequestId::from(u64::MAX), RequestId::from_text(""), RequestId::from_text("a\"\n\u{7}")];
    let params = raw(&json!({"a": [1, null, {"b": "\u{1f44b}"}], "_meta": {"progressToken": 7}}));
    let result = raw(&json!({"_meta": {}, "resultType": "complete", "more": [1]}));
    for revision in Revision::ALL {
        let document = Document::of(revision);
        for id in &ids {
            check(&document, "JSONRPCRequest", &read(&frame::request(id, "tools/call", Some(&params))));
            check(&document, "JSONRPCRequest", &read(&frame::request(id, "ping", None)));
            check(&document, result_of(&document), &read(&frame::result(id, &result)));
            let error = ErrorObject::new(Code::new(1), "a \"text\"\n").with_data(params.clone());
            let id_written = serde_json::from_str(id.as_json()).unwrap();
            for error in [error, ErrorObject::internal()] {
                let written = read(&frame::error(Some(id), revision.error_without_id(), &error));
                check_error(revision, &written, Some(&id_written));
            }
        }
        for params in [None, Some(&params)] {
            check(&document, "JSONRPCNotification", &read(&frame::notification("notifications/x", params)));
        }
    }
}

#[test]
fn a_batch_is_one_of_the_revision_that_has_batches() {
    let id = RequestId::from(1);
    let error = frame::error(Some(&id), ErrorWithoutId::Null, &ErrorObject::internal());
    let answers = read(&frame::batch(&[frame::result(&id, &Raw::EMPTY_OBJECT), error]));
    let calls = read(&frame::batch(&[frame::request(&id, "ping", None), frame::notification("notifications/x", None)]));
    for revision in Revision::ALL {
        let document = Document::of(revision);
        let (name, sends) = ("JSONRPCBatchResponse", "JSONRPCBatchRequest");
        assert_eq!(document.definition(name).is_some(), revision.has_batches(), "{revision}");
        if revision.has_batches() {
            assert!(document.envelope_validator(name).is_valid(&answers));
            assert!(document.envelope_validator(sends).is_valid(&calls));
        }
        assert_eq!(document.envelope_validator("JSONRPCMessage").is_valid(&answers), revision.has_batches());
    }
}

#[test]
fn every_error_is_one_of_every_revision_with_an_id_and_without() {
    let capabilities = ClientCapabilities::new().with_sampling(SamplingCapability::new());
    let lacks = ErrorObject::new(Code::MISSING_REQUIRED_CLIENT_CAPABILITY, "it takes sampling")
        .with_data(raw(&json!({ "requiredCapabilities": capabilities })));
    let defects = [
        DefectKind::NotUtf8,
        DefectKind::Malformed { at: 1 },
        DefectKind::TooLarge { limit: 1 },
        DefectKind::TooDeep { limit: 1 },
        DefectKind::DuplicateMember { at: 1 },
        DefectKind::NotAMessage("why"),
        DefectKind::BadParams("why"),
        DefectKind::BatchSize { limit: 1 },
    ];
    let errors: Vec<ErrorObject> = defects.into_iter().map(ErrorObject::from).collect();
    let others = [lacks, ErrorObject::method_not_found("no/such"), ErrorObject::invalid_params("why")];
    for error in errors.iter().chain(&others) {
        for revision in Revision::ALL {
            let without = revision.error_without_id();
            check_error(revision, &read(&frame::error(None, without, error)), None);
            check_error(revision, &read(&frame::error(Some(&RequestId::from(1)), without, error)), Some(&json!(1)));
        }
    }
}
