//! What is kept and what is logged: checks 45 and 46.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use mcp_oauth::jose::{Algorithm, SigningKey};
use mcp_oauth::types::token::{AuthorizationCode, RefreshKey, RefreshToken};
use mcp_oauth::types::{ClientAuthMethod, GrantId, Secret};
use serde_json::{Value, json};

use super::spelled::{Spelled, spellings};
use crate::support::{
    App, Bed, Browser, Keeper, Reply, Tokens, VERIFIER, Watch, basic, confidential, forms, keyed, log, on_every_store,
    request,
};

const DAEMON: (&str, &str) = ("daemon", "the-secret-of-the-daemon-6d41");
/// What the test server seals its keys with, as 32 equal bytes.
const MASTER: u8 = 7;

/// Everything that is secret in a flow, by what it is.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    /// A secret, and the part of it that is random.
    fn add(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 4, "{what}: {secret}");
        self.0.push((what, secret.to_owned()));
        if let Some(random) = secret.len().checked_sub(43).filter(|from| *from > 0) {
            self.0.push((what, secret[random..].to_owned()));
        }
    }

    fn tokens(&mut self, tokens: &Tokens) {
        // The claims are no secret; whoever has the signature has the token.
        self.add("access token", &tokens.access);
        if !tokens.refresh.is_empty() {
            self.add("refresh token", &tokens.refresh);
        }
    }

    fn flow(&mut self, page: &Reply) {
        for (name, value) in forms(&page.text).into_iter().flat_map(|form| form.hidden) {
            if name == "flow" {
                self.0.push(("form", value));
            }
        }
    }

    fn cookies(&mut self, browser: &Browser) {
        for value in browser.cookies.values() {
            self.0.push(("cookie", value.clone()));
        }
    }

    /// That none of them is there, in whatever spelling.
    #[track_caller]
    fn assert_not_in(&self, bytes: &[u8], place: &str) {
        let spelled = self.0.iter().flat_map(|(what, secret)| {
            spellings(secret).into_iter().map(move |(how, spelling)| ((*what, how, secret.as_str()), spelling))
        });
        if let Some((what, how, secret)) = Spelled::new(spelled).first_in(bytes) {
            panic!("a {what} is in {place}, {how}: {secret}");
        }
    }
}

fn registered(secrets: &mut Secrets, app: &App) {
    secrets.add("registration token", app.registration["registration_access_token"].as_str().unwrap());
    if let Some(secret) = &app.secret {
        secrets.add("client secret", secret);
    }
}

