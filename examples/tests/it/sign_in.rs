//! A client of an authorization server, and the browser of its user.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use scripted_browser::{Jar, VERIFIER, challenge_of, claims_of, forms, with_fields};
use serde_json::{Value, json};

use crate::program::{Answer, Http};

/// Where the browser is sent back to. Nobody listens there: the test reads the address.
const REDIRECT: &str = "https://app.example/cb";

/// A public client.
pub(crate) struct App {
    pub(crate) id: String,
}

/// What a client got.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl App {
    /// Registers itself under this name.
    pub(crate) async fn register(server: &Http, name: &str) -> Self {
        let client = json!({
            "client_name": name, "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        });
        let head = "POST /register HTTP/1.1\r\nContent-Type: application/json";
        let answer = server.exchange(head, &client.to_string()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Self { id: answer.json()["client_id"].as_str().unwrap().to_owned() }
    }

    /// The link that it sends its user to.
    fn link(&self) -> String {
        let challenge = challenge_of(VERIFIER);
        let parameters = [
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT),
            ("state", "xyz"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        format!("/authorize?{}", encode(&parameters))
    }

    /// The first page that a browser without a history sees.
    pub(crate) async fn first_page(&self, server: &Http) -> Answer {
        Browser::default().open(server, self).await
    }

    /// Redeems the code with which a browser was sent back.
    pub(crate) async fn redeem(&self, server: &Http, sent_back: &Answer) -> Tokens {
        // RFC 9207: the answer says who it is from.
        assert_eq!(parameter(sent_back, "iss"), format!("http://{}", server.address));
        assert_eq!(parameter(sent_back, "state"), "xyz");
        let code = parameter(sent_back, "code");
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &self.id),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        Tokens::of(&post(server, "/token", &form).await)
    }

    /// Refreshes.
    pub(crate) async fn refresh(&self, server: &Http, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("client_id", self.id.as_str()), ("refresh_token", token)];
        post(server, "/token", &form).await
    }

    /// All the way to its first tokens, of whoever can fill in these fields.
    pub(crate) async fn tokens(&self, server: &Http, browser: &mut Browser, fields: Fields<'_>) -> Tokens {
        let page = browser.open(server, self).await;
        let consent = browser.sign_in(server, &page, fields).await;
        let sent_back = browser.submit(server, &consent, &[("decision", "approve")]).await;
        self.redeem(server, &sent_back).await
    }
}

impl Tokens {
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }

    /// The claims of the access token, unverified.
    pub(crate) fn claims(&self) -> Value {
        claims_of(&self.access)
    }
}

/// How a user shows who they are.
pub(crate) enum Fields<'a> {
    /// The owner, with the code from this file, or from the terminal.
    Owner(Option<&'a Path>),
    /// Somebody with a name and a password.
    Password(&'a str, &'a str),
}

/// The browser of a user.
#[derive(Default)]
pub(crate) struct Browser(Jar);

impl Browser {
    /// Follows the link of a client.
    pub(crate) async fn open(&mut self, server: &Http, app: &App) -> Answer {
        self.get(server, &app.link()).await
    }

    async fn get(&mut self, server: &Http, path: &str) -> Answer {
        let cookies = self.0.header();
        let head = format!("GET {path} HTTP/1.1\r\nSec-Fetch-Site: none\r\nCookie: {cookies}");
        self.kept(server.exchange(&head, "").await)
    }

    /// Fills in the form of a page that has these fields.
    pub(crate) async fn submit(&mut self, server: &Http, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let form = with_fields(forms(&page.body), &names).unwrap_or_else(|| panic!("no form has {names:?}: {page:?}"));
        let head = format!(
            "POST {} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nOrigin: null\r\n\
             Sec-Fetch-Site: same-origin\r\nCookie: {}",
            form.action,
            self.0.header(),
        );
        self.kept(server.exchange(&head, &encode(&form.filled(fields))).await)
    }

    /// Signs in on a page, and gives the next one.
    pub(crate) async fn sign_in(&mut self, server: &Http, page: &Answer, fields: Fields<'_>) -> Answer {
        let answer = match fields {
            Fields::Owner(file) => {
                let code = match file {
                    Some(file) => {
                        let text = std::fs::read_to_string(file).unwrap();
                        // The server is told who asks: by this address it limits and logs.
                        assert!(text.contains("asked for by 127.0.0.1,"), "{text}");
                        code_in(&text)
                    }
                    None => code_in(&server.heard("as owner: ").await),
                };
                self.submit(server, page, &[("code", &code)]).await
            }
            Fields::Password(name, password) => {
                self.submit(server, page, &[("username", name), ("password", password)]).await
            }
        };
        assert_eq!(answer.status, 303, "{answer:?}");
        let next = answer.header("location").unwrap_or_default().to_owned();
        self.get(server, &next).await
    }

    fn kept(&mut self, answer: Answer) -> Answer {
        for cookie in answer.headers("set-cookie") {
            self.0.keep(cookie);
        }
        answer
    }
}

/// The code in what the server tells its owner.
fn code_in(notice: &str) -> String {
    let (_, rest) = notice.rsplit_once("as owner: ").unwrap_or_else(|| panic!("no code: {notice}"));
    rest.lines().next().unwrap().to_owned()
}

/// Posts a form as a client does.
pub(crate) async fn post(server: &Http, path: &str, form: &[(&str, &str)]) -> Answer {
    let head = format!("POST {path} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded");
    server.exchange(&head, &encode(form)).await
}

/// A parameter of the address that the browser is sent back to.
#[track_caller]
pub(crate) fn parameter(answer: &Answer, name: &str) -> String {
    let location = answer.header("location").unwrap_or_else(|| panic!("it leads nowhere: {answer:?}"));
    assert!(location.starts_with(REDIRECT), "{location}");
    let url = url::Url::parse(location).unwrap();
    let found = url.query_pairs().find(|(own, _)| own == name);
    found.unwrap_or_else(|| panic!("no {name} in {location}")).1.into_owned()
}

fn encode(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

/// A folder of its own for a test, which takes it away at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("examples-it-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
