//! A grant of an embedder's own, where all is well.

use std::sync::{Arc, Mutex};

use mcp_oauth::server::audit::{AuditSink, Event, EventKind};
use mcp_oauth::store::By;
use mcp_oauth::types::EndReason;
use mcp_transport::auth::Subject;
use serde_json::json;

use super::badge::{BADGE, Badges, GATE, gate, show, taking};
use crate::support::{Bed, ISSUER, Keeper, OTHER_RESOURCE, RESOURCE, Reply, Tokens, on_every_store};

async fn refresh(bed: &Bed, token: &str) -> Reply {
    let form =
        [("grant_type", "refresh_token"), ("client_id", GATE.0), ("client_secret", GATE.1), ("refresh_token", token)];
    bed.post("/token", &form).await
}

on_every_store! {
    async fn it_gets_a_token_that_the_engine_has_made(keeper: Keeper) {
        let bed = Bed::with(keeper, taking(&Arc::default())).await;
        bed.add(gate(&[BADGE])).await;
        let reply = show(&bed, "ada-17", &[("resource", OTHER_RESOURCE), ("scope", "admin unheard-of")]).await;
        assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
        let tokens = Tokens::of(&reply);
        // RFC 6749 section 5.1.
        let expected = json!({
            "access_token": tokens.access, "token_type": "Bearer", "expires_in": 1800, "scope": "admin",
        });
        assert_eq!(tokens.body, expected, "no refresh token for a client that is not registered for those");
        let claims = tokens.claims();
        let now = bed.now().as_secs();
        for (name, value) in [
            ("iss", json!(ISSUER)),
            ("aud", json!(OTHER_RESOURCE)),
            ("sub", json!("people:ada")),
            ("client_id", json!("gate")),
            ("scope", json!("admin")),
            ("iat", json!(now)),
            ("exp", json!(now + 1800)),
            ("auth_time", json!(now)),
            ("badge", json!("17")),
        ] {
            assert_eq!(claims[name], value, "{name}: {claims}");
        }
    }

    async fn its_grant_is_refreshed_and_revoked_like_any_other(keeper: Keeper) {
        let bed = Bed::with(keeper, taking(&Arc::default())).await;
        bed.add(gate(&[BADGE, "refresh_token"])).await;
        let first = Tokens::of(&show(&bed, "ada-1", &[]).await);
        let described = bed.introspect(&first.access).await;
        assert_eq!((&described["active"], &described["badge"]), (&json!(true), &json!("1")), "{described}");
        let next = Tokens::of(&refresh(&bed, &first.refresh).await);
        let claims = next.claims();
        for (name, value) in [("sub", "people:ada"), ("aud", RESOURCE), ("scope", "mcp")] {
            assert_eq!(claims[name], value, "{name}: {claims}");
        }
        assert!(claims.get("badge").is_none(), "what a handler says is said once");
        let form = [("client_id", GATE.0), ("client_secret", GATE.1), ("token", next.refresh.as_str())];
        assert_eq!(bed.post("/revoke", &form).await.status, 200);
        refresh(&bed, &next.refresh).await.assert_refused(400, "invalid_grant");
        assert!(!bed.is_active(&first.access).await && !bed.is_active(&next.access).await);
    }

    async fn what_an_administrator_takes_back_ends_it_too(keeper: Keeper) {
        let bed = Bed::with(keeper, taking(&Arc::default())).await;
        bed.add(gate(&[BADGE, "refresh_token"])).await;
        let tokens = Tokens::of(&show(&bed, "ada-1", &[]).await);
        let by = By::Subject(Subject::parse("people:ada").unwrap());
        assert_eq!(bed.stores.grants.end_all(&by, EndReason::Withdrawn, bed.now()).await.unwrap(), 1);
        refresh(&bed, &tokens.refresh).await.assert_refused(400, "invalid_grant");
        assert!(!bed.is_active(&tokens.access).await);
    }

    async fn users_who_are_shut_out_get_nothing_and_keep_nothing(keeper: Keeper) {
        let bed = Bed::with(keeper, taking(&Arc::default())).await;
        bed.add(gate(&[BADGE, "refresh_token"])).await;
        let tokens = Tokens::of(&show(&bed, "ada-1", &[]).await);
        bed.people.break_down(true);
        show(&bed, "ada-2", &[]).await.assert_refused(503, "temporarily_unavailable");
        bed.people.break_down(false);
        bed.people.disable("ada");
        show(&bed, "ada-3", &[]).await.assert_refused(400, "invalid_grant");
        assert_eq!(bed.grants().await, 1, "no more than the one that was made");
        refresh(&bed, &tokens.refresh).await.assert_refused(400, "invalid_grant");
        assert_eq!(bed.grant_of(&tokens.refresh).await.ended, Some(EndReason::Denied));
    }
}

#[tokio::test]
async fn the_metadata_lists_it() {
    for (handler, listed) in [(Some(Arc::<Badges>::default()), true), (None, false)] {
        let bed = Bed::with(Keeper::memory(), |builder| match handler {
            Some(handler) => builder.grant(handler),
            None => builder,
        });
        let metadata = bed.await.get("/.well-known/oauth-authorization-server").await.json();
        let grants = metadata["grant_types_supported"].as_array().unwrap();
        assert_eq!(grants.contains(&json!(BADGE)), listed, "{metadata}");
        assert!(grants.contains(&json!("authorization_code")) && grants.contains(&json!("refresh_token")));
    }
}

/// Takes everything down.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<Event>>);

impl AuditSink for Notes {
    fn record(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

#[tokio::test]
async fn what_it_does_is_taken_down() {
    let notes = Arc::new(Notes::default());
    let bed =
        Bed::with(Keeper::memory(), |builder| builder.grant(Arc::new(Badges::default())).audit(notes.clone())).await;
    bed.add(gate(&[BADGE])).await;
    Tokens::of(&show(&bed, "ada-1", &[]).await);
    let events = notes.0.lock().unwrap();
    let event = events.iter().find(|event| event.kind == EventKind::TokenIssued).unwrap();
    assert_eq!(event.client.as_ref().map(|client| client.as_str()), Some("gate"));
    assert_eq!(event.subject.as_ref().map(Subject::as_str), Some("people:ada"));
    assert!(event.grant.is_some() && event.address.is_some());
}
