//! Pages of an embedder's own, through all that a browser does.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use html5gum::{Token, Tokenizer};
use mcp_oauth::identity::{Owner, Terminal};
use mcp_oauth::server::AuthorizationServerBuilder;
use mcp_oauth::types::Digest;
use serde_json::json;

use super::template::{Club, STYLE};
use crate::support::{App, Bed, Browser, Keeper, RESOURCE, Reply, Tokens, on_every_store};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// With these pages, and a second way to sign in, so that there are links.
fn of_the_club(builder: AuthorizationServerBuilder) -> AuthorizationServerBuilder {
    builder.pages(Arc::new(Club)).identity(Arc::new(Owner::new(Arc::new(Terminal))))
}

/// That it is this page of the club's, with the headers of the server's.
#[track_caller]
fn is_page(reply: &Reply, status: u16, page: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert!(reply.text.contains(&format!("<body class=\"{page}\">")), "{reply:?}");
    let style = STANDARD.encode(Digest::sha256(STYLE.as_bytes()).as_bytes());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    for (name, value) in [
        ("content-security-policy", policy.as_str()),
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(reply.header(name), value, "{name}: {reply:?}");
        assert_eq!(reply.headers.get_all(name).iter().count(), 1, "{name}: {reply:?}");
    }
}

/// The elements of a page with the names of their attributes, as a browser finds them.
fn elements(html: &str) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut found = Vec::new();
    for Ok(token) in Tokenizer::new(html) {
        match token {
            Token::StartTag(tag) => {
                let attributes: Vec<String> = tag.attributes.keys().map(|name| text(name)).collect();
                found.push(format!("<{} {}>", text(&tag.name), attributes.join(" ")));
            }
            Token::EndTag(tag) => found.push(format!("</{}>", text(&tag.name))),
            Token::Comment(_) | Token::Error(_) => found.push("what a browser has to mend".to_owned()),
            _ => {}
        }
    }
    found
}

async fn named(bed: &Bed, name: &str, redirect: &str) -> App {
    let body = json!({
        "client_name": name, "redirect_uris": [redirect], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token", DEVICE_CODE],
    });
    App::register_as(bed, &body).await
}

on_every_store! {
    async fn a_user_signs_in_and_allows_on_them(keeper: Keeper) {
        let bed = Bed::with(keeper, of_the_club).await;
        let app = named(&bed, "A board", "https://app.example/cb").await;
        let mut browser = Browser::default();
        let sign_in = browser.get(&bed.server, &app.link()).await;
        is_page(&sign_in, 200, "sign-in");
        assert!(sign_in.text.contains("A board wants something</p>"), "{sign_in:?}");
        let wrong = browser.submit(&bed.server, &sign_in, &[("username", "ada"), ("password", "no")]).await;
        is_page(&wrong, 403, "sign-in");
        assert!(wrong.text.contains(", but no</p>") && wrong.text.contains("value='ada'"), "{wrong:?}");
        let signed_in = browser.submit(&bed.server, &sign_in, &[("username", "ada"), ("password", "adaada")]).await;
        let consent = browser.get(&bed.server, signed_in.header("location")).await;
        is_page(&consent, 200, "consent");
        for said in ["A board</h1>", "ada: ", RESOURCE, "at app.example (https://app.example/cb)", "mcp: Use it"] {
            assert!(consent.text.contains(said), "{said}: {consent:?}");
        }
        let answer = browser.submit(&bed.server, &consent, &[("decision", "approve")]).await;
        let tokens = Tokens::of(&app.redeem(&bed, &answer.redirected("code").unwrap()).await);
        assert_eq!(tokens.claims()["sub"], "people:ada");
        // Forms are good once, and errors are pages too.
        let again = browser.submit(&bed.server, &consent, &[("decision", "approve")]).await;
        is_page(&again, 403, "error");
        let unknown = browser.get(&bed.server, "/authorize?client_id=x").await;
        is_page(&unknown, 400, "error");
        assert!(unknown.text.contains("(invalid_client)"), "{unknown:?}");
    }

    async fn a_device_is_let_in_on_them(keeper: Keeper) {
        let bed = Bed::with(keeper, of_the_club).await;
        let app = named(&bed, "A clock", "https://app.example/cb").await;
        let answer = bed.post("/device_authorization", &[("client_id", app.id.as_str())]).await.json();
        let mut browser = Browser::default();
        let page = browser.get(&bed.server, "/device").await;
        is_page(&page, 200, "sign-in");
        let signed_in = browser.submit(&bed.server, &page, &[("username", "ada"), ("password", "adaada")]).await;
        let page = browser.get(&bed.server, signed_in.header("location")).await;
        is_page(&page, 200, "device");
        let code = answer["user_code"].as_str().unwrap();
        let page = browser.submit(&bed.server, &page, &[("user_code", code)]).await;
        is_page(&page, 200, "consent");
        assert!(page.text.contains(&format!("at the device {code}")), "{page:?}");
        let done = browser.submit(&bed.server, &page, &[("decision", "approve")]).await;
        is_page(&done, 200, "done");
        assert!(done.text.contains("A clock may play"), "{done:?}");
        let form = [
            ("grant_type", DEVICE_CODE),
            ("client_id", app.id.as_str()),
            ("device_code", answer["device_code"].as_str().unwrap()),
        ];
        assert_eq!(Tokens::of(&bed.post("/token", &form).await).claims()["sub"], "people:ada");
    }
}

