//! A grant of an embedder's own, where it is refused: in the form of RFC 6749 section 5.2.

use std::sync::Arc;

use http::Method;
use serde_json::json;

use super::badge::{BADGE, Badges, GATE, Manner, gate, show, taking};
use crate::support::{App, Bed, Keeper, RESOURCE, Tokens, on_every_store};

on_every_store! {
    async fn a_badge_is_good_once(keeper: Keeper) {
        let bed = Bed::with(keeper, taking(&Arc::default())).await;
        bed.add(gate(&[BADGE])).await;
        Tokens::of(&show(&bed, "ada-1", &[]).await);
        show(&bed, "ada-1", &[]).await.assert_refused(400, "invalid_grant");
        assert_eq!(bed.grants().await, 1);
    }

    async fn nobody_uses_it_who_may_not(keeper: Keeper) {
        let bed = Bed::with(keeper, taking(&Arc::default())).await;
        // Whoever registers is a stranger, and this grant is for the operator's clients.
        let asked = json!({
            "client_name": "A stranger", "redirect_uris": ["https://app.example/cb"],
            "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", BADGE],
        });
        let app = App::register_as(&bed, &asked).await;
        assert_eq!(app.registration["grant_types"], json!(["authorization_code"]), "what is not for it is left out");
        let form = [("grant_type", BADGE), ("client_id", app.id.as_str()), ("badge", "ada-1")];
        bed.post("/token", &form).await.assert_refused(400, "unauthorized_client");
        let only = json!({ "token_endpoint_auth_method": "none", "grant_types": [BADGE] });
        let reply = bed.json(Method::POST, "/register", &[], &only).await;
        reply.assert_refused(400, "invalid_client_metadata");
        // Nor does a client of the operator's that has not been given it.
        bed.add(gate(&["client_credentials"])).await;
        show(&bed, "ada-1", &[]).await.assert_refused(400, "unauthorized_client");
        assert_eq!(bed.grants().await, 0);
    }

    async fn strangers_may_register_for_one_that_is_for_them(keeper: Keeper) {
        let badges = Arc::new(Badges { strangers: true, ..Badges::default() });
        let bed = Bed::with(keeper, taking(&badges)).await;
        let asked = json!({ "token_endpoint_auth_method": "none", "grant_types": [BADGE, "refresh_token"] });
        let app = App::register_as(&bed, &asked).await;
        assert_eq!(app.registration["grant_types"], json!([BADGE, "refresh_token"]));
        let form = [("grant_type", BADGE), ("client_id", app.id.as_str()), ("badge", "bob-1")];
        let tokens = Tokens::of(&bed.post("/token", &form).await);
        assert_eq!((&tokens.claims()["sub"], &tokens.claims()["client_id"]), (&json!("people:bob"), &json!(app.id)));
        Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
    }
}

#[tokio::test]
async fn each_fault_has_its_code() {
    let badges = Arc::new(Badges::default());
    let bed = Bed::with(Keeper::memory(), taking(&badges)).await;
    bed.add(gate(&[BADGE])).await;
    show(&bed, "", &[]).await.assert_refused(400, "invalid_request");
    show(&bed, "nobody", &[]).await.assert_refused(400, "invalid_grant");
    show(&bed, "ada-1", &[("resource", "https://elsewhere.example/mcp")]).await.assert_refused(400, "invalid_target");
    show(&bed, "ada-1", &[("scope", "unheard-of")]).await.assert_refused(400, "invalid_scope");
    show(&bed, "ada-1", &[("badge", "ada-2")]).await.assert_refused(400, "invalid_request");
    let wrong = [("grant_type", BADGE), ("client_id", GATE.0), ("client_secret", "wrong"), ("badge", "ada-1")];
    let reply = bed.post("/token", &wrong).await;
    reply.assert_refused(401, "invalid_client");
    assert!(reply.header("www-authenticate").starts_with("Basic "), "{reply:?}");
    let other = [("grant_type", "urn:example:other"), ("client_id", GATE.0), ("client_secret", GATE.1)];
    bed.post("/token", &other).await.assert_refused(400, "unsupported_grant_type");
    assert_eq!(bed.grants().await, 0);
    // None of it has used the badge up.
    Tokens::of(&show(&bed, "ada-1", &[]).await);
}

#[tokio::test]
async fn what_a_handler_says_wrongly_stays_within_the_rules() {
    let badges = Arc::new(Badges::default());
    let bed = Bed::with(Keeper::memory(), taking(&badges)).await;
    bed.add(gate(&[BADGE])).await;
    badges.behave(Manner::Quotes);
    let reply = show(&bed, "ada-1", &[]).await;
    reply.assert_refused(400, "invalid_request");
    // RFC 6749 section 5.2: "MUST NOT include characters outside the set %x20-21 / %x23-5B / %x5D-7E".
    assert_eq!(reply.json()["error_description"], "badges are blue, not grn");
    badges.behave(Manner::Down);
    let reply = show(&bed, "ada-1", &[]).await;
    reply.assert_refused(503, "temporarily_unavailable");
    assert!(!reply.text.contains("reader") && reply.header("retry-after") == "5", "{reply:?}");
    for manner in [Manner::OtherClient, Manner::OtherResource] {
        badges.behave(manner);
        let reply = show(&bed, &format!("ada-{manner:?}"), &[]).await;
        reply.assert_refused(500, "server_error");
    }
}

#[tokio::test]
async fn a_handler_does_not_speak_for_the_server() {
    let badges = Arc::new(Badges::default());
    let bed = Bed::with(Keeper::memory(), taking(&badges)).await;
    bed.add(gate(&[BADGE])).await;
    let honest = Tokens::of(&show(&bed, "ada-1", &[]).await).claims();
    badges.behave(Manner::SpeaksForTheServer);
    let forged = Tokens::of(&show(&bed, "ada-2", &[]).await);
    let claims = forged.claims();
    for name in ["iss", "sub", "aud", "client_id", "scope", "iat", "exp", "auth_time", "gen"] {
        assert_eq!(claims[name], honest[name], "{name}: {claims}");
    }
    assert!(!claims.to_string().contains("forged"), "{claims}");
    assert!(claims.get("nbf").is_none() && claims.get("cnf").is_none(), "{claims}");
    assert_eq!(claims["aud"], RESOURCE);
    assert_eq!(bed.introspect(&forged.access).await["sub"], "people:ada");
}
