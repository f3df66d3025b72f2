//! A policy of an embedder's own, and what becomes of those who lose access.

use std::sync::Arc;

use mcp_oauth::identity::Occasion;
use mcp_oauth::server::AuthorizationServerBuilder;
use mcp_oauth::types::EndReason;

use super::badge::{BADGE, Badges, gate, show};
use super::members::Members;
use crate::support::{App, Bed, Browser, Keeper, Tokens, on_every_store};

fn kept_by(members: &Arc<Members>) -> impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder {
    let members = Arc::clone(members);
    move |builder| builder.policy(members).grant(Arc::new(Badges::default()))
}

on_every_store! {
    async fn whoever_is_no_member_gets_no_code(keeper: Keeper) {
        let members = Arc::new(Members::default());
        members.admit("people:ada", "chess");
        let bed = Bed::with(keeper, kept_by(&members)).await;
        let app = App::register(&bed).await;
        let answer = Browser::default().approve(&bed.server, &app.link(), "bob").await;
        answer.is_told("https://app.example/cb", "access_denied");
        // RFC 6749 section 4.1.2.1 allows no quotation marks here.
        assert_eq!(answer.redirected("error_description").as_deref(), Some("Only members come in."));
        assert_eq!(members.asked(), [(Occasion::Consent, "mcp".to_owned())]);
        assert_eq!(bed.grants().await, 0);
        // Who leaves while the page is open has not allowed anything either.
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        page.is_asked();
        members.dismiss("people:ada");
        let answer = browser.submit(&bed.server, &page, &[("decision", "approve")]).await;
        answer.is_told("https://app.example/cb", "access_denied");
        assert_eq!(bed.grants().await, 0);
    }

    async fn whoever_loses_access_has_nothing_left(keeper: Keeper) {
        let members = Arc::new(Members::default());
        members.admit("people:ada", "chess");
        let bed = Bed::with(keeper, kept_by(&members)).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        let asked = members.asked();
        assert_eq!(asked.last(), Some(&(Occasion::Refresh, "mcp".to_owned())), "{asked:?}");
        members.dismiss("people:ada");
        app.refresh(&bed, &second.refresh).await.assert_refused(400, "invalid_grant");
        assert_eq!(bed.grant_of(&second.refresh).await.ended, Some(EndReason::Denied));
        // The family has ended with all its tokens, and does not come back with the membership.
        members.admit("people:ada", "chess");
        for tokens in [&first, &second] {
            app.refresh(&bed, &tokens.refresh).await.assert_refused(400, "invalid_grant");
            assert!(!bed.is_active(&tokens.access).await);
        }
        // Another grant can be made.
        let again = app.tokens(&bed).await;
        Tokens::of(&app.refresh(&bed, &again.refresh).await);
    }

    async fn a_grant_of_ones_own_asks_it_too(keeper: Keeper) {
        let members = Arc::new(Members::default());
        let bed = Bed::with(keeper, kept_by(&members)).await;
        bed.add(gate(&[BADGE])).await;
        let reply = show(&bed, "ada-1", &[("scope", "mcp admin")]).await;
        reply.assert_refused(400, "invalid_grant");
        assert_eq!(reply.json()["error_description"], "Only members come in.");
        assert_eq!((members.asked(), bed.grants().await), (vec![(Occasion::Grant, "admin mcp".to_owned())], 0));
        members.admit("people:ada", "chess");
        let claims = Tokens::of(&show(&bed, "ada-2", &[]).await).claims();
        assert_eq!((&claims["badge"], &claims["https://club.example/member"]), (&"2".into(), &"chess".into()));
    }
}
