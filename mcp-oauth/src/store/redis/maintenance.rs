//! Whether Redis can serve, and whether it is set up to keep what it is given.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use mcp_transport::net::redis::driver::Value;
use thiserror::Error;

use super::RedisStore;
use super::command::{script, texts};
use crate::store::{Maintenance, StoreError};
use crate::types::Timestamp;

script!(TIME, "time");

/// The oldest version that does.
const OLDEST: (u32, u32) = (6, 2);
const NOTHING: &[&str] = &[];
/// By how much the clocks may differ.
const MOST_SKEW: Duration = Duration::from_secs(5);

/// Redis cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// It could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is too old.
    #[error("Redis {major}.{minor} is too old: 6.2 or newer is needed")]
    Version {
        /// Its version.
        major: u32,
        /// Its version.
        minor: u32,
    },
}

/// What a [`check_server`](RedisStore::check_server) finds that is no error, but has to be known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Finding {
    /// Redis throws records away when its memory is full.
    #[error(
        "an evicting Redis logs people out silently, and forgets which codes were used: set maxmemory-policy noeviction \
         (it is {0})"
    )]
    Evicting(String),
    /// Redis does not say what it does when its memory is full.
    #[error("Redis does not tell its maxmemory-policy: make sure that it is noeviction")]
    UnknownEviction,
    /// Redis writes nothing down as it happens.
    #[error("Redis has no append-only file: what happened last is lost when it restarts (set appendonly yes)")]
    NoAppendOnlyFile,
    /// The clocks differ.
    #[error("the clock of Redis and ours differ by {0:?}: synchronise them")]
    Skew(Duration),
}

impl RedisStore {
    /// Looks whether this Redis will do: its version, that it evicts nothing, writes down what happens, and has the time
    /// `now`. Findings are logged as warnings, and given.
    ///
    /// # Errors
    ///
    /// When Redis cannot be asked, or is older than 6.2.
    ///
    /// # Cancel safety
    ///
    /// It only reads.
    pub async fn check_server(&self, now: Timestamp) -> Result<Vec<Finding>, CheckError> {
        let mut findings = Vec::new();
        for info in reports(self.command("INFO", NOTHING).await?) {
            let (major, minor) = version(&info)?;
            if (major, minor) < OLDEST {
                return Err(CheckError::Version { major, minor });
            }
            let policy = line(&info, "maxmemory_policy");
            let policy = match policy {
                Some("noeviction") => None,
                Some(policy) => Some(Finding::Evicting(policy.chars().take(32).collect())),
                None => Some(Finding::UnknownEviction),
            };
            let unwritten = (line(&info, "aof_enabled") != Some("1")).then_some(Finding::NoAppendOnlyFile);
            for finding in [policy, unwritten].into_iter().flatten() {
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
        }
        let key = self.keys.server_keys();
        let answer = self.call(&TIME, [key.as_str()]).send().await?;
        let theirs = answer.word().parse().map_err(|_| StoreError::Corrupt("a clock cannot be read"))?;
        let theirs = Timestamp::from_millis(theirs);
        let skew = theirs.since(now).max(now.since(theirs));
        if skew > MOST_SKEW {
            findings.push(Finding::Skew(skew));
        }
        for finding in &findings {
            tracing::warn!("{finding}");
        }
        Ok(findings)
    }
}

/// What each node says: one text, or on a cluster the texts of all masters with their addresses.
fn reports(value: Value) -> Vec<String> {
    let parts = texts(value).unwrap_or_default().into_iter().filter_map(|text| String::from_utf8(text).ok());
    parts.filter(|text| text.contains("redis_version:")).collect()
}

fn line<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

fn version(info: &str) -> Result<(u32, u32), StoreError> {
    let mut parts = line(info, "redis_version").unwrap_or_default().split('.').map(|part| part.parse().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => Ok((major, minor)),
        _ => Err(StoreError::Corrupt("redis does not tell its version")),
    }
}

#[async_trait]
impl Maintenance for RedisStore {
    async fn ping(&self) -> Result<(), StoreError> {
        // A write that does nothing else: a Redis that is full, a replica, or one that cannot save refuses it.
        let key = self.keys.probe(self.calls.fetch_add(1, Ordering::Relaxed));
        self.command("SET", &[key.as_str(), "1", "PX", "60000"]).await.map(drop)
    }

    async fn sweep(&self, _: Timestamp, _: u32) -> Result<u32, StoreError> {
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read_line_by_line() {
        let info =
            "# Server\r\nredis_version:7.0.15\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:0\r\n";
        assert_eq!(line(info, "maxmemory_policy"), Some("allkeys-lru"));
        assert_eq!(line(info, "maxmemory"), Some("0"));
        assert_eq!(line(info, "aof"), None);
        assert_eq!(version(info).unwrap(), (7, 0));
        assert!(version("redis_version:x").is_err() && version("").is_err());
        let nodes = Value::Map(vec![
            (Value::SimpleString("a:1".to_owned()), Value::BulkString(info.into())),
            (Value::SimpleString("b:1".to_owned()), Value::BulkString(info.into())),
        ]);
        assert_eq!(reports(nodes).len(), 2);
    }
}
