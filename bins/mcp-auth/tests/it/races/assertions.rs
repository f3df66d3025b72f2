//! What clients sign, at two servers at once: check 96 (RFC 7523).

use std::fs;

use mcp_oauth::jose::{Algorithm, SigningKey};
use mcp_oauth::types::SystemClock;
use serde_json::json;

use super::site::{Site, is_refused, split};
use super::{ROUNDS, on_every_redis};
use crate::program::ISSUER;
use crate::wire::Request;

on_every_redis! {
    // RFC 7523 section 3, item 7: the `jti` is kept "to prevent replay", by all servers together.
    fn attack_096_one_request_of_sixty_four_uses_an_assertion(site: &Site) {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let file = site.scratch().path("client-keys");
        fs::write(&file, json!({"keys": [key.public_jwk()]}).to_string()).unwrap();
        let added = site.scratch().admin_one(&[
            "clients",
            "add",
            "--auth-method",
            "private_key_jwt",
            "--grant-type",
            "client_credentials",
            "--jwks-file",
            file.to_str().unwrap(),
        ]);
        let id = added["client_id"].as_str().unwrap();
        for round in 0..ROUNDS {
            let now = SystemClock.now().as_secs();
            let claims = json!({"iss": id, "sub": id, "aud": ISSUER, "exp": now + 120, "jti": format!("{round}")});
            let assertion = key.sign_claims("JWT", &claims).unwrap();
            let form = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", assertion.as_str()),
            ];
            let raced = site.race(round, &[Request::form("/token", &[], &form)]);
            let (won, lost) = split(raced, |raced| raced.answer.status == 200);
            assert_eq!(won.len(), 1, "round {round}");
            lost.iter().for_each(|lost| is_refused(&lost.answer, 401, "invalid_client"));
        }
    }
}
