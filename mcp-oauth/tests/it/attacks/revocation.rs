//! Revocation (RFC 7009) and introspection (RFC 7662): checks 102 and 103; and clients that act for themselves.

use std::num::NonZeroU32;

use mcp_oauth::store::FlowKind;
use mcp_oauth::types::{ClientAuthMethod, Digest, EndReason};
use mcp_transport::auth::ResourceId;
use serde_json::json;

use crate::support::{
    App, Bed, Browser, ISSUER, Keeper, OTHER_RESOURCE, READER, RESOURCE, Reply, Tokens, basic, confidential,
    on_every_store,
};

const DAEMON: (&str, &str) = ("daemon", "a-secret-of-the-daemon");
const OTHER_DAEMON: (&str, &str) = ("other-daemon", "a-secret-of-the-other");

async fn bed(keeper: Keeper) -> Bed {
    let bed = Bed::new(keeper).await;
    for daemon in [DAEMON, OTHER_DAEMON] {
        bed.add(confidential(daemon, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
    }
    bed
}

async fn revoke(bed: &Bed, app: &App, token: &str) -> Reply {
    bed.post("/revoke", &[("client_id", &app.id), ("token", token)]).await
}

async fn own_token(bed: &Bed, more: &[(&str, &str)]) -> Tokens {
    let form = [&[("grant_type", "client_credentials")], more].concat();
    Tokens::of(&bed.post_with("/token", &[("authorization", &basic(DAEMON))], &form).await)
}

async fn introspect_as(bed: &Bed, who: (&str, &str), token: &str) -> Reply {
    bed.post_with("/introspect", &[("authorization", &basic(who))], &[("token", token)]).await
}

on_every_store! {
    async fn attack_102_the_token_of_another_client(keeper: Keeper) {
        // RFC 7009 section 2.1: "verifies whether the token was issued to the client making the revocation request"; and
        // section 2.2: what is none is answered as what was revoked.
        let bed = bed(keeper).await;
        let (app, thief) = (App::register(&bed).await, App::another(&bed, "Thief").await);
        let first = app.tokens(&bed).await;
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        let own = own_token(&bed, &[]).await;
        let before = bed.grant_of(&second.refresh).await;
        for token in [&first.refresh, &second.refresh, &first.access, &second.access, &own.access] {
            for reply in [
                revoke(&bed, &thief, token).await,
                bed.post_with("/revoke", &[("authorization", &basic(OTHER_DAEMON))], &[("token", token)]).await,
            ] {
                assert_eq!((reply.status, reply.text.as_str()), (200, ""), "{reply:?}");
            }
        }
        assert_eq!(bed.grant_of(&second.refresh).await, before);
        for token in [&first.access, &second.access, &own.access] {
            assert!(bed.is_active(token).await);
        }
    }

    async fn attack_102_what_is_no_token_of_ours(keeper: Keeper) {
        let bed = bed(keeper).await;
        let app = App::register(&bed).await;
        let tokens = app.tokens(&bed).await;
        let code = app.code(&bed).await;
        let before = bed.grant_of(&tokens.refresh).await;
        let mac = tokens.refresh.rsplit('.').next().unwrap();
        for token in [
            "x", "a.b.c", "mcpo_rt_", &code, &tokens.refresh.replace(mac, &"A".repeat(43)),
            &tokens.refresh.replace(".1.", ".2."), &format!("{}x", tokens.access), &"x".repeat(10_000),
        ] {
            let reply = revoke(&bed, &app, token).await;
            assert_eq!((reply.status, reply.text.as_str()), (200, ""), "{token}");
        }
        // A forged token ends nothing, nor does a code.
        assert_eq!(bed.grant_of(&tokens.refresh).await, before);
        Tokens::of(&app.redeem(&bed, &code).await);
        bed.post("/revoke", &[("client_id", &app.id)]).await.assert_refused(400, "invalid_request");
    }

    async fn attack_102_with_the_wrong_hint(keeper: Keeper) {
        // RFC 7009 section 2.1: the hint is one: "If the server is unable to locate the token using the given hint, it MUST
        // extend its search across all of its supported token types."
        let bed = bed(keeper).await;
        let app = App::register(&bed).await;
        for (hint, refresh) in [("access_token", true), ("refresh_token", false), ("nonsense", true), ("", false)] {
            let tokens = app.tokens(&bed).await;
            let token = if refresh { &tokens.refresh } else { &tokens.access };
            let form = [("client_id", app.id.as_str()), ("token", token), ("token_type_hint", hint)];
            assert_eq!(bed.post("/revoke", &form).await.status, 200);
            // "If the particular token is a refresh token [..] the authorization server SHOULD also invalidate all access
            // tokens"; and here the other way round.
            assert!(!bed.is_active(&tokens.access).await, "{hint}");
            app.refresh(&bed, &tokens.refresh).await.assert_refused(400, "invalid_grant");
            assert_eq!(bed.grant_of(&tokens.refresh).await.ended, Some(EndReason::Revoked));
            assert_eq!(bed.post("/revoke", &form).await.status, 200, "once more");
        }
    }

    async fn attack_102_an_old_refresh_token_signs_out(keeper: Keeper) {
        // A client that has lost the newest one can still end its grant.
        let bed = bed(keeper).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        assert_eq!(revoke(&bed, &app, &first.refresh).await.status, 200);
        assert!(!bed.is_active(&second.access).await);
    }

    async fn attack_102_without_authentication(keeper: Keeper) {
        // RFC 7009 section 2.1: "The authorization server first validates the client credentials".
        let bed = bed(keeper).await;
        let own = own_token(&bed, &[]).await;
        for form in [
            vec![("token", own.access.as_str())],
            vec![("token", &own.access), ("client_id", DAEMON.0)],
            vec![("token", &own.access), ("client_id", DAEMON.0), ("client_secret", DAEMON.1)],
            vec![("token", &own.access), ("client_id", "nobody")],
        ] {
            bed.post("/revoke", &form).await.assert_refused(401, "invalid_client");
        }
        let wrong = basic((DAEMON.0, "wrong"));
        let reply = bed.post_with("/revoke", &[("authorization", &wrong)], &[("token", &own.access)]).await;
        reply.assert_refused(401, "invalid_client");
        assert!(bed.is_active(&own.access).await);
    }

    async fn attack_102_a_token_without_a_grant(keeper: Keeper) {
        let bed = bed(keeper).await;
        let (own, other) = (own_token(&bed, &[]).await, own_token(&bed, &[]).await);
        let headers = [("authorization", basic(DAEMON))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(bed.post_with("/revoke", &headers, &[("token", &own.access)]).await.status, 200);
        assert!(!bed.is_active(&own.access).await);
        assert!(bed.is_active(&other.access).await);
        // It is remembered for as long as the token could be taken by anybody.
        let id = own.claims()["jti"].as_str().unwrap().to_owned();
        let key = Digest::of("revoked token", &[id.as_bytes()]);
        bed.advance(1799);
        assert!(bed.is_active(&other.access).await);
        assert!(!bed.is_active(&own.access).await);
        // A verifier elsewhere may take it for another minute, because clocks differ.
        bed.advance(60);
        assert!(!bed.is_active(&other.access).await);
        assert!(bed.stores.flows.peek(FlowKind::RevokedToken, &key, bed.now()).await.unwrap().is_some());
    }

    async fn attack_103_without_authentication(keeper: Keeper) {
        // RFC 7662 section 2.1: "the endpoint MUST also require some form of authorization".
        let bed = bed(keeper).await;
        let app = App::register(&bed).await;
        let tokens = app.tokens(&bed).await;
        let bearer = format!("Bearer {}", tokens.access);
        for (headers, form) in [
            (vec![], vec![("token", tokens.access.as_str())]),
            // A public client, even of its own token: everybody knows its name.
            (vec![], vec![("token", &tokens.access), ("client_id", &app.id)]),
            (vec![], vec![("token", &tokens.access), ("client_id", READER.0)]),
            (vec![("authorization", bearer.as_str())], vec![("token", &tokens.access)]),
        ] {
            let reply = bed.post_with("/introspect", &headers, &form).await;
            reply.assert_refused(401, "invalid_client");
            assert_eq!(reply.header("www-authenticate"), "Basic realm=\"oauth\"");
        }
        introspect_as(&bed, (DAEMON.0, "wrong"), &tokens.access).await.assert_refused(401, "invalid_client");
    }

    async fn attack_103_by_whom_it_does_not_concern(keeper: Keeper) {
        // RFC 7662 section 4: "the authorization server MUST determine whether or not the token [..] can be used at the
        // protected resource making the introspection call"; and section 2.2: of what cannot, nothing is said.
        let bed = bed(keeper).await;
        let mut other = confidential(("other-reader", "another"), ClientAuthMethod::ClientSecretBasic, &[]);
        other.serves = vec![ResourceId::parse(OTHER_RESOURCE).unwrap()];
        bed.add(other).await;
        let app = App::register(&bed).await;
        let tokens = app.tokens(&bed).await;
        let elsewhere = app.link_with(&[("resource", OTHER_RESOURCE)]);
        let code = Browser::default().approve(&bed.server, &elsewhere, "ada").await.redirected("code").unwrap();
        let elsewhere = Tokens::of(&app.redeem(&bed, &code).await);
        let own = own_token(&bed, &[]).await;
        let inactive = json!({"active": false});
        assert!(bed.is_active(&tokens.access).await);
        assert_eq!(bed.introspect(&elsewhere.access).await, inactive);
        // A refresh token is nothing to a resource.
        assert_eq!(bed.introspect(&tokens.refresh).await, inactive);
        for (who, token) in [
            (("other-reader", "another"), &tokens.access),
            (("other-reader", "another"), &own.access),
            (OTHER_DAEMON, &own.access),
            (DAEMON, &tokens.access),
            (DAEMON, &tokens.refresh),
        ] {
            let reply = introspect_as(&bed, who, token).await;
            assert_eq!((reply.status, reply.json()), (200, inactive.clone()), "{who:?}");
            assert_eq!(reply.header("cache-control"), "no-store");
        }
        let told = introspect_as(&bed, ("other-reader", "another"), &elsewhere.access).await.json();
        assert_eq!((&told["active"], &told["aud"]), (&json!(true), &json!(OTHER_RESOURCE)));
        assert_eq!(introspect_as(&bed, DAEMON, &own.access).await.json()["active"], true, "its own");
        let told = bed.introspect(&tokens.access).await;
        assert_eq!((&told["iss"], &told["sub"], &told["token_type"]), (&json!(ISSUER), &json!("people:ada"), &json!("Bearer")));
    }

    async fn attack_103_a_refresh_token_that_was_replaced(keeper: Keeper) {
        let bed = bed(keeper).await;
        let app = App::register_as(&bed, &json!({
            "client_name": "Confidential", "redirect_uris": ["https://app.example/cb"],
            "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "client_secret_basic",
        })).await;
        let own = (app.id.as_str(), app.secret.as_deref().unwrap());
        let headers = [("authorization", basic(own))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let code = app.code(&bed).await;
        let first = Tokens::of(&bed.post_with("/token", &headers, &app.redemption(&code)).await);
        let told = introspect_as(&bed, own, &first.refresh).await.json();
        assert_eq!((&told["active"], &told["client_id"], &told["scope"]), (&json!(true), &json!(app.id), &json!("mcp")));
        // It is no access token, and a server that takes it for one has been told its type.
        assert!(told.get("token_type").is_none() && told.get("aud").is_none(), "{told}");
        let form = [("grant_type", "refresh_token"), ("refresh_token", first.refresh.as_str())];
        let second = Tokens::of(&bed.post_with("/token", &headers, &form).await);
        let inactive = json!({"active": false});
        assert_eq!(introspect_as(&bed, own, &first.refresh).await.json(), inactive);
        assert_eq!(introspect_as(&bed, own, &second.refresh).await.json()["active"], true);
        let forged = second.refresh.replace(".2.", ".1.");
        assert_eq!(introspect_as(&bed, own, &forged).await.json(), inactive);
        bed.advance(30 * 24 * 3600);
        assert_eq!(introspect_as(&bed, own, &second.refresh).await.json(), inactive);
    }

    async fn attack_103_what_is_over_or_was_never(keeper: Keeper) {
        let bed = bed(keeper).await;
        let app = App::register(&bed).await;
        let (tokens, code) = (app.tokens(&bed).await, app.code(&bed).await);
        let inactive = json!({"active": false});
        let parts: Vec<&str> = tokens.access.split('.').collect();
        for token in [
            "x", "a.b.c", &code, &parts[..2].join("."), &format!("{}.{}.", parts[0], parts[1]), &tokens.access.to_lowercase(),
            &format!("{} ", tokens.access), &"x".repeat(20_000),
        ] {
            assert_eq!(bed.introspect(token).await, inactive, "{token}");
        }
        bed.advance(1799);
        assert!(bed.is_active(&tokens.access).await);
        bed.advance(1);
        assert_eq!(bed.introspect(&tokens.access).await, inactive);
    }

    async fn attack_103_a_scan_of_random_tokens(keeper: Keeper) {
        // RFC 7662 section 4: "to prevent [..] token scanning attacks".
        let bed = Bed::with(keeper, |builder| builder.rate_limit(NonZeroU32::new(1_000_000))).await;
        bed.add(confidential(DAEMON, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        let app = App::register(&bed).await;
        let tokens = app.tokens(&bed).await;
        assert!(bed.is_active(&tokens.access).await);
        let mut refused = 0;
        for number in 0..400 {
            let guess = format!("guess-{number}");
            // The server of a resource asks about whatever its callers bring, and must not be held up by it.
            assert_eq!(introspect_as(&bed, READER, &guess).await.status, 200);
            let reply = introspect_as(&bed, DAEMON, &guess).await;
            match reply.status {
                200 => assert_eq!(reply.json(), json!({"active": false})),
                _ => {
                    reply.assert_refused(429, "temporarily_unavailable");
                    refused += 1;
                }
            }
        }
        assert_eq!(refused, 100);
        // Who serves good tokens goes on.
        assert!(bed.is_active(&tokens.access).await);
    }

    async fn a_client_that_acts_for_itself_gets_no_more_than_that(keeper: Keeper) {
        // RFC 6749 section 4.4.3: "A refresh token SHOULD NOT be included."
        let bed = bed(keeper).await;
        let tokens = own_token(&bed, &[("scope", "admin"), ("resource", OTHER_RESOURCE)]).await;
        let claims = tokens.claims();
        assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("client:daemon"), &json!("daemon")));
        assert_eq!((&claims["aud"], &claims["scope"]), (&json!(OTHER_RESOURCE), &json!("admin")));
        assert_eq!(tokens.refresh, "");
        assert_eq!(own_token(&bed, &[]).await.claims()["aud"], RESOURCE);
        for (name, value, error) in [
            ("resource", "https://evil.test/mcp", "invalid_target"),
            ("scope", "unheard-of", "invalid_scope"),
        ] {
            let form = [("grant_type", "client_credentials"), (name, value)];
            let reply = bed.post_with("/token", &[("authorization", &basic(DAEMON))], &form).await;
            reply.assert_refused(400, error);
        }
        // What the operator has registered it for is the limit.
        let mut narrow = confidential(("narrow", "a-secret"), ClientAuthMethod::ClientSecretBasic, &["client_credentials"]);
        narrow.metadata.scope = Some("mcp".parse().unwrap());
        bed.add(narrow).await;
        for (asked, told) in [("mcp admin", Some("mcp")), ("admin", None), ("openid", Some("mcp"))] {
            let form = [("grant_type", "client_credentials"), ("scope", asked)];
            let reply = bed.post_with("/token", &[("authorization", &basic(("narrow", "a-secret")))], &form).await;
            match told {
                Some(told) => assert_eq!(Tokens::of(&reply).claims()["scope"], told),
                None => reply.assert_refused(400, "invalid_scope"),
            }
        }
    }
}
