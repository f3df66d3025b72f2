//! Real clients against the whole server: each registers, or names its document, as it does, signs a user in on the real
//! pages, redeems and refreshes with the forms that it sends, and comes back after its next start.
//!
//! What they say of themselves is in `data`, which the tests of `server/client` share. How they go on from there is written
//! down here, after their source, their documentation, or reports of server authors.

#[path = "../../src/server/client/real_clients/data.rs"]
mod data;

use mcp_oauth::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::support::{
    App, Bed, Browser, DocumentHost, ISSUER, Keeper, RESOURCE, Reply, Tokens, VERIFIER, basic, on_every_store,
};

/// What a client does where the specifications leave it a choice.
#[derive(Clone, Copy)]
struct Manners<'a> {
    /// Where it has its users sent back to.
    redirect: &'a str,
    /// What it adds to its authorization request.
    asks: &'a [(&'a str, &'a str)],
    /// What it adds when it refreshes.
    refreshes_with: &'a [(&'a str, &'a str)],
    /// Where it names the resource (RFC 8707).
    names: Names,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// In the authorization request, and in each token request.
    Everywhere,
    /// Not when it refreshes.
    NotAtRefresh,
    /// Nowhere.
    Nowhere,
}

/// What the official SDKs do, and those who build on them.
const fn usual(redirect: &str) -> Manners<'_> {
    Manners { redirect, asks: &[("scope", "mcp")], refreshes_with: &[], names: Names::Everywhere }
}

/// How a client says who it is at the token endpoint.
#[derive(Clone, Copy)]
enum Proof<'a> {
    /// By its name in the form.
    Name,
    /// By a secret in the form.
    Post,
    /// By a secret in the header.
    Basic,
    /// By an assertion signed with this key.
    Assertion(&'a SigningKey),
}

struct RealClient<'a> {
    app: App,
    proof: Proof<'a>,
}

