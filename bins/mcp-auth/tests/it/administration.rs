//! Administration: over the socket of the running server, and without one.

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::sync::Arc;

use mcp_oauth::identity::{Owner, Terminal};
use mcp_oauth::server::AuthorizationServer;
use mcp_oauth::store::Stores;
use mcp_oauth::store::embedded::{EmbeddedOptions, EmbeddedStore};
use mcp_oauth::types::{ManualClock, Timestamp};
use mcp_transport::auth::Issuer;
use mcp_transport::seal::SealKey;
use serde_json::{Value, json};

use crate::client::{App, REDIRECT, Tokens};
use crate::program::{ISSUER, PATIENCE, Program, Scratch, command_of, text, until};
use crate::wire::{get, post, send};

fn id_of(client: &Value) -> &str {
    client["client_id"].as_str().unwrap()
}

const CONFIDENTIAL: [&str; 8] = [
    "clients",
    "add",
    "--client-id",
    "batch",
    "--auth-method",
    "client_secret_post",
    "--grant-type",
    "client_credentials",
];

/// What a client gets for itself.
fn own_token(program: &Program, client: &Value) -> crate::wire::Answer {
    let secret = client["client_secret"].as_str().unwrap();
    let form = [("grant_type", "client_credentials"), ("client_id", id_of(client)), ("client_secret", secret)];
    post(program, "/token", &[], &form)
}

#[test]
fn clients_of_a_running_server() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &[]);
    let client = scratch.admin_one(&CONFIDENTIAL);
    assert_eq!(own_token(&program, &client).status, 200);
    let listed = scratch.admin(&["clients", "list"]);
    assert_eq!(listed.iter().map(id_of).collect::<Vec<_>>(), ["batch"]);
    assert!(listed[0].get("client_secret").is_none());
    assert_eq!(id_of(&scratch.admin_one(&["clients", "show", "batch"])), "batch");
    let (code, said) = scratch.refused(&CONFIDENTIAL);
    assert!(code == 1 && said.contains("already; give another --client-id"), "{said}");
    scratch.admin_one(&["clients", "delete", "batch"]);
    assert_eq!(own_token(&program, &client).status, 401);
    let absent = "mcp-auth: there is no such client; 'mcp-auth clients list' names those that there are\n";
    assert_eq!(scratch.refused(&["clients", "show", "batch"]), (1, absent.to_owned()));
}

#[test]
fn clients_without_a_server_are_known_to_the_next_one() {
    let scratch = Scratch::new();
    let client = scratch.admin_one(&CONFIDENTIAL);
    let public = ["clients", "add", "--client-id", "app", "--redirect-uri", REDIRECT];
    assert_eq!(scratch.admin_one(&public)["token_endpoint_auth_method"], "none");
    let program = Program::start(&scratch, &["--registration", "off"]);
    assert_eq!(own_token(&program, &client).status, 200);
    App::known("app").tokens(&program, &scratch);
    program.stop();
    assert_eq!(scratch.admin(&["clients", "list"]).len(), 2);
    assert_eq!(scratch.admin_one(&["clients", "delete", "app"])["grants_ended"], 1);
}

#[test]
fn deleting_a_client_ends_its_grants() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &[]);
    let client = scratch.admin_one(&["clients", "add", "--client-id", "app", "--redirect-uri", REDIRECT]);
    let app = App::known(id_of(&client));
    let tokens = app.tokens(&program, &scratch);
    assert_eq!(scratch.admin_one(&["clients", "delete", "app"]), json!({"client_id": "app", "grants_ended": 1}));
    // A client of the same name is another one.
    scratch.admin_one(&["clients", "add", "--client-id", "app", "--redirect-uri", REDIRECT]);
    let answer = app.refresh(&program, &tokens.refresh);
    assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_grant")), "{answer:?}");
}

