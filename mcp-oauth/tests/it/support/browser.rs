//! A browser that a script drives: cookies, forms, and no JavaScript.

use http::Method;
use mcp_oauth::server::AuthorizationServer;
use scripted_browser::{Jar, forms, with_fields};

use super::{FORM, Reply, encode, request, send_to};

/// Keeps cookies, as browsers do, and says where its forms come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: Jar,
}

impl Browser {
    pub(crate) async fn get(&mut self, server: &AuthorizationServer, path: &str) -> Reply {
        let cookies = self.cookies.header();
        let headers = [("cookie", cookies.as_str()), ("sec-fetch-site", "none")];
        let reply = send_to(server, request(Method::GET, path, &headers, "")).await;
        self.keep(&reply);
        reply
    }

    /// Sends a form of ours: as browsers do from pages that send no referrer.
    pub(crate) async fn post(&mut self, server: &AuthorizationServer, path: &str, form: &[(&str, &str)]) -> Reply {
        let cookies = self.cookies.header();
        let headers = [FORM, ("cookie", cookies.as_str()), ("origin", "null"), ("sec-fetch-site", "same-origin")];
        let reply = send_to(server, request(Method::POST, path, &headers, &encode(form))).await;
        self.keep(&reply);
        reply
    }

    /// Fills in the first form of a page that has these fields.
    pub(crate) async fn submit(
        &mut self,
        server: &AuthorizationServer,
        page: &Reply,
        fields: &[(&str, &str)],
    ) -> Reply {
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let form = with_fields(forms(&page.text), &names).unwrap_or_else(|| panic!("no form has {names:?}: {page:?}"));
        self.post(server, &form.action, &form.filled(fields)).await
    }

    /// From a client's link to its answer: signs in as `user`, if asked, and allows what is asked.
    pub(crate) async fn approve(&mut self, server: &AuthorizationServer, path: &str, user: &str) -> Reply {
        let page = self.consent_page(server, path, user).await;
        if page.status == 303 {
            return page;
        }
        self.submit(server, &page, &[("decision", "approve")]).await
    }

    /// As far as the page on which the user decides.
    pub(crate) async fn consent_page(&mut self, server: &AuthorizationServer, path: &str, user: &str) -> Reply {
        let page = self.get(server, path).await;
        if !page.text.contains("name=\"password\"") {
            return page;
        }
        let password = format!("{user}{user}");
        let signed_in = self.submit(server, &page, &[("username", user), ("password", &password)]).await;
        assert_eq!(signed_in.status, 303, "{signed_in:?}");
        let next = signed_in.header("location").to_owned();
        self.get(server, &next).await
    }

    fn keep(&mut self, reply: &Reply) {
        for cookie in reply.headers.get_all("set-cookie") {
            self.cookies.keep(cookie.to_str().unwrap());
        }
    }
}
