//! A browser that tests drive, without the wire: cookies, forms, and no JavaScript; and what the client that it came
//! from needs. How requests travel is each test's own. And [`secrets`]: what of all that nobody else may see, and the search
//! for it.
//!
//! ```
//! use scripted_browser::{Jar, forms, with_fields};
//!
//! let mut jar = Jar::default();
//! jar.keep("session=1; Path=/; HttpOnly");
//! assert_eq!(jar.header(), "session=1");
//!
//! let page = "<form action='/in'><input type='hidden' name='flow' value='x'><input name='user'></form>";
//! let form = with_fields(forms(page), &["user"]).expect("the page has one");
//! assert_eq!(form.filled(&[("user", "ada")]), [("flow", "x"), ("user", "ada")]);
//! ```

pub mod secrets;
mod spelling;

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use html5gum::{Token, Tokenizer};
use ring::digest::{SHA256, digest};
use serde_json::Value;

/// The cookies of one browser, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jar(BTreeMap<String, String>);

impl Jar {
    /// The value of the header `Cookie`.
    #[must_use]
    pub fn header(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// Keeps what a header `Set-Cookie` says, or forgets it.
    pub fn keep(&mut self, cookie: &str) {
        let pair = cookie.split(';').next().and_then(|pair| pair.split_once('='));
        let Some((name, value)) = pair else { return };
        if cookie.contains("Max-Age=0") {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl Deref for Jar {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Jar {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// A form on a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageForm {
    /// Where it is sent; empty: where the page came from.
    pub action: String,
    /// Its hidden fields, with their values.
    pub hidden: Vec<(String, String)>,
    /// The names of all its fields and buttons.
    pub names: Vec<String>,
}

impl PageForm {
    /// What is sent when these fields are filled in: the hidden ones first. One that is named here takes the place of
    /// its own.
    #[must_use]
    pub fn filled<'a>(&'a self, fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let hidden = self.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let hidden = hidden.filter(|(name, _)| !fields.iter().any(|(field, _)| field == name));
        hidden.chain(fields.iter().copied()).collect()
    }
}

/// The first form that has all these fields.
#[must_use]
pub fn with_fields(forms: Vec<PageForm>, names: &[&str]) -> Option<PageForm> {
    forms.into_iter().find(|form| names.iter().all(|name| form.names.iter().any(|own| own == name)))
}

/// The forms of a page, read as a browser reads them.
#[must_use]
pub fn forms(html: &str) -> Vec<PageForm> {
    let mut forms: Vec<PageForm> = Vec::new();
    for Ok(token) in Tokenizer::new(html) {
        let Token::StartTag(tag) = token else { continue };
        let text = |name: &str| {
            let value = tag.attributes.iter().find(|(own, _)| own.as_slice() == name.as_bytes());
            value.map(|(_, value)| String::from_utf8_lossy(&value.value).into_owned())
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

/// A verifier that a client under test sends (RFC 7636 section 4.1).
pub const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";

/// What a client sends of it beforehand: the challenge by S256 (RFC 7636 section 4.2).
#[must_use]
pub fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// The claims of a JWT (RFC 7519), unverified; null for what is none.
#[must_use]
pub fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
    payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_come_and_go() {
        let mut jar = Jar::default();
        for cookie in ["b=2; Path=/", "a=1=1; Secure; Max-Age=60", "c=3", "c=; Path=/; Max-Age=0", "nothing"] {
            jar.keep(cookie);
        }
        assert_eq!(jar.header(), "a=1=1; b=2");
    }

    #[test]
    fn a_form_is_what_stands_in_it() {
        let page = "<input name='stray'><form action=/a><input type=hidden name=flow value='1&amp;2'><button name=go>\
                    </form><!-- <form action=/no> --><form><input name=user></form>";
        let found = forms(page);
        assert_eq!((found[0].action.as_str(), found[1].action.as_str(), found.len()), ("/a", "", 2));
        assert_eq!(found[0].filled(&[("go", "yes")]), [("flow", "1&2"), ("go", "yes")]);
        assert_eq!(found[0].filled(&[("flow", "other")]), [("flow", "other")]);
        assert_eq!(with_fields(found, &["user"]).unwrap().names, ["user"]);
    }

    #[test]
    fn claims_are_read_and_not_judged() {
        // {"sub":"a?"}
        assert_eq!(claims_of("x.eyJzdWIiOiJhPyJ9.")["sub"], "a?");
        assert!(claims_of("").is_null() && claims_of("a.b=.c").is_null());
    }

    #[test]
    fn rfc7636_appendix_b() {
        let challenge = challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
