//! The README's command is answered as it says.

use crate::{program::Program, wire::send};

const README: &str = include_str!("../../../../README.md");

/// What stands in the next fenced block of that language.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    text.split_once(&format!("```{language}\n")).and_then(|(_, rest)| rest.split_once("```")).unwrap().0
}

#[test]
fn the_call_in_the_readme_is_answered_as_it_says() {
    let (_, call) = README.split_once("A call to it from another terminal").unwrap();
    let command = block(call, "sh");
    let (_, body) = command.split_once("-d '").unwrap();
    let body = body.split_once('\'').unwrap().0;
    let headers: Vec<_> = command
        .split("-H '")
        .skip(1)
        .map(|header| header.split_once('\'').unwrap().0.split_once(": ").unwrap())
        .collect();
    let answer = send(&Program::start(&[]), "POST", "/mcp", &headers, body);
    assert_eq!((answer.status, answer.body.as_str()), (200, block(call, "json").trim()));
}