#[test]
fn grants_are_listed_and_revoked() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &[]);
    let app = App::register(&program);
    let (first, second) = (app.tokens(&program, &scratch), app.tokens(&program, &scratch));
    let listed = scratch.admin(&["grants", "list"]);
    assert_eq!(
        (listed.len(), &listed[0]["subject"], &listed[0]["client_name"]),
        (2, &json!("owner"), &json!("An app"))
    );
    assert_eq!(scratch.admin(&["grants", "list", "--subject", "users:nobody"]), Vec::<Value>::new());
    let grant = listed[0]["grant"].as_str().unwrap();
    scratch.admin_one(&["grants", "revoke", grant]);
    let good = [&first, &second].map(|tokens| app.refresh(&program, &tokens.refresh).status == 200);
    assert!(good[0] != good[1], "{good:?}");
    assert_eq!(scratch.admin_one(&["grants", "revoke", "--client", &app.id]), json!({"grants_ended": 1}));
    assert_eq!(scratch.refused(&["grants", "revoke", grant]).0, 1);
    assert_eq!(scratch.refused(&["grants", "revoke", "nonsense"]).0, 2);
    assert_eq!(scratch.admin(&["grants", "list"]), Vec::<Value>::new());
}

#[test]
fn a_look_at_the_keys_changes_none() {
    // A store whose keys nobody has looked after for a long time.
    let scratch = Scratch::new();
    Program::start(&scratch, &[]).stop();
    let file = scratch.path("data").join("store.redb");
    fs::remove_file(&file).unwrap();
    let master = SealKey::from_base64(&fs::read_to_string(scratch.path("data").join("master-key")).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let open = || Stores::all_in(&Arc::new(EmbeddedStore::open(&file, EmbeddedOptions::default()).unwrap()));
    let server = AuthorizationServer::builder(Issuer::parse(ISSUER).unwrap())
        .identity(Arc::new(Owner::new(Arc::new(Terminal))))
        .clock(Arc::new(ManualClock::at(Timestamp::from_secs(1000))))
        .master_key(master)
        .stores(open());
    let active = runtime.block_on(server.build()).unwrap().keys().keys()[0].key().key_id().to_owned();
    let kept = || runtime.block_on(open().keys.load()).unwrap().unwrap();
    let before = kept();
    let listed = scratch.admin(&["keys", "list", "--access-token-lifetime", "60"]);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!((listed[0]["key_id"].as_str(), listed[0]["state"].as_str()), (Some(&*active), Some("active")));
    assert_eq!(scratch.admin_one(&["stats"])["keys"], 1);
    assert_eq!(kept(), before);
    scratch.admin(&["keys", "rotate"]);
    assert!(kept().revision > before.revision);
}

#[test]
fn whoever_looks_makes_no_master_key() {
    let scratch = Scratch::new();
    let key = scratch.path("data/master-key");
    // A store that no server has begun with has no keys.
    scratch.admin_one(&CONFIDENTIAL);
    assert_eq!(scratch.admin(&["keys", "list"]), Vec::<Value>::new());
    assert_eq!(scratch.admin_one(&["stats"])["keys"], 0);
    assert!(!key.exists());
    // One whose master key is gone has some, and nobody can open them.
    Program::start(&scratch, &[]).stop();
    fs::remove_file(&key).unwrap();
    let stats = scratch.admin_one(&["stats"]);
    assert_eq!((&stats["keys"], &stats["clients_added"]), (&Value::Null, &json!(1)));
    for command in [&["keys", "list"][..], &["keys", "rotate"], &["check"]] {
        let output = scratch.run(command, "");
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains("no master key at"), "{command:?}: {output:?}");
        assert!(!key.exists(), "{command:?}");
    }
}