/// All pages that somebody sees who follows a link of this client, with this parameter in it.
async fn seen(bed: &Bed, app: &App, hostile: &str) -> Vec<Reply> {
    let mut browser = Browser::default();
    let link = format!("{}&note='{hostile}'", app.link());
    let sign_in = browser.get(&bed.server, &link).await;
    let wrong = browser.submit(&bed.server, &sign_in, &[("username", "'><b id='x"), ("password", "no")]).await;
    let signed_in = browser.submit(&bed.server, &sign_in, &[("username", "ada"), ("password", "adaada")]).await;
    let consent = browser.get(&bed.server, signed_in.header("location")).await;
    let device = browser.get(&bed.server, &format!("/device?user_code='{hostile}'")).await;
    let unknown = browser.get(&bed.server, &format!("/authorize?client_id='{hostile}'")).await;
    for (page, status, name) in [
        (&sign_in, 200, "sign-in"),
        (&wrong, 403, "sign-in"),
        (&consent, 200, "consent"),
        (&device, 200, "device"),
        (&unknown, 400, "error"),
    ] {
        is_page(page, status, name);
    }
    vec![sign_in, wrong, consent, device, unknown]
}

// RFC 7591 section 5: what clients say of themselves is shown, and does nothing. Nor does what stands in their links.
#[tokio::test]
async fn hostile_names_are_names() {
    let bed = Bed::with(Keeper::memory(), of_the_club).await;
    let plain = named(&bed, "A board", "https://app.example/cb").await;
    let expected: Vec<_> = seen(&bed, &plain, "x").await.iter().map(|page| elements(&page.text)).collect();
    assert!(expected.iter().all(|page| !page.contains(&"what a browser has to mend".to_owned())), "{expected:?}");
    for name in [
        "<script>alert(1)</script>",
        "'onmouseover='alert(1)",
        "\" autofocus onfocus=\"alert(1)",
        "</h1></body><form action=https://evil.test><input name=password>",
        "<!--",
        "{{form}}{{switch}}",
        "</title></style><svg onload=alert(1)>",
    ] {
        let app = named(&bed, name, "https://app.example/cb?x='onclick='alert(1)'").await;
        for (page, expected) in seen(&bed, &app, "onmouseover='alert(1)'&y=%27%3E%3Cb%3E").await.iter().zip(&expected) {
            assert_eq!(&elements(&page.text), expected, "{name}: {}", page.text);
        }
    }
}
