//! Authorization codes at the token endpoint: checks 31 to 38.

use std::sync::Arc;
use std::time::Duration;

use mcp_oauth::server::audit::EventKind;
use mcp_oauth::server::{ConfigError, Lifetimes};
use mcp_oauth::types::{ClientAuthMethod, EndReason, ManualClock};
use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{
    App, Bed, Browser, FORM, Heard, Keeper, OTHER_RESOURCE, RESOURCE, START, Tokens, VERIFIER, basic, challenge_of,
    confidential, encode, on_every_store, on_every_store_at_once, request, send_to,
};

/// The form of `app`'s redemption with these parameters in the place of its own; an empty one is left out.
async fn redeem_with(bed: &Bed, app: &App, code: &str, changes: &[(&str, &str)]) -> crate::support::Reply {
    let mut form = app.redemption(code);
    form.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    form.extend(changes.iter().filter(|(_, value)| !value.is_empty()).copied());
    bed.post("/token", &form).await
}

on_every_store! {
    async fn attack_031_code_of_other_client(keeper: Keeper) {
        // RFC 6749 section 4.1.3: "ensure that the authorization code was issued to the authenticated confidential client,
        // or if the client is public, ensure that the code was issued to client_id in the request".
        let heard = Arc::new(Heard::default());
        let bed = Bed::with(keeper, |builder| builder.audit(Arc::clone(&heard) as _)).await;
        let (app, thief) = (App::register(&bed).await, App::another(&bed, "Thief").await);
        let code = app.code(&bed).await;
        let before = bed.grant_of(&code).await;
        heard.since();
        // All else is right: redirect URI and verifier.
        thief.redeem(&bed, &code).await.assert_refused(400, "invalid_grant");
        assert_eq!(bed.grant_of(&code).await, before, "nothing is consumed");
        assert_eq!(heard.since(), [EventKind::CodeOfOtherClient], "and it is counted");
        let tokens = Tokens::of(&app.redeem(&bed, &code).await);
        // Nor does the other client end what the right one has made of it.
        thief.redeem(&bed, &code).await.assert_refused(400, "invalid_grant");
        assert!(bed.is_active(&tokens.access).await);
        Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
    }

    async fn attack_031_code_of_other_client_that_authenticates(keeper: Keeper) {
        let thief = ("thief", "a-secret-of-the-thief");
        let bed = Bed::new(keeper).await;
        bed.add(confidential(thief, ClientAuthMethod::ClientSecretBasic, &["authorization_code"])).await;
        let app = App::register(&bed).await;
        let code = app.code(&bed).await;
        let before = bed.grant_of(&code).await;
        let form: Vec<_> = app.redemption(&code).into_iter().filter(|(name, _)| *name != "client_id").collect();
        let reply = bed.post_with("/token", &[("authorization", &basic(thief))], &form).await;
        reply.assert_refused(400, "invalid_grant");
        // Two names at once: the one that is proved and the one that the code belongs to.
        let reply = bed.post_with("/token", &[("authorization", &basic(thief))], &app.redemption(&code)).await;
        reply.assert_refused(400, "invalid_request");
        assert_eq!(bed.grant_of(&code).await, before);
    }

    async fn attack_032_the_verifier_is_wrong_or_missing(keeper: Keeper) {
        // RFC 7636 section 4.6: "If the values are not equal, an error response indicating "invalid_grant" [..] MUST be
        // returned."
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let code = app.code(&bed).await;
        let before = bed.grant_of(&code).await;
        let challenge = challenge_of(VERIFIER);
        let (prefix, longer) = (&VERIFIER[..VERIFIER.len() - 1], format!("{VERIFIER}x"));
        for verifier in
            [prefix, longer.as_str(), challenge.as_str(), &VERIFIER.to_uppercase(), &"a".repeat(129), "short", "ä"]
        {
            redeem_with(&bed, &app, &code, &[("code_verifier", verifier)]).await.assert_refused(400, "invalid_grant");
            assert_eq!(bed.grant_of(&code).await, before, "{verifier}");
        }
        // RFC 9700 section 4.8.2: a missing verifier is no way around the challenge.
        redeem_with(&bed, &app, &code, &[("code_verifier", "")]).await.assert_refused(400, "invalid_request");
        let mut empty = app.redemption(&code);
        empty.last_mut().unwrap().1 = "";
        bed.post("/token", &empty).await.assert_refused(400, "invalid_request");
        // The right one beside a wrong one, in either order.
        for at in [0, 5] {
            let mut twice = app.redemption(&code);
            twice.insert(at, ("code_verifier", "b"));
            bed.post("/token", &twice).await.assert_refused(400, "invalid_request");
        }
        assert_eq!(bed.grant_of(&code).await, before);
        Tokens::of(&app.redeem(&bed, &code).await);
    }

    async fn attack_032_no_code_without_a_challenge(keeper: Keeper) {
        // RFC 9700 section 4.8.2: a code that was issued without a challenge must not be redeemed with a verifier. Here there
        // is no such code: the request is refused first.
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        for changes in [
            &[("code_challenge", ""), ("code_challenge_method", "")][..],
            &[("code_challenge", "")],
            &[("code_challenge_method", "")],
            &[("code_challenge_method", "plain")],
        ] {
            let answer = Browser::default().approve(&bed.server, &app.link_with(changes), "ada").await;
            assert_eq!(answer.redirected("error").as_deref(), Some("invalid_request"), "{changes:?}");
            assert_eq!(answer.redirected("code"), None);
        }
    }

    async fn attack_033_the_redirect_uri_is_another_one(keeper: Keeper) {
        // RFC 6749 section 4.1.3: "their values MUST be identical".
        let bed = Bed::new(keeper).await;
        let app = App::register_as(&bed, &json!({
            "client_name": "Two ways", "token_endpoint_auth_method": "none",
            "redirect_uris": ["https://app.example/cb", "https://app.example/other"],
        })).await;
        let code = app.code(&bed).await;
        let before = bed.grant_of(&code).await;
        for redirect in [
            "",
            "https://app.example/other",
            "https://app.example/cb/",
            "https://app.example/cb?x=1",
            "https://app.example/CB",
            "https://APP.example/cb",
            "https://app.example:443/cb",
            "https://evil.test/cb",
        ] {
            redeem_with(&bed, &app, &code, &[("redirect_uri", redirect)]).await.assert_refused(400, "invalid_grant");
            assert_eq!(bed.grant_of(&code).await, before, "{redirect}");
        }
        Tokens::of(&app.redeem(&bed, &code).await);
    }

    async fn attack_033_a_redirect_uri_that_was_left_out(keeper: Keeper) {
        // RFC 6749 section 4.1.3: "REQUIRED, if the "redirect_uri" parameter was included in the authorization request". Where
        // it was not, the one that is registered is meant, and no other.
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        for (redirect, status) in [("", 200), ("https://app.example/cb", 200), ("https://app.example/cb/", 400)] {
            let link = app.link_with(&[("redirect_uri", "")]);
            let answer = Browser::default().approve(&bed.server, &link, "ada").await;
            assert!(answer.header("location").starts_with("https://app.example/cb?"), "{answer:?}");
            let code = answer.redirected("code").unwrap();
            let reply = redeem_with(&bed, &app, &code, &[("redirect_uri", redirect)]).await;
            assert_eq!(reply.status, status, "{redirect}: {reply:?}");
        }
    }

    async fn attack_033_the_port_of_a_loopback_redirect_is_part_of_it(keeper: Keeper) {
        // RFC 8252 section 7.3 leaves the port to the authorization request; at the token endpoint it is that one.
        let bed = Bed::new(keeper).await;
        let app = App::register_as(&bed, &json!({
            "client_name": "Native", "token_endpoint_auth_method": "none", "application_type": "native",
            "redirect_uris": ["http://127.0.0.1/cb"],
        })).await;
        let link = app.link_with(&[("redirect_uri", "http://127.0.0.1:5000/cb")]);
        let code = Browser::default().approve(&bed.server, &link, "ada").await.redirected("code").unwrap();
        for redirect in ["http://127.0.0.1/cb", "http://127.0.0.1:5001/cb", "http://localhost:5000/cb"] {
            redeem_with(&bed, &app, &code, &[("redirect_uri", redirect)]).await.assert_refused(400, "invalid_grant");
        }
        let reply = redeem_with(&bed, &app, &code, &[("redirect_uri", "http://127.0.0.1:5000/cb")]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    async fn attack_034_a_code_twice(keeper: Keeper) {
        // RFC 6749 section 4.1.2: "the authorization server MUST deny the request and SHOULD revoke (when possible) all tokens
        // previously issued based on that authorization code".
        let heard = Arc::new(Heard::default());
        let bed = Bed::with(keeper, |builder| builder.audit(Arc::clone(&heard) as _)).await;
        let app = App::register(&bed).await;
        let code = app.code(&bed).await;
        let first = Tokens::of(&app.redeem(&bed, &code).await);
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        assert!(bed.is_active(&first.access).await && bed.is_active(&second.access).await);
        heard.since();
        app.redeem(&bed, &code).await.assert_refused(400, "invalid_grant");
        assert_eq!(heard.since(), [EventKind::GrantEnded(EndReason::CodeReplayed)]);
        for token in [&first.access, &second.access] {
            assert!(!bed.is_active(token).await);
        }
        for token in [&first.refresh, &second.refresh] {
            app.refresh(&bed, token).await.assert_refused(400, "invalid_grant");
        }
        app.redeem(&bed, &code).await.assert_refused(400, "invalid_grant");
        assert_eq!(bed.grant_of(&code).await.ended, Some(EndReason::CodeReplayed));
    }

    async fn attack_034_a_code_twice_long_after(keeper: Keeper) {
        // A replay is one also after the code's time is over: whoever replays has the code from somewhere.
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let code = app.code(&bed).await;
        let tokens = Tokens::of(&app.redeem(&bed, &code).await);
        bed.advance(3600);
        app.redeem(&bed, &code).await.assert_refused(400, "invalid_grant");
        app.refresh(&bed, &tokens.refresh).await.assert_refused(400, "invalid_grant");
        assert_eq!(bed.grant_of(&code).await.ended, Some(EndReason::CodeReplayed));
    }

    async fn attack_034_a_code_that_leaked_ends_nothing_without_its_verifier(keeper: Keeper) {
        // The code alone, from a log or a history, is no way to sign its user out.
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let code = app.code(&bed).await;
        let tokens = Tokens::of(&app.redeem(&bed, &code).await);
        let before = bed.grant_of(&code).await;
        let wrong = "z".repeat(43);
        for changes in [
            [("code_verifier", wrong.as_str())],
            [("redirect_uri", "https://evil.test/cb")],
            [("resource", OTHER_RESOURCE)],
        ] {
            assert_eq!(redeem_with(&bed, &app, &code, &changes).await.status, 400);
        }
        // A code of our form with another verifier part.
        let forged = format!("{}{}", &code[..code.len() - 43], "A".repeat(43));
        app.redeem(&bed, &forged).await.assert_refused(400, "invalid_grant");
        assert_eq!(bed.grant_of(&code).await, before);
        Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
    }

    async fn attack_036_a_code_after_its_time(keeper: Keeper) {
        // RFC 6749 section 4.1.2: codes "MUST expire shortly after" they are issued.
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let (late, in_time) = (app.code(&bed).await, app.code(&bed).await);
        bed.clock.advance(Duration::from_millis(59_999));
        let tokens = Tokens::of(&app.redeem(&bed, &in_time).await);
        let of_late = bed.grant_of(&late).await.grant.id;
        bed.clock.advance(Duration::from_millis(1));
        app.redeem(&bed, &late).await.assert_refused(400, "invalid_grant");
        // Nothing is left of a sign-in that nobody went on with.
        assert_eq!(bed.stores.grants.peek(of_late, bed.now()).await.unwrap(), None);
        let live = bed.stores.grants.page(None, None, 10, bed.now()).await.unwrap().items;
        assert_eq!(live.iter().map(|view| view.grant.id).collect::<Vec<_>>(), [bed.grant_of(&in_time).await.grant.id]);
        assert!(bed.is_active(&tokens.access).await);
    }

    async fn attack_036_no_code_lives_longer_than_ten_minutes(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut lifetimes = Lifetimes::default();
        assert!(lifetimes.code <= Duration::from_secs(60));
        lifetimes.code = Duration::from_secs(601);
        let clock = Arc::new(ManualClock::at(START));
        let builder = mcp_oauth::server::AuthorizationServer::builder(bed.server.issuer().clone());
        let built = builder.identity(Arc::clone(&bed.people) as _).clock(clock).lifetimes(lifetimes).build().await;
        assert!(matches!(built, Err(ConfigError::CodeLifetime)));
    }

    async fn attack_037_a_code_for_another_resource(keeper: Keeper) {
        // RFC 8707 section 2.2: the token is for the resource that was authorized, or there is none.
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let code = app.code(&bed).await;
        let before = bed.grant_of(&code).await;
        for resource in [OTHER_RESOURCE, "https://evil.test/mcp", "https://mcp.example/", "mcp", "https://mcp.example/mcp#f"] {
            redeem_with(&bed, &app, &code, &[("resource", resource)]).await.assert_refused(400, "invalid_target");
            redeem_with(&bed, &app, &code, &[("resource", RESOURCE), ("resource", resource)])
                .await
                .assert_refused(400, "invalid_target");
            assert_eq!(bed.grant_of(&code).await, before, "{resource}");
        }
        let tokens = Tokens::of(&redeem_with(&bed, &app, &code, &[("resource", RESOURCE), ("resource", RESOURCE)]).await);
        assert_eq!(tokens.claims()["aud"], RESOURCE);
        // Where the request names none, the one that was authorized is meant, and not the server's first.
        let link = app.link_with(&[("resource", OTHER_RESOURCE)]);
        let code = Browser::default().approve(&bed.server, &link, "ada").await.redirected("code").unwrap();
        assert_eq!(Tokens::of(&app.redeem(&bed, &code).await).claims()["aud"], OTHER_RESOURCE);
    }

    async fn attack_038_what_a_token_response_says(keeper: Keeper) {
        let daemon = ("daemon", "a-secret-of-the-daemon");
        let bed = Bed::new(keeper).await;
        bed.add(confidential(daemon, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        let app = App::register(&bed).await;
        let link = app.link_with(&[("scope", "admin unheard-of")]);
        let code = Browser::default().approve(&bed.server, &link, "ada").await.redirected("code").unwrap();
        let redeemed = app.redeem(&bed, &code).await;
        let refreshed = app.refresh(&bed, &Tokens::of(&redeemed).refresh).await;
        let form = [("grant_type", "client_credentials"), ("scope", "admin unheard-of")];
        let own = bed.post_with("/token", &[("authorization", &basic(daemon))], &form).await;
        for (reply, refresh) in [(redeemed, true), (refreshed, true), (own, false)] {
            // RFC 6749 section 5.1.
            assert_eq!(reply.status, 200, "{reply:?}");
            assert_eq!(reply.header("cache-control"), "no-store");
            assert_eq!(reply.header("pragma"), "no-cache");
            assert_eq!(reply.header("content-type"), "application/json");
            let body = reply.json();
            assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(1800)));
            // "REQUIRED" where it is not what was asked for.
            assert_eq!(body["scope"], "admin");
            assert_eq!(body["refresh_token"].is_string(), refresh, "{body}");
            assert!(reply.headers.get("set-cookie").is_none());
        }
    }
}

on_every_store_at_once! {
    async fn attack_035_a_code_in_a_race(keeper: Keeper) {
        // RFC 6749 section 4.1.2: "The client MUST NOT use the authorization code more than once", whichever process it
        // comes to.
        const TASKS: usize = 64;
        let bed = Bed::new(keeper).await;
        let second = bed.second().await;
        let app = App::register(&bed).await;
        for round in 0..4 {
            let code = app.code(&bed).await;
            let form = encode(&app.redemption(&code));
            let barrier = Arc::new(Barrier::new(TASKS));
            let mut tasks = JoinSet::new();
            for task in 0..TASKS {
                let server = if task % 2 == 0 { bed.server.clone() } else { second.clone() };
                let (form, barrier) = (form.clone(), Arc::clone(&barrier));
                tasks.spawn(async move {
                    barrier.wait().await;
                    send_to(&server, request(http::Method::POST, "/token", &[FORM], &form)).await
                });
            }
            let replies = tasks.join_all().await;
            let (won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
            assert_eq!((won.len(), lost.len()), (1, TASKS - 1), "round {round}");
            for reply in lost {
                reply.assert_refused(400, "invalid_grant");
            }
            // The others were replays: what the first got is over (the same section).
            let tokens = Tokens::of(&won[0]);
            app.refresh(&bed, &tokens.refresh).await.assert_refused(400, "invalid_grant");
            assert!(!bed.is_active(&tokens.access).await);
        }
    }
}
