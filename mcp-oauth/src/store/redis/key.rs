//! The server's keys.

use async_trait::async_trait;
use bytes::Bytes;

use super::RedisStore;
use super::command::{Answer, Fields, script, texts};
use crate::store::{KeyStore, Published, Revised, StoreError};

script!(PUBLISH, "key_publish");

#[async_trait]
impl KeyStore for RedisStore {
    async fn load(&self) -> Result<Option<Revised>, StoreError> {
        let mut fields = Fields::new(texts(self.command("HGETALL", &[self.keys.server_keys()]).await?)?)?;
        if fields.is_absent() {
            return Ok(None);
        }
        Ok(Some(Revised { revision: fields.number("rev")?, document: fields.take("x")?.into() }))
    }

    async fn publish(&self, expected: Option<u64>, document: Bytes) -> Result<Published, StoreError> {
        let key = self.keys.server_keys();
        let expected = expected.map(|revision| revision.to_string()).unwrap_or_default();
        let answer = self.call(&PUBLISH, [key.as_str()]).text(expected).text(document).durable().send().await?;
        match answer.word() {
            "done" => answer.number(0).map(Published::Done),
            "conflict" => Ok(Published::Conflict),
            _ => Answer::unknown(),
        }
    }
}
