//! HTML, written so that only what is spelled out in the source is markup.

use super::text::{Escaped, Text};
use super::view::{Link, Target};

/// A document in the making.
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Self(String::with_capacity(6 * 1024))
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    /// Markup. It is `'static`: nothing that came from outside gets here.
    pub(super) fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Any text, escaped: for content, and for attributes in quotes.
    pub(super) fn escaped(&mut self, text: &str) -> &mut Self {
        use std::fmt::Write as _;
        // Writing to a string does not fail.
        let _ = write!(self.0, "{}", Escaped::new(text));
        self
    }

    /// A stranger's text as content, which cannot reorder what stands around it.
    pub(super) fn text(&mut self, text: &Text) -> &mut Self {
        self.markup("<bdi>").escaped(text.plain()).markup("</bdi>")
    }

    /// A paragraph of a stranger's text; nothing if there is none.
    pub(super) fn paragraph(&mut self, text: &Text) -> &mut Self {
        if text.is_empty() { self } else { self.markup("<p>").text(text).markup("</p>\n") }
    }

    /// Says at once, also to those who listen, what went wrong.
    pub(super) fn alert(&mut self, text: &str) -> &mut Self {
        self.markup("<p class=\"alert\" role=\"alert\">").escaped(text).markup("</p>\n")
    }

    /// Begins a form, with its hidden fields.
    pub(super) fn form(&mut self, target: &Target) -> &mut Self {
        self.markup("<form method=\"post\"");
        if !target.action.is_empty() {
            // An empty `action` is no valid one; without it the form goes where the page came from.
            self.markup(" action=\"").escaped(&target.action).markup("\"");
        }
        self.markup(">\n");
        for (name, value) in &target.hidden {
            self.markup("<input type=\"hidden\" name=\"").escaped(name);
            self.markup("\" value=\"").escaped(value).markup("\">\n");
        }
        self
    }

    pub(super) fn link(&mut self, link: &Link) -> &mut Self {
        self.markup("<a href=\"").escaped(link.href()).markup("\">").text(link.label()).markup("</a>")
    }

    /// A list of links; nothing if there are none.
    pub(super) fn links(&mut self, links: &[Link]) -> &mut Self {
        if links.is_empty() {
            return self;
        }
        self.markup("<ul class=\"links\">\n");
        for link in links {
            self.markup("<li>").link(link).markup("</li>\n");
        }
        self.markup("</ul>\n")
    }
}
