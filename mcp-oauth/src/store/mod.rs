//! What the authorization server remembers, and what it asks of whoever keeps it.
//!
//! | trait | what it keeps | what must be atomic |
//! |---|---|---|
//! | [`ClientStore`] | registered clients | `insert` (with its fingerprint), `replace`, `delete` |
//! | [`GrantStore`] | grants, with their code and the lineage of their refresh token | `create`, `redeem_code`, `advance`, `end` |
//! | [`DeviceStore`] | device authorizations (RFC 8628) | `create`, `decide`, `poll` |
//! | [`ConsentStore`] | what users have allowed before | - |
//! | [`FlowStore`] | small things that are used once, or for a while | `put`, `raise`, `take` |
//! | [`ReplayCache`] | ids that may be used once | `first_use` |
//! | [`KeyStore`] | the sealed keys of the server | `publish` |
//! | [`RateLimiter`] | who asks too often | `check`, `give_back` |
//! | [`Maintenance`] | - | - |
//!
//! A back-end implements those that it can keep; [`Stores`] puts them together, each from where it fits.
//!
//! # What every back-end guarantees
//!
//! - **What could race is one call.** Of any number of calls at the same time, by any number of processes, exactly
//!   one is told that it was the first. Nobody reads, decides and writes.
//! - **What was answered stays.** When a call has returned, its effect survives the end of the process, to the
//!   degree that the back-end promises (memory: not at all). A call that fails, or whose future is dropped, has
//!   happened as a whole or not at all, and the caller does not know which; the few that may leave a part say so.
//! - **What is over is absent.** A record whose time has come is not given out, whether it has been swept or not.
//! - **Time comes from the caller.** No back-end reads a clock to judge a record; Redis's own expiry is only a broom,
//!   set later than the judgement.
//! - **An error is not a verdict.** A [`StoreError`] says nothing about a token, a code or a client: it becomes 503
//!   or 500, never `invalid_grant` and never a reuse.
//! - **No secret comes in.** Callers hand over digests and sealed bytes.
//!
//! The suite that comes with it holds a back-end to it.

mod client;
#[cfg(feature = "testing")]
pub mod contract;
mod device;
#[cfg(feature = "embedded")]
pub mod embedded;
mod error;
mod grant;
mod key;
mod limit;
pub mod memory;
mod once;
#[cfg(feature = "redis")]
pub mod redis;
pub mod rules;
mod stores;

pub use client::{ClientStore, Inserted, Page, Replaced, Touched, Versioned};
pub use device::{Decided, Decision, DeviceCreated, DeviceRecord, DeviceState, DeviceStore, Effect, Poll};
pub use error::{BoxError, StoreError};
pub use grant::{Advance, By, GrantStore, Redeem, Rotation};
pub use key::{KeyStore, Published, Revised};
pub use limit::{Permit, Quota, RateLimiter};
pub use once::{ConsentRecord, ConsentStore, ConsentsOf, FlowKind, FlowStore, ReplayCache, ReplayKind, Stored};
pub use stores::{Maintenance, Stores};
