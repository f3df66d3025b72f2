//! The pages that come with the server.

mod consent;

use std::time::Duration;

use super::html::Html;
use super::style::STYLE;
use super::text::Text;
use super::view::{DeviceEntry, DeviceFault, Done, ErrorPage, Outcome, SignIn, SignInFault};
use super::{Consent, ContentPolicy, Pages};
use crate::identity::{Fields, Form};

/// Small pages in plain HTML: no script, nothing loaded from anywhere, readable on a telephone, in the dark, and by
/// ear.
#[derive(Clone, Debug)]
pub struct DefaultPages {
    service: Text,
}

impl DefaultPages {
    /// Pages of a service of this name.
    #[must_use]
    pub fn new(service: &str) -> Self {
        Self { service: Text::new(service) }
    }

    /// A document with this title and heading, and one part that is its own.
    fn document(
        &self,
        title: &'static str,
        heading: impl FnOnce(&mut Html),
        content: impl FnOnce(&mut Html),
    ) -> String {
        let mut html = Html::new();
        html.markup("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        html.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>").markup(title);
        if !self.service.is_empty() {
            html.markup(" - ").escaped(self.service.plain());
        }
        html.markup("</title>\n<style>").markup(STYLE).markup("</style>\n</head>\n<body>\n<main>\n<h1>");
        heading(&mut html);
        html.markup("</h1>\n");
        content(&mut html);
        html.markup("</main>\n</body>\n</html>\n");
        html.finish()
    }

    /// What the heading of a page ends with.
    fn to_service(&self, html: &mut Html, without: &'static str, with: &'static str) {
        if self.service.is_empty() {
            html.markup(without);
        } else {
            html.markup(with).text(&self.service);
        }
    }
}

impl Default for DefaultPages {
    /// Pages of a service without a name.
    fn default() -> Self {
        Self::new("")
    }
}

impl Pages for DefaultPages {
    fn policy(&self) -> ContentPolicy {
        ContentPolicy::strict().style(STYLE)
    }

    fn sign_in(&self, view: &SignIn) -> String {
        self.document(
            "Sign in",
            |html| self.to_service(html, "Sign in", "Sign in to "),
            |html| {
                if !view.client.is_empty() {
                    html.markup("<p>An application that calls itself ").text(&view.client);
                    html.markup(" asks for access.</p>\n");
                }
                if let Some(fault) = view.fault {
                    html.alert(&sign_in_fault(fault));
                }
                if let Some(form) = &view.form {
                    sign_in_form(html, form, view);
                }
                if !view.others.is_empty() {
                    html.markup("<h2>Other ways to sign in</h2>\n").links(&view.others);
                }
            },
        )
    }

    fn consent(&self, view: &Consent) -> String {
        self.document(
            "Allow access?",
            |html| {
                html.markup("Allow access?");
            },
            |html| consent::content(html, view),
        )
    }

    fn device(&self, view: &DeviceEntry) -> String {
        self.document(
            "Connect a device",
            |html| self.to_service(html, "Connect a device", "Connect a device to "),
            |html| {
                if let Some(fault) = view.fault {
                    html.alert(&device_fault(fault));
                }
                // RFC 8628 section 5.4: a code that somebody else sent is an attack.
                html.markup(
                    "<p>Type the code that your device shows. If somebody sent you a code, close this page.</p>\n",
                );
                html.form(&view.target);
                html.markup("<label for=\"user_code\">Code on the device</label>\n");
                html.markup("<input class=\"code\" id=\"user_code\" name=\"user_code\" type=\"text\" maxlength=\"40\"");
                html.markup(
                    " autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" required autofocus",
                );
                html.markup(" value=\"").escaped(view.user_code.plain()).markup("\">\n");
                html.markup(
                    "<div class=\"buttons\"><button type=\"submit\" class=\"go\">Continue</button></div>\n</form>\n",
                );
            },
        )
    }

    fn done(&self, view: &Done) -> String {
        let heading = match view.outcome {
            Outcome::Approved => "The device is connected",
            Outcome::Denied => "The device was turned away",
        };
        self.document(
            heading,
            |html| {
                html.markup(heading);
            },
            |html| {
                html.markup("<p>");
                if !view.client.is_empty() {
                    html.markup("The application that calls itself ").text(&view.client);
                    html.markup(match view.outcome {
                        Outcome::Approved => " now has access. ",
                        Outcome::Denied => " has no access. ",
                    });
                }
                html.markup("You can close this page and go back to the device.</p>\n");
            },
        )
    }

    fn error(&self, view: &ErrorPage) -> String {
        self.document(
            "Something went wrong",
            |html| {
                if view.heading.is_empty() {
                    html.markup("Something went wrong");
                } else {
                    html.text(&view.heading);
                }
            },
            |html| {
                html.paragraph(&view.message);
                html.links(&view.links);
                for (label, text) in [("Error: ", &view.code), ("Reference: ", &view.reference)] {
                    if !text.is_empty() {
                        html.markup("<p class=\"soft\">")
                            .markup(label)
                            .markup("<code>")
                            .text(text)
                            .markup("</code></p>\n");
                    }
                }
            },
        )
    }
}

fn sign_in_form(html: &mut Html, form: &Form, view: &SignIn) {
    html.paragraph(&Text::up_to(500, &form.sentence));
    html.form(&view.target);
    match form.fields {
        Fields::Password => {
            html.markup("<label for=\"username\">User name</label>\n");
            html.markup(
                "<input id=\"username\" name=\"username\" type=\"text\" maxlength=\"256\" autocomplete=\"username\"",
            );
            html.markup(" autocapitalize=\"none\" spellcheck=\"false\" required");
            // The first field that is empty comes first.
            html.markup(if view.username.is_empty() { " autofocus" } else { "" });
            html.markup(" value=\"").escaped(view.username.plain()).markup("\">\n");
            html.markup("<label for=\"password\">Password</label>\n");
            html.markup("<input id=\"password\" name=\"password\" type=\"password\" maxlength=\"1024\"");
            html.markup(" autocomplete=\"current-password\" required");
            html.markup(if view.username.is_empty() { "" } else { " autofocus" }).markup(">\n");
        }
        Fields::Code => {
            html.markup("<label for=\"code\">One-time code</label>\n");
            html.markup("<input class=\"code\" id=\"code\" name=\"code\" type=\"text\" maxlength=\"64\"");
            html.markup(" autocomplete=\"one-time-code\" autocapitalize=\"characters\" spellcheck=\"false\"");
            html.markup(" required autofocus>\n");
        }
    }
    html.markup("<div class=\"buttons\"><button type=\"submit\" class=\"go\">Sign in</button></div>\n</form>\n");
}

fn sign_in_fault(fault: SignInFault) -> String {
    match fault {
        SignInFault::Refused => "That did not work. Check what you typed, and try again.".to_owned(),
        SignInFault::TooMany { retry_after } => too_many(retry_after),
        SignInFault::Unavailable => "Signing in does not work at the moment. Try again later.".to_owned(),
    }
}

fn device_fault(fault: DeviceFault) -> String {
    match fault {
        DeviceFault::Unknown => "No device shows this code, or its time is over. Check it, and try again.".to_owned(),
        DeviceFault::TooMany { retry_after } => too_many(retry_after),
    }
}

fn too_many(retry_after: Duration) -> String {
    match retry_after.as_millis().div_ceil(1000) {
        0 | 1 => "Too many tries. Try again in a second.".to_owned(),
        seconds @ 2..=90 => format!("Too many tries. Try again in {seconds} seconds."),
        seconds => format!("Too many tries. Try again in {} minutes.", seconds.div_ceil(60)),
    }
}
