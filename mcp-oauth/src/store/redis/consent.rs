//! Consents.

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mcp_transport::auth::Subject;
use mcp_transport::net::redis::driver::Value;

use super::RedisStore;
use super::command::{Fields, json, script, texts};
use super::index::{Gone, millis_between};
use super::keys::Index;
use crate::store::{ConsentRecord, ConsentStore, ConsentsOf, StoreError};
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

    /// Consents that were remembered before there was this index are not in it: those of a client end with their users' or
    /// by their own time.
    fn consent_index_of_client(&self, client_id: &str) -> Index {
        self.keys.index("cc", Digest::of("client", &[client_id.as_bytes()]))
    }

    /// Forgets a consent that is there, and gives whether it still was.
    async fn consent_forget(&self, key: &Digest, record: &ConsentRecord) -> Result<bool, StoreError> {
        // If this reaches Redis twice it says that nothing was there, and that is true by then.
        // A consent that a fail-over brings back would let a client in without its user, so this waits for replicas.
        let gone = self.durable_command("DEL", &[self.keys.consent(key)]).await?;
        // Not at once: it may be just being given again.
        let member = [key.to_string()];
        self.index_remove(&self.consent_index(&record.subject), &member, Gone::NotFound).await?;
        self.index_remove(&self.consent_index_of_client(&record.client_id), &member, Gone::NotFound).await?;
        Ok(gone == Value::Int(1))
    }

    /// The records of these members of an index; of those without one, the index is told.
    async fn consent_records(
        &self,
        index: &Index,
        members: Vec<String>,
    ) -> Result<Vec<(Digest, ConsentRecord)>, StoreError> {
        let looked = stream::iter(members.into_iter().map(|member| async move {
            let key = member.parse().map_err(|_| StoreError::Corrupt("a member of an index is no consent"))?;
            Ok::<_, StoreError>((key, self.consent_record(&key).await?))
        }));
        let looked: Vec<(Digest, Option<ConsentRecord>)> = looked.buffered(AT_ONCE).try_collect().await?;
        let absent = looked.iter().filter(|(_, record)| record.is_none());
        let absent: Vec<String> = absent.map(|(key, _)| key.to_string()).collect();
        self.index_remove(index, &absent, Gone::NotFound).await?;
        Ok(looked.into_iter().filter_map(|(key, record)| Some((key, record?))).collect())
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
        for index in [self.consent_index(&record.subject), self.consent_index_of_client(&record.client_id)] {
            self.index_add(&index, &digest.to_string(), ends, given).await?;
        }
        let key = self.keys.consent(&digest);
        let call = self.call(&PUT, [key.as_str()]).text(json(&record)?).time(ends);
        call.number(millis_between(given, ends)).send().await.map(drop)
    }

    async fn forget(&self, key: &Digest) -> Result<bool, StoreError> {
        let Some(record) = self.consent_record(key).await? else { return Ok(false) };
        self.consent_forget(key, &record).await
    }

    async fn forget_all(&self, of: &ConsentsOf) -> Result<u64, StoreError> {
        let index = match of {
            ConsentsOf::Subject(subject) | ConsentsOf::Both(subject, _) => self.consent_index(subject),
            ConsentsOf::Client(client) => self.consent_index_of_client(client.as_str()),
        };
        let (mut forgotten, mut after) = (0, None::<String>);
        loop {
            let members = self.index_page(&index, after.as_deref(), MOST).await?;
            let Some(last) = members.last().cloned() else { return Ok(forgotten) };
            let found = self.consent_records(&index, members).await?;
            let own = stream::iter(found.into_iter().filter(|(_, record)| of.includes(record)));
            let gone = own.map(|(key, record)| async move { self.consent_forget(&key, &record).await });
            let gone: Vec<bool> = gone.buffered(AT_ONCE).try_collect().await?;
            forgotten += gone.into_iter().filter(|gone| *gone).count() as u64;
            after = Some(last);
        }
    }

    async fn of_subject(&self, subject: &Subject, now: Timestamp) -> Result<Vec<ConsentRecord>, StoreError> {
        let index = self.consent_index(subject);
        let (mut records, mut after) = (Vec::new(), None::<String>);
        while records.len() < MOST {
            let members = self.index_page(&index, after.as_deref(), MOST - records.len()).await?;
            let Some(last) = members.last().cloned() else { break };
            let found = self.consent_records(&index, members).await?;
            let own = |record: &ConsentRecord| record.subject == *subject && !record.expires_at.is_over(now);
            records.extend(found.into_iter().map(|(_, record)| record).filter(own));
            after = Some(last);
        }
        Ok(records)
    }
}
