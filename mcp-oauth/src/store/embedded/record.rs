//! How records are written: one byte that says how, and JSON.
//!
//! JSON says what each member is, so that a later version reads what an earlier one has written: a member that is new has a
//! default. Encodings that do not (postcard, bincode) cannot hold the claims of a grant or leave a member out. What it costs
//! is far below an `fsync`.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Failure;

/// JSON, as serde writes it.
const JSON: u8 = 1;

/// Writes a record.
pub(super) fn encode(record: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(1024);
    bytes.push(JSON);
    serde_json::to_writer(&mut bytes, record).map_err(|_| Failure::Corrupt("it cannot be written as JSON"))?;
    Ok(bytes)
}

/// Reads a record.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    match bytes.split_first() {
        Some((&JSON, json)) => serde_json::from_slice(json).map_err(|_| Failure::Corrupt("it is not what was written")),
        Some(_) => Err(Failure::Corrupt("a newer version has written it")),
        None => Err(Failure::Corrupt("it is empty")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::samples::{IDLE, START, code, full_client, full_grant};
    use crate::store::rules;
    use crate::types::{Client, GrantView};

    #[test]
    fn records_survive() {
        let client = full_client("c");
        assert_eq!(decode::<Client>(&encode(&client).unwrap()).unwrap(), client);
        let view = rules::created(full_grant(), Some(code("code")), IDLE);
        assert_eq!(decode::<GrantView>(&encode(&view).unwrap()).unwrap(), view);
        assert!(view.is_live(START));
    }

    #[test]
    fn what_was_not_written_by_us_is_told() {
        let whole = encode(&full_client("c")).unwrap();
        for bytes in [&b""[..], b"\x02{}", b"\x01", b"\x01{}", &whole[..whole.len() - 1]] {
            assert!(matches!(decode::<Client>(bytes), Err(Failure::Corrupt(_))), "{bytes:?}");
        }
    }

    #[test]
    fn a_member_that_came_later_is_unknown_to_nobody() {
        let mut whole = encode(&full_client("c")).unwrap();
        whole.pop();
        whole.extend_from_slice(b",\"later\":{\"x\":[1]}}");
        assert_eq!(decode::<Client>(&whole).unwrap(), full_client("c"));
    }
}
