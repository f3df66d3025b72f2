use clap::Parser as _;

use super::*;

fn configured(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let options = Options::parse_from([&["mcp-auth", "--data", "/nonexistent/data"], arguments].concat());
    let environment = Environment::of(variables.iter().map(|(name, value)| (name.into(), value.into())));
    Config::new(&options, &environment)
}

fn issuer_at(arguments: &[&str], variables: &[(&str, &str)], bound: &str) -> String {
    configured(arguments, variables).unwrap().issuer(bound.parse().unwrap()).unwrap().to_string()
}

#[track_caller]
fn wrong(arguments: &[&str], variables: &[(&str, &str)], part: &str) {
    let said = configured(arguments, variables).unwrap_err().to_string();
    assert!(said.contains(part) && !said.contains('\n'), "{said}");
}

#[test]
fn the_issuer_is_the_loopback_address_or_is_said() {
    let bound = "127.0.0.1:4321";
    assert_eq!(issuer_at(&[], &[], bound), "http://127.0.0.1:4321");
    assert_eq!(issuer_at(&["--listen", "localhost:0"], &[], bound), "http://localhost:4321");
    assert_eq!(issuer_at(&["--listen", "[::1]:0"], &[], "[::1]:4321"), "http://[::1]:4321");
    assert_eq!(issuer_at(&["--issuer", "https://as.example"], &[], bound), "https://as.example");
    assert_eq!(
        issuer_at(&["--listen", "0.0.0.0:80"], &[("BASE_DOMAIN", "h.example")], bound),
        "https://auth.h.example"
    );
    wrong(&["--listen", "0.0.0.0:80"], &[], "--issuer");
    wrong(&["--issuer", "http://as.example"], &[], "https");
}

#[test]
fn scopes_are_names_or_have_a_description() {
    let scopes = |arguments: &[&str]| configured(arguments, &[]).unwrap().policy.scopes.unwrap();
    let names = |scopes: &Scopes| scopes.known.iter().map(|scope| scope.name.to_string()).collect::<Vec<_>>();
    let named = scopes(&["--scopes", "read write"]);
    assert_eq!((names(&named), named.default.to_string()), (vec!["read".into(), "write".into()], "read".to_owned()));
    let described = scopes(&["--scopes", "read=See your files, all of them;write", "--default-scope", "read write"]);
    assert_eq!(names(&described), ["read", "write"]);
    assert_eq!(described.known[0].description.as_deref(), Some("See your files, all of them"));
    assert_eq!(described.default.to_string(), "read write");
    assert_eq!(names(&scopes(&["--default-scope", "mcp"])), ["mcp"]);
    assert!(configured(&[], &[]).unwrap().policy.scopes.is_none());
    wrong(&["--scopes", "read", "--default-scope", "write"], &[], "--default-scope");
    wrong(&["--scopes", "a b=Both"], &[], "--scopes");
}

#[test]
fn a_hierarchy_is_of_scopes_that_there_are() {
    let scopes = ["--scopes", "read write admin"];
    let said = |lines: &[&str]| configured(&[&scopes[..], lines].concat(), &[]).map(|config| config.policy.hierarchy);
    let hierarchy = said(&["--scope-hierarchy", "admin implies write; write implies read"]).unwrap();
    assert_eq!(hierarchy.meant.expand(&"admin".parse().unwrap()).to_string(), "admin read write");
    assert_eq!(hierarchy.lines, ["admin implies write", "write implies read"]);
    assert!(said(&["--scope-hierarchy", ""]).unwrap().lines.is_empty());
    for line in ["admin", "admin implies", "admin > read", "admin implies reed", "root implies read", "a\nb implies c"]
    {
        wrong(&[&scopes[..], &["--scope-hierarchy", line]].concat(), &[], "--scope-hierarchy");
    }
    wrong(&["--scope-hierarchy", "admin implies mcp"], &[], "--scope-hierarchy");
}

#[test]
fn documents_are_fetched_or_not() {
    let documents = |arguments: &[&str]| configured(arguments, &[]).unwrap().policy.documents;
    assert!(matches!(documents(&[]), Documents::Fetched(_, hosts) if hosts.is_empty()));
    assert!(matches!(documents(&["--metadata-host", "h:1,i"]), Documents::Fetched(_, hosts) if hosts == ["h:1", "i"]));
    assert!(matches!(documents(&["--metadata-documents", "off"]), Documents::Off));
    wrong(&["--metadata-documents", "off", "--metadata-host", "h"], &[], "--metadata-host");
}

