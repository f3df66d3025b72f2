//! The ways that go well.

use crate::support::{App, Bed, Browser, ISSUER, Keeper, RESOURCE, Tokens, on_every_store};

on_every_store! {
    async fn a_user_signs_in_and_a_client_gets_tokens(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("app.example") && page.text.contains(RESOURCE) && page.text.contains("Use it"));
        let answer = browser.submit(&bed.server, &page, &[("decision", "approve")]).await;
        assert_eq!(answer.status, 303);
        assert!(answer.header("location").starts_with("https://app.example/cb?code="));
        assert_eq!(answer.redirected("state").as_deref(), Some("xyz"));
        assert_eq!(answer.redirected("iss").as_deref(), Some(ISSUER));
        let tokens = Tokens::of(&app.redeem(&bed, &answer.redirected("code").unwrap()).await);
        assert_eq!(tokens.body["token_type"], "Bearer");
        assert_eq!(tokens.body["scope"], "mcp");
        assert_eq!(tokens.body["expires_in"], 1800);
        let claims = tokens.claims();
        assert_eq!((&claims["iss"], &claims["aud"], &claims["sub"]), (&ISSUER.into(), &RESOURCE.into(), &"people:ada".into()));
        let refreshed = Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
        assert_ne!(refreshed.refresh, tokens.refresh);
    }

    async fn consent_is_remembered_for_a_web_page_that_tls_vouches_for(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        assert_eq!(browser.approve(&bed.server, &app.link(), "ada").await.status, 303);
        let again = browser.get(&bed.server, &app.link()).await;
        assert!(again.redirected("code").is_some(), "{again:?}");
        // More than was allowed is asked for again, and so is everything where the client wants it so.
        for link in [app.link_with(&[("scope", "mcp admin")]), app.link_with(&[("prompt", "consent")])] {
            assert_eq!(browser.get(&bed.server, &link).await.status, 200);
        }
        let elsewhere = Browser::default().consent_page(&bed.server, &app.link(), "bob").await;
        assert_eq!(elsewhere.status, 200);
    }

    async fn a_user_refuses(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        let answer = browser.submit(&bed.server, &page, &[("decision", "deny")]).await;
        assert_eq!(answer.redirected("error").as_deref(), Some("access_denied"));
        assert_eq!(answer.redirected("state").as_deref(), Some("xyz"));
        assert_eq!(answer.redirected("code"), None);
    }

    async fn a_user_becomes_somebody_else(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        let out = browser.submit(&bed.server, &page, &[("switch_user", "yes")]).await;
        assert_eq!(out.status, 303);
        let answer = browser.approve(&bed.server, out.header("location"), "bob").await;
        let tokens = Tokens::of(&app.redeem(&bed, &answer.redirected("code").unwrap()).await);
        assert_eq!(tokens.claims()["sub"], "people:bob");
    }

    async fn signing_in_again_on_demand(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        assert_eq!(browser.approve(&bed.server, &app.link(), "ada").await.status, 303);
        let answer = browser.approve(&bed.server, &app.link_with(&[("prompt", "login")]), "ada").await;
        assert!(answer.redirected("code").is_some(), "{answer:?}");
    }
}
