//! By which keys an assertion is good, and where they are.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_oauth::types::ClientSource;
use ring::hmac;

use super::*;
use crate::support::DocumentHost;

/// A token with any header, signed or not.
fn compact(header: &Value, claims: &Map<String, Value>, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let encode = |part: String| URL_SAFE_NO_PAD.encode(part);
    let signed = format!("{}.{}", encode(header.to_string()), encode(Value::Object(claims.clone()).to_string()));
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

on_every_store! {
    async fn attack_096_signatures_that_are_wrong(keeper: Keeper) {
        let signers = Signers::new();
        let bed = Bed::with(keeper, |builder| signers.add(builder)).await;
        let [own, neighbour] = &signers.keys;
        let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
        let jwk = Value::Object(own.public_jwk());
        let kid = own.key_id();
        let claims = || signers.claims(&bed);
        let by = |key: &SigningKey, header: Value| compact(&header, &claims(), |input| key.sign(input).unwrap());
        let mac = |secret: &[u8], header: Value| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            compact(&header, &claims(), |input| hmac::sign(&key, input).as_ref().to_vec())
        };
        let right = by(own, json!({"alg": "ES256", "kid": kid, "typ": "JWT"}));
        let (signed, signature) = right.rsplit_once('.').unwrap();
        let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
        let rest: Vec<String> = vec![
            // The key of another client, and of nobody, with and without our name for it.
            by(neighbour, json!({"alg": "ES256", "kid": neighbour.key_id()})),
            by(neighbour, json!({"alg": "ES256", "kid": kid})),
            by(neighbour, json!({"alg": "ES256"})),
            by(&stranger, json!({"alg": "ES256", "kid": kid})),
            by(own, json!({"alg": "ES256", "kid": "../../etc/passwd"})),
            by(own, json!({"alg": "ES256", "kid": 7})),
            // RFC 8725 section 3.10: keys that the token brings along.
            by(&stranger, json!({"alg": "ES256", "kid": stranger.key_id(), "jwk": stranger.public_jwk()})),
            by(&stranger, json!({"alg": "ES256", "kid": kid, "jwk": stranger.public_jwk()})),
            by(&stranger, json!({"alg": "ES256", "kid": kid, "jku": "https://evil.test/jwks"})),
            by(&stranger, json!({"alg": "ES256", "kid": kid, "x5u": "https://evil.test/x5u"})),
            // RFC 8725 section 2.1: no signature, or a MAC with what everybody knows.
            compact(&json!({"alg": "none", "kid": kid}), &claims(), |_| Vec::new()),
            compact(&json!({"alg": "None"}), &claims(), |_| Vec::new()),
            compact(&json!({"alg": "ES256", "kid": kid}), &claims(), |_| Vec::new()),
            compact(&json!({"alg": "ES256", "kid": kid}), &claims(), |_| vec![0; 64]),
            mac(jwk.to_string().as_bytes(), json!({"alg": "HS256", "kid": kid})),
            mac(&x, json!({"alg": "HS256", "kid": kid})),
            mac(b"", json!({"alg": "HS256"})),
            // RFC 8725 section 3.1: one algorithm for each key.
            by(own, json!({"alg": "RS256", "kid": kid})),
            by(own, json!({"alg": "ES384", "kid": kid})),
            by(own, json!({"alg": "es256", "kid": kid})),
            by(own, json!({"kid": kid})),
            // RFC 7515 section 4.1.11: what has to be understood, and is not.
            by(own, json!({"alg": "ES256", "kid": kid, "crit": ["exp"]})),
            by(own, json!({"alg": "ES256", "kid": kid, "b64": false, "crit": ["b64"]})),
            // RFC 8725 section 3.11: another kind of token.
            by(own, json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"})),
            by(own, json!({"alg": "ES256", "kid": kid, "typ": "dpop+jwt"})),
            by(own, json!({"alg": "ES256", "kid": kid, "typ": "oauth-id-jag+jwt"})),
            format!("{signed}."),
            format!("{signed}.{signature}="),
            format!("{right}.{signature}"),
            format!(" {right}"),
            format!("{right}\n"),
            signed.to_owned(),
            "a.b.c".to_owned(),
            "..".to_owned(),
            "x".repeat(20_000),
        ];
        for assertion in rest {
            let reply = ask(&bed, &assertion).await;
            assert_eq!(reply.status, 401, "{assertion}");
            reply.assert_refused(401, "invalid_client");
        }
        assert_eq!(ask(&bed, &right).await.status, 200);
    }

    async fn attack_096_a_client_with_two_keys_or_none(keeper: Keeper) {
        let signers = Signers::new();
        let [old, new] = &signers.keys;
        let mut both = signers.client(0);
        both.metadata.jwks = Some(json!({"keys": [old.public_jwk(), new.public_jwk()]}));
        let mut none = signers.client(1);
        none.metadata.jwks = None;
        let mut leaked = keyed("leaked", &["client_credentials"]);
        let mut jwk = old.public_jwk();
        jwk.insert("d".to_owned(), json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
        leaked.metadata.jwks = Some(json!({"keys": [jwk]}));
        let bed = Bed::with(keeper, |builder| builder.client(both).client(none).client(leaked)).await;
        for key in [old, new] {
            assert_eq!(ask(&bed, &key.sign_claims("JWT", &signers.claims(&bed)).unwrap()).await.status, 200);
            // Which key is meant has to be clear.
            let nameless = compact(&json!({"alg": "ES256"}), &signers.claims(&bed), |input| key.sign(input).unwrap());
            ask(&bed, &nameless).await.assert_refused(401, "invalid_client");
        }
        for name in [NAMES[1], "leaked"] {
            let claims = signers.changed(&bed, &json!({"iss": name, "sub": name}));
            for key in [old, new] {
                ask(&bed, &key.sign_claims("JWT", &claims).unwrap()).await.assert_refused(401, "invalid_client");
            }
        }
    }

    // RFC 7591 section 2, `jwks_uri`: keys that their client keeps on a server of its own. A client that changes its key is
    // known by the new one at once, and one whose host is down is not refused for it.
    async fn attack_096_keys_behind_a_url(keeper: Keeper) {
        let host = DocumentHost::start("https://app.example/cb").await;
        let (old, new) = (SigningKey::generate(Algorithm::Es256).unwrap(), SigningKey::generate(Algorithm::Es256).unwrap());
        let mut client = keyed("remote", &["client_credentials"]);
        client.metadata.jwks_uri = Some(host.url.clone());
        let bed = Bed::with(keeper, |builder| host.known(builder.client(client))).await;
        let sent = async |key: &SigningKey, id: &str| {
            let now = bed.now().as_secs();
            let claims = json!({"iss": "remote", "sub": "remote", "aud": ISSUER, "exp": now + 60, "jti": id});
            let assertion = key.sign_claims("JWT", &claims).unwrap();
            let form = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", TYPE),
                ("client_assertion", assertion.as_str()),
            ];
            bed.post("/token", &form).await
        };
        let keys = |keys: &[&SigningKey]| json!({"keys": keys.iter().map(|key| key.public_jwk()).collect::<Vec<_>>()});

        host.goes_down();
        let unreachable = sent(&old, "1").await;
        unreachable.assert_refused(503, "temporarily_unavailable");
        assert!(!unreachable.header("retry-after").is_empty());
        // It is left alone for half a minute, and then asked again.
        host.says(&keys(&[&old]));
        assert_eq!(sent(&old, "2").await.status, 503);
        bed.advance(31);
        assert_eq!(sent(&old, "3").await.status, 200);

        // The new key is looked for, but not at once after the last look.
        host.says(&keys(&[&new]));
        let asked = host.asked();
        sent(&new, "4").await.assert_refused(401, "invalid_client");
        assert_eq!(host.asked(), asked);
        bed.advance(31);
        assert_eq!(sent(&new, "5").await.status, 200);
        sent(&old, "6").await.assert_refused(401, "invalid_client");

        // What is known serves while the host is down, also when it should have been read again.
        host.goes_down();
        bed.advance(3600);
        assert_eq!(sent(&new, "7").await.status, 200);
    }
    // Whoever registers names any host, with a new URL each time: it is asked as often as for documents, and not oftener. That
    // it does not answer is no error of ours.
    async fn attack_096_a_new_url_for_each_assertion(keeper: Keeper) {
        log::listen();
        let host = DocumentHost::start("https://app.example/cb").await;
        let bed = Bed::with(keeper, |builder| host.known(builder)).await;
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        host.goes_down();
        let sent = async |id: &str, source: ClientSource| {
            let mut client = keyed(id, &["client_credentials"]);
            client.source = source;
            client.metadata.jwks_uri = Some(format!("{}?{id}", host.url));
            bed.add(client).await;
            let now = bed.now().as_secs();
            let claims = json!({"iss": id, "sub": id, "aud": ISSUER, "exp": now + 60, "jti": id});
            ask(&bed, &key.sign_claims("JWT", &claims).unwrap()).await
        };
        for number in 0..60 {
            let reply = sent(&format!("stranger-{number}"), ClientSource::Registered).await;
            reply.assert_refused(503, "temporarily_unavailable");
            assert!((1..=60).contains(&reply.header("retry-after").parse::<u64>().unwrap()), "{reply:?}");
        }
        assert_eq!(host.asked(), 20, "as many as are fetched for one address");
        let heard = log::heard();
        assert!(heard.contains("the keys of a client cannot be fetched") && !heard.contains("ERROR"), "{heard}");
        // The operator has chosen the host of their own client, which waits for nobody.
        host.says(&json!({"keys": [key.public_jwk()]}));
        assert_eq!(sent("own", ClientSource::Preregistered).await.status, 200);
        assert_eq!(host.asked(), 21);
        // Nor do others, after a minute. It is authenticated, and acts for users alone.
        bed.advance(60);
        sent("stranger-60", ClientSource::Registered).await.assert_refused(400, "unauthorized_client");
        assert_eq!(host.asked(), 22);
    }
}
