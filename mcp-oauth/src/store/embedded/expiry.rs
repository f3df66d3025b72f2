//! When records are over, in order: a sweep looks at those that are, and at no others.

use redb::ReadableTable as _;

use super::error::Failure;
use super::tables::{EXPIRY, Tables};
use super::{EmbeddedStore, consents, devices, grants};
use crate::store::StoreError;
use crate::types::Timestamp;

/// How many records one transaction of a sweep looks at, so that others do not wait long.
const CHUNK: usize = 1000;

/// In which table a record is. The numbers stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Grant = 1,
    Device = 2,
    Flow = 3,
    Replay = 4,
    Consent = 5,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Grant, Self::Device, Self::Flow, Self::Replay, Self::Consent];
}

/// The key in the table of expiry: in the order of time.
fn key(at: Timestamp, kind: Kind, record: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(9 + record.len());
    key.extend_from_slice(&at.as_millis().to_be_bytes());
    key.push(kind as u8);
    key.extend_from_slice(record);
    key
}

fn parts(key: &[u8]) -> Result<(Timestamp, Kind, &[u8]), Failure> {
    let read = || {
        let (at, rest) = key.split_first_chunk::<8>()?;
        let (kind, record) = rest.split_first()?;
        let kind = Kind::ALL.into_iter().find(|known| *known as u8 == *kind)?;
        Some((Timestamp::from_millis(u64::from_be_bytes(*at)), kind, record))
    };
    read().ok_or(Failure::Corrupt("the order of expiry"))
}

/// The key of a record by its length.
pub(super) fn fixed<const N: usize>(record: &[u8]) -> Result<&[u8; N], Failure> {
    record.try_into().map_err(|_| Failure::Corrupt("a key of another length"))
}

/// What a sweep finds of a record whose time in the order has come.
pub(super) enum Due {
    /// It is gone now.
    Swept,
    /// It was gone before.
    Gone,
    /// It lives until then.
    Until(Timestamp),
}

impl Tables<'_> {
    /// Notes when a record is over. What never is has no place in the order.
    pub(super) fn list(&mut self, at: Timestamp, kind: Kind, record: &[u8]) -> Result<(), redb::Error> {
        if at == Timestamp::NEVER { Ok(()) } else { self.expiry.insert(key(at, kind, record).as_slice(), ()) }
    }

    /// Takes that back.
    pub(super) fn unlist(&mut self, at: Timestamp, kind: Kind, record: &[u8]) -> Result<(), redb::Error> {
        self.expiry.remove(key(at, kind, record).as_slice()).map(drop)
    }

    /// Looks at up to `most` records whose time in the order has come. Gives how many it has looked at and removed.
    fn sweep(&mut self, now: Timestamp, most: usize) -> Result<(usize, usize), Failure> {
        // The time itself is over too; no key follows the last moment.
        let end = now.as_millis().saturating_add(1).to_be_bytes();
        let due: Vec<Vec<u8>> = self
            .expiry
            .range::<&[u8]>(..end.as_slice())?
            .take(most)
            .map(|entry| entry.map(|(key, _)| key.value().to_vec()))
            .collect::<Result<_, _>>()?;
        let mut swept = 0;
        for key in &due {
            let (_, kind, record) = parts(key)?;
            let found = match kind {
                Kind::Grant => grants::sweep(self, fixed(record)?, now)?,
                Kind::Device => devices::sweep(self, fixed(record)?, now)?,
                Kind::Flow => {
                    if self.flows.remove(fixed(record)?)? {
                        Due::Swept
                    } else {
                        Due::Gone
                    }
                }
                Kind::Replay => {
                    if self.replays.remove(fixed(record)?)? {
                        Due::Swept
                    } else {
                        Due::Gone
                    }
                }
                Kind::Consent => consents::sweep(self, fixed(record)?, now)?,
            };
            self.expiry.remove(key.as_slice())?;
            match found {
                Due::Swept => swept += 1,
                Due::Gone => {}
                Due::Until(at) => self.list(at, kind, record)?,
            }
        }
        Ok((due.len(), swept))
    }
}

/// Removes up to about `limit` records that are over, in transactions of their own.
pub(super) async fn sweep(store: &EmbeddedStore, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
    let mut swept = 0;
    while swept < limit {
        // Most often there is nothing to do, and then nobody waits for the writer.
        if !store.read(|transaction| is_due(&transaction.open_table(EXPIRY)?, now))? {
            break;
        }
        let most = CHUNK.min(limit - swept);
        let (looked_at, removed) = store.write(move |tables| tables.sweep(now, most)).await?;
        swept += removed;
        if looked_at < most {
            break;
        }
    }
    Ok(swept)
}

fn is_due(expiry: &redb::ReadOnlyTable<&'static [u8], ()>, now: Timestamp) -> Result<bool, Failure> {
    match expiry.first()? {
        Some((first, _)) => Ok(parts(first.value())?.0.is_over(now)),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_order_of_time() {
        let early = key(Timestamp::from_millis(255), Kind::Replay, &[9; 33]);
        let late = key(Timestamp::from_millis(256), Kind::Grant, &[0; 16]);
        assert!(early < late);
        let (at, kind, record) = parts(&late).unwrap();
        assert_eq!((at, kind, record), (Timestamp::from_millis(256), Kind::Grant, &[0; 16][..]));
        for bytes in [&b""[..], &[0; 8], &[0; 9], &[9; 40]] {
            assert!(parts(bytes).is_err());
        }
    }
}
