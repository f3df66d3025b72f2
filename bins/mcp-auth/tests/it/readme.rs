//! The README's commands do what it says.

use crate::program::{Program, Scratch, command};
use crate::wire::post;

const README: &str = include_str!("../../../../README.md");

/// The arguments of the line of the README that begins so, with the data folder of this test.
fn line(beginning: &str, data: &str) -> Vec<String> {
    let line = README.lines().find(|line| line.starts_with(beginning)).unwrap();
    assert!(line.contains("--data auth-data"), "{line}");
    line.split(' ').skip(1).map(|word| if word == "auth-data" { data.to_owned() } else { word.to_owned() }).collect()
}

#[test]
fn the_commands_of_the_readme_work() {
    let scratch = Scratch::new();
    let mut start = command();
    start.args(line("mcp-auth --data auth-data --resource", &scratch.data())).args(["--listen", "127.0.0.1:0"]);
    let program = Program::start_as(&mut start);
    let add = line("mcp-auth --data auth-data clients add", &scratch.data());
    let output = command().args(add).output().unwrap();
    let client: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let curl = README.lines().find(|line| line.starts_with("curl -s http://127.0.0.1:8000/token ")).unwrap();
    let secret = client["client_secret"].as_str().unwrap();
    let form: Vec<_> = curl.split(" -d ").skip(1).map(|pair| pair.split_once('=').unwrap()).collect();
    let form: Vec<_> =
        form.iter().map(|(name, value)| (*name, if *value == "SECRET" { secret } else { value })).collect();
    let answer = post(&program, "/token", &[], &form);
    assert_eq!((answer.status, &answer.json()["token_type"]), (200, &"Bearer".into()), "{answer:?}");
}