#[test]
fn keys_are_changed_by_time_or_by_hand() {
    let after = |arguments: &[&str]| configured(arguments, &[]).unwrap().policy.rotate_after;
    assert_eq!(after(&[]), Some(Duration::from_secs(30 * 24 * 3600)));
    assert_eq!(after(&["--rotate-keys-after", "0"]), None);
}

#[test]
fn the_grace_is_less_than_half_of_an_access_token() {
    let grace = |arguments: &[&str]| configured(arguments, &[]).unwrap().policy.lifetimes.refresh_grace.as_secs();
    assert_eq!(grace(&[]), 120);
    assert_eq!(grace(&["--access-token-lifetime", "60"]), 29);
    assert_eq!(grace(&["--access-token-lifetime", "1"]), 0);
    assert_eq!(grace(&["--refresh-grace", "7"]), 7);
}

#[test]
fn a_client_lifetime_of_nothing_is_for_ever_and_a_grant_lives_as_long_as_its_refresh_token() {
    let config = configured(&["--client-lifetime", "0", "--refresh-token-lifetime", "63072000"], &[]).unwrap();
    assert_eq!(config.policy.lifetimes.unused_client, Duration::MAX);
    assert_eq!(config.policy.lifetimes.grant.as_secs(), 63_072_000);
}

#[test]
fn the_algorithm_is_that_of_the_key_that_is_brought_along() {
    use base64::Engine as _;
    let key = SigningKey::generate(Algorithm::Rs256).unwrap();
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", base64(key.to_pkcs8()));
    let variables = [("JWT_PRIVATE_KEY_B64", base64(pem.as_bytes()))];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let policy = configured(&[], &variables).unwrap().policy;
    assert_eq!((policy.algorithm, policy.imported.unwrap().key_id()), (Algorithm::Rs256, key.key_id()));
    wrong(&["--signing-alg", "ES256"], &variables, "JWT_PRIVATE_KEY_B64 has a key for RS256");
    wrong(&[], &[("JWT_PRIVATE_KEY_B64", "bm9uZQ==")], "JWT_PRIVATE_KEY_B64: ");
}

#[test]
fn attack_057_no_symmetric_algorithm_can_be_named() {
    for name in ["HS256", "none", "rs256"] {
        wrong(&["--signing-alg", name], &[], "--signing-alg");
    }
}

#[test]
fn what_is_wrong_is_said_with_the_flag() {
    wrong(&["--listen", "nowhere"], &[], "--listen");
    wrong(&["--admin-listen", "nowhere"], &[], "--admin-listen");
    wrong(&["--tls-cert", "/x"], &[], "together");
    wrong(&["--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"], &[], "--tls-cert");
    wrong(&["--trusted-proxy", "10.0.0.0/33"], &[], "--trusted-proxy");
    wrong(&["--resource", "http://mcp.example"], &[], "--resource http://mcp.example");
    wrong(&["--client-auth-methods", "client_secret_jwt"], &[], "--client-auth-methods");
    wrong(&["--client-auth-methods", ""], &[], "client authentication method");
    wrong(&["--metadata-host", "https://h/"], &[], "--metadata-host");
    wrong(&["--quirks-file", "/nonexistent"], &[], "--quirks-file /nonexistent");
    wrong(&["--ca-file", "/nonexistent"], &[], "--ca-file");
    wrong(&["--store", "mysql://x"], &[], "--store");
}

#[test]
fn a_configuration_in_which_everybody_is_refused_is_warned_of() {
    let warned = |arguments: &[&str]| {
        let config = configured(&[&["--issuer", "https://as.example"], arguments].concat(), &[]).unwrap();
        config.warnings().filter(|said| said.contains("all requests will be refused")).count()
    };
    assert_eq!(warned(&["--listen", "0.0.0.0:8000"]), 1);
    assert_eq!(warned(&["--listen", "0.0.0.0:8000", "--rate-limit", "0"]), 1);
    assert_eq!(warned(&["--listen", "0.0.0.0:8000", "--trusted-proxy", "10.0.0.0/8"]), 0);
    assert_eq!(warned(&["--listen", "127.0.0.1:8000"]), 0);
}
