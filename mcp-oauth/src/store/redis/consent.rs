//! Consents.

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mcp_transport::auth::Subject;
use mcp_transport::net::redis::driver::Value;

use super::RedisStore;
use super::command::{Fields, json, script, texts};
use super::index::{Gone, millis_between};
use super::keys::Index;
use crate::store::{ConsentRecord, ConsentStore, StoreError};
use crate::types::{Digest, Timestamp};

script!(PUT, "consent_put");

/// How many consents of a user are given at most.
const MOST: usize = 1000;
/// How many records are asked for at the same time.
const AT_ONCE: usize = 16;

impl RedisStore {
    fn consent_index(&self, subject: &Subject) -> Index {
        self.keys.index("cs", Digest::of("subject", &[subject.as_str().as_bytes()]))
    }

    async fn consent_record(&self, key: &Digest) -> Result<Option<ConsentRecord>, StoreError> {
        let fields = Fields::new(texts(self.command("HGETALL", &[self.keys.consent(key)]).await?)?)?;
        if fields.is_absent() { Ok(None) } else { fields.json("b").map(Some) }
    }
}

#[async_trait]
impl ConsentStore for RedisStore {
    async fn consent(&self, key: &Digest, now: Timestamp) -> Result<Option<ConsentRecord>, StoreError> {
        Ok(self.consent_record(key).await?.filter(|record| !record.expires_at.is_over(now)))
    }

    async fn remember(&self, record: ConsentRecord) -> Result<(), StoreError> {
        let (digest, given, ends) = (record.key(), record.given_at, record.expires_at);
        let index = self.consent_index(&record.subject);
        self.index_add(&index, &digest.to_string(), ends, given).await?;
        let key = self.keys.consent(&digest);
        let call = self.call(&PUT, [key.as_str()]).text(json(&record)?).time(ends);
        call.number(millis_between(given, ends)).send().await.map(drop)
    }

    async fn forget(&self, key: &Digest) -> Result<bool, StoreError> {
        let Some(record) = self.consent_record(key).await? else { return Ok(false) };
        // If this reaches Redis twice it says that nothing was there, and that is true by then.
        let gone = self.command("DEL", &[self.keys.consent(key)]).await?;
        // Not at once: it may be just being given again.
        self.index_remove(&self.consent_index(&record.subject), &[key.to_string()], Gone::NotFound).await?;
        Ok(gone == Value::Int(1))
    }

    async fn of_subject(&self, subject: &Subject, now: Timestamp) -> Result<Vec<ConsentRecord>, StoreError> {
        let index = self.consent_index(subject);
        let (mut records, mut after) = (Vec::new(), None::<String>);
        while records.len() < MOST {
            let members = self.index_page(&index, after.as_deref(), MOST - records.len()).await?;
            let Some(last) = members.last().cloned() else { break };
            let looked = stream::iter(members.into_iter().map(|member| async move {
                let key = member.parse().map_err(|_| StoreError::Corrupt("a member of an index is no consent"))?;
                Ok::<_, StoreError>((member, self.consent_record(&key).await?))
            }));
            let looked: Vec<_> = looked.buffered(AT_ONCE).try_collect().await?;
            let absent = looked.iter().filter(|(_, record)| record.is_none());
            let absent: Vec<String> = absent.map(|(member, _)| member.clone()).collect();
            self.index_remove(&index, &absent, Gone::NotFound).await?;
            let own = |record: &ConsentRecord| record.subject == *subject && !record.expires_at.is_over(now);
            records.extend(looked.into_iter().filter_map(|(_, record)| record).filter(own));
            after = Some(last);
        }
        Ok(records)
    }
}
