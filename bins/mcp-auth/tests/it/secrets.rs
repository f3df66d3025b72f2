//! What is not for the log, nor for standard output.

use crate::browser::{Browser, owner_code};
use crate::client::{App, Tokens, redirected};
use crate::program::{ISSUER, Program, Scratch, command};

#[test]
fn attack_046_a_whole_flow_leaves_no_secret_in_the_log() {
    let scratch = Scratch::new();
    let mut command = command();
    command.args(["--listen", "127.0.0.1:0", "--issuer", ISSUER, "--data", &scratch.data()]).env("RUST_LOG", "trace");
    let program = Program::start_as(&mut command);
    let client = scratch.admin_one(&[
        "clients",
        "add",
        "--client-id",
        "post",
        "--auth-method",
        "client_secret_post",
        "--grant-type",
        "client_credentials",
    ]);
    let app = App::register(&program);
    let mut browser = Browser::default();
    let page = browser.get(&program, &app.link());
    assert_eq!(page.status, 200);
    let owner = owner_code(&scratch);
    let page = browser.sign_in_as_owner(&program, &scratch, &app.link());
    let code = redirected(&browser.submit(&program, &page, &[("decision", "approve")]), "code");
    let tokens = app.redeem(&program, &code);
    let unknown = App::known("nobody");
    assert_eq!(unknown.refresh(&program, &tokens.refresh).status, 401);
    let next = Tokens::of(&app.refresh(&program, &tokens.refresh));
    let key = std::fs::read_to_string(scratch.path("data/master-key")).unwrap();
    let (status, out, log) = program.stop();
    assert_eq!((status.code(), out.as_str()), (Some(0), ""));
    // It was told to log everything, and did.
    assert!(log.iter().any(|line| line.contains("DEBUG") && line.contains("there is no such client")), "{log:?}");
    let signature = tokens.access.rsplit('.').next().unwrap();
    let secrets = [
        ("owner's code", owner.as_str()),
        ("code", &code),
        ("access token", signature),
        ("refresh token", &tokens.refresh),
        ("next refresh token", &next.refresh),
        ("client secret", client["client_secret"].as_str().unwrap()),
        ("master key", key.trim()),
    ];
    for (name, secret) in secrets {
        assert!(secret.len() > 15, "{name}");
        if let Some(line) = log.iter().find(|line| line.contains(secret)) {
            panic!("the {name} is in the log: {line}");
        }
    }
    // That it would be found: what is no secret is there.
    assert!(log.iter().any(|line| line.contains(&app.id)));
}
