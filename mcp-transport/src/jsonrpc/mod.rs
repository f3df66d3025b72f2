//! JSON-RPC 2.0 as MCP uses it: scanning, classifying and framing messages.
//!
//! A message is walked **once**, by its scanner: the walk proves that the text is one well-formed JSON value within the
//! [`Limits`], that no object in it names a member twice, and notes where the members of the envelope, of `params` and
//! of `_meta` stand. Everything after that works on slices of the received bytes, so what was judged is what is
//! forwarded: a member that this crate does not know survives untouched.
//!
//! Nothing here does I/O or knows the time.

mod batch;
mod defect;
mod error;
mod escape;
pub mod frame;
mod id;
mod lines;
mod lookup;
mod message;
mod params;
mod raw;
mod scan;
mod span;

#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) use self::error::shown;
#[cfg(feature = "http")]
pub(crate) use self::params::Value;
pub use self::{
    batch::{Batch, Incoming},
    defect::{Defect, DefectKind, Limits},
    error::{Code, ErrorObject},
    id::RequestId,
    lines::{Line, Lines},
    lookup::lookup,
    message::{Message, Notification, Request, Response},
    params::Params,
    raw::Raw,
};
