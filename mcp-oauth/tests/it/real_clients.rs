//! Real clients against the whole server: each registers, or names its document, as it does, signs a user in on the real
//! pages, redeems and refreshes with the forms that it sends, and comes back after its next start.
//!
//! What they say of themselves is in `data`, which the tests of `server/client` share. How they go on from there is written
//! down here, after their source, their documentation, or reports of server authors.

#[path = "../../src/server/client/real_clients/data.rs"]
mod data;
mod played;

use mcp_oauth::jose::{Algorithm, SigningKey};
use serde_json::json;

use self::played::{Manners, Names, Proof, RealClient, is_read_once, is_told, usual, with_host};
use crate::support::{Bed, DocumentHost, Keeper, on_every_store};

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
