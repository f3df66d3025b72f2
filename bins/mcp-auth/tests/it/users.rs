//! Users in a file.

use serde_json::json;

use crate::browser::Browser;
use crate::client::{App, Tokens, redirected};
use crate::program::{Program, Scratch, text, until};

/// The password of `ada`.
pub(crate) const ADA: &str = "correct horse";

/// A file of users with `ada` in it.
pub(crate) fn with_ada(scratch: &Scratch) -> String {
    let file = scratch.path("users").to_str().unwrap().to_owned();
    let added = scratch.run(&["users", "add", "ada", "--users-file", &file], ADA);
    assert_eq!(
        (added.status.code(), text(&added.stdout), text(&added.stderr)),
        (Some(0), String::new(), String::new())
    );
    file
}

#[test]
fn a_user_of_the_file_signs_in_until_they_are_disabled() {
    let scratch = Scratch::new();
    let file = with_ada(&scratch);
    let program = Program::start(&scratch, &["--users-file", &file]);
    let app = App::register(&program);
    let mut browser = Browser::default();
    let wrong = browser.sign_in(&program, &app.link(), "ada", "incorrect horse");
    assert!(wrong.body.contains("did not work"), "{wrong:?}");
    let page = browser.sign_in(&program, &app.link(), "ada", "correct horse");
    let answer = browser.submit(&program, &page, &[("decision", "approve")]);
    let mut tokens = app.redeem(&program, &redirected(&answer, "code"));
    assert_eq!(tokens.claims()["sub"], "users:ada");

    scratch.admin(&["users", "disable", "ada", "--users-file", &file]);
    // The file is looked at once a second.
    let refused = until("the disabled user goes on", || {
        let answer = app.refresh(&program, &tokens.refresh);
        if answer.status != 200 {
            return Some(answer);
        }
        tokens = Tokens::of(&answer);
        None
    });
    assert_eq!(refused.json()["error"], "invalid_grant", "{refused:?}");
}

#[test]
fn users_are_edited() {
    let scratch = Scratch::new();
    let file = with_ada(&scratch);
    let users = |arguments: &[&str], input: &str| {
        let output = scratch.run(&[&["--users-file", &file, "users"], arguments].concat(), input);
        (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
    };
    let listed = || scratch.admin(&["users", "list", "--users-file", &file]);
    assert_eq!(users(&["add", "ada"], "x y z 1 2 3\n"), (1, "mcp-auth: there is a user of this name\n".to_owned()));
    assert_eq!(users(&["disable", "ada"], "").0, 0);
    assert_eq!(listed(), [json!({"name": "ada", "state": "disabled"})]);
    assert_eq!(users(&["enable", "ada"], "").0, 0);
    assert_eq!(users(&["passwd", "ada"], "another horse").0, 0);
    assert_eq!(listed(), [json!({"name": "ada", "state": "good"})]);
    assert_eq!(users(&["remove", "ada"], "").0, 0);
    assert_eq!(users(&["add", "ada"], "correct horse\n").0, 1, "the name is not given again");
    assert_eq!(users(&["passwd", "eve"], "correct horse\n").0, 1);
    let (code, said) = users(&["add", "eve"], "");
    assert!(code == 1 && said.contains("password"), "{said}");
    assert_eq!(users(&["add", "no spaces"], "x\n").0, 2);
    let (code, said) = scratch.refused(&["users", "list"]);
    assert!(code == 2 && said.contains("--users-file"), "{said}");
}

#[test]
fn a_list_of_users_says_who_has_access() {
    let scratch = Scratch::new();
    let file = with_ada(&scratch);
    for (list, admitted) in [("ada", true), ("eve,bob", false), ("", false), ("*", true)] {
        let program = Program::start(&scratch, &["--users-file", &file, "--allow-users", list]);
        let app = App::register(&program);
        let mut browser = Browser::default();
        let page = browser.sign_in(&program, &app.link(), "ada", "correct horse");
        if admitted {
            let answer = browser.submit(&program, &page, &[("decision", "approve")]);
            app.redeem(&program, &redirected(&answer, "code"));
        } else {
            assert!(page.status == 303 || page.status == 403 || !page.body.contains("approve"), "{list}: {page:?}");
        }
        let (_, _, log) = program.stop();
        let warned = |text: &str| log.iter().any(|line| line.contains(text));
        assert_eq!(warned("everybody who can sign in has access"), list == "*", "{log:?}");
        assert_eq!(warned("nobody has access"), list.is_empty(), "{log:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_a_wrong_configuration() {
    let scratch = Scratch::new();
    let file = scratch.path("none");
    let output = scratch.run(&["--listen", "127.0.0.1:0", "--users-file", file.to_str().unwrap()], "");
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("users add NAME"), "{said}");
}
