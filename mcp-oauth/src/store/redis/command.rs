//! How Redis is asked: scripts, their arguments, their answers, and what happens when none comes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use mcp_transport::net::redis::driver::{Cmd, ToRedisArgs, Value, cmd};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::RedisStore;
use super::connection::{Failure, send};
use crate::store::StoreError;
use crate::types::Timestamp;

/// A script, which Redis runs as one step.
#[derive(Debug)]
pub(super) struct Script {
    text: &'static str,
    hash: OnceLock<String>,
}

impl Script {
    pub(super) const fn new(text: &'static str) -> Self {
        Self { text, hash: OnceLock::new() }
    }

    /// What `EVALSHA` calls it by.
    fn hash(&self) -> &str {
        self.hash.get_or_init(|| {
            let mut hash = String::with_capacity(40);
            for byte in digest(&SHA1_FOR_LEGACY_USE_ONLY, self.text.as_bytes()).as_ref() {
                let _ = write!(hash, "{byte:02x}");
            }
            hash
        })
    }

    fn command(&self, name: &str, keys: &[&str], arguments: &[Vec<u8>]) -> Cmd {
        let mut command = cmd(name);
        command.arg(if name == "EVAL" { self.text } else { self.hash() }).arg(keys.len());
        command.arg(keys).arg(arguments);
        command
    }
}

/// A script out of the files of these names, with what all scripts share in front.
macro_rules! script {
    ($name:ident, $($file:literal),+) => {
        static $name: $crate::store::redis::command::Script = $crate::store::redis::command::Script::new(concat!(
            include_str!("lua/common.lua"),
            $(include_str!(concat!("lua/", $file, ".lua"))),+
        ));
    };
}
pub(super) use script;

/// A script, its keys and its arguments. It has no `Debug`: arguments are about people.
pub(super) struct Call<'a> {
    store: &'a RedisStore,
    script: &'static Script,
    keys: Vec<&'a str>,
    arguments: Vec<Vec<u8>>,
    durable: bool,
}

impl Call<'_> {
    pub(super) fn text(mut self, text: impl AsRef<[u8]>) -> Self {
        self.arguments.push(text.as_ref().to_vec());
        self
    }

    pub(super) fn number(self, number: u64) -> Self {
        self.text(number.to_string())
    }

    pub(super) fn time(self, time: Timestamp) -> Self {
        self.text(super::keys::digits(time))
    }

    pub(super) fn flag(self, flag: bool) -> Self {
        self.text(if flag { "1" } else { "0" })
    }

    /// Waits for replicas, where the options say so.
    pub(super) fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    pub(super) async fn send(self) -> Result<Answer, StoreError> {
        let command = self.script.command("EVALSHA", &self.keys, &self.arguments);
        // The node that does not know the script gets it whole, and keeps it.
        let whole = || self.script.command("EVAL", &self.keys, &self.arguments);
        let wait = if self.durable { self.store.wait.as_ref() } else { None };
        self.store.in_time(self.store.attempts(&command, Some(&whole), wait)).await.and_then(Answer::new)
    }
}

impl RedisStore {
    /// Begins a call of a script. The first argument is the name of the call.
    ///
    /// A call may reach Redis more than once: connections break after a command was sent, and the drivers of clusters
    /// send it again. So scripts note the name with what they did; one that finds its own name there gives the same
    /// answer again, and never takes itself for a second caller.
    pub(super) fn call<'a>(&'a self, script: &'static Script, keys: impl IntoIterator<Item = &'a str>) -> Call<'a> {
        self.named_call(self.call_name(), script, keys)
    }

    /// The same under a name that the caller knows: one that [`call_name`](Self::call_name) has given, for this call.
    pub(super) fn named_call<'a>(
        &'a self,
        name: String,
        script: &'static Script,
        keys: impl IntoIterator<Item = &'a str>,
    ) -> Call<'a> {
        let keys = keys.into_iter().collect();
        Call { store: self, script, keys, arguments: vec![name.into_bytes()], durable: false }
    }

    /// A name that no other call has, of this process or of another.
    pub(super) fn call_name(&self) -> String {
        format!("{}{:x}", self.name, self.calls.fetch_add(1, Ordering::Relaxed))
    }

    /// Sends a command that may be sent twice.
    pub(super) async fn command(&self, name: &str, arguments: impl ToRedisArgs) -> Result<Value, StoreError> {
        let mut command = cmd(name);
        command.arg(arguments);
        self.in_time(self.attempts(&command, None, None)).await
    }

    /// The same, and waits for replicas, where the options say so.
    pub(super) async fn durable_command(&self, name: &str, arguments: impl ToRedisArgs) -> Result<Value, StoreError> {
        let mut command = cmd(name);
        command.arg(arguments);
        self.in_time(self.attempts(&command, None, self.wait.as_ref())).await
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, StoreError> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(answer) => answer.map_err(StoreError::from),
            Err(_) => Err(StoreError::Timeout),
        }
    }

    /// Once; and once more where the connection was no good.
    async fn attempts(
        &self,
        command: &Cmd,
        whole: Option<&(dyn Fn() -> Cmd + Sync)>,
        wait: Option<&Cmd>,
    ) -> Result<Value, Failure> {
        match self.attempt(command, whole, wait).await {
            Err(failure) if failure.is_of_the_connection() => self.attempt(command, whole, wait).await,
            answer => answer,
        }
    }

    async fn attempt(
        &self,
        command: &Cmd,
        whole: Option<&(dyn Fn() -> Cmd + Sync)>,
        wait: Option<&Cmd>,
    ) -> Result<Value, Failure> {
        match (send(&self.pool, command, wait).await, whole) {
            (Err(failure), Some(whole)) if failure.is_unknown_script() => send(&self.pool, &whole(), wait).await,
            (answer, _) => answer,
        }
    }
}

