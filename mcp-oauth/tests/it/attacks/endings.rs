//! Grants, and clients, that end: checks 53 and 85.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use mcp_oauth::server::Lifetimes;
use mcp_oauth::store::By;
use mcp_oauth::types::{Client, ClientAuthMethod, EndReason};
use mcp_transport::auth::{ClientId, Issuer, Presented, ProtectedResource, ResourceId, Scheme, Verifier as _};
use serde_json::json;

use crate::support::{
    App, Bed, ISSUER, Keeper, Mood, Moody, RESOURCE, Tokens, basic, confidential, on_every_store, request,
};

const SERVICE: (&str, &str) = ("service", "the-secret-of-the-service");

/// A client that acts for itself, added by the operator now.
fn service(bed: &Bed) -> Client {
    let mut client = confidential(SERVICE, ClientAuthMethod::ClientSecretBasic, &["client_credentials"]);
    (client.issued_at, client.last_used) = (bed.now(), bed.now());
    client
}

/// A token of its own.
async fn of_its_own(bed: &Bed) -> Tokens {
    let authorization = basic(SERVICE);
    let form = [("grant_type", "client_credentials")];
    Tokens::of(&bed.post_with("/token", &[("authorization", &authorization)], &form).await)
}

on_every_store! {
    // RFC 7592 section 2.3, for a client whose tokens hang under no grant: within five seconds they are good nowhere that
    // asks, also after another client has got the id.
    async fn attack_085_a_service_client_that_is_gone(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        bed.add(service(&bed)).await;
        let tokens = of_its_own(&bed).await;
        let verifier = bed.server.verifier();
        let issuer = Issuer::parse(ISSUER).unwrap();
        let resource = ProtectedResource::builder(ResourceId::parse(RESOURCE).unwrap());
        let resource = resource.authorization_server(issuer).build().unwrap();
        let (method, uri) = (Method::POST, http::Uri::from_static("/mcp"));
        let is_good = async |token: &str| {
            let presented = Presented::new(Scheme::Bearer, token, &resource, &method, &uri, bed.now().into());
            verifier.verify(presented).await.is_ok()
        };
        assert!(bed.is_active(&tokens.access).await && is_good(&tokens.access).await);
        bed.stores.clients.delete(&ClientId::parse(SERVICE.0).unwrap(), None).await.unwrap();
        assert!(!bed.is_active(&tokens.access).await);
        bed.advance(5);
        assert!(!is_good(&tokens.access).await);
        bed.add(service(&bed)).await;
        let own = of_its_own(&bed).await;
        assert!(bed.is_active(&own.access).await && is_good(&own.access).await);
        bed.advance(5);
        assert!(!bed.is_active(&tokens.access).await && !is_good(&tokens.access).await);
    }

    // The same for one of the configuration, which is gone with the next start.
    async fn attack_085_a_service_client_that_is_configured_no_more(keeper: Keeper) {
        let client = confidential(SERVICE, ClientAuthMethod::ClientSecretBasic, &["client_credentials"]);
        let bed = Bed::with(keeper, |builder| builder.client(client)).await;
        let tokens = of_its_own(&bed).await;
        bed.advance(60);
        assert!(bed.is_active(&tokens.access).await);
        let bed = Bed { server: bed.second().await, ..bed };
        assert!(!bed.is_active(&tokens.access).await);
    }

    async fn attack_053_a_user_who_is_shut_out(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        bed.people.disable("ada");
        app.refresh(&bed, &first.refresh).await.assert_refused(400, "invalid_grant");
        assert_eq!(bed.grant_of(&first.refresh).await.ended, Some(EndReason::Denied));
        assert!(!bed.is_active(&first.access).await);
    }

    async fn attack_053_an_identity_provider_that_cannot_tell(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        let before = bed.grant_of(&first.refresh).await;
        bed.people.break_down(true);
        let reply = app.refresh(&bed, &first.refresh).await;
        reply.assert_refused(503, "temporarily_unavailable");
        assert!(reply.header("retry-after").parse::<u64>().unwrap() > 0);
        assert_eq!(bed.grant_of(&first.refresh).await, before, "nothing is rotated, and nothing ends");
        bed.people.break_down(false);
        bed.advance(3600);
        Tokens::of(&app.refresh(&bed, &first.refresh).await);
    }

    async fn attack_053_a_policy_that_refuses_or_cannot_tell(keeper: Keeper) {
        let policy = Arc::new(Moody::default());
        let bed = Bed::with(keeper, |builder| builder.policy(Arc::clone(&policy) as _)).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        let before = bed.grant_of(&first.refresh).await;
        policy.set(Mood::Down);
        app.refresh(&bed, &first.refresh).await.assert_refused(503, "temporarily_unavailable");
        assert_eq!(bed.grant_of(&first.refresh).await, before);
        policy.set(Mood::No);
        app.refresh(&bed, &first.refresh).await.assert_refused(400, "invalid_grant");
        assert_eq!(bed.grant_of(&first.refresh).await.ended, Some(EndReason::Denied));
        policy.set(Mood::All);
        app.refresh(&bed, &first.refresh).await.assert_refused(400, "invalid_grant");
    }

    async fn attack_053_a_client_that_is_gone(keeper: Keeper) {
        // RFC 7592 section 2.3.
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let (first, code) = (app.tokens(&bed).await, app.code(&bed).await);
        let token = app.registration["registration_access_token"].as_str().unwrap();
        let headers = [("authorization", format!("Bearer {token}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let path = format!("/register/{}", app.id);
        assert_eq!(bed.send(request(Method::DELETE, &path, &headers, "")).await.status, 204);
        app.refresh(&bed, &first.refresh).await.assert_refused(401, "invalid_client");
        app.redeem(&bed, &code).await.assert_refused(401, "invalid_client");
        assert_eq!(bed.grant_of(&first.refresh).await.ended, Some(EndReason::ClientDeleted));
        assert!(!bed.is_active(&first.access).await);
    }

    async fn attack_053_a_grant_that_was_taken_back(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let (one, code) = (app.tokens(&bed).await, app.code(&bed).await);
        let by = By::Client(ClientId::parse(&app.id).unwrap());
        assert_eq!(bed.stores.grants.end_all(&by, EndReason::Withdrawn, bed.now()).await.unwrap(), 2);
        app.refresh(&bed, &one.refresh).await.assert_refused(400, "invalid_grant");
        app.redeem(&bed, &code).await.assert_refused(400, "invalid_grant");
        assert!(!bed.is_active(&one.access).await);
        // A reason once noted stays.
        assert_eq!(bed.grant_of(&one.refresh).await.ended, Some(EndReason::Withdrawn));
    }

    async fn attack_053_a_grant_ends_whatever_is_done_with_it(keeper: Keeper) {
        // OAuth 2.1 section 4.3.1: refresh tokens expire where nobody uses them; a grant expires all the same.
        let mut lifetimes = Lifetimes::default();
        lifetimes.grant = Duration::from_secs(7200);
        let bed = Bed::with(keeper, |builder| builder.lifetimes(lifetimes)).await;
        let app = App::register(&bed).await;
        let mut tokens = app.tokens(&bed).await;
        for _ in 0..7 {
            bed.advance(1000);
            tokens = Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
        }
        // No token outlives the grant.
        assert_eq!(tokens.body["expires_in"], 200);
        assert_eq!(tokens.claims()["exp"], json!(bed.now().as_secs() + 200));
        bed.advance(200);
        app.refresh(&bed, &tokens.refresh).await.assert_refused(400, "invalid_grant");
        assert!(!bed.is_active(&tokens.access).await);
    }

    async fn attack_053_a_grant_that_nobody_refreshes(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        let month = 30 * 24 * 3600;
        bed.advance(month - 1);
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        bed.advance(month);
        app.refresh(&bed, &second.refresh).await.assert_refused(400, "invalid_grant");
    }

    async fn attack_053_an_access_token_that_outlives_idle_time(keeper: Keeper) {
        // A grant is remembered as long as its access tokens are good, or they could be revoked by nobody.
        let mut lifetimes = Lifetimes::default();
        lifetimes.refresh_token = Duration::from_secs(600);
        let bed = Bed::with(keeper, |builder| builder.lifetimes(lifetimes)).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        bed.advance(1799);
        assert!(bed.is_active(&second.access).await);
        let form = [("client_id", app.id.as_str()), ("token", &second.access)];
        assert_eq!(bed.post("/revoke", &form).await.status, 200);
        assert!(!bed.is_active(&second.access).await);
    }
}
