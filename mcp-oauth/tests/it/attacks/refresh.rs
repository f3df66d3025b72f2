//! Refresh tokens: checks 47 to 52, and 54.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use mcp_oauth::server::Lifetimes;
use mcp_oauth::server::audit::EventKind;
use mcp_oauth::types::EndReason;
use serde_json::json;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

use crate::support::{
    App, Bed, Browser, FORM, Heard, Keeper, Mood, Moody, OTHER_RESOURCE, RESOURCE, Reply, Tokens, encode,
    on_every_store, on_every_store_at_once, request, send_to,
};

/// Refreshes with further parameters.
async fn refresh_with(bed: &Bed, app: &App, token: &str, more: &[(&str, &str)]) -> Reply {
    let mut form = vec![("grant_type", "refresh_token"), ("client_id", app.id.as_str()), ("refresh_token", token)];
    form.extend(more);
    bed.post("/token", &form).await
}

/// The tokens of a grant with these scopes.
async fn granted(bed: &Bed, app: &App, scope: &str) -> Tokens {
    let link = app.link_with(&[("scope", scope)]);
    let code = Browser::default().approve(&bed.server, &link, "ada").await.redirected("code").unwrap();
    Tokens::of(&app.redeem(bed, &code).await)
}

on_every_store! {
    async fn attack_047_each_refresh_gives_another_token(keeper: Keeper) {
        // OAuth 2.1 section 4.3.1: refresh tokens of public clients are sender-constrained or rotated.
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut tokens = app.tokens(&bed).await;
        let (mut refreshes, mut accesses) = (HashSet::new(), HashSet::new());
        for _ in 0..20 {
            assert!(refreshes.insert(tokens.refresh.clone()) && accesses.insert(tokens.access.clone()));
            bed.advance(1000);
            tokens = Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
        }
        let view = bed.grant_of(&tokens.refresh).await;
        assert_eq!((view.generation, view.ended), (21, None), "one family");
    }

    async fn attack_048_a_token_again_after_its_successor_was_redeemed(keeper: Keeper) {
        // RFC 9700 section 4.14.2: "If a refresh token is compromised and subsequently used by both the attacker and the
        // legitimate client, one of them will present an invalidated refresh token, which will inform the authorization
        // server of the breach"; it revokes the active one.
        let heard = Arc::new(Heard::default());
        let bed = Bed::with(keeper, |builder| builder.audit(Arc::clone(&heard) as _)).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        let third = Tokens::of(&app.refresh(&bed, &second.refresh).await);
        heard.since();
        // Within the grace of 120 seconds, but no longer the one before.
        app.refresh(&bed, &first.refresh).await.assert_refused(400, "invalid_grant");
        assert_eq!(heard.since(), [EventKind::GrantEnded(EndReason::RefreshReused)]);
        for tokens in [&first, &second, &third] {
            assert!(!bed.is_active(&tokens.access).await);
            app.refresh(&bed, &tokens.refresh).await.assert_refused(400, "invalid_grant");
        }
        assert_eq!(bed.grant_of(&third.refresh).await.ended, Some(EndReason::RefreshReused));
    }

    async fn attack_048_a_token_again_after_the_grace(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        bed.clock.advance(Duration::from_millis(120_000));
        Tokens::of(&app.refresh(&bed, &first.refresh).await);
        bed.clock.advance(Duration::from_millis(1));
        app.refresh(&bed, &first.refresh).await.assert_refused(400, "invalid_grant");
        app.refresh(&bed, &second.refresh).await.assert_refused(400, "invalid_grant");
        assert!(!bed.is_active(&second.access).await);
        assert_eq!(bed.grant_of(&second.refresh).await.ended, Some(EndReason::RefreshReused));
    }

    async fn attack_048_without_a_grace(keeper: Keeper) {
        let mut lifetimes = Lifetimes::default();
        lifetimes.refresh_grace = Duration::ZERO;
        let bed = Bed::with(keeper, |builder| builder.lifetimes(lifetimes)).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        app.refresh(&bed, &first.refresh).await.assert_refused(400, "invalid_grant");
        app.refresh(&bed, &second.refresh).await.assert_refused(400, "invalid_grant");
    }

    async fn attack_048_what_is_forged_ends_nothing(keeper: Keeper) {
        // Only what we have made can have been stolen. A guess must not sign anybody out.
        let heard = Arc::new(Heard::default());
        let bed = Bed::with(keeper, |builder| builder.audit(Arc::clone(&heard) as _)).await;
        let app = App::register(&bed).await;
        let other = app.tokens(&bed).await;
        let first = app.tokens(&bed).await;
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        let before = bed.grant_of(&second.refresh).await;
        heard.since();
        let token = &second.refresh;
        let mac = token.rsplit('.').next().unwrap().to_owned();
        let flipped = if mac.starts_with('A') { mac.replacen('A', "B", 1) } else { format!("A{}", &mac[1..]) };
        let foreign = other.refresh.rsplit('.').next().unwrap();
        let old = first.refresh.rsplit('.').next().unwrap();
        for forged in [
            token.replace(&mac, &flipped),
            token.replace(&mac, foreign),
            // The MAC of an older generation under the number of this one, and the other way round.
            token.replace(&mac, old),
            first.refresh.replace(old, &mac),
            token.replace(".2.", ".1."),
            token.replace(".2.", ".3."),
            token.replace(".2.", ".4294967295."),
            token.replace(".2.", ".0."),
            token.replace(".2.", ".02."),
            token.replace(".2.", ".+2."),
            token.replace(".2.", "."),
            format!("{token}="),
            format!("{token} "),
            format!("{token}.x"),
            token.to_uppercase(),
            token.replace("mcpo_rt_", ""),
            token.replace("mcpo_rt_", "mcpo_ac_"),
            second.access.clone(),
        ] {
            app.refresh(&bed, &forged).await.assert_refused(400, "invalid_grant");
            assert_eq!(bed.grant_of(token).await, before, "{forged}");
        }
        assert_eq!(heard.since(), []);
        Tokens::of(&app.refresh(&bed, token).await);
    }

    async fn attack_049_the_same_successor_within_the_grace(keeper: Keeper) {
        let heard = Arc::new(Heard::default());
        let mut lifetimes = Lifetimes::default();
        lifetimes.refresh_replays = 64;
        let bed = Bed::with(keeper, |builder| builder.audit(Arc::clone(&heard) as _).lifetimes(lifetimes)).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        bed.advance(600);
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        let rotated = bed.grant_of(&second.refresh).await;
        heard.since();
        for replay in 1..=64 {
            bed.advance(1);
            // That the winner uses its new access token ends nothing: it does so at once.
            assert!(bed.is_active(&second.access).await);
            let again = Tokens::of(&app.refresh(&bed, &first.refresh).await);
            assert_eq!(again.refresh, second.refresh, "one successor");
            assert_eq!(heard.since(), [EventKind::RefreshReplayed]);
            let now = bed.grant_of(&second.refresh).await;
            assert_eq!(now.replays, replay);
            // No new lineage, and no new lifetime.
            assert_eq!((now.generation, now.rotated_at, now.idle_until), (2, rotated.rotated_at, rotated.idle_until));
        }
        // Nor does it go on for ever; but whoever comes too often is put off, and ends nothing.
        let refused = app.refresh(&bed, &first.refresh).await;
        refused.assert_refused(429, "temporarily_unavailable");
        assert_eq!(refused.header("retry-after"), "5");
        assert_eq!(heard.since(), [EventKind::RefreshCrowded]);
        let now = bed.grant_of(&second.refresh).await;
        assert_eq!((now.generation, now.replays, now.ended, now.idle_until), (2, 64, None, rotated.idle_until));
        assert!(bed.is_active(&second.access).await);
        // After the grace it is what it is.
        bed.advance(57);
        app.refresh(&bed, &first.refresh).await.assert_refused(400, "invalid_grant");
        assert_eq!(heard.since(), [EventKind::GrantEnded(EndReason::RefreshReused)]);
        assert!(!bed.is_active(&second.access).await);
    }

    async fn attack_051_more_scope_than_was_granted(keeper: Keeper) {
        // RFC 6749 section 6: "The requested scope MUST NOT include any scope not originally granted by the resource owner".
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        assert_eq!(first.body["scope"], "mcp");
        let before = bed.grant_of(&first.refresh).await;
        for scope in ["admin", "mcp admin", "admin mcp", "unheard-of", "mcp\tadmin", "\""] {
            refresh_with(&bed, &app, &first.refresh, &[("scope", scope)]).await.assert_refused(400, "invalid_scope");
            assert_eq!(bed.grant_of(&first.refresh).await, before, "{scope}");
        }
        // What is not known anywhere is no more than was granted.
        let tokens = refresh_with(&bed, &app, &first.refresh, &[("scope", "mcp unheard-of")]).await;
        assert_eq!(Tokens::of(&tokens).body["scope"], "mcp");
    }

    async fn attack_051_less_scope_is_for_one_token(keeper: Keeper) {
        // The same section: "if omitted is treated as equal to the scope originally granted by the resource owner"; and of
        // the new refresh token: its scope "MUST be identical to that of the refresh token included by the client".
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let first = granted(&bed, &app, "mcp admin").await;
        let narrow = Tokens::of(&refresh_with(&bed, &app, &first.refresh, &[("scope", "mcp")]).await);
        assert_eq!((&narrow.body["scope"], &narrow.claims()["scope"]), (&json!("mcp"), &json!("mcp")));
        let whole = Tokens::of(&app.refresh(&bed, &narrow.refresh).await);
        let scope: HashSet<&str> = whole.body["scope"].as_str().unwrap().split(' ').collect();
        assert_eq!(scope, HashSet::from(["mcp", "admin"]));
    }

    async fn attack_051_less_scope_than_one_that_implies_it(keeper: Keeper) {
        // Whoever may do everything may ask for a token that does little.
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let first = granted(&bed, &app, "admin").await;
        assert_eq!(first.body["scope"], "admin");
        let narrow = Tokens::of(&refresh_with(&bed, &app, &first.refresh, &[("scope", "mcp")]).await);
        assert_eq!((&narrow.body["scope"], &narrow.claims()["scope"]), (&json!("mcp"), &json!("mcp")));
        assert_eq!(Tokens::of(&app.refresh(&bed, &narrow.refresh).await).body["scope"], "admin");
    }

    async fn attack_051_scopes_that_mean_nothing_leave_the_grant_as_it_is(keeper: Keeper) {
        // Clients send `offline_access` and its like with every request.
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let first = granted(&bed, &app, "admin").await;
        let second = Tokens::of(&refresh_with(&bed, &app, &first.refresh, &[("scope", "openid offline_access")]).await);
        assert_eq!(second.body["scope"], "admin");
    }

    async fn attack_051_what_the_policy_has_left_of_the_scope(keeper: Keeper) {
        // RFC 6749 section 5.1: the scope of a token is told where it is not what was asked for, and a token of none cannot be.
        let policy = Arc::new(Moody::default());
        let bed = Bed::with(keeper, |builder| builder.policy(Arc::clone(&policy) as _)).await;
        let app = App::register(&bed).await;
        let first = granted(&bed, &app, "mcp admin").await;
        policy.set(Mood::Nothing);
        let before = bed.grant_of(&first.refresh).await;
        app.refresh(&bed, &first.refresh).await.assert_refused(400, "invalid_scope");
        assert_eq!(bed.grant_of(&first.refresh).await, before);
        policy.set(Mood::Mcp);
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        assert_eq!((&second.body["scope"], &second.claims()["scope"]), (&json!("mcp"), &json!("mcp")));
        refresh_with(&bed, &app, &second.refresh, &[("scope", "admin")]).await.assert_refused(400, "invalid_scope");
        // It was taken away for as long as the policy says.
        policy.set(Mood::All);
        let third = Tokens::of(&refresh_with(&bed, &app, &second.refresh, &[("scope", "admin")]).await);
        assert_eq!(third.body["scope"], "admin");
    }

    async fn attack_052_the_token_of_another_client(keeper: Keeper) {
        // RFC 6749 section 6: "the authorization server MUST [..] ensure that the refresh token was issued to the
        // authenticated client".
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let thief = App::register_as(&bed, &json!({
            "client_name": "Thief", "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        })).await;
        let first = app.tokens(&bed).await;
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        let before = bed.grant_of(&second.refresh).await;
        // Neither the newest nor a used one: the thief can take nothing, and end nothing.
        bed.advance(600);
        for token in [&second.refresh, &first.refresh] {
            thief.refresh(&bed, token).await.assert_refused(400, "invalid_grant");
            assert_eq!(bed.grant_of(token).await, before);
        }
        let nobody = [("grant_type", "refresh_token"), ("refresh_token", second.refresh.as_str())];
        bed.post("/token", &nobody).await.assert_refused(401, "invalid_client");
        Tokens::of(&app.refresh(&bed, &second.refresh).await);
    }

    async fn attack_054_another_resource(keeper: Keeper) {
        // RFC 8707 section 2.2.
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        let before = bed.grant_of(&first.refresh).await;
        for more in [
            &[("resource", OTHER_RESOURCE)][..],
            &[("resource", "https://evil.test/mcp")],
            &[("resource", RESOURCE), ("resource", OTHER_RESOURCE)],
            &[("resource", OTHER_RESOURCE), ("resource", RESOURCE)],
            &[("resource", "")  , ("resource", OTHER_RESOURCE)],
            &[("resource", "https://mcp.example/mcp/..")],
        ] {
            refresh_with(&bed, &app, &first.refresh, more).await.assert_refused(400, "invalid_target");
            assert_eq!(bed.grant_of(&first.refresh).await, before, "{more:?}");
        }
        let same = Tokens::of(&refresh_with(&bed, &app, &first.refresh, &[("resource", RESOURCE)]).await);
        assert_eq!(same.claims()["aud"], RESOURCE);
    }
}

on_every_store_at_once! {
    async fn attack_050_parallel_refreshes(keeper: Keeper) {
        // Several processes of one client share a token. All of them get the same successor, nobody is signed out, and there
        // is one lineage.
        const TASKS: usize = 64;
        let bed = Bed::new(keeper).await;
        let second = bed.second().await;
        let app = App::register(&bed).await;
        let mut tokens = app.tokens(&bed).await;
        for round in 1..=4 {
            let form = [("grant_type", "refresh_token"), ("client_id", &app.id), ("refresh_token", &tokens.refresh)];
            let form = encode(&form);
            let barrier = Arc::new(Barrier::new(TASKS));
            let mut tasks = JoinSet::new();
            for task in 0..TASKS {
                let server = if task % 2 == 0 { bed.server.clone() } else { second.clone() };
                let (form, barrier) = (form.clone(), Arc::clone(&barrier));
                tasks.spawn(async move {
                    barrier.wait().await;
                    send_to(&server, request(Method::POST, "/token", &[FORM], &form)).await
                });
            }
            let all: Vec<Tokens> = tasks.join_all().await.iter().map(Tokens::of).collect();
            let successors: HashSet<&str> = all.iter().map(|tokens| tokens.refresh.as_str()).collect();
            assert_eq!(successors.len(), 1);
            assert!(!successors.contains(tokens.refresh.as_str()));
            let view = bed.grant_of(&all[0].refresh).await;
            assert_eq!((view.generation, view.replays, view.ended), (round + 1, 63, None));
            assert!(bed.is_active(&all[0].access).await && bed.is_active(&all[63].access).await);
            tokens = all.into_iter().next().unwrap();
        }
    }

    async fn attack_050_a_thousand_refreshes_at_once(keeper: Keeper) {
        // More sessions of one client than anybody has: all go on, whoever was first. Sixty-four are in flight at a time, as
        // many as a small pool of connections to Redis serves before its time is over.
        const TASKS: usize = 1000;
        let bed = Bed::new(keeper).await;
        let second = bed.second().await;
        let app = App::register(&bed).await;
        let tokens = app.tokens(&bed).await;
        let form = [("grant_type", "refresh_token"), ("client_id", &app.id), ("refresh_token", &tokens.refresh)];
        let (form, flight) = (encode(&form), Arc::new(Semaphore::new(64)));
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let server = if task % 2 == 0 { bed.server.clone() } else { second.clone() };
            let (form, flight) = (form.clone(), Arc::clone(&flight));
            tasks.spawn(async move {
                let _turn = flight.acquire().await;
                send_to(&server, request(Method::POST, "/token", &[FORM], &form)).await
            });
        }
        let all: Vec<Tokens> = tasks.join_all().await.iter().map(Tokens::of).collect();
        let successors: HashSet<&str> = all.iter().map(|tokens| tokens.refresh.as_str()).collect();
        assert_eq!(successors.len(), 1);
        let view = bed.grant_of(&all[0].refresh).await;
        assert_eq!((view.generation, view.ended), (2, None));
        assert!(bed.is_active(&all[0].access).await);
        Tokens::of(&app.refresh(&bed, &all[0].refresh).await);
    }

    async fn attack_050_a_refresh_and_a_revocation_at_once(keeper: Keeper) {
        // Whoever signs out while another process refreshes is signed out.
        let bed = Bed::new(keeper).await;
        let second = bed.second().await;
        let app = App::register(&bed).await;
        for _ in 0..8 {
            let tokens = app.tokens(&bed).await;
            let refresh =
                encode(&[("grant_type", "refresh_token"), ("client_id", &app.id), ("refresh_token", &tokens.refresh)]);
            let revoke = encode(&[("client_id", &app.id), ("token", &tokens.refresh)]);
            let mut tasks = JoinSet::new();
            for (server, path, form) in [(bed.server.clone(), "/token", refresh), (second.clone(), "/revoke", revoke)] {
                tasks.spawn(async move { send_to(&server, request(Method::POST, path, &[FORM], &form)).await });
            }
            for reply in tasks.join_all().await {
                if let Some(token) = serde_json::from_str::<serde_json::Value>(&reply.text).unwrap_or_default()["access_token"].as_str() {
                    assert!(!bed.is_active(token).await);
                }
            }
            assert_eq!(bed.grant_of(&tokens.refresh).await.ended, Some(EndReason::Revoked));
            app.refresh(&bed, &tokens.refresh).await.assert_refused(400, "invalid_grant");
        }
    }
}
