//! What stands on the pages.

use std::time::Duration;

use super::text::Text;
use crate::identity::{Form, SignInError};

/// Where a form is sent, and what goes with it unseen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// The address of the form, best a path. Empty: where the page came from.
    pub action: String,
    /// Hidden fields, to be sent back as they are: what finds the flow again, and what proves that the form is ours.
    /// They are the server's own, and hold no control characters: HTML cannot carry all of them.
    pub hidden: Vec<(String, String)>,
}

impl Target {
    /// A form that is sent to this address.
    #[must_use]
    pub fn new(action: &str) -> Self {
        Self { action: action.to_owned(), hidden: Vec::new() }
    }

    /// With one more hidden field.
    #[must_use]
    pub fn hidden(mut self, name: &str, value: &str) -> Self {
        self.hidden.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    label: Text,
    href: String,
}

impl Link {
    /// A link to a path of this server or to a web page; `None` for any other address: some of those run code.
    #[must_use]
    pub fn new(label: &str, href: &str) -> Option<Self> {
        let path = href.starts_with('/') && !href.starts_with("//") && !href.contains('\\');
        let web = ["https://", "http://"].iter().any(|scheme| href.starts_with(scheme));
        let written = href.bytes().all(|byte| byte.is_ascii_graphic());
        ((path || web) && written).then(|| Self { label: Text::new(label), href: href.to_owned() })
    }

    /// What it is called.
    #[must_use]
    pub const fn label(&self) -> &Text {
        &self.label
    }

    /// Where it goes. Not escaped.
    #[must_use]
    pub fn href(&self) -> &str {
        &self.href
    }
}

/// Why a sign-in has to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignInFault {
    /// What was sent proves nobody.
    Refused,
    /// It was tried too often.
    TooMany {
        /// When to try again.
        retry_after: Duration,
    },
    /// The provider cannot tell.
    Unavailable,
}

impl From<&SignInError> for SignInFault {
    fn from(error: &SignInError) -> Self {
        match error {
            SignInError::Refused => Self::Refused,
            SignInError::TooMany { retry_after } => Self::TooMany { retry_after: *retry_after },
            SignInError::Unavailable(_) => Self::Unavailable,
        }
    }
}

/// The page on which a user says who they are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignIn {
    /// What the provider asks for; `None` when it cannot be asked now, as the fault says.
    pub form: Option<Form>,
    /// Where the form is sent.
    pub target: Target,
    /// Why the one before failed.
    pub fault: Option<SignInFault>,
    /// The user name that was typed before.
    pub username: Text,
    /// What the client that asks calls itself, which is a claim. Empty if there is none.
    pub client: Text,
    /// Other ways to sign in.
    pub others: Vec<Link>,
}

impl SignIn {
    /// A first try with this form.
    #[must_use]
    pub fn new(form: Form, target: Target) -> Self {
        Self { form: Some(form), ..Self::closed(target) }
    }

    /// A page without a form: the provider cannot be asked.
    #[must_use]
    pub fn unavailable(fault: SignInFault) -> Self {
        Self { fault: Some(fault), ..Self::closed(Target::default()) }
    }

    fn closed(target: Target) -> Self {
        Self { form: None, target, fault: None, username: Text::default(), client: Text::default(), others: Vec::new() }
    }

    /// Why the one before failed.
    #[must_use]
    pub const fn fault(mut self, fault: SignInFault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// The user name that was typed before.
    #[must_use]
    pub fn username(mut self, username: &str) -> Self {
        self.username = Text::new(username);
        self
    }

    /// What the client that asks calls itself.
    #[must_use]
    pub fn client(mut self, name: &str) -> Self {
        self.client = Text::new(name);
        self
    }

    /// With another way to sign in.
    #[must_use]
    pub fn other(mut self, link: Link) -> Self {
        self.others.push(link);
        self
    }
}

/// Why a code of a device has to be typed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceFault {
    /// No device shows it (any more).
    Unknown,
    /// It was tried too often.
    TooMany {
        /// When to try again.
        retry_after: Duration,
    },
}

/// The page on which a user types the code that a device shows (RFC 8628 section 3.3).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeviceEntry {
    /// Where the form is sent.
    pub target: Target,
    /// The code, where it stood in the address (RFC 8628 section 3.3.1). The user still has to send it.
    pub user_code: Text,
    /// Why the one before failed.
    pub fault: Option<DeviceFault>,
}

impl DeviceEntry {
    /// An empty form.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self { target, user_code: Text::default(), fault: None }
    }

    /// The code is filled in already.
    #[must_use]
    pub fn user_code(mut self, code: &str) -> Self {
        self.user_code = Text::up_to(40, code);
        self
    }

    /// Why the one before failed.
    #[must_use]
    pub const fn fault(mut self, fault: DeviceFault) -> Self {
        self.fault = Some(fault);
        self
    }
}

/// How a device authorization ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The device gets its token.
    Approved,
    /// It does not.
    Denied,
}

/// The page that ends a device authorization: the user goes back to the device.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Done {
    /// How it ended.
    pub outcome: Outcome,
    /// What the client calls itself. Empty if it does not.
    pub client: Text,
}

impl Done {
    /// It ended so, for a client of this name.
    #[must_use]
    pub fn new(outcome: Outcome, client: Option<&str>) -> Self {
        Self { outcome, client: client.map(Text::new).unwrap_or_default() }
    }
}

/// The page of what went wrong and cannot be told to the client (RFC 6749 section 4.1.2.1).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ErrorPage {
    /// What went wrong, in a few words.
    pub heading: Text,
    /// What it means, and what the user can do, in a sentence or two.
    pub message: Text,
    /// The error as the protocol calls it, such as `invalid_request`. Empty if it does not.
    pub code: Text,
    /// What finds it in the log. Empty if nothing does.
    pub reference: Text,
    /// Ways out.
    pub links: Vec<Link>,
}

impl ErrorPage {
    /// This went wrong.
    #[must_use]
    pub fn new(heading: &str, message: &str) -> Self {
        Self {
            heading: Text::new(heading),
            message: Text::up_to(500, message),
            code: Text::default(),
            reference: Text::default(),
            links: Vec::new(),
        }
    }

    /// The error as the protocol calls it.
    #[must_use]
    pub fn code(mut self, code: &str) -> Self {
        self.code = Text::new(code);
        self
    }

    /// What finds it in the log.
    #[must_use]
    pub fn reference(mut self, reference: &str) -> Self {
        self.reference = Text::new(reference);
        self
    }

    /// With a way out.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_pages_only() {
        for href in ["/", "/device?x=1", "https://app.example/help", "http://localhost:1/"] {
            assert!(Link::new("x", href).is_some(), "{href}");
        }
        for href in [
            "",
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)",
            " javascript:alert(1)",
            "java\nscript:alert(1)",
            "//evil.example",
            "/\\evil.example",
            "data:text/html,x",
            "https://app.example/ x",
        ] {
            assert!(Link::new("x", href).is_none(), "{href}");
        }
    }
}
