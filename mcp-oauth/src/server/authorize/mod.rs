//! From a link that a client opened to the answer that it gets: request, sign-in, consent, code.
//!
//! Nothing is stored before the user has consented. What a page carries from one step to the next is sealed and bound to the
//! browser, so that strangers who open pages cost no memory.
//!
//! | file | what it holds |
//! |---|---|
//! | `request` | [`Asked`]: an authorization request that was judged (RFC 6749 section 4.1.1) |
//! | `redirect` | [`Redirect`]: the only way to send a browser to a client |
//! | `cookie` | the cookies: who is signed in, and which browser it is |
//! | `sessions` | sessions that end before their time |
//! | `flow` | what pages carry, sealed |
//! | `approve` | a consent becomes a grant |

mod approve;
mod cookie;
mod flow;
mod redirect;
mod request;
mod sessions;

pub(crate) use approve::{Approved, Bound, Verdict, Wanted};
pub(crate) use cookie::{Browser, Cookies, Session, add_cookie};
pub(crate) use flow::{ConsentForm, SignInForm, Target};
pub(crate) use request::{Again, Asked, Refused};
