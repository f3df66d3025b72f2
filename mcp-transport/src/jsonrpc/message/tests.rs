use super::*;
use crate::jsonrpc::Code;

fn parse(text: &'static str) -> Result<Message, Defect> {
    Message::parse(Bytes::from_static(text.as_bytes()), &Limits::default())
}

fn refused(text: &'static str) -> (i64, Option<String>) {
    let defect = parse(text).unwrap_err();
    (defect.kind.code().get(), defect.id.map(|id| id.to_string()))
}

#[test]
fn messages_are_told_apart_by_their_keys() {
    assert!(matches!(parse(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#), Ok(Message::Request(_))));
    assert!(matches!(parse(r#"{"jsonrpc":"2.0","method":"ping"}"#), Ok(Message::Notification(_))));
    assert!(matches!(parse(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Ok(Message::Response(_))));
    let Ok(Message::Response(response)) = parse(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"m"}}"#)
    else {
        panic!("a response")
    };
    assert_eq!(response.id, None);
    assert_eq!(response.outcome.unwrap_err().code, Code::new(-1));
    assert!(parse(r#"{"jsonrpc":"2.0","error":{"code":-1,"message":"m"}}"#).is_ok());
}

#[test]
fn what_is_no_message_is_refused_with_its_id() {
    assert_eq!(refused("{"), (-32700, None));
    assert_eq!(refused("[]"), (-32600, None));
    // A text that is no JSON at all is that first, however it begins.
    assert_eq!(refused("1 x"), (-32700, None));
    assert_eq!(refused(r#""a" {}"#), (-32700, None));
    assert_eq!(refused(r#"{"id":1,"method":"a"}"#), (-32600, Some("1".into())));
    assert_eq!(refused(r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#), (-32600, Some("1".into())));
    assert_eq!(refused(r#"{"jsonrpc":"2.0","id":"x"}"#), (-32600, Some(r#""x""#.into())));
    assert_eq!(refused(r#"{"jsonrpc":"2.0","id":1,"method":2}"#), (-32600, Some("1".into())));
    assert_eq!(refused(r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#), (-32600, None));
    assert_eq!(refused(r#"{"jsonrpc":"2.0","id":1.5,"method":"a"}"#), (-32600, None));
    assert_eq!(refused(r#"{"jsonrpc":"2.0","id":1,"method":"a","result":1}"#), (-32600, Some("1".into())));
    assert_eq!(refused(r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#), (-32600, Some("1".into())));
    assert_eq!(refused(r#"{"jsonrpc":"2.0","result":1}"#), (-32600, None));
    assert_eq!(refused(r#"{"jsonrpc":"2.0","id":1,"error":{}}"#), (-32600, Some("1".into())));
}

// RFC 8259 section 8.3: strings are compared after unescaping.
#[test]
fn the_version_may_be_written_with_escapes() {
    assert!(parse(r#"{"jsonrpc":"2\u002e0","id":1,"method":"a"}"#).is_ok());
    for version in [r#""2\u002e1""#, "2.0", "2", r#""2.0 ""#, r#""""#, r#"["2.0"]"#] {
        let text = format!(r#"{{"jsonrpc":{version},"id":1,"method":"a"}}"#);
        let defect = Message::parse(text.into(), &Limits::default()).unwrap_err();
        assert!(matches!(defect.kind, DefectKind::NotAMessage(_)), "{version}");
    }
}

#[test]
fn params_that_are_no_object_are_refused_wherever_they_stand() {
    for text in [
        r#"{"params":[1],"jsonrpc":"2.0","id":1,"method":"a"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"a","params":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"a","params":"x"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":[]}}"#,
    ] {
        assert_eq!(refused(text), (-32602, Some("1".into())), "{text}");
    }
}

#[test]
fn members_are_found_after_unescaping_and_kept_as_written() {
    let text = r#" { "\u006detho\u0064" : "tools\/call", "jsonrpc":"2.0", "id" : 7,
        "params" : { "na\u006de": "e\u0063ho", "arguments": { "n": 1.0 }, "_meta" : {"a\/b": 2} , "x":null} } "#;
    let Ok(Message::Request(request)) = parse(text) else { panic!("a request") };
    assert_eq!(request.method.as_str(), "tools/call");
    assert_eq!(request.params.get_str("name").unwrap(), "echo");
    assert_eq!(request.params.get("arguments"), Some(r#"{ "n": 1.0 }"#));
    assert_eq!(request.params.get_raw("arguments").unwrap().as_str(), r#"{ "n": 1.0 }"#);
    assert_eq!(request.params.meta("a/b"), Some("2"));
    assert_eq!(request.params.meta("x"), None);
    assert_eq!(request.params.get("x"), Some("null"));
    assert!(request.params.to_raw().as_str().starts_with(r#"{ "na\u006de""#));
}

#[test]
fn params_of_our_own_are_indexed_alike() {
    let params = Params::write(&serde_json::json!({"name": "x", "_meta": {"k": true}})).unwrap();
    assert_eq!(params.get_str("name").unwrap(), "x");
    assert_eq!(params.meta("k"), Some("true"));
    assert!(Params::write(&7).is_err());
    assert!(Params::default().get("x").is_none());
    assert_eq!(Params::default().to_raw().as_str(), "{}");
}
