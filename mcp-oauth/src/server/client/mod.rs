//! Who the clients of the authorization server are.
//!
//! A client is known in one of three ways, and found by one resolver, whichever it is:
//!
//! | way | its id | where it is |
//! |---|---|---|
//! | the operator added it | chosen by the operator | the configuration, or the store |
//! | it registered itself (RFC 7591) | made by the server | the store |
//! | it publishes a document (draft-ietf-oauth-client-id-metadata-document) | the URL of the document | the cache of documents |
//!
//! | file | what it holds |
//! |---|---|
//! | `policy`, `quirks` | [`MetadataPolicy`]: what is taken of what clients say; [`Quirks`]: what real ones need otherwise |
//! | `metadata`, `redirects`, `grants`, `method`, `keys`, `text` | how it is judged, the same for registrations and documents |
//! | `error` | [`MetadataError`]: why it is refused |
//! | `registration`, `enrolment`, `fingerprint`, `response` | a registration: [`register`], its id and secrets, [`ClientResponse`] |
//! | `management` | changing and deleting it (RFC 7592) |
//! | `document_url`, `document` | the URL of a document, and what is behind it |
//! | `fetch`, `freshness`, `cache`, `documents` | fetching documents and keeping them, as [`DocumentSettings`] say |
//! | `resolve`, `expire` | the resolver and its chain; clients that nobody uses: [`expire`] |
//!
//! There is no HTTP server in here: bytes and values come in, values go out.

mod cache;
mod document;
mod document_url;
mod documents;
mod enrolment;
mod error;
mod expire;
mod fetch;
mod fingerprint;
mod freshness;
mod grants;
mod keys;
mod management;
mod metadata;
mod method;
mod policy;
mod quirks;
#[cfg(test)]
mod real_clients;
mod redirects;
mod registration;
mod resolve;
mod response;
#[cfg(test)]
mod testing;
mod text;

pub use cache::{DocumentHosts, DocumentSettings};
pub(crate) use document::DocumentFault;
pub use document_url::is_document_url;
pub(crate) use documents::Documents;
pub(crate) use enrolment::{Enrolled, enrol};
pub use error::{MemberFault, MetadataError, RedirectUrisFault, RegistrationErrorCode};
pub use expire::{Expired, SAFE_AGE, UnusedSince, expire};
pub(crate) use fetch::{FETCH_TIMEOUT, NetFetch};
pub use freshness::Freshness;
pub(crate) use management::{Managed, ReplaceError};
pub use policy::{Contradiction, MetadataPolicy, RegisteredScope, SoftwareStatements, StatementError};
pub use quirks::{Quirk, QuirkRule, Quirks, Signs};
pub use registration::{Registration, register};
pub use resolve::ConfiguredTwice;
pub(crate) use resolve::{ClientResolver, ConfiguredClients, FoundIn, Resolution, ResolverChain};
pub use response::ClientResponse;
