//! A browser that a script drives: cookies, forms, and no JavaScript.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use html5gum::{Token, Tokenizer};

use crate::program::{Program, Scratch};
use crate::wire::{Answer, Request, try_send_to};

/// Keeps cookies, as browsers do.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    cookies: BTreeMap<String, String>,
}

/// A form on a page.
#[derive(Default)]
struct Form {
    action: String,
    hidden: Vec<(String, String)>,
    names: Vec<String>,
}

impl Browser {
    pub(crate) fn get(&mut self, program: &Program, url: &str) -> Answer {
        self.try_get(program.address, url).unwrap()
    }

    /// The same of a server that may go away in the middle.
    pub(crate) fn try_get(&mut self, address: SocketAddr, url: &str) -> io::Result<Answer> {
        let cookies = self.header();
        let headers = [("Cookie", cookies.as_str()), ("Sec-Fetch-Site", "none")];
        let answer = try_send_to(address, "GET", path(url), &headers, "")?;
        self.keep(&answer);
        Ok(answer)
    }

    /// Fills in the form of a page that has these fields.
    #[track_caller]
    pub(crate) fn submit(&mut self, program: &Program, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        self.try_submit(program.address, page, fields).unwrap()
    }

    /// The same of a server that may go away in the middle.
    #[track_caller]
    pub(crate) fn try_submit(
        &mut self,
        address: SocketAddr,
        page: &Answer,
        fields: &[(&str, &str)],
    ) -> io::Result<Answer> {
        let answer = self.filled(page, fields).send(address)?;
        self.keep(&answer);
        Ok(answer)
    }

    /// What is sent when the form of a page that has these fields is filled in.
    #[track_caller]
    pub(crate) fn filled(&self, page: &Answer, fields: &[(&str, &str)]) -> Request {
        let has = |form: &Form| fields.iter().all(|(name, _)| form.names.iter().any(|own| own == name));
        let form =
            forms(&page.body).into_iter().find(has).unwrap_or_else(|| panic!("no form has {fields:?}: {page:?}"));
        let hidden = form.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<_> = hidden.chain(fields.iter().copied()).collect();
        let cookies = self.header();
        // As browsers do from pages that send no referrer.
        let headers = [("Cookie", cookies.as_str()), ("Origin", "null"), ("Sec-Fetch-Site", "same-origin")];
        Request::form(path(&form.action), &headers, &all)
    }

    /// Signs the owner in on the page of a link, with the code from the file, and gives the page that comes then.
    #[track_caller]
    pub(crate) fn sign_in_as_owner(&mut self, program: &Program, scratch: &Scratch, link: &str) -> Answer {
        let page = self.get(program, link);
        assert_eq!(page.status, 200, "{page:?}");
        let signed_in = self.submit(program, &page, &[("code", &owner_code(scratch))]);
        self.follow(program, &signed_in)
    }

    /// Signs a user in with their password.
    #[track_caller]
    pub(crate) fn sign_in(&mut self, program: &Program, link: &str, user: &str, password: &str) -> Answer {
        let page = self.get(program, link);
        assert_eq!(page.status, 200, "{page:?}");
        let answer = self.submit(program, &page, &[("username", user), ("password", password)]);
        if answer.status == 303 { self.follow(program, &answer) } else { answer }
    }

    #[track_caller]
    fn follow(&mut self, program: &Program, answer: &Answer) -> Answer {
        assert_eq!(answer.status, 303, "{answer:?}");
        let next = answer.header("location").unwrap().to_owned();
        self.get(program, &next)
    }

    fn header(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn keep(&mut self, answer: &Answer) {
        for cookie in answer.headers("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// The code in the owner's file.
pub(crate) fn owner_code(scratch: &Scratch) -> String {
    let text = std::fs::read_to_string(scratch.path("data").join("owner-code")).unwrap();
    let (_, rest) = text.split_once("as owner: ").unwrap();
    rest.lines().next().unwrap().to_owned()
}

/// The servers of these tests do not listen where their issuer says: of a URL the path counts.
fn path(url: &str) -> &str {
    match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => url,
    }
}

/// The forms of a page, read as a browser reads them.
fn forms(html: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    for Ok(token) in Tokenizer::new(html) {
        let Token::StartTag(tag) = token else { continue };
        let text = |name: &str| {
            let value = tag.attributes.iter().find(|(own, _)| own.as_slice() == name.as_bytes());
            value.map(|(_, value)| String::from_utf8(value.value.to_vec()).unwrap())
        };
        match tag.name.as_slice() {
            b"form" => forms.push(Form { action: text("action").unwrap_or_default(), ..Form::default() }),
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
