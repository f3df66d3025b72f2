//! `Mcp-Param-*`: arguments that headers mirror.

use super::support::{Endpoint, Message, tool};

fn call(arguments: &str, headers: &[(&str, &str)]) -> Message {
    headers.iter().fold(tool("mirrored", arguments), |message, (name, value)| message.and(name, value))
}

// "Any server that processes the message body MUST validate that encoded header values, after decoding if
// Base64-encoded, match the corresponding values in the request body."
#[tokio::test]
async fn headers_that_mirror_the_arguments_are_taken() {
    let endpoint = Endpoint::start().await;
    for (arguments, headers) in [
        (r#"{"region":"us-west1"}"#, &[("Mcp-Param-Region", "us-west1")][..]),
        (r#"{"region":"us-west1"}"#, &[("mcp-param-REGION", "  us-west1 ")]),
        (r#"{"region":"Hello, 世界"}"#, &[("Mcp-Param-Region", "=?base64?SGVsbG8sIOS4lueVjA==?=")]),
        (r#"{"region":" padded "}"#, &[("Mcp-Param-Region", "=?base64?IHBhZGRlZCA=?=")]),
        (r#"{"region":"line1\nline2"}"#, &[("Mcp-Param-Region", "=?base64?bGluZTEKbGluZTI=?=")]),
        (r#"{"region":"=?base64?literal?="}"#, &[("Mcp-Param-Region", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=")]),
        (r#"{"region":"\u0061"}"#, &[("Mcp-Param-Region", "a")]),
        // "servers SHOULD compare the header value and the body value numerically".
        (r#"{"count":42}"#, &[("Mcp-Param-Count", "42")]),
        (r#"{"count":42.0}"#, &[("Mcp-Param-Count", "42")]),
        (r#"{"count":-7}"#, &[("Mcp-Param-Count", "-7.0")]),
        (r#"{"dry":true}"#, &[("Mcp-Param-Dry", "true")]),
        (r#"{"where":{"deep":"x"}}"#, &[("Mcp-Param-Deep", "x")]),
        // sep-2243-server-not-expect-null: null, or not there, "Server MUST NOT expect the header".
        (r#"{"region":null,"count":null,"where":{"deep":null}}"#, &[]),
        (r#"{"where":"x"}"#, &[]),
        ("{}", &[]),
        // A header that this tool does not declare is nobody's business.
        ("{}", &[("Mcp-Param-Other", "x")]),
    ] {
        let answer = endpoint.ask(&call(arguments, headers)).await;
        assert_eq!(answer.head.status, 200, "{arguments} {headers:?} {}", answer.body);
    }
}

// "Servers MUST reject requests with a 400 Bad Request HTTP status and JSON-RPC error code -32020 if any validation
// fails."
#[tokio::test]
async fn headers_that_say_something_else_are_refused() {
    let endpoint = Endpoint::start().await;
    for (arguments, headers) in [
        // "Client omits header but value is in body: Server MUST reject the request".
        (r#"{"region":"a"}"#, &[][..]),
        (r#"{"where":{"deep":"x"}}"#, &[]),
        (r#"{"region":"a"}"#, &[("Mcp-Param-Region", "b")]),
        (r#"{"region":"a"}"#, &[("Mcp-Param-Region", "A")]),
        (r#"{"region":""}"#, &[]),
        (r#"{"region":"a"}"#, &[("Mcp-Param-Region", "a"), ("Mcp-Param-Region", "a")]),
        (r#"{"region":"a"}"#, &[("Mcp-Param-Region", "=?base64?YQ?=")]),
        (r#"{"region":"a"}"#, &[("Mcp-Param-Region", "=?base64?//79?=")]),
        (r#"{"region":"é"}"#, &[("Mcp-Param-Region", "é")]),
        (r#"{"count":42}"#, &[("Mcp-Param-Count", "43")]),
        (r#"{"count":42}"#, &[("Mcp-Param-Count", "forty-two")]),
        (r#"{"count":"42"}"#, &[("Mcp-Param-Count", "43")]),
        (r#"{"dry":true}"#, &[("Mcp-Param-Dry", "True")]),
        (r#"{"dry":true}"#, &[("Mcp-Param-Dry", "1")]),
        (r#"{"region":["a"]}"#, &[("Mcp-Param-Region", "a")]),
        (r#"{"region":null}"#, &[("Mcp-Param-Region", "null")]),
        ("{}", &[("Mcp-Param-Region", "a")]),
    ] {
        let answer = endpoint.ask(&call(arguments, headers)).await;
        assert_eq!(answer.json()["error"]["code"], -32020, "{arguments} {headers:?} {}", answer.body);
        answer.is_error_of(400, -32020, "1");
    }
    assert_eq!(endpoint.handler.log(), Vec::<String>::new());
}