#[test]
fn consents_are_listed_and_withdrawn() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &[]);
    let redirect = "https://app.example/cb";
    let app = json!({"redirect_uris": [redirect], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"]});
    let app = App::register_as(&program, &app);
    let tokens = app.tokens(&program, &scratch);
    // On the user's own machine nobody can tell who has a redirect: that is asked each time, and not remembered.
    App::register(&program).tokens(&program, &scratch);
    let listed = scratch.admin(&["consents", "list", "--subject", "owner"]);
    assert_eq!(
        (listed.len(), &listed[0]["client_id"], &listed[0]["redirect_uri"]),
        (1, &json!(app.id), &json!(redirect))
    );
    let withdraw = ["consents", "revoke", "--subject", "owner", "--client", &app.id];
    assert_eq!(scratch.admin_one(&withdraw), json!({"consents_forgotten": 1}));
    assert_eq!(scratch.admin_one(&withdraw), json!({"consents_forgotten": 0}));
    assert_eq!(scratch.admin(&["consents", "list", "--subject", "owner"]), Vec::<Value>::new());
    // What was allowed before goes on.
    assert_eq!(app.refresh(&program, &tokens.refresh).status, 200);
    for incomplete in [["consents", "revoke"], ["consents", "list"]] {
        assert_eq!(scratch.run(&incomplete, "").status.code(), Some(2));
    }
}

#[test]
fn keys_are_rotated_in_the_running_server_and_without_it() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &["--signing-alg", "EdDSA"]);
    let published = |program: &Program| get(program, "/jwks").json()["keys"].as_array().unwrap().len();
    assert_eq!(published(&program), 1);
    let keys = scratch.admin(&["keys", "rotate"]);
    assert_eq!(keys.iter().map(|key| key["state"].as_str().unwrap()).collect::<Vec<_>>(), ["active", "next"]);
    assert_eq!(published(&program), 2);
    let active = keys[0]["key_id"].as_str().unwrap().to_owned();
    scratch.admin(&["keys", "revoke", &active]);
    assert_eq!(published(&program), 1);
    program.stop();
    // Nothing here says EdDSA: what signs goes on doing so.
    let keys = scratch.admin(&["keys", "rotate"]);
    let all: Vec<_> =
        keys.iter().map(|key| (key["algorithm"].as_str().unwrap(), key["state"].as_str().unwrap())).collect();
    assert_eq!(all, [("EdDSA", "active"), ("EdDSA", "next")]);
    assert_eq!(scratch.admin(&["keys", "list"]).len(), 2);
    assert!(keys.iter().all(|key| key.get("d").is_none() && key["key_id"] != active.as_str()), "{keys:?}");
}

#[test]
fn a_copy_of_the_store_serves_as_the_store_did() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &[]);
    let app = App::register(&program);
    let tokens = app.tokens(&program, &scratch);
    let copy = scratch.path("copy.redb");
    scratch.admin_one(&["backup", copy.to_str().unwrap()]);
    assert_eq!(scratch.refused(&["backup", copy.to_str().unwrap()]).0, 1, "nothing is written over");
    assert_eq!(scratch.refused(&["restore", copy.to_str().unwrap()]).0, 1, "a server runs");
    program.stop();
    let (code, said) = scratch.refused(&["restore", copy.to_str().unwrap()]);
    assert!(code == 2 && said.contains("move it away"), "{said}");
    fs::remove_file(scratch.path("data/store.redb")).unwrap();
    // What is no store does not take its place.
    let (code, said) = scratch.refused(&["restore", scratch.path("data/master-key").to_str().unwrap()]);
    assert!(code == 1 && said.contains("cannot be put back"), "{said}");
    assert_eq!(fs::read_dir(scratch.path("data")).unwrap().count(), 1, "nothing is left of it");
    scratch.admin_one(&["restore", copy.to_str().unwrap()]);
    assert_eq!(fs::metadata(scratch.path("data/store.redb")).unwrap().mode() & 0o777, 0o600);
    let restored = Program::start(&scratch, &[]);
    Tokens::of(&app.refresh(&restored, &tokens.refresh));
}

