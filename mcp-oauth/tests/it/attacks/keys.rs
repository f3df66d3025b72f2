//! Keys that change while tokens are about: check 105.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use mcp_oauth::jose::{AccessTokenClaims, AccessTokenPolicy, Algorithm, SigningKey, VerifyingKeys};
use mcp_oauth::server::{AuthorizationServer, AuthorizationServerBuilder};
use mcp_oauth::types::{ClientAuthMethod, Timestamp};
use mcp_transport::auth::{ClientId, Issuer, ResourceId, Subject};

use crate::support::{
    App, Bed, Browser, FORM, ISSUER, Keeper, READER, RESOURCE, Reply, Tokens, Watch, basic, confidential, encode,
    on_every_store, request, send_to,
};

const DAEMON: (&str, &str) = ("daemon", "a-secret-of-the-daemon");
const DAY: u64 = 24 * 3600;

/// Two nodes on one store, each of which looks after itself when it is told to.
struct Nodes {
    bed: Bed,
    nodes: [(AuthorizationServer, Arc<Watch>); 2],
}

impl Nodes {
    async fn new(keeper: Keeper, change: impl Fn(AuthorizationServerBuilder) -> AuthorizationServerBuilder) -> Self {
        let (one, two) = (Watch::over(keeper.open().await), Watch::over(keeper.open().await));
        let bed = Bed::with(keeper, |builder| change(builder).stores(one.stores())).await;
        let second = bed.second_with(|builder| change(builder).stores(two.stores())).await;
        bed.add(confidential(DAEMON, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        assert!(!bed.is_active("nothing").await, "the reader is there");
        let nodes = [(bed.server.clone(), one), (second, two)];
        Self { bed, nodes }
    }

    fn node(&self, index: usize) -> &AuthorizationServer {
        &self.nodes[index].0
    }

    async fn round(&self, index: usize) {
        let (server, watch) = &self.nodes[index];
        watch.round(server).await;
    }

    async fn token(&self, index: usize) -> String {
        let headers = [FORM, ("authorization", &basic(DAEMON))];
        let form = encode(&[("grant_type", "client_credentials")]);
        Tokens::of(&send_to(self.node(index), request(Method::POST, "/token", &headers, &form)).await).access
    }

    async fn is_active(&self, index: usize, token: &str) -> bool {
        let headers = [FORM, ("authorization", &basic(READER))];
        let form = encode(&[("token", token)]);
        let reply = send_to(self.node(index), request(Method::POST, "/introspect", &headers, &form)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["active"].as_bool().unwrap()
    }

    async fn jwks(&self, index: usize) -> Reply {
        let reply = send_to(self.node(index), request(Method::GET, "/jwks", &[], "")).await;
        assert_eq!((reply.status, reply.header("cache-control")), (200, "public, max-age=300"));
        reply
    }
}

fn key_ids(jwks: &Reply) -> HashSet<String> {
    jwks.json()["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Judges a token as the server of [`RESOURCE`] does that keeps this JWKS.
fn verify(token: &str, jwks: &Reply, now: Timestamp) -> bool {
    let keys = VerifyingKeys::from_jwks(jwks.text.clone()).unwrap();
    let policy = AccessTokenPolicy::for_resource(Issuer::parse(ISSUER).unwrap(), ResourceId::parse(RESOURCE).unwrap());
    policy.verify(token, &keys, now.into()).is_ok()
}

/// A token that somebody makes who has a key of the server.
fn forged(key: &SigningKey, now: Timestamp) -> String {
    let mut claims = AccessTokenClaims::new(
        Issuer::parse(ISSUER).unwrap(),
        Subject::parse("people:ada").unwrap(),
        ResourceId::parse(RESOURCE).unwrap(),
        ClientId::parse(DAEMON.0).unwrap(),
        "forged".to_owned(),
        now.into(),
        Duration::from_secs(365 * DAY),
    );
    claims.scope = "admin".parse().unwrap();
    claims.sign(key).unwrap()
}

on_every_store! {
    async fn attack_105_signing_keys_change_under_load(keeper: Keeper) {
        // RFC 7517 section 5 and RFC 8414 section 2 (jwks_uri): a key is published before it signs, for longer than the
        // document may be kept, and after it has signed, for as long as what it signed is good.
        let nodes = Nodes::new(keeper, |builder| builder.rotate_after(Some(Duration::from_secs(3600)))).await;
        let mut tokens: BTreeMap<(u64, usize), String> = BTreeMap::new();
        let (mut cached, mut fetched) = (nodes.jwks(0).await, nodes.bed.now());
        let mut signers = HashSet::new();
        for step in 0..260_usize {
            nodes.bed.advance(30);
            let now = nodes.bed.now();
            // A node is a round behind the other, and in turn.
            nodes.round(step % 2).await;
            for index in 0..2 {
                let token = nodes.token(index).await;
                let id = mcp_oauth::jose::Unverified::parse(&token, &mcp_oauth::jose::Limits::default());
                signers.insert(id.unwrap().header().key_id().unwrap().to_owned());
                tokens.insert((now.as_secs() + 1800, index), token);
            }
            tokens.retain(|(until, _), _| *until > now.as_secs());
            if now.since(fetched) >= Duration::from_secs(300) {
                (cached, fetched) = (nodes.jwks(step / 10 % 2).await, now);
            }
            let (oldest, newest) = (tokens.values().next().unwrap(), tokens.values().next_back().unwrap());
            let other = tokens.values().rev().nth(1).unwrap();
            let between = tokens.values().nth(tokens.len() / 2).unwrap();
            for token in [oldest, newest, other, between] {
                assert!(verify(token, &cached, now), "step {step}");
                for index in 0..2 {
                    assert!(nodes.is_active(index, token).await, "step {step}, node {index}");
                }
            }
            let published = key_ids(&nodes.jwks(step % 2).await);
            assert!((1..=3).contains(&published.len()), "{published:?}");
        }
        assert!(signers.len() >= 3, "{signers:?}");
        let first = nodes.bed.server.keys().keys()[0].key().key_id().to_owned();
        assert!(signers.contains(&first));
        assert!(key_ids(&nodes.jwks(0).await).len() < signers.len(), "what is over has gone");
    }

    async fn attack_105_what_may_be_kept_of_the_keys(keeper: Keeper) {
        let nodes = Nodes::new(keeper, |builder| builder).await;
        let before = nodes.jwks(0).await;
        let tag = before.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20);
        assert_eq!(nodes.jwks(1).await.header("etag"), tag, "every node says the same");
        assert_eq!(nodes.bed.get("/.well-known/jwks.json").await.text, before.text);
        let conditional = async |index: usize, tag: &str| {
            send_to(nodes.node(index), request(Method::GET, "/jwks", &[("if-none-match", tag)], "")).await
        };
        let same = conditional(1, &tag).await;
        // RFC 9110 section 15.4.5.
        assert_eq!((same.status, same.text.as_str(), same.header("etag")), (304, "", tag.as_str()));
        assert_eq!(same.header("cache-control"), "public, max-age=300");
        assert_eq!(conditional(0, "\"other\"").await.status, 200);
        nodes.node(0).rotate_keys().await.unwrap();
        let after = conditional(0, &tag).await;
        assert_eq!(after.status, 200);
        assert_ne!(after.header("etag"), tag);
        assert!(key_ids(&after).is_superset(&key_ids(&before)) && key_ids(&after).len() == 2);
        for key in after.json()["keys"].as_array().unwrap() {
            let mut members: Vec<&String> = key.as_object().unwrap().keys().collect();
            members.sort();
            assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"], "nothing private");
        }
    }

    async fn attack_105_a_retired_key_is_good_for_nothing(keeper: Keeper) {
        // Whoever has an old key of ours makes tokens that live as long as they like.
        let stolen = SigningKey::generate(Algorithm::Es256).unwrap();
        let nodes = Nodes::new(keeper, |builder| builder.signing_key(stolen.clone()).rotate_after(None)).await;
        let token = forged(&stolen, nodes.bed.now());
        assert!(nodes.is_active(0, &token).await && nodes.is_active(1, &token).await);
        nodes.node(0).rotate_keys().await.unwrap();
        nodes.bed.advance(419);
        nodes.round(0).await;
        assert_eq!(nodes.bed.server.keys().active(Algorithm::Es256).unwrap().key().key_id(), stolen.key_id());
        nodes.bed.advance(1);
        nodes.round(0).await;
        nodes.round(1).await;
        assert_ne!(nodes.bed.server.keys().active(Algorithm::Es256).unwrap().key().key_id(), stolen.key_id());
        // As long as an access token lives and the clocks of verifiers may differ; whether anybody looks after the keys or not.
        nodes.bed.advance(1919);
        assert!(nodes.is_active(0, &token).await);
        nodes.bed.advance(1);
        for index in 0..2 {
            assert!(!nodes.is_active(index, &token).await);
        }
        nodes.round(0).await;
        nodes.round(1).await;
        for index in 0..2 {
            assert!(!key_ids(&nodes.jwks(index).await).contains(stolen.key_id()));
            assert!(!nodes.is_active(index, &token).await);
        }
        // The configuration still names the key when the server starts again. It does not come back.
        let again = nodes.bed.second_with(|builder| builder.signing_key(stolen.clone())).await;
        assert!(again.keys().keys().iter().all(|record| record.key().key_id() != stolen.key_id()));
        nodes.round(1).await;
        assert!(!nodes.is_active(1, &token).await);
    }

    async fn attack_105_a_key_that_was_revoked_does_not_come_back(keeper: Keeper) {
        let stolen = SigningKey::generate(Algorithm::Es256).unwrap();
        let nodes = Nodes::new(keeper, |builder| builder.signing_key(stolen.clone())).await;
        let token = forged(&stolen, nodes.bed.now());
        let ours = nodes.token(0).await;
        assert!(nodes.is_active(0, &token).await && nodes.is_active(0, &ours).await);
        nodes.node(0).revoke_key(stolen.key_id()).await.unwrap();
        assert!(!nodes.is_active(0, &token).await && !nodes.is_active(0, &ours).await, "at once");
        // The other node hears of it in its next round.
        nodes.round(1).await;
        assert!(!nodes.is_active(1, &token).await);
        let fresh = nodes.token(1).await;
        assert!(nodes.is_active(0, &fresh).await);
        let again = nodes.bed.second_with(|builder| builder.signing_key(stolen.clone())).await;
        assert!(again.keys().keys().iter().all(|record| record.key().key_id() != stolen.key_id()));
        nodes.round(0).await;
        assert!(!nodes.is_active(0, &token).await);
        // A new key of the configuration is taken in all the same.
        let new = SigningKey::generate(Algorithm::Es256).unwrap();
        let with = nodes.bed.second_with(|builder| builder.signing_key(stolen.clone()).signing_key(new.clone())).await;
        let ids: Vec<String> = with.keys().keys().iter().map(|record| record.key().key_id().to_owned()).collect();
        assert!(ids.contains(&new.key_id().to_owned()) && !ids.contains(&stolen.key_id().to_owned()));
    }

    async fn attack_105_keys_that_seal_and_refresh_change_too(keeper: Keeper) {
        // A node that makes a new key is ahead of the others for a while: neither pages nor tokens are refused meanwhile.
        let nodes = Nodes::new(keeper, |builder| builder).await;
        let app = App::register(&nodes.bed).await;
        nodes.bed.advance(90 * DAY);
        let old = app.tokens(&nodes.bed).await;
        nodes.round(0).await;
        let (ahead, behind) = (nodes.node(0), nodes.node(1));
        // Each step at the other node.
        for (first, second) in [(ahead, behind), (behind, ahead)] {
            let mut browser = Browser::default();
            let page = browser.get(first, &app.link()).await;
            let signed_in = browser.submit(second, &page, &[("username", "ada"), ("password", "adaada")]).await;
            assert_eq!(signed_in.status, 303, "{signed_in:?}");
            let page = browser.get(first, &app.link_with(&[("prompt", "consent")])).await;
            let answer = browser.submit(second, &page, &[("decision", "approve")]).await;
            let code = answer.redirected("code").unwrap_or_else(|| panic!("{answer:?}"));
            let form = encode(&app.redemption(&code));
            let tokens = Tokens::of(&send_to(first, request(Method::POST, "/token", &[FORM], &form)).await);
            let answer = browser.get(first, &app.link()).await;
            let code = answer.redirected("code").unwrap();
            let form = encode(&app.redemption(&code));
            let other = Tokens::of(&send_to(second, request(Method::POST, "/token", &[FORM], &form)).await);
            for token in [&tokens.refresh, &other.refresh, &old.refresh] {
                for server in [second, first] {
                    let form =
                        encode(&[("grant_type", "refresh_token"), ("client_id", &app.id), ("refresh_token", token)]);
                    Tokens::of(&send_to(server, request(Method::POST, "/token", &[FORM], &form)).await);
                }
            }
        }
        // When every node has had the time to notice, the new key is used, and the old one goes on for what it has made.
        let before = app.tokens(&nodes.bed).await;
        nodes.bed.advance(120);
        nodes.round(1).await;
        let after = app.tokens(&nodes.bed).await;
        let key = async |token: &str| nodes.bed.grant_of(token).await.grant.refresh_key;
        assert_ne!(key(&before.refresh).await, key(&after.refresh).await);
        for token in [&before.refresh, &after.refresh] {
            Tokens::of(&app.refresh(&nodes.bed, token).await);
        }
    }

    async fn attack_105_a_grant_outlives_the_key_of_its_refresh_tokens(keeper: Keeper) {
        let nodes = Nodes::new(keeper, |builder| builder).await;
        let app = App::register(&nodes.bed).await;
        let mut tokens = app.tokens(&nodes.bed).await;
        for _ in 0..18 {
            nodes.bed.advance(20 * DAY);
            nodes.round(0).await;
            nodes.round(1).await;
            tokens = Tokens::of(&app.refresh(&nodes.bed, &tokens.refresh).await);
        }
        nodes.bed.advance(5 * DAY - 1);
        nodes.round(0).await;
        tokens = Tokens::of(&app.refresh(&nodes.bed, &tokens.refresh).await);
        nodes.bed.advance(1);
        app.refresh(&nodes.bed, &tokens.refresh).await.assert_refused(400, "invalid_grant");
    }
}
