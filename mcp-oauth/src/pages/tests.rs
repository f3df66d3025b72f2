use std::time::Duration;

use base64::Engine as _;
use http::StatusCode;
use mcp_transport::auth::{ClientId, Issuer, ResourceId, Subject};

use super::*;
use crate::identity::{Fields, Form, SignInError};
use crate::types::{
    Client, ClientAuthMethod, ClientMetadata, ClientSnapshot, ClientSource, Digest, Identity, RedirectUri, Timestamp,
};
use parsed::Page;

mod parsed;

/// What people write into their names.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"onload=\"alert(1)",
    "'><img src=x onerror=alert(1)>",
    "</style></title></textarea><h1>Bank</h1>",
    "&lt;b&gt;&#x202e;",
    "safe\u{202e}fdp.exe\u{2066}\0\u{1b}[31m",
];

fn pages() -> DefaultPages {
    DefaultPages::new("Gateway")
}

fn client(source: ClientSource, id: &str, name: Option<&str>) -> ClientSnapshot {
    let mut metadata = ClientMetadata::new(ClientAuthMethod::None, Vec::new());
    metadata.client_name = name.map(str::to_owned);
    ClientSnapshot::of(&Client::new(ClientId::parse(id).unwrap(), source, metadata, Timestamp::from_secs(1)))
}

fn ada() -> Identity {
    let mut ada = Identity::new("users", Subject::parse("users:ada").unwrap());
    ada.username = Some("ada".to_owned());
    ada
}

fn redirect(uri: &str) -> Way {
    Way::redirect(&RedirectUri::parse(uri).unwrap())
}

fn consent(client: &ClientSnapshot, way: Way) -> Consent {
    let scopes = ScopeView::all(&"files:read mcp".parse().unwrap(), |scope| {
        (scope == "files:read").then_some("read your files")
    });
    let resource = ResourceId::parse("https://h.example/mcp").unwrap();
    let target = Target::new("/consent").hidden("flow", "f1").hidden("csrf", "t\"<>&'\u{202e}");
    Consent::new(&ada(), client, way, &resource, scopes, target)
}

fn registered(name: &str) -> ClientSnapshot {
    client(ClientSource::Registered, "c-1", Some(name))
}

fn shown(view: &Consent) -> Page {
    Page::parse(&pages().consent(view))
}

/// One of each page, with nothing unusual in it.
fn each() -> Vec<String> {
    let pages = pages();
    let password = SignIn::new(Form::new(Fields::Password), Target::new("/sign-in").hidden("flow", "f"));
    let code = SignIn::new(Form::new(Fields::Code).sentence("Look there."), Target::default()).client("App");
    vec![
        pages.sign_in(&password.clone().fault(SignInFault::Refused).username("ada")),
        pages.sign_in(&password.other(Link::new("Owner", "/sign-in?with=owner").unwrap())),
        pages.sign_in(&code),
        pages.sign_in(&SignIn::unavailable(SignInFault::TooMany { retry_after: Duration::from_secs(15) })),
        pages
            .consent(&consent(&registered("App"), redirect("https://app.example/cb")).switch_user(Target::new("/out"))),
        pages.consent(&consent(&registered("App"), Way::device("BCDF-GHJK"))),
        pages.device(&DeviceEntry::new(Target::new("/device")).user_code("BCDF-GHJK").fault(DeviceFault::Unknown)),
        pages.done(&Done::new(Outcome::Approved, Some("App"))),
        pages.done(&Done::new(Outcome::Denied, None)),
        pages.error(&ErrorPage::new("\u{202e}", "")),
        pages.error(&ErrorPage::new("Unknown client", "Go back.").code("invalid_client").reference("r1")),
        DefaultPages::default().sign_in(&code),
    ]
}

#[test]
fn every_page_is_whole_and_accessible() {
    for html in each() {
        let page = Page::parse(&html);
        assert_eq!(page.one("html").attribute("lang"), Some("en"));
        assert!(!page.one("title").text.is_empty() && !page.one("h1").text.is_empty());
        page.one("main");
        assert!(page.all("meta").any(|meta| meta.attribute("name") == Some("viewport")));
        // WCAG 2.2, 1.3.1 and 4.1.2: each control that can be seen has a label of its own.
        for input in page.all("input").filter(|input| input.attribute("type") != Some("hidden")) {
            let id = input.attribute("id").unwrap();
            let labels: Vec<_> = page.all("label").filter(|label| label.attribute("for") == Some(id)).collect();
            assert_eq!(labels.len(), 1, "{id}");
            assert!(!labels[0].text.is_empty() && input.attribute("autocomplete").is_some());
        }
        assert!(page.all("button").all(|button| !button.text.is_empty()));
        assert!(page.all("form").all(|form| form.attribute("method") == Some("post")));
        assert!(page.0.iter().filter(|element| element.attribute("autofocus").is_some()).count() <= 1);
        assert!(page.0.iter().all(|element| element.attribute("tabindex").is_none()));
        let mut ids: Vec<_> = page.0.iter().filter_map(|element| element.attribute("id")).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    }
}