/// Goes every way there is, the wrong ones too, and notes the secrets on it.
async fn all_ways(bed: &Bed) -> Secrets {
    let mut secrets = Secrets::default();
    let master = [MASTER; 32];
    secrets.0.push(("master key", URL_SAFE_NO_PAD.encode(master)));
    secrets.0.push(("password", "adaada".to_owned()));
    secrets.0.push(("password", "a-wrong-password-91c".to_owned()));
    secrets.0.push(("verifier", VERIFIER.to_owned()));
    secrets.0.push(("state", "the-state-of-the-client-5f0b".to_owned()));
    secrets.add("client secret", DAEMON.1);

    // A public client, a browser, a user who mistypes.
    let app = App::register(bed).await;
    registered(&mut secrets, &app);
    let mut browser = Browser::default();
    let link = app.link_with(&[("state", "the-state-of-the-client-5f0b")]);
    let page = browser.get(&bed.server, &link).await;
    secrets.flow(&page);
    secrets.cookies(&browser);
    let form = [("username", "ada"), ("password", "a-wrong-password-91c")];
    let page = browser.submit(&bed.server, &page, &form).await;
    secrets.flow(&page);
    let signed_in = browser.submit(&bed.server, &page, &[("username", "ada"), ("password", "adaada")]).await;
    secrets.cookies(&browser);
    let page = browser.get(&bed.server, signed_in.header("location")).await;
    secrets.flow(&page);
    let code = browser.submit(&bed.server, &page, &[("decision", "approve")]).await.redirected("code").unwrap();
    secrets.add("code", &code);
    // A form that was sent already.
    browser.submit(&bed.server, &page, &[("decision", "approve")]).await;
    let mut wrong = app.redemption(&code);
    wrong.last_mut().unwrap().1 = "a-wrong-verifier-of-at-least-forty-three-characters";
    secrets.0.push(("verifier", wrong.last().unwrap().1.to_owned()));
    bed.post("/token", &wrong).await.assert_refused(400, "invalid_grant");
    let first = Tokens::of(&app.redeem(bed, &code).await);
    secrets.tokens(&first);
    let second = Tokens::of(&app.refresh(bed, &first.refresh).await);
    secrets.tokens(&second);
    secrets.tokens(&Tokens::of(&app.refresh(bed, &first.refresh).await));
    let third = Tokens::of(&app.refresh(bed, &second.refresh).await);
    secrets.tokens(&third);
    assert!(bed.is_active(&third.access).await);
    bed.post("/revoke", &[("client_id", &app.id), ("token", &third.access)]).await;
    app.refresh(bed, &first.refresh).await.assert_refused(400, "invalid_grant");
    app.redeem(bed, &code).await.assert_refused(400, "invalid_grant");

    // A confidential client that registers, changes itself, and gets its secret wrong.
    let body = json!({"client_name": "Confidential", "redirect_uris": ["https://app.example/cb"]});
    let confident = App::register_as(bed, &body).await;
    registered(&mut secrets, &confident);
    secrets.add("code", &confident.code(bed).await);
    let token = confident.registration["registration_access_token"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let path = format!("/register/{}", confident.id);
    for (method, authorization) in
        [(Method::GET, bearer.as_str()), (Method::GET, "Bearer mcpo_rat_a-wrong-token"), (Method::DELETE, &bearer)]
    {
        let headers = [("authorization", authorization)];
        let reply = bed.send(request(method, &path, &headers, "")).await;
        if let Some(secret) = serde_json::from_str::<Value>(&reply.text).unwrap_or_default()["client_secret"].as_str() {
            secrets.add("client secret", secret);
        }
    }
    secrets.0.push(("registration token", "a-wrong-token".to_owned()));
    let daemon = [("authorization", basic(DAEMON)), ("authorization", basic((DAEMON.0, "a-wrong-secret-77aa")))];
    for (name, value) in &daemon {
        secrets.0.push(("Basic", value.strip_prefix("Basic ").unwrap().to_owned()));
        let reply = bed.post_with("/token", &[(name, value)], &[("grant_type", "client_credentials")]).await;
        if reply.status == 200 {
            let own = Tokens::of(&reply);
            secrets.tokens(&own);
            bed.post_with("/revoke", &[(name, value)], &[("token", &own.access)]).await;
        }
    }
    secrets.0.push(("client secret", "a-wrong-secret-77aa".to_owned()));
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "nobody"),
        ("client_secret", "a-secret-of-nobody-31"),
        ("client_assertion", "e30.e30.an-assertion-of-nobody"),
    ];
    bed.post("/token", &form).await.assert_refused(400, "invalid_request");
    bed.post("/token", &form[..3]).await.assert_refused(401, "invalid_client");
    secrets.0.push(("client secret", "a-secret-of-nobody-31".to_owned()));
    secrets.0.push(("assertion", "an-assertion-of-nobody".to_owned()));
    signed(bed, &mut secrets).await;
    device(bed, &mut secrets).await;
    secrets
}

async fn signed(bed: &Bed, secrets: &mut Secrets) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let mut signer = keyed("signer", &["client_credentials"]);
    signer.metadata.jwks = Some(json!({"keys": [key.public_jwk()]}));
    bed.add(signer).await;
    let now = bed.now().as_secs();
    let claims = json!({
        "iss": "signer", "sub": "signer", "aud": crate::support::ISSUER, "exp": now + 60, "jti": "the-id-of-an-assertion",
    });
    let assertion = key.sign_claims("JWT", &claims).unwrap();
    secrets.add("assertion", &assertion);
    for status in [200, 401] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
        ];
        let reply = bed.post("/token", &form).await;
        assert_eq!(reply.status, status);
        if status == 200 {
            secrets.tokens(&Tokens::of(&reply));
        }
    }
}

