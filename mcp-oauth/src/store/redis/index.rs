//! Indexes: which records there are, of a subject, of a client, or at all.

use std::time::Duration;

use super::RedisStore;
use super::command::{script, texts};
use super::keys::Index;
use crate::store::StoreError;
use crate::types::Timestamp;

script!(ADD, "index_add");
script!(REMOVE, "index_remove");

/// Into how many parts the indexes of everything are cut, so that no single key takes every write.
pub(super) const SHARDS: u8 = 16;

/// Which part has what begins with this byte.
pub(super) const fn shard(byte: u8) -> u8 {
    byte % SHARDS
}

/// Why a member goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// Its record is over, and will not come back.
    Over,
    /// There is no record: it is gone, or just being written.
    NotFound,
}

impl RedisStore {
    /// Puts a member into an index, before its record is written.
    pub(super) async fn index_add(
        &self,
        index: &Index,
        member: &str,
        ends: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // Scores are doubles: what ends beyond all counting does not end.
        let score = if ends.as_millis() < 1 << 53 { ends.as_millis().to_string() } else { String::new() };
        // Clocks differ: a day later it is over for all of them.
        let over = now.before(Duration::from_secs(86_400)).as_millis();
        let call = self.call(&ADD, index.all()).text(member).text(score);
        call.number(over).number(millis_between(now, ends)).send().await.map(drop)
    }

    /// Takes members out.
    pub(super) async fn index_remove(&self, index: &Index, members: &[String], why: Gone) -> Result<(), StoreError> {
        if members.is_empty() {
            return Ok(());
        }
        let how = if why == Gone::Over { "now" } else { "later" };
        let call = self.call(&REMOVE, index.all()).text(how);
        members.iter().fold(call, |call, member| call.text(member)).send().await.map(drop)
    }

    /// At most `limit` members, in order, after `after`.
    pub(super) async fn index_page(
        &self,
        index: &Index,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let from = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        let limit = limit.to_string();
        let value = self.command("ZRANGEBYLEX", &[&index.members, &from, "+", "LIMIT", "0", &limit]).await?;
        let text = |text| String::from_utf8(text).map_err(|_| StoreError::Corrupt("a member of an index is no text"));
        texts(value)?.into_iter().map(text).collect()
    }
}

/// How long from `now` until `end`.
pub(super) fn millis_between(now: Timestamp, end: Timestamp) -> u64 {
    end.as_millis().saturating_sub(now.as_millis())
}
