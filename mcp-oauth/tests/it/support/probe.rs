//! What an attack must not have brought about.

use std::sync::Arc;

use http::Method;
use mcp_oauth::server::{AuthorizationServer, AuthorizationServerBuilder};
use mcp_transport::auth::{Issuer, ResourceId};
use mcp_transport::seal::SealKey;
use serde_json::json;

use super::{App, Bed, ISSUER, RESOURCE, Reply, request};

impl App {
    /// Registers a public client with these redirect URIs.
    pub(crate) async fn at(bed: &Bed, redirect_uris: &[&str]) -> Self {
        let body = json!({
            "client_name": "An app", "redirect_uris": redirect_uris, "token_endpoint_auth_method": "none",
        });
        Self::register_as(bed, &body).await
    }

    /// Where its registration is managed.
    pub(crate) fn management(&self) -> String {
        format!("/register/{}", self.id)
    }

    /// The token that manages its registration.
    pub(crate) fn management_token(&self) -> String {
        self.registration["registration_access_token"].as_str().unwrap().to_owned()
    }
}

impl Bed {
    /// A builder of a server with another issuer, on the same store.
    pub(crate) async fn builder_for(&self, issuer: &str) -> AuthorizationServerBuilder {
        let stores = self.keeper.open().await;
        AuthorizationServer::builder(Issuer::parse(issuer).unwrap())
            .resource(ResourceId::parse(RESOURCE).unwrap())
            .stores(stores)
            .master_key(SealKey::from_bytes([7; 32]))
            .identity(Arc::clone(&self.people) as _)
            .clock(Arc::clone(&self.clock) as _)
            .rate_limit(None)
    }

    /// How many grants there are.
    pub(crate) async fn grants(&self) -> usize {
        let page = self.stores.grants.page(None, None, 1000, self.now()).await.unwrap();
        assert!(page.next.is_none(), "more than this counts");
        page.items.len()
    }

    /// How many clients there are.
    pub(crate) async fn clients(&self) -> usize {
        let page = self.stores.clients.page(None, 1000).await.unwrap();
        assert!(page.next.is_none(), "more than this counts");
        page.items.len()
    }

    /// Sends a request of the management of a registration.
    pub(crate) async fn manage(&self, method: Method, path: &str, token: &str, body: &str) -> Reply {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.send(request(method, path, &headers, body)).await
    }
}

impl Reply {
    /// The user is told, and nobody else: a page of this status that names this error, without a way out.
    #[track_caller]
    pub(crate) fn is_refused_here(&self, status: u16, error: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.headers.get("location").is_none(), "it leads away: {self:?}");
        assert!(self.header("content-type").starts_with("text/html"), "{self:?}");
        assert!(self.text.contains(error), "{error} is not named: {self:?}");
        assert!(!self.text.contains("mcpo_ac_"), "it holds a code: {self:?}");
    }

    /// The form was no good: a page, and no way out.
    #[track_caller]
    pub(crate) fn is_stale(&self) {
        assert_eq!(self.status, 403, "{self:?}");
        assert!(self.headers.get("location").is_none() && self.text.contains("no longer good"), "{self:?}");
        assert!(self.headers.get("set-cookie").is_none(), "{self:?}");
    }

    /// The client is told, at this redirect URI: this error with the state `xyz`, `iss`, and no code.
    #[track_caller]
    pub(crate) fn is_told(&self, redirect_uri: &str, error: &str) {
        assert_eq!(self.status, 303, "{self:?}");
        assert!(self.header("location").starts_with(redirect_uri), "{self:?}");
        assert_eq!(self.redirected("error").as_deref(), Some(error), "{self:?}");
        assert_eq!(self.redirected("state").as_deref(), Some("xyz"), "{self:?}");
        assert_eq!(self.redirected("iss").as_deref(), Some(ISSUER), "{self:?}");
        assert_eq!(self.redirected("code"), None, "{self:?}");
    }

    /// The user is asked: a page of ours with a form.
    #[track_caller]
    pub(crate) fn is_asked(&self) {
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.headers.get("location").is_none(), "{self:?}");
        assert!(self.text.contains("name=\"decision\""), "the user is not asked: {self:?}");
    }
}
