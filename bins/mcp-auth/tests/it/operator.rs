//! What the operator is told: health, readiness, counters.

use std::net::SocketAddr;

use serde_json::json;

use crate::client::App;
use crate::program::{Program, Scratch};
use crate::wire::{get, send, send_to};

#[test]
fn health_readiness_and_metrics_have_paths_of_their_own() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &[]);
    for (path, status) in [("/health", "ok"), ("/ready", "ready")] {
        let answer = get(&program, path);
        assert_eq!((answer.status, answer.json()), (200, json!({"status": status})));
        let head = send(&program, "HEAD", path, &[], "");
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        let refused = send(&program, "POST", path, &[], "");
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")));
    }
    let app = App::register(&program);
    let tokens = app.tokens(&program, &scratch);
    assert_eq!(app.refresh(&program, &tokens.refresh).status, 200);
    assert_eq!(app.refresh(&program, "nonsense").status, 400);
    scratch.admin_one(&["grants", "revoke", "--client", &app.id]);
    let metrics = get(&program, "/metrics");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "mcp_auth_requests_total{endpoint=\"token\",status=\"2xx\"} 2",
        "mcp_auth_requests_total{endpoint=\"token\",status=\"4xx\"} 1",
        "mcp_auth_requests_total{endpoint=\"register\",status=\"2xx\"} 1",
        "mcp_auth_access_tokens_issued_total 2",
        "mcp_auth_grants_ended_total{reason=\"withdrawn\"} 1",
        "mcp_auth_events_total{event=\"signed_in\"} 1",
    ] {
        assert!(metrics.body.lines().any(|own| own == line), "{line}\n{}", metrics.body);
    }
}

#[test]
fn an_address_of_the_operators_own_serves_nothing_else() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &["--admin-listen", "127.0.0.1:0"]);
    let line = program.early.iter().find(|line| line.contains("listening for the operator")).unwrap();
    let (_, address) = line.split_once("address=").unwrap();
    let address: SocketAddr = address.trim().parse().unwrap();
    for (path, status) in [("/health", 200), ("/ready", 200), ("/metrics", 200), ("/token", 404), ("/jwks", 404)] {
        assert_eq!(send_to(address, "GET", path, &[], "").status, status, "{path}");
    }
}