async fn device(bed: &Bed, secrets: &mut Secrets) {
    const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
    let body = json!({"client_name": "TV", "token_endpoint_auth_method": "none", "grant_types": [DEVICE_CODE, "refresh_token"]});
    let tv = App::register_as(bed, &body).await;
    registered(secrets, &tv);
    for decision in ["deny", "approve"] {
        let asked = bed.post("/device_authorization", &[("client_id", &tv.id)]).await.json();
        let (code, user_code) = (asked["device_code"].as_str().unwrap(), asked["user_code"].as_str().unwrap());
        secrets.add("device code", code);
        secrets.0.push(("user code", user_code.to_owned()));
        secrets.0.push(("user code", user_code.replace('-', "")));
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, "/device", "ada").await;
        let page = browser.submit(&bed.server, &page, &[("user_code", user_code)]).await;
        secrets.flow(&page);
        secrets.cookies(&browser);
        let form = [("grant_type", DEVICE_CODE), ("client_id", tv.id.as_str()), ("device_code", code)];
        bed.post("/token", &form).await.assert_refused(400, "authorization_pending");
        assert_eq!(browser.submit(&bed.server, &page, &[("decision", decision)]).await.status, 200);
        let told = bed.post("/token", &form).await;
        if decision == "approve" {
            secrets.tokens(&Tokens::of(&told));
        }
    }
}

/// The bytes that a store has written anywhere. A store in memory writes none.
fn at_rest(keeper: &Keeper) -> Vec<u8> {
    match keeper {
        Keeper::Memory(_) => Vec::new(),
        Keeper::Embedded(_, folder) => {
            let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
            files.collect::<Vec<_>>().concat()
        }
        Keeper::Redis { prefix, .. } => crate::redis::all_of(prefix),
    }
}

/// Everything of a store that can be read through its traits.
async fn readable(bed: &Bed, secrets: &Secrets) -> String {
    let mut text = String::new();
    let now = bed.now();
    for kept in bed.stores.clients.page(None, 1000).await.unwrap().items {
        text += &serde_json::to_string(&kept.value).unwrap();
        text += &format!("{kept:?}");
    }
    // Ended ones too, which no list shows.
    let of_grant = |what: &str| ["code", "refresh token"].contains(&what);
    for (_, token) in secrets.0.iter().filter(|(what, text)| of_grant(what) && text.starts_with("mcpo_")) {
        let view = bed.grant_of(token).await;
        text += &serde_json::to_string(&view).unwrap();
        text += &format!("{view:?}");
        let subject = &view.grant.identity.subject;
        text += &format!("{:?}", bed.stores.consents.of_subject(subject, now).await.unwrap());
    }
    let document = bed.stores.keys.load().await.unwrap().unwrap().document;
    text += &document.escape_ascii().to_string();
    text
}

