//! STUB
#![expect(missing_docs, clippy::exhaustive_enums, clippy::exhaustive_structs, reason = "stub")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub String);
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeSet;
impl ScopeSet {
    pub fn is_superset(&self, _: &Self) -> bool {
        true
    }
    pub fn is_empty(&self) -> bool {
        true
    }
    pub fn union(&self, _: &Self) -> Self {
        Self
    }
}
impl std::fmt::Display for ScopeSet {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
#[derive(Debug)]
pub struct Principal;
impl Principal {
    pub fn owner(&self) -> Owner {
        Owner(String::new())
    }
    pub fn ended(&self, _: std::time::SystemTime) -> Option<()> {
        None
    }
    pub fn scopes(&self) -> &ScopeSet {
        &ScopeSet
    }
}
#[derive(Debug)]
pub struct ProtectedResource;
pub struct Challenge;
impl Challenge {
    pub fn insufficient_scope(_: &ProtectedResource, _: &ScopeSet) -> Self {
        Self
    }
    pub fn to_header_value(&self) -> http::HeaderValue {
        http::HeaderValue::from_static("")
    }
}
