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
//! | `registration`, `enrolment`, `fingerprint`, `response` | a registration: [`register`], [`enrol`], [`fingerprint()`], [`ClientResponse`] |
//! | `management` | changing and deleting it (RFC 7592): [`Managed`] |
//! | `document_url`, `document` | [`DocumentUrl`], and the document behind it: [`judge_document`] |
//! | `fetch`, `freshness`, `cache`, `documents` | fetching documents and keeping them: [`FetchDocument`], [`Documents`] |
//! | `resolve`, `expire` | [`ClientResolver`] and its chain; clients that nobody uses |
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
pub use document::{DocumentError, DocumentFault, LARGEST_DOCUMENT, judge_document};
pub use document_url::{DocumentUrl, DocumentUrlError, is_document_url};
pub use documents::{DocumentAge, Documents, FoundDocument};
pub use enrolment::{Enrolled, enrol};
pub use error::{MemberFault, MetadataError, RedirectUrisFault, RegistrationErrorCode};
pub use expire::{Expired, SAFE_AGE, UnusedSince, expire};
pub use fetch::{FETCH_TIMEOUT, FetchDocument, FetchError, Fetched, NetFetch};
pub use fingerprint::fingerprint;
pub use freshness::Freshness;
pub use management::{Managed, ReplaceError, Replacement, SecretChange};
pub use policy::{Contradiction, MetadataPolicy, RegisteredScope, SoftwareStatements, StatementError};
pub use quirks::{Quirk, QuirkRule, Quirks, Signs};
pub use registration::{Registration, register};
pub use resolve::{
    ClientResolver, ConfiguredClients, ConfiguredTwice, FoundIn, Resolution, Resolved, ResolverChain, UnknownClient,
};
pub use response::ClientResponse;