/// What a script answers: a word, and more texts.
pub(super) struct Answer {
    word: String,
    rest: Vec<Vec<u8>>,
}

impl Answer {
    fn new(value: Value) -> Result<Self, StoreError> {
        let mut texts = texts(value)?.into_iter();
        let word = texts.next().and_then(|word| String::from_utf8(word).ok());
        let word = word.ok_or(StoreError::Corrupt("a script gave no answer"))?;
        if word == "version" {
            return Err(StoreError::Corrupt("it was written by another version"));
        }
        Ok(Self { word, rest: texts.collect() })
    }

    pub(super) fn word(&self) -> &str {
        &self.word
    }

    /// Makes an error of a word that the caller does not know.
    pub(super) const fn unknown<T>() -> Result<T, StoreError> {
        Err(StoreError::Corrupt("a script gave an unknown answer"))
    }

    pub(super) fn text(&self, place: usize) -> Result<&str, StoreError> {
        let text = self.rest.get(place).and_then(|text| std::str::from_utf8(text).ok());
        text.ok_or(StoreError::Corrupt("an answer is too short"))
    }

    pub(super) fn number<T: TryFrom<u64>>(&self, place: usize) -> Result<T, StoreError> {
        let number = self.text(place)?.parse::<u64>().ok().and_then(|number| T::try_from(number).ok());
        number.ok_or(StoreError::Corrupt("a number cannot be read"))
    }

    pub(super) fn into_rest(self) -> Vec<Vec<u8>> {
        self.rest
    }

    /// The rest as the fields of a hash.
    pub(super) fn into_fields(self) -> Result<Fields, StoreError> {
        Fields::new(self.rest)
    }
}

/// Every text of an answer, in order.
pub(super) fn texts(value: Value) -> Result<Vec<Vec<u8>>, StoreError> {
    fn collect(value: Value, into: &mut Vec<Vec<u8>>) -> Result<(), StoreError> {
        match value {
            Value::BulkString(text) => into.push(text),
            Value::SimpleString(text) => into.push(text.into_bytes()),
            Value::VerbatimString { text, .. } => into.push(text.into_bytes()),
            Value::Int(number) => into.push(number.to_string().into_bytes()),
            Value::Okay => into.push(b"OK".to_vec()),
            Value::Array(values) | Value::Set(values) => {
                return values.into_iter().try_for_each(|value| collect(value, into));
            }
            Value::Map(pairs) => {
                return pairs.into_iter().try_for_each(|(name, value)| {
                    collect(name, into)?;
                    collect(value, into)
                });
            }
            Value::Nil => {}
            _ => return Err(StoreError::Corrupt("redis gave an answer of another type")),
        }
        Ok(())
    }
    let mut into = Vec::new();
    collect(value, &mut into)?;
    Ok(into)
}

/// The fields of a hash.
pub(super) struct Fields(HashMap<Vec<u8>, Vec<u8>>);

impl Fields {
    /// The schema of the hashes that this version writes.
    pub(super) const VERSION: &str = "1";

    pub(super) fn new(texts: Vec<Vec<u8>>) -> Result<Self, StoreError> {
        let mut fields = HashMap::with_capacity(texts.len() / 2);
        let mut texts = texts.into_iter();
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            fields.insert(name, value);
        }
        let fields = Self(fields);
        if !fields.0.is_empty() && fields.text("v")? != Self::VERSION {
            return Err(StoreError::Corrupt("it was written by another version"));
        }
        Ok(fields)
    }

    /// Whether there is no such hash.
    pub(super) fn is_absent(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, name: &str) -> Result<Vec<u8>, StoreError> {
        self.0.remove(name.as_bytes()).ok_or(StoreError::Corrupt("a field is missing"))
    }

    pub(super) fn text(&self, name: &str) -> Result<&str, StoreError> {
        let text = self.0.get(name.as_bytes()).ok_or(StoreError::Corrupt("a field is missing"))?;
        std::str::from_utf8(text).map_err(|_| StoreError::Corrupt("a field is no text"))
    }

    pub(super) fn number<T: TryFrom<u64>>(&self, name: &str) -> Result<T, StoreError> {
        let number = self.text(name)?.parse::<u64>().ok().and_then(|number| T::try_from(number).ok());
        number.ok_or(StoreError::Corrupt("a number cannot be read"))
    }

    pub(super) fn time(&self, name: &str) -> Result<Timestamp, StoreError> {
        self.number(name).map(Timestamp::from_millis)
    }

    pub(super) fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        serde_json::from_str(self.text(name)?).map_err(|_| StoreError::Corrupt("its JSON cannot be read"))
    }
}

/// A record as JSON.
pub(super) fn json(record: &impl serde::Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|_| StoreError::Corrupt("it cannot be written as JSON"))
}
