//! What survives the end of the process, and what does not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_oauth::jose::{Algorithm, SigningKey};
use rustix::process::Signal;

use crate::client::{App, Tokens};
use crate::program::{Program, Scratch};
use crate::wire::get;

#[test]
fn grants_clients_and_keys_survive_a_restart() {
    let scratch = Scratch::new();
    let first = Program::start(&scratch, &[]);
    let app = App::register(&first);
    let tokens = app.tokens(&first, &scratch);
    let keys = get(&first, "/jwks").body;
    let (status, ..) = first.stop();
    assert_eq!(status.code(), Some(0));
    assert!(!scratch.path("data/admin.sock").exists(), "the socket goes with the server");

    let second = Program::start(&scratch, &[]);
    assert_eq!(get(&second, "/jwks").body, keys);
    let tokens = Tokens::of(&app.refresh(&second, &tokens.refresh));
    // What is killed leaves its socket, and everything that it has answered is on the disk.
    second.stop_by(Signal::KILL);
    assert!(scratch.path("data/admin.sock").exists());

    std::fs::write(scratch.path("data/owner-code"), "of a server that was killed").unwrap();
    let third = Program::start(&scratch, &[]);
    assert!(!scratch.path("data/owner-code").exists());
    Tokens::of(&app.refresh(&third, &tokens.refresh));
    assert_eq!(scratch.admin_one(&["stats"])["serving"], true);
}

#[test]
fn a_store_in_memory_forgets() {
    let scratch = Scratch::new();
    let memory = ["--store", "memory:"];
    let first = Program::start(&scratch, &memory);
    let app = App::register(&first);
    let tokens = app.tokens(&first, &scratch);
    first.stop();
    assert!(!scratch.path("data/store.redb").exists() && !scratch.path("data/master-key").exists());
    let second = Program::start(&scratch, &memory);
    let answer = app.refresh(&second, &tokens.refresh);
    assert_eq!((answer.status, answer.json()["error"].as_str()), (401, Some("invalid_client")), "{answer:?}");
    second.stop();
    let (code, said) = scratch.refused(&["--store", "memory:", "clients", "list"]);
    assert!(code == 2 && said.contains("memory:"), "{said}");
}

#[test]
fn keys_that_another_master_key_has_sealed_stop_the_start() {
    let scratch = Scratch::new();
    Program::start(&scratch, &[]).stop();
    let other = scratch.path("other-key");
    let (code, said) = scratch.refused_to_start(&["--master-key-file", other.to_str().unwrap()]);
    assert!(code == 2 && said.contains("another master key"), "{said}");
    // With its own it starts again.
    Program::start(&scratch, &[]);
}

impl Scratch {
    /// Starts a server that is not to come up; gives its exit code and the last line of its log.
    fn refused_to_start(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(&[&["--listen", "127.0.0.1:0"], arguments].concat(), "");
        let said = crate::program::text(&output.stderr);
        (output.status.code().unwrap(), said.lines().last().unwrap_or_default().to_owned())
    }
}

#[test]
fn an_rs256_key_is_imported_into_an_empty_store_and_not_again() {
    let scratch = Scratch::new();
    let key = SigningKey::generate(Algorithm::Rs256).unwrap();
    let body = STANDARD.encode(key.to_pkcs8());
    let variable = STANDARD.encode(format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"));
    let start = || {
        let mut command = crate::program::command();
        command.args(["--listen", "127.0.0.1:0", "--data", &scratch.data()]).env("JWT_PRIVATE_KEY_B64", &variable);
        command.args(["--issuer", crate::program::ISSUER]);
        Program::start_as(&mut command)
    };
    let first = start();
    let app = App::register(&first);
    let imported = app.tokens(&first, &scratch).key();
    assert_eq!(imported, key.key_id());
    let keys = scratch.admin(&["keys", "list"]);
    assert_eq!(
        (keys.len(), keys[0]["algorithm"].as_str(), keys[0]["key_id"].as_str()),
        (1, Some("RS256"), Some(imported.as_str()))
    );
    scratch.admin(&["keys", "revoke", &imported]);
    first.stop();
    let second = start();
    let keys = scratch.admin(&["keys", "list"]);
    assert!(keys.iter().all(|key| key["key_id"] != imported.as_str()), "{keys:?}");
    let (_, _, log) = second.stop();
    assert!(log.iter().any(|line| line.contains("JWT_PRIVATE_KEY_B64 signs nothing")), "{log:?}");
}
