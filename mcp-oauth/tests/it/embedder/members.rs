//! A policy of an embedder's own: members have access, and tokens say of which club.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use mcp_oauth::identity::{Access, AccessPolicy, Allowed, ClaimError, Decision, Occasion, PolicyError, Reason};
use serde_json::Value;

/// Who is a member of what.
#[derive(Debug, Default)]
pub(super) struct Members {
    clubs: Mutex<BTreeMap<String, Value>>,
    claims: Mutex<Vec<(String, Value)>>,
    asked: Mutex<Vec<(Occasion, String)>>,
    refused: Mutex<Vec<ClaimError>>,
}

impl Members {
    pub(super) fn admit(&self, user: &str, club: impl Into<Value>) {
        self.clubs.lock().unwrap().insert(user.to_owned(), club.into());
    }

    pub(super) fn dismiss(&self, user: &str) {
        self.clubs.lock().unwrap().remove(user);
    }

    /// Tries to give this claim too.
    pub(super) fn claim(&self, name: &str, value: impl Into<Value>) {
        self.claims.lock().unwrap().push((name.to_owned(), value.into()));
    }

    /// When it was asked, and about which scopes.
    pub(super) fn asked(&self) -> Vec<(Occasion, String)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// What it was told about its claims.
    pub(super) fn refused(&self) -> Vec<ClaimError> {
        std::mem::take(&mut *self.refused.lock().unwrap())
    }
}

#[async_trait]
impl AccessPolicy for Members {
    async fn decide(&self, access: &Access<'_>) -> Result<Decision, PolicyError> {
        self.asked.lock().unwrap().push((access.at, access.scopes.to_string()));
        let club = self.clubs.lock().unwrap().get(access.identity.subject.as_str()).cloned();
        let Some(club) = club else {
            return Ok(Decision::Deny(Reason::fixed("Only \"members\" come in.")));
        };
        let mut allowed = Allowed::new(access.scopes.clone()).claim("https://club.example/member", club).unwrap();
        for (name, value) in self.claims.lock().unwrap().iter() {
            match allowed.clone().claim(name, value.clone()) {
                Ok(more) => allowed = more,
                Err(fault) => self.refused.lock().unwrap().push(fault),
            }
        }
        Ok(Decision::Allow(allowed))
    }
}