#[test]
fn attack_029_nothing_is_loaded_and_nothing_runs() {
    for html in each() {
        for element in Page::parse(&html).0 {
            let inert = ["html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "strong", "bdi"];
            let plain = ["dl", "dt", "dd", "ul", "li", "code", "span", "div", "form", "input", "label", "button", "a"];
            assert!(inert.iter().chain(&plain).any(|name| *name == element.name), "{element:?}");
            for (name, value) in &element.attributes {
                assert!(!name.starts_with("on") && !["src", "style", "srcset", "http-equiv"].contains(&&name[..]));
                assert!(!value.contains("javascript:"));
            }
        }
    }
}

#[test]
fn fields_and_buttons_are_those_of_the_contract() {
    let target = || Target::new("/sign-in").hidden("flow", "f");
    let page = Page::parse(&pages().sign_in(&SignIn::new(Form::new(Fields::Password), target())));
    assert_eq!(page.input("username").attribute("autocomplete"), Some("username"));
    assert_eq!(page.input("username").attribute("autofocus"), Some(""));
    assert_eq!(page.input("password").attribute("autocomplete"), Some("current-password"));
    assert_eq!(page.input("password").attribute("type"), Some("password"));
    assert_eq!(page.one("form").attribute("action"), Some("/sign-in"));
    assert_eq!(page.hidden(), [("flow", "f")]);

    let again = SignIn::new(Form::new(Fields::Password), target()).username("ada").fault(SignInFault::Refused);
    let page = Page::parse(&pages().sign_in(&again));
    assert_eq!(page.input("username").attribute("value"), Some("ada"));
    assert_eq!(page.input("password").attribute("value"), None);
    assert_eq!(page.input("password").attribute("autofocus"), Some(""));
    assert!(page.all("p").any(|p| p.attribute("role") == Some("alert")));

    let form = Form::new(Fields::Code).sentence("The code is <there>.");
    let page = Page::parse(&pages().sign_in(&SignIn::new(form, Target::default())));
    assert_eq!(page.input("code").attribute("autocomplete"), Some("one-time-code"));
    assert_eq!(page.one("form").attribute("action"), None);
    assert!(page.text().contains("The code is <there>."));

    let page = Page::parse(&pages().device(&DeviceEntry::new(Target::new("/device")).user_code("BCDF-GHJK")));
    assert_eq!(page.input("user_code").attribute("value"), Some("BCDF-GHJK"));

    let page = shown(&consent(&registered("App"), redirect("https://app.example/cb")));
    assert_eq!(page.decisions(), [("decision", "approve"), ("decision", "deny")]);
    assert_eq!(page.one("form").attribute("action"), Some("/consent"));
    // A hidden field comes back as it was given, whatever is in it.
    assert_eq!(page.hidden(), [("flow", "f1"), ("csrf", "t\"<>&'\u{202e}")]);
    assert!(page.all("button").all(|button| button.attribute("autofocus").is_none()), "nothing is allowed by accident");
}

#[test]
fn a_consent_page_says_who_asks_whom_for_what() {
    // MCP, security best practices: client, scopes and redirect URI are on the page.
    let page =
        shown(&consent(&registered("App"), redirect("https://app.example/cb?x=1")).switch_user(Target::new("/out")));
    let text = page.text();
    for part in [
        "signed in as ada (users:ada)",
        "It calls itself App.",
        "Its id is c-1",
        "Nobody has verified that",
        "https://h.example/mcp",
        "Access goes to, and you are sent to app.example https://app.example/cb?x=1",
        "read your files files:read",
        "mcp",
        "Sign in as somebody else",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let places: Vec<_> = page.0.iter().filter(|element| element.attribute("class") == Some("place")).collect();
    assert_eq!(places.len(), 1);
    assert_eq!(places[0].text, "app.example");
    assert_eq!(page.all("li").count(), 2, "one line for each scope");
    let forms: Vec<_> = page.all("form").map(|form| form.attribute("action").unwrap()).collect();
    assert_eq!(forms, ["/consent", "/out"]);

    let mut bare = consent(&registered(""), redirect("https://app.example/cb"));
    bare.scopes.clear();
    let text = shown(&bare).text();
    assert!(text.contains("It gives no name.") && text.contains("without any particular permission"), "{text}");
}

#[test]
fn a_client_is_known_by_its_host_or_by_the_operator_or_not_at_all() {
    let view = |source, id| ClientView::of(&client(source, id, Some("Bank"))).proof;
    let host = |host| ClientProof::Host(Text::host(host));
    assert_eq!(view(ClientSource::MetadataDocument, "https://app.example/client.json"), host("app.example"));
    assert_eq!(view(ClientSource::MetadataDocument, "https://app.example:8443/c"), host("app.example:8443"));
    assert_eq!(view(ClientSource::MetadataDocument, "https://bank@evil.example/c"), host("evil.example"));
    assert_eq!(view(ClientSource::MetadataDocument, "no url"), ClientProof::Nobody);
    assert_eq!(view(ClientSource::Preregistered, "c"), ClientProof::Operator);
    // The id of a client that registered itself proves nothing, though it may look like a URL.
    assert_eq!(view(ClientSource::Registered, "https://bank.example/c"), ClientProof::Nobody);

    let document = client(ClientSource::MetadataDocument, "https://app.example/client.json", Some("Bank"));
    let text = shown(&consent(&document, redirect("https://app.example/cb"))).text();
    assert!(text.contains("It is published by app.example.") && !text.contains("Nobody has verified"), "{text}");
}

#[test]
fn attack_027_a_client_on_this_computer_is_warned_of() {
    let warned = |way| shown(&consent(&registered("App"), way)).all("p").any(|p| p.attribute("class") == Some("warn"));
    for uri in [
        "http://localhost:1234/cb",
        "http://127.0.0.1/cb",
        "http://127.8.9.1/cb",
        "http://[::1]:1/cb",
        "https://localhost/cb",
        "https://127.0.0.1:8/cb",
        "https://[::1]:8/cb",
        "https://LocalHost./cb",
        "cursor://anysphere.cursor-mcp/oauth/callback",
    ] {
        assert!(warned(redirect(uri)), "{uri}");
    }
    for uri in ["https://app.example/cb", "https://localhost.example/cb", "https://127.0.0.1.example/cb"] {
        assert!(!warned(redirect(uri)), "{uri}");
    }
    assert!(warned(Way::device("BCDF-GHJK")));

    let text = shown(&consent(&registered("App"), redirect("http://localhost:1234/cb"))).text();
    assert!(text.contains("you are sent to localhost") && text.contains("any program can say"), "{text}");
    let text = shown(&consent(&registered("App"), redirect("cursor://a/cb"))).text();
    assert!(text.contains("addresses of the kind cursor: cursor://a/cb"), "{text}");
    let text = shown(&consent(&registered("App"), Way::device("BCDF-GHJK"))).text();
    assert!(text.contains("BCDF-GHJK") && text.contains("Compare the code"), "{text}");
}

#[test]
fn attack_026_hostile_texts_stay_texts() {
    let shape = |page: &Page| page.0.iter().map(|element| element.name.clone()).collect::<Vec<_>>();
    let build = |text: &str| {
        let pages = DefaultPages::new(text);
        let mut user = ada();
        user.username = Some(text.to_owned());
        let resource = ResourceId::parse("https://h.example/mcp").unwrap();
        // Fields of the server's own hold no controls: HTML cannot carry all of them.
        let own: String = text.chars().filter(|character| !character.is_control()).collect();
        let target = Target::new(&own).hidden(&own, &own);
        let scopes = vec![ScopeView::new(text, None), ScopeView::new("x", Some(text))];
        let form = || Form::new(Fields::Password).sentence(text.to_owned());
        let way = redirect("https://app.example/cb");
        let view = Consent::new(&user, &registered(text), way, &resource, scopes.clone(), target.clone());
        let device = Consent::new(&user, &registered(text), Way::device(text), &resource, scopes, target.clone());
        let link = Link::new(text, "/a?b=\"'<>&").unwrap();
        vec![
            pages.consent(&view.switch_user(target.clone())),
            pages.consent(&device),
            pages.sign_in(&SignIn::new(form(), target.clone()).username(text).client(text).other(link.clone())),
            pages.device(&DeviceEntry::new(target).user_code(text)),
            pages.done(&Done::new(Outcome::Approved, Some(text))),
            pages.error(&ErrorPage::new(text, text).code(text).reference(text).link(link)),
        ]
    };
    let harmless = build("x");
    for hostile in HOSTILE.iter().copied().chain([&*"w".repeat(10_240), "<".repeat(10_240).as_str()]) {
        for (html, harmless) in build(hostile).iter().zip(&harmless) {
            let (page, harmless) = (Page::parse(html), Page::parse(harmless));
            // The very same elements with the very same attributes: the text has become no markup.
            assert_eq!(shape(&page), shape(&harmless), "{hostile}");
            for (element, other) in page.0.iter().zip(&harmless.0) {
                let names =
                    |of: &parsed::Element| of.attributes.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
                assert_eq!(names(element), names(other), "{hostile}");
            }
            let text = page.text();
            // And it is read as it was meant to be.
            let values = page.all("input").filter_map(|input| input.attribute("value"));
            let read: Vec<&str> = page.all("bdi").map(|bdi| bdi.text.as_str()).chain(values).collect();
            let meant = [Text::new(hostile), Text::up_to(40, hostile)];
            assert!(meant.iter().any(|text| read.contains(&text.plain())), "{hostile}: {read:?}");
            assert!(!text.contains(['\u{202e}', '\u{2066}', '\0', '\u{1b}']));
            assert!(page.all("bdi").all(|bdi| bdi.text.chars().count() <= 500));
        }
    }
}

#[test]
fn a_request_for_too_many_scopes_says_how_many_are_left_out() {
    let mut view = consent(&registered("App"), redirect("https://app.example/cb"));
    view.scopes = (0..1_234).map(|number| ScopeView::new(&format!("s{number}"), None)).collect();
    let page = shown(&view);
    assert_eq!(page.all("li").count(), 200);
    assert!(page.text().contains("and 1034 more"));
}

#[test]
fn attack_020_headers_of_every_page() {
    let https = PageHeaders::new(&pages(), &Issuer::parse("https://as.example").unwrap());
    let response = https.page(StatusCode::OK, "<!DOCTYPE html>".to_owned());
    let header = |name: &str| response.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-frame-options"), "DENY");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("strict-transport-security"), "max-age=31536000");
    let policy: Vec<&str> = header("content-security-policy").split("; ").collect();
    assert!(policy.contains(&"default-src 'none'") && policy.contains(&"base-uri 'none'"));
    assert!(policy.contains(&"frame-ancestors 'none'"));
    // Chrome holds the redirect to the client to it as well.
    assert!(!policy.iter().any(|directive| directive.starts_with("form-action")), "{policy:?}");
    assert!(!header("content-security-policy").contains("unsafe"));

    // Check 23: no HSTS where there is no TLS.
    let http = PageHeaders::new(&pages(), &Issuer::parse("http://localhost:8000").unwrap());
    assert!(!http.page(StatusCode::OK, String::new()).headers().contains_key("strict-transport-security"));
    let upper = PageHeaders::new(&pages(), &Issuer::parse("HTTPS://as.example").unwrap());
    assert!(upper.page(StatusCode::OK, String::new()).headers().contains_key("strict-transport-security"));
}

#[test]
fn the_policy_admits_the_style_of_the_pages_and_no_other() {
    let policy = pages().policy().to_string();
    for html in each() {
        let page = Page::parse(&html);
        let digest = Digest::sha256(page.one("style").text.as_bytes());
        let hash = base64::engine::general_purpose::STANDARD.encode(digest.as_bytes());
        assert!(policy.contains(&format!("style-src 'sha256-{hash}';")), "{policy}");
    }
    assert_eq!(policy.matches("sha256-").count(), 1);
    // The well-known SHA-256 of nothing.
    let empty = ContentPolicy::strict().style("").own_images().to_string();
    assert_eq!(
        empty,
        "default-src 'none'; style-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; img-src 'self'; \
         base-uri 'none'; frame-ancestors 'none'"
    );
}

#[test]
fn attack_028_a_form_is_answered_with_303() {
    let headers = PageHeaders::new(&pages(), &Issuer::parse("https://as.example").unwrap());
    let response = headers.see_other("https://app.example/cb?code=x").unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()["location"], "https://app.example/cb?code=x");
    // Check 29: what the browser is sent to does not learn where it came from.
    assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.body().is_empty());
    assert!(headers.see_other("https://app.example/\r\nset-cookie: a=b").is_none());
    // RFC 9110 section 10.2.2.
    assert!(headers.see_other("/authorize?x=ä").is_none());
}

#[test]
fn faults_say_no_more_than_they_must() {
    let refused = SignInFault::from(&SignInError::Refused);
    let unavailable = SignInFault::from(&SignInError::Unavailable("ldap.internal refused".into()));
    let page = |fault| Page::parse(&pages().sign_in(&SignIn::unavailable(fault))).text();
    assert!(page(refused).contains("That did not work."));
    assert!(!page(unavailable).contains("ldap"));
    for (seconds, text) in [(0, "in a second."), (1, "in a second."), (15, "in 15 seconds."), (91, "in 2 minutes.")] {
        let retry_after = Duration::from_secs(seconds);
        let fault = SignInFault::from(&SignInError::TooMany { retry_after });
        assert!(page(fault).contains(text), "{seconds}: {}", page(fault));
    }
}

#[test]
fn attack_046_debug_of_a_view_names_nobody() {
    let view = consent(&registered("App"), redirect("https://app.example/cb"));
    assert!(!format!("{view:?}").contains("ada"));
    let view = SignIn::new(Form::new(Fields::Password), Target::default()).username("ada");
    assert!(!format!("{view:?}").contains("ada"));
}
