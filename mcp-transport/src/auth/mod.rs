//! STUB
#![expect(missing_docs, clippy::exhaustive_enums, clippy::exhaustive_structs, reason = "stub")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub String);
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeSet;
#[derive(Debug)]
pub struct Principal;
