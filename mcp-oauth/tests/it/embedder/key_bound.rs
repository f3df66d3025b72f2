//! What a grant sees of a request, and what it may add to an answer: as DPoP (RFC 9449) and mutual TLS (RFC 8705) need it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::Method;
use mcp_oauth::server::grant::{GrantContext, GrantHandler, GrantLayer, TokenPlan};
use mcp_oauth::server::{ErrorCode, OAuthError};
use mcp_oauth::types::token::{AuthorizationCode, RefreshToken};
use mcp_oauth::types::{ClientAuthMethod, GrantId};
use mcp_transport::auth::{DpopNonce, JwkThumbprint, Subject};
use serde_json::json;

use crate::support::{
    App, Bed, Browser, FORM, ISSUER, Keeper, Reply, Tokens, basic, confidential, encode, on_every_store, request,
};

/// Binds tokens to keys, for whoever proves to have one; grants stay bound to theirs. What it takes for a proof is signed by
/// nobody: `METHOD URL NONCE KEY`.
#[derive(Debug, Default)]
struct KeyBound(Mutex<BTreeMap<GrantId, JwkThumbprint>>);

fn nonce(text: &str) -> DpopNonce {
    DpopNonce::parse(text).unwrap()
}

/// The key that a request proves to have.
fn proved(cx: &GrantContext<'_>) -> Result<Option<JwkThumbprint>, OAuthError> {
    let wrong = || OAuthError::new(ErrorCode::InvalidDpopProof, "the proof is not good");
    let mut proofs = cx.headers().get_all("dpop").iter();
    let Some(proof) = proofs.next() else { return Ok(None) };
    let proof: Vec<&str> = proof.to_str().map_err(|_| wrong())?.split(' ').collect();
    let ([method, url, shown, key], None) = (proof.as_slice(), proofs.next()) else { return Err(wrong()) };
    if *method != cx.method().as_str() || *url != cx.token_endpoint() {
        return Err(wrong());
    }
    if *shown != "first" {
        return Err(OAuthError::use_dpop_nonce(nonce("first")));
    }
    JwkThumbprint::parse(key).map(Some).map_err(|_| wrong())
}

#[async_trait]
impl GrantLayer for KeyBound {
    async fn plan(&self, cx: &GrantContext<'_>, grant: &dyn GrantHandler) -> Result<TokenPlan, OAuthError> {
        let proved = proved(cx)?;
        let refreshed = cx.form().get("refresh_token").and_then(RefreshToken::parse).map(|token| token.grant());
        let mut bound_to = refreshed.and_then(|grant| self.0.lock().unwrap().get(&grant).cloned());
        if let Some(code) = cx.form().get("code").and_then(AuthorizationCode::parse) {
            let view = cx.stores().grants.peek(code.grant(), cx.now()).await?;
            bound_to = view.and_then(|view| view.code).and_then(|code| code.dpop_jkt);
        }
        if bound_to.is_some() && bound_to != proved {
            return Err(OAuthError::new(ErrorCode::InvalidDpopProof, "the grant is bound to another key"));
        }
        let mut plan = grant.plan(cx).await?;
        if let Some(key) = proved {
            if let Some((grant, _)) = plan.grant {
                self.0.lock().unwrap().insert(grant, key.clone());
            }
            plan.confirmation = Some(key);
            plan.dpop_nonce = Some(nonce("second"));
        }
        Ok(plan)
    }
}

fn key(letter: &str) -> String {
    letter.repeat(43)
}

/// A proof for the token endpoint.
fn proof(nonce: &str, key: &str) -> String {
    format!("POST {ISSUER}/token {nonce} {key}")
}

async fn redeem(bed: &Bed, app: &App, code: &str, proofs: &[&str]) -> Reply {
    let proofs: Vec<_> = proofs.iter().map(|proof| ("dpop", *proof)).collect();
    bed.post_with("/token", &proofs, &app.redemption(code)).await
}

async fn refresh(bed: &Bed, app: &App, token: &str, proofs: &[&str]) -> Reply {
    let proofs: Vec<_> = proofs.iter().map(|proof| ("dpop", *proof)).collect();
    let form = [("grant_type", "refresh_token"), ("client_id", app.id.as_str()), ("refresh_token", token)];
    bed.post_with("/token", &proofs, &form).await
}

