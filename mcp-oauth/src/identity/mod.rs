//! Who the user is, and what they may have here.
//!
//! | file | what it holds |
//! |---|---|
//! | `provider` | the seam: [`IdentityProvider`], what it is given and what it says |
//! | `provider_id` | [`ProviderId`], and the subjects that belong to it |
//! | `providers` | [`Providers`]: those of one server, held to their own subjects |
//! | `owner`, `owner/codes`, `one_time_code` | [`Owner`]: the one person who can read the server's terminal |
//! | `announce` | [`Announce`]: how the owner's code reaches them |
//! | `users_file` | users in a file, with argon2id passwords (feature `users-file`) |
//! | `policy` | the seam: [`AccessPolicy`], asked at consent and again at each refresh |
//! | `allow_users` | [`AllowAll`], [`AllowUsers`] |
//!
//! A provider says who somebody is; a policy says what that person may do with a client. Neither knows the other,
//! and neither knows HTTP, so that either can be replaced.
//!
//! Nothing here limits how often an address or an account may try: whoever calls does, with a
//! [`RateLimiter`](crate::store::RateLimiter) that all processes share. What a provider bounds by itself is its memory,
//! and the tries of a code that it made.

mod allow_users;
mod announce;
#[cfg(test)]
mod log;
mod one_time_code;
mod owner;
mod policy;
mod provider;
mod provider_id;
mod providers;
#[cfg(feature = "users-file")]
pub mod users_file;

pub use allow_users::{AllowAll, AllowUsers};
pub use announce::{Announce, Announcement, CodeFile, Console, Terminal};
pub use owner::Owner;
pub use policy::{Access, AccessPolicy, Allowed, ClaimError, Decision, Occasion, PolicyError, Reason};
pub use provider::{Attempt, Begin, Fields, Form, IdentityProvider, SignInError, Standing, Step};
pub use provider_id::{ProviderId, ProviderIdError};
pub use providers::{Providers, RepeatedProvider};
