//! Who asks at the introspection endpoint, and how often: checks 42 and 103. Limits are on here.

use std::num::NonZeroU32;

use http::Method;
use mcp_oauth::jose::{Algorithm, SigningKey};
use mcp_oauth::types::ClientAuthMethod;
use mcp_transport::auth::ResourceId;
use serde_json::json;

use super::limits::{from, is_too_often};
use crate::support::{
    App, Bed, FORM, ISSUER, Keeper, READER, RESOURCE, Reply, basic, confidential, encode, keyed, on_every_store,
};

const ADDRESS: &str = "198.51.100.7";
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

async fn bed(keeper: Keeper) -> Bed {
    Bed::with(keeper, |builder| builder.rate_limit(NonZeroU32::new(20))).await
}

fn assertion(bed: &Bed, client: &str, key: &SigningKey, number: usize) -> String {
    let now = bed.now().as_secs();
    let claims = json!({
        "iss": client, "sub": client, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": format!("id-{number}"),
    });
    key.sign_claims("JWT", claims.as_object().unwrap()).unwrap()
}

async fn ask(bed: &Bed, path: &str, assertion: &str) -> Reply {
    let form = [
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
        ("token", "x"),
        ("grant_type", "client_credentials"),
    ];
    from(bed, ADDRESS, Method::POST, path, &[FORM], &encode(&form)).await
}

on_every_store! {
    // RFC 7523 section 3, item 7: each assertion is kept. Whoever has registered itself is heard as often as at any other
    // endpoint, and beyond that nothing is judged and nothing written.
    async fn attack_103_a_client_that_has_registered_itself(keeper: Keeper) {
        let bed = bed(keeper).await;
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let app = App::register_as(&bed, &json!({
            "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [key.public_jwk()]},
        })).await;
        for number in 0..20 {
            let reply = ask(&bed, "/introspect", &assertion(&bed, &app.id, &key, number)).await;
            assert_eq!(reply.status, 200, "{number}: {reply:?}");
        }
        let full = bed.held().without_buckets();
        for number in 20..40 {
            is_too_often(&ask(&bed, "/introspect", &assertion(&bed, &app.id, &key, number)).await);
        }
        assert_eq!(bed.held().without_buckets(), full);
        // What was refused has not been used up.
        bed.advance(60);
        let reply = ask(&bed, "/introspect", &assertion(&bed, &app.id, &key, 30)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    // To judge a signature is work: after thirty wrong ones none is judged, not even a right one.
    async fn attack_042_a_thousand_wrong_assertions(keeper: Keeper) {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
        let mut client = keyed("signer", &["client_credentials"]);
        client.metadata.jwks = Some(json!({"keys": [key.public_jwk()]}));
        let limit = NonZeroU32::new(10_000);
        let bed = Bed::with(keeper, |builder| builder.rate_limit(limit).client(client)).await;
        let mut refused = 0;
        for number in 0..1000 {
            let path = if number % 2 == 0 { "/introspect" } else { "/token" };
            let reply = ask(&bed, path, &assertion(&bed, "signer", &stranger, number)).await;
            if reply.status == 401 { refused += 1 } else { is_too_often(&reply) }
        }
        assert_eq!(refused, 30);
        let right = assertion(&bed, "signer", &key, 2000);
        is_too_often(&ask(&bed, "/introspect", &right).await);
        is_too_often(&ask(&bed, "/token", &right).await);
        // The client itself, elsewhere, never noticed; and soon it is heard here as well.
        let form = encode(&[("client_assertion_type", TYPE), ("client_assertion", &right), ("token", "x")]);
        assert_eq!(from(&bed, "203.0.113.2", Method::POST, "/introspect", &[FORM], &form).await.status, 200);
        bed.advance(60);
        assert_eq!(ask(&bed, "/introspect", &assertion(&bed, "signer", &key, 2001)).await.status, 200);
    }

    // RFC 7662 section 2.1: a name is no authorization. Nor does it open a way around the limits, whoever has registered it.
    async fn attack_103_names_without_end(keeper: Keeper) {
        let bed = Bed::with(keeper, |builder| builder.rate_limit(NonZeroU32::new(300))).await;
        let app = App::register(&bed).await;
        let mut public = keyed("public", &["authorization_code"]);
        public.metadata.token_endpoint_auth_method = ClientAuthMethod::None;
        bed.add(public).await;
        for (id, address) in [(app.id.as_str(), "198.51.100.7"), ("public", "198.51.100.8")] {
            let form = encode(&[("client_id", id), ("token", "x")]);
            let mut refused = 0;
            for _ in 0..90 {
                let reply = from(&bed, address, Method::POST, "/introspect", &[FORM], &form).await;
                if reply.status == 401 { refused += 1 } else { is_too_often(&reply) }
            }
            assert_eq!(refused, 30, "{id}");
        }
    }

    // The server of a resource asks for all its callers: how often anybody may ask is no limit for it.
    async fn attack_103_the_server_of_a_resource(keeper: Keeper) {
        let bed = bed(keeper).await;
        let mut reader = confidential(READER, ClientAuthMethod::ClientSecretBasic, &[]);
        reader.serves = vec![ResourceId::parse(RESOURCE).unwrap()];
        bed.add(reader).await;
        let secret = basic(READER);
        for number in 0..100 {
            let headers = [FORM, ("authorization", secret.as_str())];
            let reply = from(&bed, ADDRESS, Method::POST, "/introspect", &headers, "token=x").await;
            assert_eq!(reply.status, 200, "{number}: {reply:?}");
        }
    }
}