on_every_store! {
    async fn rfc9449_5_a_code_and_what_comes_of_it_are_bound_to_a_key(keeper: Keeper) {
        let bed = Bed::with(keeper, |builder| builder.grant_layer(Arc::<KeyBound>::default())).await;
        let app = App::register(&bed).await;
        let code = app.code(&bed).await;
        let good = proof("first", &key("k"));
        // None of these has used the code up.
        for proofs in [
            &["chocolate"][..],
            &[&good, &good],
            &[&format!("GET {ISSUER}/token first {}", key("k"))],
            &[&format!("POST https://elsewhere.example/token first {}", key("k"))],
        ] {
            let reply = redeem(&bed, &app, &code, proofs).await;
            reply.assert_refused(400, "invalid_dpop_proof");
            assert!(!reply.headers.contains_key("dpop-nonce"), "{reply:?}");
        }
        let reply = redeem(&bed, &app, &code, &[&proof("stale", &key("k"))]).await;
        // RFC 9449 section 8.
        reply.assert_refused(400, "use_dpop_nonce");
        assert_eq!(reply.header("dpop-nonce"), "first");
        assert!(reply.header("access-control-expose-headers").contains("DPoP-Nonce"), "{reply:?}");
        let reply = redeem(&bed, &app, &code, &[&good]).await;
        assert_eq!(reply.header("dpop-nonce"), "second");
        let tokens = Tokens::of(&reply);
        assert_eq!((&tokens.body["token_type"], &tokens.claims()["cnf"]), (&json!("DPoP"), &json!({"jkt": key("k")})));
        // RFC 9449 section 5: "refresh tokens issued to public clients MUST be bound". The grant is not hurt by another's try.
        for proofs in [&[][..], &[proof("first", &key("e")).as_str()]] {
            refresh(&bed, &app, &tokens.refresh, proofs).await.assert_refused(400, "invalid_dpop_proof");
        }
        let next = Tokens::of(&refresh(&bed, &app, &tokens.refresh, &[&good]).await);
        assert_eq!((&next.body["token_type"], &next.claims()["cnf"]), (&json!("DPoP"), &json!({"jkt": key("k")})));
        assert_eq!(bed.grants().await, 1);
    }

    async fn rfc9449_10_a_code_is_bound_to_the_key_of_its_request(keeper: Keeper) {
        let bed = Bed::with(keeper, |builder| builder.grant_layer(Arc::<KeyBound>::default())).await;
        let app = App::register(&bed).await;
        let link = app.link_with(&[("dpop_jkt", &key("k"))]);
        let code = Browser::default().approve(&bed.server, &link, "ada").await.redirected("code").unwrap();
        for proofs in [&[][..], &[proof("first", &key("e")).as_str()]] {
            redeem(&bed, &app, &code, proofs).await.assert_refused(400, "invalid_dpop_proof");
        }
        let tokens = Tokens::of(&redeem(&bed, &app, &code, &[&proof("first", &key("k"))]).await);
        assert_eq!(tokens.claims()["cnf"], json!({"jkt": key("k")}));
        let wrong = Browser::default().get(&bed.server, &app.link_with(&[("dpop_jkt", "short")])).await;
        assert_eq!(wrong.redirected("error").as_deref(), Some("invalid_request"), "{wrong:?}");
    }
}

#[tokio::test]
async fn whoever_proves_no_key_gets_what_there_is_without_the_layer() {
    let bed = Bed::with(Keeper::memory(), |builder| builder.grant_layer(Arc::<KeyBound>::default())).await;
    // Strangers may still register for the server's own grants.
    let app = App::register(&bed).await;
    let tokens = app.tokens(&bed).await;
    assert_eq!((&tokens.body["token_type"], tokens.claims().get("cnf")), (&json!("Bearer"), None));
    let next = refresh(&bed, &app, &tokens.refresh, &[]).await;
    assert!(!next.headers.contains_key("dpop-nonce"), "{next:?}");
    assert_eq!(Tokens::of(&next).body["token_type"], "Bearer");
}

const CERTIFICATE: &str = "urn:example:params:oauth:grant-type:certificate";

/// A client, and its secret.
const MACHINE: (&str, &str) = ("machine", "the-secret-of-the-machine");

/// Whose certificate a connection has shown, as whoever accepts connections tells it.
#[derive(Clone, Copy, Debug)]
struct Certificate(&'static str);

/// Gives a token to whoever the certificate names, and says in it which headers it has seen.
#[derive(Debug)]
struct ByCertificate;

#[async_trait]
impl GrantHandler for ByCertificate {
    fn grant_type(&self) -> &str {
        CERTIFICATE
    }

    async fn plan(&self, cx: &GrantContext<'_>) -> Result<TokenPlan, OAuthError> {
        let Some(Certificate(name)) = cx.extensions().get() else {
            return Err(OAuthError::invalid_grant().with_dpop_nonce(nonce("n")));
        };
        let subject = Subject::parse(&format!("machines:{name}")).map_err(OAuthError::server_error)?;
        let mut plan = TokenPlan::new(subject, cx.client().id.clone(), cx.resource()?.clone());
        plan.claims.insert("seen".to_owned(), cx.headers().keys().map(http::HeaderName::as_str).collect());
        Ok(plan)
    }
}

#[tokio::test]
async fn rfc8705_a_grant_sees_the_connection_and_no_credentials() {
    let bed = Bed::with(Keeper::memory(), |builder| builder.grant(Arc::new(ByCertificate))).await;
    bed.add(confidential(MACHINE, ClientAuthMethod::ClientSecretBasic, &[CERTIFICATE])).await;
    let headers = [FORM, ("authorization", &basic(MACHINE)), ("cookie", "session=x"), ("x-trace", "t")];
    let asked = || request(Method::POST, "/token", &headers, &encode(&[("grant_type", CERTIFICATE)]));
    let mut certified = asked();
    certified.extensions_mut().insert(Certificate("mill"));
    let claims = Tokens::of(&bed.send(certified).await).claims();
    assert_eq!(
        (&claims["sub"], &claims["seen"]),
        (&json!("machines:mill"), &json!(["host", "content-type", "x-trace"]))
    );
    let refused = bed.send(asked()).await;
    refused.assert_refused(400, "invalid_grant");
    assert_eq!(refused.header("dpop-nonce"), "n", "an error of any kind may bring one");
}
