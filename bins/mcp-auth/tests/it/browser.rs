//! A browser that a script drives: cookies, forms, and no JavaScript.

use std::io;
use std::net::SocketAddr;

use scripted_browser::{Jar, forms, with_fields};

use crate::program::{Program, Scratch};
use crate::wire::{Answer, Request, try_send_to};

/// Keeps cookies, as browsers do.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    cookies: Jar,
}

impl Browser {
    pub(crate) fn get(&mut self, program: &Program, url: &str) -> Answer {
        self.try_get(program.address, url).unwrap()
    }

    /// The same of a server that may go away in the middle.
    pub(crate) fn try_get(&mut self, address: SocketAddr, url: &str) -> io::Result<Answer> {
        let cookies = self.cookies.header();
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
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let form = with_fields(forms(&page.body), &names).unwrap_or_else(|| panic!("no form has {names:?}: {page:?}"));
        let cookies = self.cookies.header();
        // As browsers do from pages that send no referrer.
        let headers = [("Cookie", cookies.as_str()), ("Origin", "null"), ("Sec-Fetch-Site", "same-origin")];
        Request::form(path(&form.action), &headers, &form.filled(fields))
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

    fn keep(&mut self, answer: &Answer) {
        for cookie in answer.headers("set-cookie") {
            self.cookies.keep(cookie);
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
pub(crate) fn path(url: &str) -> &str {
    match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => url,
    }
}
