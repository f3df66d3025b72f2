//! The codes that are live: each for one browser.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::super::one_time_code::Typed;
use crate::store::{Permit, Quota, rules};
use crate::types::{Digest, Timestamp};

/// A code.
#[derive(Debug)]
pub(super) struct Live {
    /// The browser that it was made for, and the only one that can use it, or use up its tries.
    pub(super) browser: Option<Digest>,
    /// Who asked for it, where that is known.
    pub(super) network: Option<Vec<u8>>,
    pub(super) mark: String,
    pub(super) digest: Digest,
    pub(super) expires_at: Timestamp,
    pub(super) wrong: u32,
}

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It was right, and the code with this mark is used up.
    Right(String),
    /// It was wrong, or there was nothing to judge.
    Wrong,
    /// It was wrong once too often: the code with this mark is void.
    Void(String),
}

/// All codes that are live, the oldest first; and who had some made a short while ago.
#[derive(Debug, Default)]
pub(super) struct Codes {
    live: Vec<Live>,
    /// When as many codes may be made at once as ever.
    full_at: Option<Timestamp>,
    /// The same for each network. Those that are full are left out, so there are no more than codes made in the period.
    networks: BTreeMap<Vec<u8>, Timestamp>,
}

impl Codes {
    /// Takes out those whose time is over, and gives their marks.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<String> {
        let (over, live) = std::mem::take(&mut self.live).into_iter().partition(|code| code.expires_at.is_over(now));
        self.live = live;
        over.into_iter().map(|code: Live| code.mark).collect()
    }

    /// The mark of the code of a browser.
    pub(super) fn mark_of(&self, browser: Option<Digest>) -> Option<&str> {
        self.live.iter().find(|code| code.browser == browser).map(|code| code.mark.as_str())
    }

    /// Whether a live code has this mark.
    pub(super) fn has_mark(&self, mark: &str) -> bool {
        self.live.iter().any(|code| code.mark == mark)
    }

    /// Counts one more that is made for this network, or says when there may be one.
    ///
    /// One network leaves a code for others, as long as there is more than one in all.
    pub(super) fn count(&mut self, network: Option<&[u8]>, quota: Quota, now: Timestamp) -> Result<(), Duration> {
        self.networks.retain(|_, full_at| !full_at.is_over(now));
        let own = network.map(|network| {
            let burst = NonZeroU32::new(quota.burst.get() - 1).unwrap_or(quota.burst);
            let kept = self.networks.get(network).copied();
            (network, rules::gcra(kept, Quota { burst, period: quota.period }, 1, now))
        });
        if let Some((_, (Permit::Denied { retry_after }, _))) = own {
            return Err(retry_after);
        }
        let (permit, full_at) = rules::gcra(self.full_at, quota, 1, now);
        if let Permit::Denied { retry_after } = permit {
            return Err(retry_after);
        }
        self.full_at = full_at.or(self.full_at);
        if let Some((network, (_, Some(full_at)))) = own {
            self.networks.insert(network.to_vec(), full_at);
        }
        Ok(())
    }

    /// Makes room for one more among so many. The one that goes, given by its mark, is the oldest of the network that has most:
    /// whoever opens one page after the other pushes out their own.
    pub(super) fn make_room(&mut self, most: usize) -> Option<String> {
        if self.live.len() < most {
            return None;
        }
        let of = |network: &Option<Vec<u8>>| self.live.iter().filter(|code| code.network == *network).count();
        let largest = self.live.iter().map(|code| of(&code.network)).max()?;
        let oldest = self.live.iter().position(|code| of(&code.network) == largest)?;
        Some(self.live.remove(oldest).mark)
    }

    /// Adds one that its owner has been shown.
    pub(super) fn add(&mut self, code: Live) {
        self.live.push(code);
    }

    /// Judges what was typed in a browser. After so many wrong tries the code is void.
    pub(super) fn judge(&mut self, browser: Option<Digest>, typed: Typed, tries: u32, now: Timestamp) -> Judged {
        let own = |code: &Live| code.browser == browser && !code.expires_at.is_over(now);
        let Some(place) = self.live.iter().position(own) else { return Judged::Wrong };
        let Some(code) = self.live.get_mut(place) else { return Judged::Wrong };
        match typed {
            // A form sent by mistake costs no try.
            Typed::Nothing => return Judged::Wrong,
            Typed::Code(presented) if presented.matches(&code.digest) => {
                return Judged::Right(self.live.remove(place).mark);
            }
            Typed::Code(_) | Typed::Malformed => code.wrong += 1,
        }
        if code.wrong < tries { Judged::Wrong } else { Judged::Void(self.live.remove(place).mark) }
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.live.len()
    }
}
