//! E: clients with a metadata document, as far as it takes a server and its users. How a document is fetched is
//! attacked where that is done (`server/client/fetch`).

use mcp_oauth::server::client::{Quirk, QuirkRule};
use serde_json::json;

use crate::support::{App, Bed, Browser, DocumentHost, Keeper, Tokens, on_every_store};

const FIRST: &str = "https://app.example/cb";
const SECOND: &str = "https://app.example/new";
const CONSENT: &[(&str, &str)] = &[("decision", "approve")];

/// A server that takes the documents of a host.
async fn bed(keeper: Keeper, host: &DocumentHost) -> Bed {
    Bed::with(keeper, |builder| host.known(builder)).await
}

/// Longer than a document is fresh, and shorter than a page is good.
fn grow_stale(bed: &Bed) {
    bed.advance(61);
}

on_every_store! {
    // draft-ietf-oauth-client-id-metadata-document section 6: a document may change at any time. What the user saw
    // is what they have consented to; everything else is asked for again.
    async fn attack_093_a_document_that_changes_between_page_and_consent(keeper: Keeper) {
        let host = DocumentHost::start(FIRST).await;
        let bed = bed(keeper, &host).await;
        let app = host.app(FIRST);
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        page.is_asked();
        assert!(page.text.contains("127.0.0.1"), "who stands behind it is shown: {page:?}");
        host.says(&json!({"redirect_uris": [FIRST], "client_name": "A bank"}));
        grow_stale(&bed);
        let again = browser.submit(&bed.server, &page, CONSENT).await;
        again.is_asked();
        assert!(again.text.contains("A bank"), "{again:?}");
        host.says(&json!({"redirect_uris": [SECOND], "client_name": "A bank"}));
        grow_stale(&bed);
        browser.submit(&bed.server, &again, CONSENT).await.is_refused_here(400, "invalid_request");
        assert_eq!(bed.grants().await, 0);
        assert!(host.asked() >= 3, "the document was not read again");
    }

    // The same after consent: a code stays bound to the redirect URI that the user saw, and another one is another
    // consent.
    async fn attack_093_a_document_that_changes_after_consent(keeper: Keeper) {
        let host = DocumentHost::start(FIRST).await;
        let bed = Bed::with(keeper, |builder| {
            let mut lifetimes = mcp_oauth::server::Lifetimes::default();
            lifetimes.code = std::time::Duration::from_secs(600);
            host.known(builder).lifetimes(lifetimes)
        })
        .await;
        let (app, moved) = (host.app(FIRST), host.app(SECOND));
        let mut browser = Browser::default();
        let answer = browser.approve(&bed.server, &app.link(), "ada").await;
        let code = answer.redirected("code").unwrap();
        host.says(&json!({"redirect_uris": [SECOND]}));
        grow_stale(&bed);
        browser.get(&bed.server, &app.link()).await.is_refused_here(400, "invalid_request");
        browser.get(&bed.server, &moved.link()).await.is_asked();
        assert_eq!(moved.redeem(&bed, &code).await.refusal(), (400, "invalid_grant".to_owned()));
        let tokens = Tokens::of(&app.redeem(&bed, &code).await);
        assert_eq!(tokens.claims()["client_id"], host.url);
        // A client that becomes a confidential one has to authenticate, whatever its grant remembers.
        let key = json!({"kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"});
        host.says(&json!({
            "redirect_uris": [SECOND], "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key]},
        }));
        grow_stale(&bed);
        assert_eq!(app.refresh(&bed, &tokens.refresh).await.refusal(), (401, "invalid_client".to_owned()));
    }

    // The same, section 6.1 and MCP: what users have consented to goes on while the host of the document is down, at
    // every endpoint that clients need for it; nothing new begins.
    async fn attack_095_a_host_that_is_down(keeper: Keeper) {
        let host = DocumentHost::start(FIRST).await;
        let bed = bed(keeper, &host).await;
        let app = host.app(FIRST);
        let (first, second) = (app.tokens(&bed).await, app.tokens(&bed).await);
        let code = app.code(&bed).await;
        host.goes_down();
        // Another process: it has never seen the document.
        let fresh = Bed { server: another(&bed, &host).await, ..bed };
        let redeemed = Tokens::of(&app.redeem(&fresh, &code).await);
        let refreshed = Tokens::of(&app.refresh(&fresh, &redeemed.refresh).await);
        let asked = host.asked();
        Browser::default().get(&fresh.server, &app.link()).await.is_refused_here(400, "invalid_client");
        // RFC 7009 section 2.1: either kind of token can be revoked.
        for (token, tokens) in [(&refreshed.refresh, &refreshed), (&first.refresh, &first), (&second.access, &second)] {
            let form = [("token", token.as_str()), ("client_id", &app.id)];
            let answer = fresh.post("/revoke", &form).await;
            assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{answer:?}");
            assert_eq!(app.refresh(&fresh, &tokens.refresh).await.refusal(), (400, "invalid_grant".to_owned()));
        }
        assert_eq!(host.asked(), asked, "a failure is remembered");
    }

    // Nor does a client that needs another status get the usual one meanwhile: its grant knows what it is known by.
    async fn attack_095_a_host_that_is_down_and_a_quirk(keeper: Keeper) {
        let host = DocumentHost::start(FIRST).await;
        let bed = bed(keeper, &host).await;
        let app = host.app(FIRST);
        let tokens = app.tokens(&bed).await;
        host.goes_down();
        let mut rule = QuirkRule::new("mine", vec![Quirk::InvalidGrantUnauthorized], "");
        rule.redirect_uris = vec![FIRST.parse().unwrap()];
        let server = host.known(bed.builder_again().await).quirk(rule).build().await.unwrap();
        let fresh = Bed { server, ..bed };
        let second = Tokens::of(&app.refresh(&fresh, &tokens.refresh).await);
        let forged = second.refresh.replace(".2.", ".3.");
        assert_eq!(app.refresh(&fresh, &forged).await.refusal(), (401, "invalid_grant".to_owned()));
    }

    // What a grant remembers is good for its own client, and for nobody who says that they are it.
    async fn attack_095_a_name_that_no_grant_has(keeper: Keeper) {
        let (host, other) = (DocumentHost::start(FIRST).await, DocumentHost::start(FIRST).await);
        let bed = bed(keeper, &host).await;
        let app = host.app(FIRST);
        let tokens = app.tokens(&bed).await;
        let registered = App::register(&bed).await.tokens(&bed).await;
        host.goes_down();
        bed.advance(8 * 24 * 3600);
        let stranger = other.app(FIRST);
        for (client, token) in
            [(&stranger, &tokens.refresh), (&stranger, &registered.refresh), (&app, &registered.refresh)]
        {
            assert_eq!(client.refresh(&bed, token).await.refusal(), (401, "invalid_client".to_owned()));
            let form = [("token", token.as_str()), ("client_id", &client.id)];
            assert_eq!(bed.post("/revoke", &form).await.refusal(), (401, "invalid_client".to_owned()));
        }
        // A name alone introspects nothing, with or without a document.
        let form = [("token", tokens.refresh.as_str()), ("client_id", &app.id)];
        assert_eq!(bed.post("/introspect", &form).await.refusal(), (401, "invalid_client".to_owned()));
        Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
    }
}

/// Another process on the same store.
async fn another(bed: &Bed, host: &DocumentHost) -> mcp_oauth::server::AuthorizationServer {
    host.known(bed.builder_again().await).build().await.unwrap()
}