#[test]
fn counting_and_sweeping() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &[]);
    let app = App::register(&program);
    app.tokens(&program, &scratch);
    let stats = scratch.admin_one(&["stats"]);
    for (name, count) in [
        ("clients_registered", 1),
        ("clients_added", 0),
        ("grants_live", 1),
        ("keys", 1),
        ("access_tokens_issued_since_start", 1),
    ] {
        assert_eq!(stats[name], count, "{stats}");
    }
    assert_eq!(scratch.admin_one(&["purge"])["clients_removed"], 0);
    program.stop();
    let stats = scratch.admin_one(&["stats"]);
    assert_eq!((&stats["serving"], &stats["keys"], &stats["grants_live"]), (&json!(false), &json!(1), &json!(1)));
    let (code, said) = scratch.refused(&["--store", "file:/nonexistent/store", "clients", "list"]);
    assert!(code == 2 && said.contains("--store"), "{said}");
}

#[test]
fn one_server_for_a_folder_and_one_process_for_a_file() {
    let scratch = Scratch::new();
    let _program = Program::start(&scratch, &[]);
    let second = scratch.run(&["--listen", "127.0.0.1:0"], "");
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another mcp-auth serves"), "{}", text(&second.stderr));
    // Without the socket the lock on the file tells.
    fs::remove_file(scratch.path("data/admin.sock")).unwrap();
    let (code, said) = scratch.refused(&["clients", "list"]);
    assert!(code == 1 && said.contains("in use"), "{said}");
}

#[test]
fn attack_109_there_is_no_administration_over_http() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &[]);
    let app = App::register(&program);
    let tokens = app.tokens(&program, &scratch);
    let bearer = format!("Bearer {}", tokens.access);
    for path in ["/admin", "/admin/clients", "/clients", "/grants", "/keys", "/stats", "/users", "/api/clients"] {
        for headers in [&[][..], &[("Authorization", bearer.as_str())], &[("Origin", "https://evil.example")]] {
            for method in ["GET", "POST", "DELETE"] {
                let answer = send(&program, method, path, headers, "");
                assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
                assert_eq!(answer.header("access-control-allow-origin"), None);
            }
        }
    }
}

#[test]
fn attack_109_the_socket_is_for_its_own_user() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &[]);
    let socket = scratch.path("data/admin.sock");
    let mode = |path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(socket.clone()), mode(scratch.path("data"))), (0o600, 0o700));
    // Only root can become somebody else.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // A copy that anybody can run: where cargo builds, others may not look.
    let copy = scratch.path("mcp-auth");
    fs::copy(env!("CARGO_BIN_EXE_mcp-auth"), &copy).unwrap();
    let as_nobody = || {
        let mut command = command_of(&copy);
        command.args(["--data", &scratch.data(), "clients", "list"]).current_dir("/").uid(65534).gid(65534);
        // A process that another test has just begun may hold the copy open for writing, as this one did, for a moment.
        let output = until("the copy is busy", || match command.output() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => None,
            output => Some(output.unwrap()),
        });
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
        text(&output.stderr)
    };
    let said = as_nobody();
    assert!(said.contains("Permission denied"), "{said}");
    // Also where somebody has opened the folder and the socket to everybody.
    fs::set_permissions(scratch.path("data"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).unwrap();
    let said = as_nobody();
    assert!(said.contains("its own user"), "{said}");
    let (_, _, log) = program.stop();
    assert!(log.iter().any(|line| line.contains("uid=65534") && line.contains("turned away")), "{log:?}");
}

#[test]
fn the_socket_takes_no_nonsense() {
    let scratch = Scratch::new();
    let _program = Program::start(&scratch, &[]);
    let connect = || {
        let stream = UnixStream::connect(scratch.path("data/admin.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut stream = connect();
    for line in ["{\"command\":\"shell\"}", "GET / HTTP/1.1", "", "{\"command\":\"show-client\"}"] {
        writeln!(stream, "{line}").unwrap();
        let mut answer = String::new();
        BufReader::new(&stream).read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["usage"].is_string(), "{answer}");
    }
    // A line without an end is not read to its end.
    let mut endless = connect();
    let block = vec![b'x'; 1 << 20];
    let written = (0..64).map_while(|_| endless.write_all(&block).ok()).count();
    assert!(written < 64, "{written} MiB were taken");
    assert_eq!(scratch.admin_one(&["stats"])["clients_added"], 0);
}