on_every_store! {
    async fn attack_045_what_a_store_is_given_and_keeps(keeper: Keeper) {
        let watch = Watch::over(keeper.open().await);
        let bed = Bed::with(keeper, |builder| builder.stores(watch.stores())).await;
        bed.add(confidential(DAEMON, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        let secrets = all_ways(&bed).await;
        let (given, kept) = (watch.seen(), readable(&bed, &secrets).await);
        // What is looked for would be found: the digests are there.
        let digest = |what: &str| {
            let found = secrets.0.iter().find(|(own, secret)| *own == what && secret.starts_with("mcpo_"));
            Secret::new(found.unwrap().1.clone()).digest().to_string()
        };
        for what in ["code", "device code", "registration token"] {
            assert!(given.contains(&digest(what)), "{what}");
        }
        assert!(kept.contains(&digest("code")) && kept.contains(&digest("registration token")));
        secrets.assert_not_in(given.as_bytes(), "what the store was given");
        secrets.assert_not_in(kept.as_bytes(), "what the store tells");
        // The keys are sealed: nothing of a key is to be read, neither in its form nor in another.
        let document = bed.stores.keys.load().await.unwrap().unwrap().document;
        let plain = document.escape_ascii().to_string();
        for word in ["signing", "refresh", "pages", "version", "pkcs8", "key", "\"", "{"] {
            assert!(!plain.contains(word), "{word}");
        }
        for record in bed.server.keys().keys() {
            let private = record.key().to_pkcs8();
            assert!(!contains(&document, private) && !plain.contains(&URL_SAFE_NO_PAD.encode(private)));
        }
        let bytes = at_rest(&bed.keeper);
        let in_memory = matches!(bed.keeper, Keeper::Memory(_));
        assert!(in_memory || contains(&bytes, b"people:ada"), "what is looked for would be found");
        secrets.assert_not_in(&bytes, "what is at rest");
    }

    async fn attack_045_a_store_that_leaks_is_no_way_in(keeper: Keeper) {
        // Whoever reads all records has digests and salts. None of them is good for what it stands for.
        let bed = Bed::new(keeper).await;
        bed.add(confidential(DAEMON, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        let app = App::register(&bed).await;
        let (tokens, code) = (app.tokens(&bed).await, app.code(&bed).await);
        let view = bed.grant_of(&code).await;
        let digest = view.code.as_ref().unwrap().digest.to_string();
        let guess = format!("mcpo_ac_{}.{digest}", view.grant.id);
        app.redeem(&bed, &guess).await.assert_refused(400, "invalid_grant");
        let view = bed.grant_of(&tokens.refresh).await;
        for mac in [view.grant.salt.to_string(), RefreshKey::new(view.grant.salt.as_bytes())
            .mint(view.grant.id, view.grant.salt.as_bytes(), 1).expose().rsplit('.').next().unwrap().to_owned()]
        {
            app.refresh(&bed, &format!("mcpo_rt_{}.1.{mac}", view.grant.id)).await.assert_refused(400, "invalid_grant");
        }
        let kept = bed.stores.clients.page(None, 100).await.unwrap().items;
        let daemon = kept.iter().find(|kept| kept.value.id.as_str() == DAEMON.0).unwrap();
        let secret = daemon.value.secret.unwrap().to_string();
        let headers = [("authorization", basic((DAEMON.0, &secret)))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let reply = bed.post_with("/token", &headers, &[("grant_type", "client_credentials")]).await;
        reply.assert_refused(401, "invalid_client");
        assert_eq!(bed.grant_of(&tokens.refresh).await, view);
    }

    async fn attack_046_what_is_logged(keeper: Keeper) {
        log::listen();
        let bed = Bed::new(keeper).await;
        bed.add(confidential(DAEMON, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        let secrets = all_ways(&bed).await;
        // What embedders may show of it.
        tracing::trace!(server = ?bed.server, stores = ?bed.stores, service = ?bed.service(), keys = ?bed.server.keys());
        let text = log::heard();
        // What is looked for would be found: ways that went well and ways that did not are in the log.
        for kind in ["TokenIssued", "Refreshed", "RefreshReplayed", "ClientRefused", "SignInRefused", "GrantEnded"] {
            assert!(text.contains(kind), "{kind} is not in the log: {text}");
        }
        assert!(text.contains("people:ada") && text.contains("TRACE"));
        secrets.assert_not_in(text.as_bytes(), "the log");
    }

    async fn attack_046_what_is_logged_of_faults(keeper: Keeper) {
        use crate::support::Fault;
        log::listen();
        let watch = Watch::over(keeper.open().await);
        let bed = Bed::with(keeper, |builder| builder.stores(watch.stores())).await;
        let app = App::register(&bed).await;
        let mut secrets = Secrets::default();
        for number in 0..4 {
            let (tokens, code) = (app.tokens(&bed).await, app.code(&bed).await);
            secrets.tokens(&tokens);
            secrets.add("code", &code);
            for fault in [Fault::Before, Fault::After] {
                watch.begin(Some((number, fault)));
                app.redeem(&bed, &code).await;
                watch.begin(Some((number, fault)));
                app.refresh(&bed, &tokens.refresh).await;
            }
            watch.begin(None);
        }
        let text = log::heard();
        assert!(text.contains("ERROR") && text.contains("down, as the test wants it"), "{text}");
        secrets.assert_not_in(text.as_bytes(), "the log");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn attack_046_debug_shows_no_secret() {
    let secret = Secret::random("mcpo_x_").unwrap();
    let grant = GrantId::random().unwrap();
    let code = AuthorizationCode::mint(grant).unwrap();
    let key = RefreshKey::new(&[3; 32]);
    let refresh = key.mint(grant, &[4; 32], 1);
    let parsed = RefreshToken::parse(refresh.expose()).unwrap();
    let signing = SigningKey::generate(Algorithm::Es256).unwrap();
    let shown = format!("{secret:?} {code:?} {key:?} {refresh:?} {parsed:?} {signing:?} {:?}", secret.digest());
    let mac = refresh.expose().rsplit('.').next().unwrap();
    let verifier = code.expose().rsplit('.').next().unwrap();
    for hidden in [secret.expose(), mac, verifier, &secret.digest().to_string(), "3, 3, 3"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}
