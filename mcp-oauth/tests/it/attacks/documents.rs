//! E: clients with a metadata document, as far as it takes a server and its users. How a document is fetched is
//! attacked where that is done (`server/client/fetch`).

use http::Method;
use mcp_oauth::jose::{Algorithm, SigningKey};
use mcp_oauth::server::client::{DocumentHosts, DocumentSettings, Quirk, QuirkRule};
use mcp_oauth::server::{Peer, Transport};
use serde_json::json;

use crate::support::{
    App, Bed, Browser, DocumentHost, FORM, ISSUER, Keeper, Tokens, encode, on_every_store, request, send_to,
};

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
        let page = Browser::default().get(&fresh.server, &app.link()).await;
        page.is_refused_here(503, "temporarily_unavailable");
        // RFC 7009 section 2.1: either kind of token can be revoked.
        for (token, tokens) in [(&refreshed.refresh, &refreshed), (&first.refresh, &first), (&second.access, &second)] {
            let form = [("token", token.as_str()), ("client_id", &app.id)];
            let answer = fresh.post("/revoke", &form).await;
            assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{answer:?}");
            assert_eq!(app.refresh(&fresh, &tokens.refresh).await.refusal(), (400, "invalid_grant".to_owned()));
        }
        assert_eq!(host.asked(), asked, "a failure is remembered");
    }

    // MCP authorization, "Client ID Metadata Documents": a server may trust the documents of some hosts only.
    async fn attack_086_a_host_that_is_not_trusted(keeper: Keeper) {
        let host = DocumentHost::start(FIRST).await;
        let trusting = |name: &str| {
            let mut settings = DocumentSettings::default();
            settings.hosts = DocumentHosts::Only(vec![name.to_owned()]);
            settings
        };
        let bed = Bed::with(keeper, |builder| host.known(builder).metadata_documents(trusting("client.example"))).await;
        let link = host.app(FIRST).link();
        Browser::default().get(&bed.server, &link).await.is_refused_here(400, "invalid_client");
        assert_eq!(host.asked(), 0);
        let other = host.known(bed.builder_again().await).metadata_documents(trusting("127.0.0.1"));
        let page = Browser::default().consent_page(&other.build().await.unwrap(), &link, "ada").await;
        page.is_asked();
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

    // A document that cannot be read now says nothing about its client: RFC 6749 section 5.2 keeps `invalid_client` for one
    // that is not known, and clients give up their registration over it. What is there and no good stays that.
    async fn attack_089_out_of_reach_is_not_unknown(keeper: Keeper) {
        let host = DocumentHost::start(FIRST).await;
        let bed = bed(keeper, &host).await;
        let app = host.app(FIRST);
        for status in [500, 502, 503, 504, 429] {
            host.answers(status);
            is_out_of_reach(&bed, &app).await;
            grow_stale(&bed);
        }
        for status in [404, 410, 302, 401, 204] {
            host.answers(status);
            is_unknown(&bed, &app).await;
            grow_stale(&bed);
        }
        host.goes_down();
        is_out_of_reach(&bed, &app).await;
        let elsewhere = DocumentHost::start(FIRST).await;
        let nobody_listens = App { id: elsewhere.url.clone(), ..app.clone() };
        drop(elsewhere);
        is_out_of_reach(&bed, &nobody_listens).await;
        grow_stale(&bed);
        host.says(&json!({"redirect_uris": [FIRST], "client_secret": "everybody can read it"}));
        is_unknown(&bed, &app).await;
        grow_stale(&bed);
        host.says(&json!({"redirect_uris": [FIRST]}));
        Tokens::of(&app.redeem(&bed, &app.code(&bed).await).await);
    }

    // A client that signs cannot be told from another while its keys are out of reach: it is not refused for that.
    async fn attack_095_a_client_that_signs(keeper: Keeper) {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let host = DocumentHost::start(FIRST).await;
        let bed = bed(keeper, &host).await;
        let app = host.app(FIRST);
        host.says(&json!({
            "redirect_uris": [FIRST], "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [key.public_jwk()]},
        }));
        let assertion = |id: &str| {
            let now = bed.now().as_secs();
            let claims = json!({"iss": app.id, "sub": app.id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": id});
            key.sign_claims("JWT", &claims).unwrap()
        };
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let (code, first, second) = (app.code(&bed).await, assertion("1"), assertion("2"));
        let mut form = app.redemption(&code);
        form.extend([("client_assertion_type", kind), ("client_assertion", &first)]);
        let tokens = Tokens::of(&bed.post("/token", &form).await);
        host.goes_down();
        let fresh = another(&bed, &host).await;
        let form = [
            ("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str()),
            ("client_assertion_type", kind), ("client_assertion", &second),
        ];
        let answer = send_to(&fresh, request(Method::POST, "/token", &[FORM], &encode(&form))).await;
        answer.assert_refused(503, "temporarily_unavailable");
        // Nor does its name alone do, which would do for a client that has no keys.
        let answer = send_to(&fresh, request(Method::POST, "/token", &[FORM], &encode(&[
            ("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh), ("client_id", &app.id),
        ]))).await;
        answer.assert_refused(503, "temporarily_unavailable");
        // And with the keys at hand it goes on where it was.
        assert_eq!(bed.post("/token", &form).await.status, 200);
    }

    // What was granted once is no way around what the operator, or the host of the document, refuses now. Nothing ends by
    // it: what is allowed again goes on.
    async fn attack_095_a_document_that_is_refused_now(keeper: Keeper) {
        let host = DocumentHost::start(FIRST).await;
        let bed = bed(keeper, &host).await;
        let app = host.app(FIRST);
        let mut tokens = app.tokens(&bed).await;
        let without = bed.builder_again().await.without_metadata_documents().build().await.unwrap();
        // No host of the operator's any more: the address may not be dialled.
        let elsewhere = bed.second().await;
        let refresh = |token: &str| encode(&[
            ("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", &app.id),
        ]);
        let revoke = |token: &str| encode(&[("token", token), ("client_id", &app.id)]);
        for server in [&without, &elsewhere] {
            for (path, form) in [("/token", refresh(&tokens.refresh)), ("/revoke", revoke(&tokens.refresh))] {
                let answer = send_to(server, request(Method::POST, path, &[FORM], &form)).await;
                answer.assert_refused(401, "invalid_client");
            }
        }
        tokens = Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
        // The host says that there is no such document. It is doubted for an hour by whoever has a copy, and then believed.
        host.answers(404);
        let fresh = another(&bed, &host).await;
        let answer = send_to(&fresh, request(Method::POST, "/token", &[FORM], &refresh(&tokens.refresh))).await;
        answer.assert_refused(401, "invalid_client");
        grow_stale(&bed);
        tokens = Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
        bed.advance(3600);
        app.refresh(&bed, &tokens.refresh).await.assert_refused(401, "invalid_client");
        grow_stale(&bed);
        host.says(&json!({"redirect_uris": [FIRST]}));
        Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
    }

    // One address asks for as many documents as it can think of. The others are not kept from theirs by it.
    async fn attack_094_an_address_that_asks_for_everything(keeper: Keeper) {
        let (host, other) = (DocumentHost::start(FIRST).await, DocumentHost::start(FIRST).await);
        let bed = bed(keeper, &host).await;
        let from = async |address: &str, id: &str| {
            let link = App { id: id.to_owned(), ..host.app(FIRST) }.link();
            let mut request = request(Method::GET, &link, &[], "");
            request.extensions_mut().insert(Peer::new(address.parse().unwrap(), Transport::Secure));
            bed.send(request).await
        };
        for number in 0..100 {
            let answer = from(&format!("2001:db8::{number:x}"), &format!("{}/{number}", other.url)).await;
            answer.is_refused_here(503, "temporarily_unavailable");
            assert!((1..=60).contains(&answer.header("retry-after").parse::<u64>().unwrap()), "{answer:?}");
        }
        assert_eq!(other.asked(), 20);
        from("2001:db8::1", &host.url).await.is_refused_here(503, "temporarily_unavailable");
        assert_eq!((host.asked(), from("2001:db8:1::1", &host.url).await.status), (0, 200));
        // What has been read is there for all.
        assert_eq!(from("2001:db8::1", &host.url).await.status, 200);
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
            client.refresh(&bed, token).await.assert_refused(503, "temporarily_unavailable");
            let form = [("token", token.as_str()), ("client_id", &client.id)];
            bed.post("/revoke", &form).await.assert_refused(503, "temporarily_unavailable");
        }
        // A name alone introspects nothing, with or without a document.
        let form = [("token", tokens.refresh.as_str()), ("client_id", &app.id)];
        assert_eq!(bed.post("/introspect", &form).await.refusal(), (401, "invalid_client".to_owned()));
        Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
    }
}

/// A client of this id that none of the endpoints may call unknown, and what they say.
async fn is_out_of_reach(bed: &Bed, app: &App) {
    let page = Browser::default().get(&bed.server, &app.link()).await;
    page.is_refused_here(503, "temporarily_unavailable");
    let mut answers = vec![page, app.redeem(bed, "mcpo_ac_x").await, app.refresh(bed, "mcpo_rt_x").await];
    let form = [("client_id", app.id.as_str()), ("token", "x")];
    for path in ["/revoke", "/introspect", "/device_authorization"] {
        answers.push(bed.post(path, &form).await);
    }
    for answer in &answers {
        // RFC 9110 section 10.2.3.
        assert_eq!((answer.status, answer.header("retry-after")), (503, "60"), "{answer:?}");
    }
    answers.iter().skip(1).for_each(|answer| answer.assert_refused(503, "temporarily_unavailable"));
}

/// The same for one that there is not.
async fn is_unknown(bed: &Bed, app: &App) {
    Browser::default().get(&bed.server, &app.link()).await.is_refused_here(400, "invalid_client");
    let form = [("client_id", app.id.as_str()), ("token", "x")];
    for path in ["/revoke", "/introspect", "/device_authorization"] {
        bed.post(path, &form).await.assert_refused(401, "invalid_client");
    }
    app.redeem(bed, "mcpo_ac_x").await.assert_refused(401, "invalid_client");
}

/// Another process on the same store.
async fn another(bed: &Bed, host: &DocumentHost) -> mcp_oauth::server::AuthorizationServer {
    host.known(bed.builder_again().await).build().await.unwrap()
}