impl<'a> RealClient<'a> {
    /// Registers, and again at its next start: the same client is one client, but where it has a secret.
    async fn registers(bed: &Bed, body: &Value) -> RealClient<'static> {
        let first = App::register_as(bed, body).await;
        let again = App::register_as(bed, body).await;
        let proof = match again.registration["token_endpoint_auth_method"].as_str().unwrap() {
            "none" => Proof::Name,
            "client_secret_post" => Proof::Post,
            "client_secret_basic" => Proof::Basic,
            other => panic!("{other}"),
        };
        let is_public = matches!(proof, Proof::Name);
        assert_eq!(again.id == first.id, is_public, "{body}");
        assert_eq!(again.secret.is_none(), is_public, "{body}");
        assert_ne!(again.management_token(), first.management_token());
        RealClient { app: again, proof }
    }

    /// Names the document that its host has.
    fn by_document(host: &DocumentHost, document: &Value, proof: Proof<'a>) -> Self {
        let id = host.publishes(document);
        Self { app: App { id, secret: None, registration: document.clone(), redirect: String::new() }, proof }
    }

    /// From its link to the code, with the consent of a user that it has for the first time, or for another time.
    async fn signs_in(&mut self, bed: &Bed, browser: &mut Browser, manners: Manners<'_>, before: bool) -> String {
        manners.redirect.clone_into(&mut self.app.redirect);
        let mut changes = manners.asks.to_vec();
        if manners.names == Names::Nowhere {
            changes.push(("resource", ""));
        }
        let link = self.app.link_with(&changes);
        let page = browser.consent_page(&bed.server, &link, "ada").await;
        // RFC 8252 section 8.6: what may be anybody on the user's machine is asked about each time.
        let answer = if before && manners.redirect.starts_with("https:") && !link.contains("prompt=") {
            page
        } else {
            page.is_asked();
            let shown = manners.redirect.split(['/', ':']).find(|part| part.contains('.') || *part == "localhost");
            let shown = shown.unwrap_or("cursor");
            assert!(page.text.contains(shown), "{shown}: {page:?}");
            browser.submit(&bed.server, &page, &[("decision", "approve")]).await
        };
        assert_eq!(answer.status, 303, "{answer:?}");
        assert!(answer.header("location").starts_with(&format!("{}?", manners.redirect)), "{answer:?}");
        assert_eq!(answer.redirected("state").as_deref(), Some("xyz"));
        assert_eq!(answer.redirected("iss").as_deref(), Some(ISSUER), "some check it");
        answer.redirected("code").unwrap()
    }

    async fn asks_for_tokens(&self, bed: &Bed, form: &[(&str, &str)]) -> Reply {
        let mut form = form.to_vec();
        let id = self.app.id.as_str();
        let secret = self.app.secret.as_deref().unwrap_or_default();
        let assertion;
        match self.proof {
            Proof::Name => form.push(("client_id", id)),
            Proof::Post => form.extend([("client_id", id), ("client_secret", secret)]),
            Proof::Basic => {
                return bed.post_with("/token", &[("authorization", &basic((id, secret)))], &form).await;
            }
            Proof::Assertion(key) => {
                let now = bed.now().as_secs();
                let number = mcp_oauth::types::Secret::random("").unwrap();
                let claims = json!({
                    "iss": id, "sub": id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": number.expose(),
                });
                assertion = key.sign_claims("JWT", &claims).unwrap();
                let assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                form.extend([("client_assertion_type", assertion_type), ("client_assertion", &assertion)]);
            }
        }
        bed.post("/token", &form).await
    }

    async fn redeems(&self, bed: &Bed, code: &str, manners: Manners<'_>) -> Tokens {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", manners.redirect),
            ("code_verifier", VERIFIER),
        ];
        if manners.names != Names::Nowhere {
            form.push(("resource", RESOURCE));
        }
        let tokens = Tokens::of(&self.asks_for_tokens(bed, &form).await);
        self.are_good(bed, &tokens).await;
        tokens
    }

    async fn refreshes(&self, bed: &Bed, token: &str, manners: Manners<'_>) -> Tokens {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        form.extend(manners.refreshes_with);
        if manners.names == Names::Everywhere {
            form.push(("resource", RESOURCE));
        }
        let tokens = Tokens::of(&self.asks_for_tokens(bed, &form).await);
        self.are_good(bed, &tokens).await;
        tokens
    }

    /// Tokens in the form that clients read, for the resource that they were asked for.
    async fn are_good(&self, bed: &Bed, tokens: &Tokens) {
        assert_eq!(tokens.body["token_type"], "Bearer");
        assert!(tokens.body["expires_in"].is_u64() && tokens.body["scope"].as_str().unwrap().contains("mcp"));
        let claims = tokens.claims();
        assert_eq!((&claims["client_id"], &claims["aud"]), (&json!(self.app.id), &json!(RESOURCE)));
        assert!(bed.is_active(&tokens.access).await);
    }

    /// All the way: signs in, redeems, refreshes twice, and does it once more after its next start.
    async fn goes_through(&mut self, bed: &Bed, manners: Manners<'_>) {
        let mut browser = Browser::default();
        for before in [false, true] {
            let code = self.signs_in(bed, &mut browser, manners, before).await;
            let first = self.redeems(bed, &code, manners).await;
            let grants = self.app.registration["grant_types"].as_array();
            if !grants.is_some_and(|grants| grants.contains(&json!("refresh_token"))) {
                assert_eq!(first.refresh, "", "it has not asked for one");
                continue;
            }
            bed.advance(1800);
            let second = self.refreshes(bed, &first.refresh, manners).await;
            bed.advance(1800);
            let third = self.refreshes(bed, &second.refresh, manners).await;
            assert!(first.refresh != second.refresh && second.refresh != third.refresh);
            assert_eq!(bed.grant_of(&third.refresh).await.generation, 3);
        }
    }
}

/// What a client looks for in the metadata before it goes this way.
async fn is_told(bed: &Bed, member: &str, wanted: Value) {
    let metadata = bed.get("/.well-known/oauth-authorization-server").await.json();
    let found = &metadata[member];
    assert!(*found == wanted || found.as_array().is_some_and(|list| list.contains(&wanted)), "{member}: {metadata}");
}

/// A server, and a host whose documents it takes.
async fn with_host(keeper: Keeper) -> (Bed, DocumentHost) {
    let host = DocumentHost::start("https://app.example/cb").await;
    let bed = Bed::with(keeper, |builder| host.known(builder)).await;
    is_told(&bed, "client_id_metadata_document_supported", json!(true)).await;
    (bed, host)
}

/// A client with a document is kept nowhere, and its document is not read again as long as it is fresh.
async fn is_read_once(bed: &Bed, host: &DocumentHost, client: &RealClient<'_>) {
    let clients = bed.stores.clients.page(None, 10).await.unwrap().items;
    let known: Vec<_> = clients.iter().map(|kept| kept.value.id.as_str()).collect();
    assert_eq!(known, ["reader"], "the one that introspects");
    bed.get(&client.app.link()).await;
    let before = host.asked();
    assert_eq!(bed.get(&client.app.link()).await.status, 200);
    assert!(host.asked() == before && before > 0, "it was asked again");
}

