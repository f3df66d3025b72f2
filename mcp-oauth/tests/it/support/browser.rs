//! A browser that a script drives: cookies, forms, and no JavaScript.

use std::collections::BTreeMap;

use html5gum::{Token, Tokenizer};
use http::Method;
use mcp_oauth::server::AuthorizationServer;

use super::{FORM, Reply, encode, request, send_to};

/// A form on a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageForm {
    pub(crate) action: String,
    pub(crate) hidden: Vec<(String, String)>,
    pub(crate) names: Vec<String>,
}

/// Keeps cookies, as browsers do, and says where its forms come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) async fn get(&mut self, server: &AuthorizationServer, path: &str) -> Reply {
        let cookies = self.header();
        let headers = [("cookie", cookies.as_str()), ("sec-fetch-site", "none")];
        let reply = send_to(server, request(Method::GET, path, &headers, "")).await;
        self.keep(&reply);
        reply
    }

    /// Sends a form of ours: as browsers do from pages that send no referrer.
    pub(crate) async fn post(&mut self, server: &AuthorizationServer, path: &str, form: &[(&str, &str)]) -> Reply {
        let cookies = self.header();
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
        let form = forms(&page.text)
            .into_iter()
            .find(|form| fields.iter().all(|(name, _)| form.names.iter().any(|own| own == name)))
            .unwrap_or_else(|| panic!("no form has {fields:?}: {page:?}"));
        let hidden = form.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let hidden = hidden.filter(|(name, _)| !fields.iter().any(|(field, _)| field == name));
        let all: Vec<_> = hidden.chain(fields.iter().copied()).collect();
        self.post(server, &form.action, &all).await
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

    fn header(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn keep(&mut self, reply: &Reply) {
        for cookie in reply.headers.get_all("set-cookie") {
            let text = cookie.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            if text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// The forms of a page, read as a browser reads them.
pub(crate) fn forms(html: &str) -> Vec<PageForm> {
    let mut forms: Vec<PageForm> = Vec::new();
    for Ok(token) in Tokenizer::new(html) {
        let Token::StartTag(tag) = token else { continue };
        let text = |name: &str| {
            let value = tag.attributes.iter().find(|(own, _)| own.as_slice() == name.as_bytes());
            value.map(|(_, value)| String::from_utf8(value.value.to_vec()).unwrap())
        };
        match tag.name.as_slice() {
            b"form" => forms.push(PageForm { action: text("action").unwrap_or_default(), ..PageForm::default() }),
            b"input" | b"button" => {
                let (Some(form), Some(name)) = (forms.last_mut(), text("name")) else { continue };
                if text("type").as_deref() == Some("hidden") {
                    form.hidden.push((name.clone(), text("value").unwrap_or_default()));
                }
                form.names.push(name);
            }
            _ => {}
        }
    }
    forms
}
