//! How requests and clients are let in at the token endpoint: checks 39 to 44.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use mcp_oauth::server::{Peer, Transport};
use mcp_oauth::types::{ClientAuthMethod, ClientSource};
use serde_json::json;

use crate::support::{
    App, Bed, Browser, FORM, Keeper, Reply, Tokens, basic, confidential, encode, keyed, on_every_store, request,
};

const DAEMON: (&str, &str) = ("daemon", "a-secret-of-the-daemon");
const OWN: [(&str, &str); 1] = [("grant_type", "client_credentials")];

async fn bed(keeper: Keeper) -> Bed {
    let bed = Bed::new(keeper).await;
    bed.add(confidential(DAEMON, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
    bed
}

/// RFC 6749 section 5.2: 401, and the scheme that the client may use.
#[track_caller]
fn assert_unauthorized(reply: &Reply) {
    reply.assert_refused(401, "invalid_client");
    assert_eq!(reply.header("www-authenticate"), "Basic realm=\"oauth\"");
}

on_every_store! {
    async fn attack_039_only_a_form_that_is_posted(keeper: Keeper) {
        let bed = bed(keeper).await;
        let authorization = basic(DAEMON);
        let form = encode(&OWN);
        let endpoints = ["/token", "/revoke", "/introspect", "/device_authorization"];
        for path in endpoints {
            // RFC 6749 section 3.2: "The client MUST use the HTTP "POST" method".
            for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
                let query = format!("{path}?{form}");
                let headers = [("authorization", authorization.as_str())];
                let reply = bed.send(request(method.clone(), &query, &headers, "")).await;
                assert_eq!((reply.status, reply.header("allow")), (405, "POST, OPTIONS"), "{method} {path}");
                assert_eq!(reply.text, "");
            }
            let own = &form;
            let json = json!({"grant_type": "client_credentials"}).to_string();
            for (types, body) in [
                (&["application/json"][..], &json),
                (&["application/json"], own),
                (&["application/json, application/x-www-form-urlencoded"], own),
                (&["application/x-www-form-urlencoded, application/json"], own),
                (&["application/x-www-form-urlencoded", "application/json"], own),
                (&["multipart/form-data; boundary=x"], own),
                (&["text/plain"], own),
                (&[""], own),
                (&[], own),
            ] {
                let mut headers = vec![("authorization", authorization.as_str())];
                headers.extend(types.iter().map(|name| ("content-type", *name)));
                bed.send(request(Method::POST, path, &headers, body)).await.assert_refused(400, "invalid_request");
            }
            // "Parameters [..] MUST NOT be included in the request URI" (RFC 6749 section 2.3.1, of credentials).
            for (query, body) in [(own.as_str(), ""), (own, own), ("client_secret=x", own), ("x", own)] {
                let headers = [FORM, ("authorization", &authorization)];
                let reply = bed.send(request(Method::POST, &format!("{path}?{query}"), &headers, body)).await;
                reply.assert_refused(400, "invalid_request");
            }
        }
        let kept = [FORM, ("authorization", &authorization)];
        for type_ in ["Application/X-WWW-Form-Urlencoded; charset=utf-8", "application/x-www-form-urlencoded;charset=UTF-8"] {
            let headers = [("content-type", type_), kept[1]];
            assert_eq!(bed.send(request(Method::POST, "/token", &headers, &form)).await.status, 200, "{type_}");
        }
    }

    async fn attack_039_bodies_that_are_no_form(keeper: Keeper) {
        let bed = bed(keeper).await;
        let authorization = basic(DAEMON);
        let many = "x=1&".repeat(65);
        for body in [
            "", "&&&", "=", "grant_type", "grant_type=", "grant_type=client_credentials&grant_type=client_credentials",
            "grant_type=client_credentials&grant%5ftype=x", "grant_type=%zz", "grant_type=%", "a=%ff&grant_type=client_credentials",
            "grant_type=client_credentials&scope=%c0%80", &many,
        ] {
            let headers = [FORM, ("authorization", authorization.as_str())];
            bed.send(request(Method::POST, "/token", &headers, body)).await.assert_refused(400, "invalid_request");
        }
        let huge = format!("grant_type=client_credentials&x={}", "a".repeat(64 * 1024));
        let headers = [FORM, ("authorization", authorization.as_str())];
        bed.send(request(Method::POST, "/token", &headers, &huge)).await.assert_refused(413, "invalid_request");
        for scope in ["\0", "mcp\u{7f}", "ä", "\"", "mcp\\", "mcp\r\nSet-Cookie: x=y"] {
            let form = [("grant_type", "client_credentials"), ("scope", scope)];
            let reply = bed.post_with("/token", &[("authorization", &authorization)], &form).await;
            reply.assert_refused(400, "invalid_scope");
        }
    }

    async fn attack_040_one_method_of_authentication(keeper: Keeper) {
        let poster = ("poster", "a-secret-of-the-poster");
        let bed = bed(keeper).await;
        bed.add(confidential(poster, ClientAuthMethod::ClientSecretPost, &["client_credentials"])).await;
        bed.add(keyed("signer", &["client_credentials"])).await;
        let app = App::register(&bed).await;
        // RFC 6749 section 2.3: "The client MUST NOT use more than one authentication method in each request."
        for body in [("client_secret", DAEMON.1), ("client_assertion", "a.b.c")] {
            let form = [OWN[0], body];
            bed.post_with("/token", &[("authorization", &basic(DAEMON))], &form).await.assert_refused(400, "invalid_request");
        }
        let form = [OWN[0], ("client_id", poster.0), ("client_secret", poster.1), ("client_assertion", "a.b.c")];
        bed.post("/token", &form).await.assert_refused(400, "invalid_request");
        let two = [("authorization", basic(DAEMON)), ("authorization", basic(poster))];
        let two = two.each_ref().map(|(name, value)| (*name, value.as_str()));
        bed.post_with("/token", &two, &OWN).await.assert_refused(400, "invalid_request");
        // RFC 7591 section 2: the method is the one that is registered.
        let form = [OWN[0], ("client_id", DAEMON.0), ("client_secret", DAEMON.1)];
        assert_unauthorized(&bed.post("/token", &form).await);
        assert_unauthorized(&bed.post_with("/token", &[("authorization", &basic(poster))], &OWN).await);
        for id in [DAEMON.0, poster.0, "signer", "nobody", "", "\u{7f}", "ä"] {
            assert_unauthorized(&bed.post("/token", &[OWN[0], ("client_id", id)]).await);
        }
        assert_unauthorized(&bed.post("/token", &OWN).await);
        // Another client's name in the form does not change who has proved what.
        let form = [OWN[0], ("client_id", poster.0)];
        bed.post_with("/token", &[("authorization", &basic(DAEMON))], &form).await.assert_refused(400, "invalid_request");
        // A public client has no secret that could be right.
        let code = app.code(&bed).await;
        let mut form = app.redemption(&code);
        form.push(("client_secret", "anything"));
        assert_unauthorized(&bed.post("/token", &form).await);
        assert_eq!(bed.grant_of(&code).await.generation, 0);
        // As they are registered, both get in.
        assert_eq!(bed.post_with("/token", &[("authorization", &basic(DAEMON))], &OWN).await.status, 200);
        let form = [OWN[0], ("client_id", poster.0), ("client_secret", poster.1)];
        assert_eq!(bed.post("/token", &form).await.status, 200);
    }

    // RFC 8414 section 2: what the metadata does not list is not taken, from whoever was registered with it before.
    async fn attack_040_a_method_that_is_not_offered(keeper: Keeper) {
        let bed = Bed::with(keeper, |builder| {
            builder.client_auth_methods([ClientAuthMethod::ClientSecretPost])
        })
        .await;
        let basic_client = ("basic", "a-secret-of-basic");
        bed.add(confidential(basic_client, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        bed.add(confidential(("post", "a-secret-of-post"), ClientAuthMethod::ClientSecretPost, &["client_credentials"])).await;
        let header = basic(basic_client);
        let refused = bed
            .post_with("/token", &[("authorization", header.as_str())], &[("grant_type", "client_credentials")])
            .await;
        refused.assert_refused(401, "invalid_client");
        let form =
            [("grant_type", "client_credentials"), ("client_id", "post"), ("client_secret", "a-secret-of-post")];
        assert_eq!(bed.post("/token", &form).await.status, 200);
    }

    async fn attack_041_basic_that_is_malformed(keeper: Keeper) {
        // RFC 6749 section 2.3.1: both halves are form-encoded.
        let odd = ("a:b c%", "s:e+c r%e");
        let bed = bed(keeper).await;
        bed.add(confidential(odd, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        for (scheme, pair) in [
            ("Basic", "a%3Ab+c%25:s%3Ae%2Bc+r%25e"),
            ("basic", "a%3ab%20c%25:s:e%2bc%20r%25e"),
            ("BASIC", "%61%3Ab+c%25:s%3Ae%2Bc+r%25e"),
        ] {
            let value = format!("{scheme} {}", STANDARD.encode(pair));
            assert_eq!(bed.post_with("/token", &[("authorization", &value)], &OWN).await.status, 200, "{pair}");
        }
        let encoded = |pair: &[u8]| format!("Basic {}", STANDARD.encode(pair));
        let right = basic(DAEMON);
        for value in [
            "Basic", "Basic ", "Basic =", "Basic !!!", "Bearer x", "Digest username=\"daemon\"", &right.replace(' ', ""),
            &right.replace(' ', "\t"), &encoded(b"daemon"), &encoded(b""), &encoded(b":"), &encoded(b"daemon:"),
            &encoded(b":a-secret-of-the-daemon"), &encoded(b"daemon:%zz"), &encoded(b"%:x"), &encoded(b"\xff:x"),
            &encoded(b"daemon\0:a-secret-of-the-daemon"), &encoded(b"daemon:a-secret-of-the-daemon\0"),
            &encoded(b"daemon:a-secret-of-the-daemon:"), &encoded(b"DAEMON:a-secret-of-the-daemon"),
            &format!("Basic {}", "A".repeat(8000)), &format!("{right}, {right}"),
        ] {
            assert_unauthorized(&bed.post_with("/token", &[("authorization", value)], &OWN).await);
        }
    }

    async fn attack_042_a_thousand_wrong_secrets(keeper: Keeper) {
        // RFC 6749 section 2.3.1: "the authorization server MUST protect any endpoint utilizing it against brute force
        // attacks".
        let bed = Bed::with(keeper, |builder| builder.rate_limit(NonZeroU32::new(1_000_000))).await;
        bed.add(confidential(DAEMON, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        let send = async |id: &str, secret: &str, last: u8| {
            let headers = [FORM, ("authorization", &basic((id, secret)))];
            let mut request = request(Method::POST, "/token", &headers, &encode(&OWN));
            request.extensions_mut().insert(Peer::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)), Transport::Secure));
            bed.send(request).await
        };
        // Which half is wrong is told to nobody.
        let (wrong, unknown) = (send(DAEMON.0, "wrong", 7).await, send("nobody", "wrong", 7).await);
        assert_unauthorized(&wrong);
        assert_eq!((wrong.status, &wrong.headers, &wrong.text), (unknown.status, &unknown.headers, &unknown.text));
        let mut refused = 0;
        for number in 0..1000 {
            let reply = send(DAEMON.0, &format!("wrong-{number}"), 9).await;
            if reply.status == 429 {
                reply.assert_refused(429, "temporarily_unavailable");
                let wait: u64 = reply.header("retry-after").parse().unwrap();
                assert!((1..=60).contains(&wait));
                refused += 1;
            } else {
                assert_unauthorized(&reply);
            }
        }
        assert_eq!(refused, 970, "thirty a minute");
        // Nobody else pays for it: neither another address nor the client.
        assert_eq!(send(DAEMON.0, DAEMON.1, 10).await.status, 200);
        assert_unauthorized(&send(DAEMON.0, "wrong", 10).await);
        bed.advance(60);
        assert_unauthorized(&send(DAEMON.0, "wrong", 9).await);
    }

    async fn attack_043_a_grant_that_is_not_there_or_not_the_clients(keeper: Keeper) {
        let bed = bed(keeper).await;
        let app = App::another(&bed, "Codes alone").await;
        for name in ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "Authorization_Code", "client_credentials "] {
            let form = [("grant_type", name), ("client_id", &app.id), ("username", "ada"), ("password", "adaada")];
            bed.post("/token", &form).await.assert_refused(400, "unsupported_grant_type");
        }
        let tokens = app.tokens(&bed).await;
        assert_eq!(tokens.refresh, "", "RFC 7591 section 2: by default the code grant alone");
        let device = "urn:ietf:params:oauth:grant-type:device_code";
        for name in ["refresh_token", "client_credentials", device] {
            let form = [("grant_type", name), ("client_id", &app.id), ("refresh_token", "x"), ("device_code", "x")];
            bed.post("/token", &form).await.assert_refused(400, "unauthorized_client");
        }
        bed.post("/device_authorization", &[("client_id", &app.id)]).await.assert_refused(400, "unauthorized_client");
        let refresher = App::register(&bed).await;
        let code = refresher.code(&bed).await;
        let form: Vec<_> = refresher.redemption(&code).into_iter().filter(|(name, _)| *name != "client_id").collect();
        let reply = bed.post_with("/token", &[("authorization", &basic(DAEMON))], &form).await;
        reply.assert_refused(400, "unauthorized_client");
        assert_eq!(bed.grant_of(&code).await.generation, 0);
    }

    async fn attack_043_a_client_that_registered_itself_never_acts_for_itself(keeper: Keeper) {
        let bed = bed(keeper).await;
        let app = App::register_as(&bed, &json!({
            "client_name": "Wants more", "token_endpoint_auth_method": "client_secret_basic",
            "redirect_uris": ["https://app.example/cb"], "grant_types": ["authorization_code", "client_credentials"],
        })).await;
        assert_eq!(app.registration["grant_types"], json!(["authorization_code"]));
        let authorization = basic((&app.id, app.secret.as_deref().unwrap()));
        let reply = bed.post_with("/token", &[("authorization", &authorization)], &OWN).await;
        reply.assert_refused(400, "unauthorized_client");
        // Nor does one whose registration says that it may: another version may have written it.
        let old = ("old", "a-secret-of-the-old");
        let mut client = confidential(old, ClientAuthMethod::ClientSecretBasic, &["client_credentials"]);
        client.source = ClientSource::Registered;
        bed.add(client).await;
        let mut public = keyed("public", &["client_credentials"]);
        public.metadata.token_endpoint_auth_method = ClientAuthMethod::None;
        bed.add(public).await;
        let reply = bed.post_with("/token", &[("authorization", &basic(old))], &OWN).await;
        reply.assert_refused(400, "unauthorized_client");
        // RFC 6749 section 4.4: "MUST only be used by confidential clients".
        let reply = bed.post("/token", &[OWN[0], ("client_id", "public")]).await;
        reply.assert_refused(400, "unauthorized_client");
    }

    async fn attack_044_codes_and_tokens_cannot_be_guessed(keeper: Keeper) {
        // RFC 6749 section 10.10: "The probability of an attacker guessing generated tokens [..] MUST be less than or equal to
        // 2^(-128)". The secrets themselves are counted in their own file; here, that the server uses them.
        let bed = bed(keeper).await;
        let app = App::register(&bed).await;
        let tv = App::register_as(&bed, &json!({
            "client_name": "TV", "token_endpoint_auth_method": "none",
            "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"],
        })).await;
        let mut browser = Browser::default();
        let mut secrets = vec![browser.approve(&bed.server, &app.link(), "ada").await.redirected("code").unwrap()];
        for _ in 0..100 {
            // Consent is remembered: each link gives a code at once.
            secrets.push(browser.get(&bed.server, &app.link()).await.redirected("code").unwrap());
            let reply = bed.post("/device_authorization", &[("client_id", &tv.id)]).await;
            secrets.push(reply.json()["device_code"].as_str().unwrap().to_owned());
            let body = json!({"client_name": "Confidential", "redirect_uris": ["https://app.example/cb"]});
            let registered = App::register_as(&bed, &body).await;
            secrets.push(registered.secret.unwrap());
            secrets.push(registered.registration["registration_access_token"].as_str().unwrap().to_owned());
        }
        let codes: Vec<String> = secrets.iter().filter(|secret| secret.starts_with("mcpo_ac_")).cloned().collect();
        for code in codes.iter().rev().take(50) {
            secrets.push(Tokens::of(&app.redeem(&bed, code).await).refresh);
        }
        let mut beginnings = HashSet::new();
        for secret in &secrets {
            let random = &secret[secret.len() - 43..];
            assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32, "{secret}");
            assert!(beginnings.insert(&random[..12]), "{secret}");
        }
        let mut ids = HashSet::new();
        for _ in 0..200 {
            let reply = bed.post_with("/token", &[("authorization", &basic(DAEMON))], &OWN).await;
            let id = Tokens::of(&reply).claims()["jti"].as_str().unwrap().to_owned();
            assert_eq!(URL_SAFE_NO_PAD.decode(&id).unwrap().len(), 16);
            assert!(ids.insert(id[..12].to_owned()));
        }
    }
}