on_every_store! {
    async fn claude_by_document(keeper: Keeper) {
        let (bed, host) = with_host(keeper).await;
        // It registers by a document only where both are told.
        is_told(&bed, "token_endpoint_auth_methods_supported", json!("none")).await;
        let mut client = RealClient::by_document(&host, &data::claude_document(), Proof::Name);
        client.goes_through(&bed, usual(data::CLAUDE)).await;
        is_read_once(&bed, &host, &client).await;
    }

    // It registers anew on each connection, and is one client all the same; with a secret, each is its own.
    async fn claude_by_registration(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        for method in ["none", "client_secret_post"] {
            let mut client = RealClient::registers(&bed, &data::claude_registration(method)).await;
            client.goes_through(&bed, usual(data::CLAUDE)).await;
        }
    }

    // Its document has no port, and it listens on any: https://github.com/PrefectHQ/fastmcp/issues/4152.
    async fn claude_code_by_document(keeper: Keeper) {
        let (bed, host) = with_host(keeper).await;
        let mut client = RealClient::by_document(&host, &data::claude_code_document(), Proof::Name);
        let asks = [("scope", "mcp offline_access"), ("prompt", "consent")];
        for redirect in ["http://localhost:54545/callback", "http://127.0.0.1:61234/callback"] {
            client.goes_through(&bed, Manners { asks: &asks, ..usual(redirect) }).await;
        }
        is_read_once(&bed, &host, &client).await;
    }

    // It registers with the port that it listens on at the moment, and may listen on another one later.
    async fn claude_code_by_registration(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut client = RealClient::registers(&bed, &data::claude_code_registration(54212)).await;
        let asks = [("scope", "mcp offline_access"), ("prompt", "consent")];
        for redirect in ["http://localhost:54212/callback", "http://localhost:3118/callback"] {
            client.goes_through(&bed, Manners { asks: &asks, ..usual(redirect) }).await;
        }
        // What it registers with another port is another client: it is told the redirect URI that it has sent.
        let other = RealClient::registers(&bed, &data::claude_code_registration(3118)).await;
        assert_ne!(other.app.id, client.app.id);
    }

    async fn chatgpt_by_document(keeper: Keeper) {
        let (bed, host) = with_host(keeper).await;
        // It has one document for all connectors only where this is told.
        is_told(&bed, "authorization_response_iss_parameter_supported", json!(true)).await;
        is_told(&bed, "token_endpoint_auth_methods_supported", json!("private_key_jwt")).await;
        let key = SigningKey::generate(Algorithm::Rs256).unwrap();
        host.has_keys(&json!({"keys": [key.public_jwk()]}));
        for (id, uri) in [
            ("https://chatgpt.com/oauth/client.json", data::CHATGPT),
            ("https://chatgpt.com/oauth/Ab3-x_9/client.json", "https://chatgpt.com/connector/oauth/Ab3-x_9"),
        ] {
            let document = data::chatgpt_document(id, uri);
            let mut client = RealClient::by_document(&host, &document, Proof::Assertion(&key));
            client.goes_through(&bed, usual(uri)).await;
        }
    }

    // A server that takes no assertions has it as a public client.
    async fn chatgpt_without_assertions(keeper: Keeper) {
        use mcp_oauth::types::ClientAuthMethod::{ClientSecretBasic, None};

        let host = DocumentHost::start(data::CHATGPT).await;
        let bed = Bed::with(keeper, |builder| host.known(builder).client_auth_methods([None, ClientSecretBasic])).await;
        let document = data::chatgpt_document("https://chatgpt.com/oauth/client.json", data::CHATGPT);
        let mut client = RealClient::by_document(&host, &document, Proof::Name);
        client.goes_through(&bed, usual(data::CHATGPT)).await;
    }

    async fn chatgpt_by_registration(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut client = RealClient::registers(&bed, &data::chatgpt_registration()).await;
        client.goes_through(&bed, usual(data::CHATGPT)).await;
    }

    // https://github.com/microsoft/vscode/issues/278512: another port than it registers, when that one is taken.
    async fn vscode_by_document(keeper: Keeper) {
        let (bed, host) = with_host(keeper).await;
        let mut client = RealClient::by_document(&host, &data::vscode_document(), Proof::Name);
        for redirect in ["http://127.0.0.1:51034/", "https://vscode.dev/redirect"] {
            client.goes_through(&bed, usual(redirect)).await;
        }
        is_read_once(&bed, &host, &client).await;
    }

    async fn vscode_by_registration(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut client = RealClient::registers(&bed, &data::vscode_registration()).await;
        for redirect in ["http://127.0.0.1:61001/", data::VSCODE[0]] {
            client.goes_through(&bed, usual(redirect)).await;
        }
        let mut client = RealClient::registers(&bed, &data::vscode_registration_without_a_method()).await;
        client.goes_through(&bed, usual("http://127.0.0.1:33419/")).await;
    }

    // It asks for all the scopes that the metadata lists, and has the users of each place sent to another redirect URI.
    async fn cursor_by_registration(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut client = RealClient::registers(&bed, &data::cursor_registration()).await;
        assert_eq!(client.app.registration["application_type"], "native");
        for redirect in ["http://localhost:8788/callback", data::CURSOR[1], data::CURSOR[0]] {
            client.goes_through(&bed, Manners { asks: &[("scope", "mcp admin")], ..usual(redirect) }).await;
        }
    }

    // It registers one port, listens on any other, and repeats its scopes when it refreshes.
    async fn gemini_cli_by_registration(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut client = RealClient::registers(&bed, &data::gemini_registration()).await;
        let manners = Manners { refreshes_with: &[("scope", "mcp")], ..usual("http://localhost:65290/oauth/callback") };
        client.goes_through(&bed, manners).await;
    }

    async fn antigravity_by_registration(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut client = RealClient::registers(&bed, &data::antigravity_registration()).await;
        client.goes_through(&bed, usual(data::ANTIGRAVITY)).await;
    }

    // https://github.com/openai/codex/issues/33403: it names no resource when it refreshes.
    async fn codex_by_document(keeper: Keeper) {
        let (bed, host) = with_host(keeper).await;
        for (id, path) in [
            ("https://chatgpt.com/oauth/codex/client.json", "/callback"),
            ("https://chatgpt.com/oauth/codex/a1b2c3/client.json", "/callback/a1b2c3"),
        ] {
            let mut client = RealClient::by_document(&host, &data::codex_document(id, path), Proof::Name);
            let redirect = format!("http://127.0.0.1:43123{path}");
            client.goes_through(&bed, Manners { names: Names::NotAtRefresh, ..usual(&redirect) }).await;
        }
    }

    async fn codex_by_registration(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut client = RealClient::registers(&bed, &data::codex_registration(43123)).await;
        let manners = Manners { names: Names::NotAtRefresh, ..usual("http://127.0.0.1:50000/callback") };
        client.goes_through(&bed, manners).await;
    }

    // It asks for what it has found in the metadata and more, out of habit.
    async fn mcp_inspector_by_registration(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        for redirect in ["http://localhost:6274/oauth/callback", "http://127.0.0.1:6276/oauth/callback"] {
            let mut client = RealClient::registers(&bed, &data::inspector_registration(redirect)).await;
            client.goes_through(&bed, Manners { asks: &[("scope", "mcp openid")], ..usual(redirect) }).await;
        }
        let mut client = RealClient::registers(&bed, &data::inspector_registration_in_a_container()).await;
        client.goes_through(&bed, usual("http://localhost:6274/oauth/callback/debug")).await;
    }

    // Older ones know no resource indicators; the port is the one of its last run, or the next that is free.
    async fn mcp_remote_by_registration(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut client = RealClient::registers(&bed, &data::mcp_remote_registration(13456)).await;
        for names in [Names::Everywhere, Names::Nowhere] {
            let manners = Manners { names, asks: &[], ..usual("http://localhost:3334/oauth/callback") };
            client.goes_through(&bed, manners).await;
        }
    }

    async fn zed(keeper: Keeper) {
        let (bed, host) = with_host(keeper).await;
        let mut client = RealClient::by_document(&host, &data::zed_document(), Proof::Name);
        client.goes_through(&bed, usual("http://127.0.0.1:40123/callback")).await;
        let mut client = RealClient::registers(&bed, &data::zed_registration(40123)).await;
        client.goes_through(&bed, usual("http://127.0.0.1:40124/callback")).await;
    }

    async fn opencode(keeper: Keeper) {
        let (bed, host) = with_host(keeper).await;
        let mut client = RealClient::by_document(&host, &data::opencode_document(), Proof::Name);
        client.goes_through(&bed, usual("http://127.0.0.1:51675/callback")).await;
        let mut client = RealClient::registers(&bed, &data::opencode_registration()).await;
        client.goes_through(&bed, usual("http://127.0.0.1:19877/mcp/oauth/callback")).await;
    }

    // It asks for no secret, gets one, and uses it.
    async fn perplexity_by_registration(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        for redirect in data::PERPLEXITY {
            let mut client = RealClient::registers(&bed, &data::perplexity_registration(redirect)).await;
            client.goes_through(&bed, usual(redirect)).await;
        }
    }

    async fn n8n_by_registration(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut client = RealClient::registers(&bed, &data::n8n_registration()).await;
        client.goes_through(&bed, usual(data::N8N)).await;
    }
}
