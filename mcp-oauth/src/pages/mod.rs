//! What people see: the pages of sign-in, consent and device authorization (feature `server`).
//!
//! | file | what it holds |
//! |---|---|
//! | `text` | [`Text`]: what is not ours, made fit to be shown; [`Escaped`] |
//! | `view` | what stands on the pages: [`SignIn`], [`DeviceEntry`], [`Done`], [`ErrorPage`] |
//! | `consent` | [`Consent`], and what it says of the client and of where the user is sent |
//! | `headers` | [`PageHeaders`], [`ContentPolicy`]: what every page is sent with |
//! | `default`, `html`, `style` | [`DefaultPages`], and what they are written with |
//!
//! The server fills in views, which are plain data; a [`Pages`] makes HTML of them. Whoever wants other pages
//! implements that, and keeps this contract:
//!
//! - Forms are sent with `POST` to [`Target::action`], with all its [`hidden`](Target::hidden) fields.
//! - Fields are called `username`, `password`, `code` and `user_code`; the buttons of consent are
//!   `decision=approve` and `decision=deny`.
//! - There is no script: the [`ContentPolicy`] cannot be made to admit one. Everything works without.
//! - What is a [`Text`] comes from strangers. Written with `Display` it is HTML already; a template engine that
//!   escapes by itself takes [`Text::plain`].
//! - Everything else is a `String` and not escaped: [`Target::action`], the names and values of hidden fields,
//!   [`Link::href`], the sentence of a provider. Write it through [`Escaped`], or have the engine escape it.
//!
//! The headers are the server's: no implementation can loosen them but by its [`ContentPolicy`].

mod consent;
mod default;
mod headers;
mod html;
mod style;
mod text;
mod view;

use std::fmt;

pub use consent::{ClientProof, ClientView, Consent, ScopeView, Way};
pub use default::DefaultPages;
pub use headers::{ContentPolicy, PageHeaders};
pub use text::{Escaped, Text};
pub use view::{DeviceEntry, DeviceFault, Done, ErrorPage, Link, Outcome, SignIn, SignInFault, Target};

/// Makes the pages: each method takes what is to be shown and gives a whole HTML document.
///
/// ```
/// use std::fmt::Write as _;
///
/// use mcp_oauth::pages::{
///     Consent, ContentPolicy, DefaultPages, DeviceEntry, Done, ErrorPage, Escaped, Pages, SignIn, Target,
/// };
///
/// /// The default pages, but for two.
/// #[derive(Debug)]
/// struct Ours(DefaultPages);
///
/// /// The beginning of a form: where it is sent, and what goes with it unseen.
/// fn form(target: &Target) -> String {
///     let mut html = format!("<form method=\"post\" action=\"{}\">", Escaped::new(&target.action));
///     for (name, value) in &target.hidden {
///         let (name, value) = (Escaped::new(name), Escaped::new(value));
///         let _ = write!(html, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
///     }
///     html
/// }
///
/// impl Pages for Ours {
///     fn policy(&self) -> ContentPolicy {
///         self.0.policy()
///     }
///
///     fn device(&self, view: &DeviceEntry) -> String {
///         format!(
///             "<!DOCTYPE html><title>TV</title>{}<input name=\"user_code\" value=\"{}\"><button>Next</button></form>",
///             form(&view.target),
///             view.user_code,
///         )
///     }
///
///     fn done(&self, done: &Done) -> String {
///         format!("<!DOCTYPE html><title>Done</title><p>Close this window and go on with {}.", done.client)
///     }
///
///     fn sign_in(&self, view: &SignIn) -> String {
///         self.0.sign_in(view)
///     }
///
///     fn consent(&self, view: &Consent) -> String {
///         self.0.consent(view)
///     }
///
///     fn error(&self, view: &ErrorPage) -> String {
///         self.0.error(view)
///     }
/// }
/// ```
pub trait Pages: Send + Sync + fmt::Debug + 'static {
    /// What the pages may load: their style sheet, and perhaps images of this server. Asked once.
    fn policy(&self) -> ContentPolicy;

    /// The page on which a user says who they are.
    fn sign_in(&self, view: &SignIn) -> String;

    /// The page on which a user allows a client something, or does not.
    fn consent(&self, view: &Consent) -> String;

    /// The page on which a user types the code that a device shows (RFC 8628 section 3.3).
    fn device(&self, view: &DeviceEntry) -> String;

    /// The page that ends a device authorization.
    fn done(&self, view: &Done) -> String;

    /// The page of what went wrong and cannot be told to the client (RFC 6749 section 4.1.2.1).
    fn error(&self, view: &ErrorPage) -> String;
}

#[cfg(test)]
mod tests;
