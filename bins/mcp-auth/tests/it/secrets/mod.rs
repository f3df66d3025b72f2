//! What is not for the log, nor for standard output, nor for the operator's pages, nor for the disk: checks 45 and 46.
//!
//! The program is told to log everything, in three set-ups that have little in common. In each somebody goes every way that
//! there is, the wrong ones too, and then nothing that was secret on them stands anywhere.
//!
//! The owner's code is written into `owner-code`, and the master key into `master-key`, both for their user alone (0600):
//! there people are to read the one and keep the other. The secret of a client that is added stands in the answer to that
//! command, once. On a terminal the owner's code is printed instead, for whoever sits there.
//!
//! | file | what it holds |
//! |---|---|
//! | `site` | the server in a set-up, its commands, and all that is told and kept |
//! | `walk` | the ways |
//! | `astray` | what is sent to where it does not belong |
//! | `transport` | HTTP/1.1, and HTTP/2 through TLS |

mod astray;
mod site;
mod transport;
mod walk;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_oauth::jose::{Algorithm, SigningKey};
use mcp_oauth::store::Stores;
use mcp_oauth::store::redis::{RedisOptions, RedisStore};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use scripted_browser::secrets::Kind;

use self::site::{SignIn, Site};
use self::transport::{Http1, Http2};
use crate::program::{ISSUER, Scratch, command, text};
use crate::redis::{PASSWORD, durable};
use crate::users::{ADA, with_ada};

/// What is sent to where it does not belong.
const ASTRAY: [Kind; 4] = [Kind::AccessToken, Kind::RefreshToken, Kind::ClientSecret, Kind::Cookie];

#[test]
fn attack_045_046_of_an_owner_and_a_store_in_a_file() {
    let arguments = ["--issuer", ISSUER, "--log-format", "json"];
    let mut site =
        Site::start(Scratch::new(), SignIn::Owner, &arguments, &[], |program| Box::new(Http1(program.address)));
    site.walk();
    site.astray(&ASTRAY);
    site.raw(&ASTRAY);
    let copy = site.scratch.path("copy.redb");
    site.command(&["backup", copy.to_str().unwrap()], "");
    site.stop();
    for command in ["check", "doctor", "stats"] {
        site.command(&[command], "");
    }
    site.keys_in_file();
    site.end(&[Kind::MasterKey, Kind::OwnerCode]);
}

#[test]
fn attack_045_046_of_users_and_redis() {
    let (scratch, redis) = (Scratch::new(), durable());
    let users = with_ada(&scratch);
    let url = redis.url().replace("://", &format!("://:{PASSWORD}@"));
    let environment = [("MCP_AUTH_STORE", url.as_str()), ("MCP_AUTH_USERS_FILE", &users)];
    let arguments = ["--issuer", ISSUER, "--signing-alg", "EdDSA"];
    let mut site =
        Site::start(scratch, SignIn::User, &arguments, &environment, |program| Box::new(Http1(program.address)));
    site.secrets.add(Kind::StorePassword, PASSWORD);
    site.secrets.sent(&[("password", ADA), ("password", "another horse of eve")]);
    for command in [&["users", "add", "eve"][..], &["users", "passwd", "eve"], &["users", "list"]] {
        site.command(command, "another horse of eve");
    }
    site.walk();
    site.astray(&ASTRAY);
    for command in ["check", "doctor", "--help"] {
        site.command(&[command], "");
    }
    site.keys(&Stores::all_in(&Arc::new(RedisStore::open(&url, &RedisOptions::default()).unwrap())));
    // Everything that Redis was ever told to keep.
    let folder = redis.cli(&["CONFIG", "GET", "dir"]).lines().last().unwrap().to_owned();
    site.kept_below(folder.as_ref());
    redis.signal("KILL");
    site.without_store();
    // Of a server that is not there, and with a password that it does not know.
    site.command(&["clients", "list"], "");
    site.stop();
    for url in [url.as_str(), "redis://a-password-of-redis@[", "redis://:a-password-of-redis@127.0.0.1:port"] {
        site.command(&["--store", url, "clients", "list"], "");
    }
    site.end(&[Kind::MasterKey, Kind::Password, Kind::StorePassword]);
}

#[test]
fn attack_045_046_of_http2_and_tls() {
    let scratch = Scratch::new();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [certificate, tls_key] =
        [("certificate", cert.pem()), ("tls-key", signing_key.serialize_pem())].map(|(name, pem)| {
            std::fs::write(scratch.path(name), pem).unwrap();
            scratch.path(name).to_str().unwrap().to_owned()
        });
    let key = SigningKey::generate(Algorithm::Rs256).unwrap();
    let body = STANDARD.encode(key.to_pkcs8());
    let variable = STANDARD.encode(format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"));
    let arguments =
        ["--issuer", "https://localhost:8000", "--tls-cert", &certificate, "--tls-key", &tls_key, "--store", "memory:"];
    let environment = [("JWT_PRIVATE_KEY_B64", variable.as_str())];
    let mut site = Site::start(scratch, SignIn::Owner, &arguments, &environment, |program| {
        Box::new(Http2::connect(program.address, cert.der().clone()))
    });
    site.secrets.add(Kind::PrivateKey, &variable);
    site.secrets.add_key(key.to_pkcs8());
    site.secrets.add_key(&signing_key.serialize_der());
    site.walk();
    // Each request is logged by h2 in a hundred lines.
    site.astray(&[Kind::RefreshToken]);
    site.stop();
    site.end(&[Kind::OwnerCode]);
}

// `--help` shows what the environment says of each flag.
#[test]
fn attack_046_help_shows_no_password() {
    let output = command().env("MCP_AUTH_STORE", "redis://:chocolate@h").arg("--help").output().unwrap();
    let said = text(&output.stdout);
    assert!(said.contains("MCP_AUTH_STORE") && !said.contains("chocolate"), "{said}");
}
