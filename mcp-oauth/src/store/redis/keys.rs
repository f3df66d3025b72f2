//! How keys are named.

use std::fmt;

use mcp_transport::auth::ClientId;

use crate::store::{FlowKind, ReplayKind};
use crate::types::{Digest, GrantId, Timestamp};

/// The beginning of every key, and what makes the rest of it.
///
/// A key is `PREFIX:{KIND:NAME}`. What stands in braces decides the slot on a cluster, so each record has its own, and the
/// few keys that belong together share one. Names are digests, or the ids of grants: they have one length and one
/// alphabet, whatever clients and users call themselves.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    fn key(&self, kind: impl fmt::Display, name: impl fmt::Display) -> String {
        format!("{}:{{{kind}:{name}}}", self.prefix)
    }

    pub(super) fn grant(&self, id: GrantId) -> String {
        self.key("g", id)
    }

    pub(super) fn client(&self, id: &ClientId) -> String {
        self.key("c", Digest::of("client", &[id.as_str().as_bytes()]))
    }

    pub(super) fn fingerprint(&self, fingerprint: &Digest) -> String {
        self.key("cf", fingerprint)
    }

    pub(super) fn device(&self, device_code: &Digest) -> String {
        self.key("d", device_code)
    }

    pub(super) fn user_code(&self, user_code: &Digest) -> String {
        self.key("du", user_code)
    }

    pub(super) fn flow(&self, kind: FlowKind, name: &Digest) -> String {
        self.key(format_args!("f.{}", kind.as_str()), name)
    }

    pub(super) fn replay(&self, kind: ReplayKind, id: &Digest) -> String {
        self.key(format_args!("j.{}", kind.as_str()), id)
    }

    pub(super) fn consent(&self, consent: &Digest) -> String {
        self.key("co", consent)
    }

    pub(super) fn limit(&self, bucket: &Digest) -> String {
        self.key("rl", bucket)
    }

    /// What tells that the call of this name has given back into a bucket: beside it, in the same slot.
    pub(super) fn given_back(bucket: &str, call: &str) -> String {
        format!("{bucket}:{call}")
    }

    pub(super) fn server_keys(&self) -> String {
        self.key("k", 1)
    }

    /// A key that is written to see whether writing works: one of sixteen, so that each node of a cluster is asked in its
    /// turn.
    pub(super) fn probe(&self, turn: u64) -> String {
        self.key("ping", turn % 16)
    }

    /// The index of this name.
    pub(super) fn index(&self, kind: &str, name: impl fmt::Display) -> Index {
        let key = self.key(kind, name);
        Index { suspects: format!("{key}:s"), ends: format!("{key}:e"), members: key }
    }
}

/// The three keys of an index, which share a slot.
#[derive(Debug)]
pub(super) struct Index {
    /// Sorted set of the members, all with the score 0: in the order of their bytes.
    pub(super) members: String,
    /// Sorted set of the members that end, with the time of their end.
    pub(super) ends: String,
    /// Sorted set of the members of which there was no record when somebody looked, with the time of that.
    pub(super) suspects: String,
}

impl Index {
    pub(super) fn all(&self) -> [&str; 3] {
        [&self.members, &self.ends, &self.suspects]
    }
}

/// How scripts are told a time: twenty digits, so that texts compare as the times do. Lua's own numbers are doubles, which
/// [`Timestamp::NEVER`] is too large for.
pub(super) fn digits(time: Timestamp) -> String {
    format!("{:020}", time.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_has_a_slot_of_its_own() {
        let keys = Keys::new("mo1");
        let digest = Digest::sha256(b"x");
        let all = [
            keys.grant(GrantId::from_bytes([0; 16])),
            keys.client(&ClientId::parse("https://h/{c}").unwrap()),
            keys.fingerprint(&digest),
            keys.device(&digest),
            keys.user_code(&digest),
            keys.flow(FlowKind::PushedRequest, &digest),
            keys.flow(FlowKind::UpstreamState, &digest),
            keys.replay(ReplayKind::DpopProof, &digest),
            keys.consent(&digest),
            keys.limit(&digest),
            keys.server_keys(),
            keys.index("gs", digest).members,
        ];
        for (place, key) in all.iter().enumerate() {
            assert!(key.starts_with("mo1:{") && key.ends_with('}') && key.matches(['{', '}']).count() == 2, "{key}");
            assert!(!all[..place].contains(key), "{key}");
        }
        let index = keys.index("gs", digest);
        assert!(index.all().iter().all(|key| key.starts_with(&index.members)));
        assert!(Keys::given_back(&keys.limit(&digest), "1a").starts_with(&keys.limit(&digest)));
    }

    #[test]
    fn digits_compare_as_times_do() {
        let times = [0, 9, 10, 1_700_000_000_123, u64::MAX - 1, u64::MAX].map(Timestamp::from_millis);
        assert!(times.map(digits).is_sorted());
        assert!(times.map(digits).iter().all(|text| text.len() == 20));
    }
}
