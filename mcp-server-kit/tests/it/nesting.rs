//! Servers made of others: what is prefixed, what is not, and that all of it is reached under its new name.

use mcp_server_kit::{
    BuildError, Cx, NoArgs, ServerBuilder, prompt,
    protocol::{PromptArgument, Revision},
    resource_template,
    testing::TestClient,
    text_resource, tool,
};
use serde_json::{Value, json};

use crate::{
    lists::{item, nothing, say, words},
    run, server,
};

async fn which(_cx: Cx, _: NoArgs) -> &'static str {
    "inner"
}

/// A server with one thing of each kind; `scheme` keeps the URIs of several apart.
fn part(scheme: &str) -> ServerBuilder {
    server()
        .tool(tool("a", which))
        .prompt(prompt("say", say).argument(PromptArgument::new("what")).complete("what", words))
        .resource(text_resource(format!("{scheme}://a"), "text", scheme))
        .resource_template(resource_template(format!("{scheme}://items/{{id}}"), "item", item))
}

#[test]
fn nesting_prefixes_every_name_and_no_uri() {
    let all = part("own").nest("one", part("mid").nest("two", part("deep"))).build().unwrap();
    for revision in Revision::ALL {
        let client = TestClient::new(all.clone()).revision(revision);
        let names = |method: &str, member: &str, name: &str| {
            let listed = run(client.request(method, json!({}))).unwrap();
            let names: Vec<_> = listed[member].as_array().unwrap().iter().map(|item| item[name].clone()).collect();
            Value::from(names)
        };
        assert_eq!(names("tools/list", "tools", "name"), json!(["a", "one_a", "one_two_a"]));
        assert_eq!(names("prompts/list", "prompts", "name"), json!(["say", "one_say", "one_two_say"]));
        assert_eq!(names("resources/list", "resources", "name"), json!(["text", "one_text", "one_two_text"]));
        assert_eq!(names("resources/list", "resources", "uri"), json!(["own://a", "mid://a", "deep://a"]));
        let templates = names("resources/templates/list", "resourceTemplates", "name");
        assert_eq!(templates, json!(["item", "one_item", "one_two_item"]));

        // Under its name, and under no other, each is reached.
        let told = run(client.call_tool("one_two_a", json!({}))).unwrap();
        assert_eq!(told.content[0].as_text(), Some("inner"));
        assert!(run(client.call_tool("two_a", json!({}))).is_err());
        let got = run(client.get_prompt("one_two_say", json!({"what": "hi"}))).unwrap();
        assert_eq!(got.messages[0].content.as_text(), Some("hi"));
        let read = |uri: &str| run(client.request("resources/read", json!({ "uri": uri }))).unwrap();
        assert_eq!(read("deep://a")["contents"][0]["text"], "deep");
        assert_eq!(read("deep://items/7")["contents"][0]["text"], "7");
        let reference = json!({"type": "ref/prompt", "name": "one_two_say"});
        let params = json!({"ref": reference, "argument": {"name": "what", "value": "par"}});
        let completed = run(client.request("completion/complete", params)).unwrap();
        assert_eq!(completed["completion"]["values"], json!(["par", "paris"]), "{revision}");
    }
}

#[test]
fn two_of_one_name_are_refused() {
    let refused = |builder: ServerBuilder| match builder.build() {
        Err(BuildError::Duplicate { kind, name }) => (kind, name),
        other => panic!("{other:?}"),
    };
    let tools = || server().tool(tool("a", nothing));
    assert_eq!(refused(tools().merge(tools())), ("tools", "a".to_owned()));
    assert_eq!(refused(tools().nest("x", tools()).nest("x", tools())), ("tools", "x_a".to_owned()));
    assert_eq!(refused(part("t").nest("one", part("t"))), ("resources", "t://a".to_owned()));
    assert!(tools().nest("x", tools()).nest("y", tools()).build().is_ok());
}
