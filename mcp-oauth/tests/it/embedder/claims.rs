//! A claim of an embedder's own.

use std::collections::BTreeSet;
use std::sync::Arc;

use mcp_oauth::identity::ClaimError;
use serde_json::{Value, json};

use super::members::Members;
use crate::support::{App, Bed, Keeper, RESOURCE, Tokens, on_every_store};

const CLUB: &str = "https://club.example/member";

/// A server with this policy, of which `ada` is a member.
async fn bed(keeper: Keeper) -> (Bed, Arc<Members>) {
    let members = Arc::new(Members::default());
    members.admit("people:ada", json!({ "club": "chess", "since": 1999 }));
    (Bed::with(keeper, |builder| builder.policy(Arc::clone(&members) as _)).await, members)
}

on_every_store! {
    async fn it_is_in_the_token_and_in_its_description(keeper: Keeper) {
        let (bed, members) = bed(keeper).await;
        let app = App::register(&bed).await;
        let tokens = app.tokens(&bed).await;
        let club = json!({ "club": "chess", "since": 1999 });
        assert_eq!(tokens.claims()[CLUB], club);
        assert_eq!(bed.introspect(&tokens.access).await[CLUB], club);
        // The policy is asked again at refresh, and what it says then counts.
        members.admit("people:ada", "go");
        let next = Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
        assert_eq!((&next.claims()[CLUB], &bed.introspect(&next.access).await[CLUB]), (&json!("go"), &json!("go")));
    }

    async fn claims_of_the_server_are_not_to_be_had(keeper: Keeper) {
        let (bed, members) = bed(keeper).await;
        let app = App::register(&bed).await;
        let honest = app.tokens(&bed).await.claims();
        // RFC 7519 section 4.1, RFC 9068 section 2.2, RFC 7800 section 3.1, RFC 8693 section 4.1.
        let reserved = [
            "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "cnf", "act", "may_act", "auth_time",
            "acr", "amr", "azp", "sid", "nonce", "gid", "gen",
        ];
        for name in reserved {
            members.claim(name, "forged");
        }
        let tokens = app.tokens(&bed).await;
        let claims = tokens.claims();
        assert!(members.refused().iter().all(|fault| *fault == ClaimError::Reserved));
        assert!(!claims.to_string().contains("forged"), "{claims}");
        let names = |claims: &Value| claims.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&claims), names(&honest));
        assert_eq!((&claims["sub"], &claims["aud"]), (&json!("people:ada"), &json!(RESOURCE)));
    }

    async fn a_description_says_of_the_token_what_is_true(keeper: Keeper) {
        // RFC 7662 section 2.2: these members are the server's, and no claims.
        let (bed, members) = bed(keeper).await;
        members.claim("active", false);
        members.claim("token_type", "forged");
        let app = App::register(&bed).await;
        let tokens = app.tokens(&bed).await;
        let described = bed.introspect(&tokens.access).await;
        assert_eq!((&described["active"], &described["token_type"]), (&json!(true), &json!("Bearer")), "{described}");
    }
}
