//! JSON from strangers, read strictly.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep values may be nested. Key sets need three.
const DEEPEST: u8 = 16;

/// The object that these bytes are, if they are one: UTF-8 without a byte order mark, with nothing behind it, and no
/// member named twice at any depth.
///
/// RFC 8259 section 4 leaves open which of two equal members counts. Two readers of one document may then disagree
/// about it, so there is no reading.
pub(super) fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict(DEEPEST).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// A value that may be nested this deep.
#[derive(Clone, Copy)]
struct Strict(u8);

impl Strict {
    fn below<E: Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(below)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is named twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_one_object() {
        let text = r#" {"a":[1,-2,2.5,true,null,"x\n"],"b":{"a":{}}} "#;
        assert_eq!(
            object(text.as_bytes()).unwrap(),
            *serde_json::from_str::<Value>(text).unwrap().as_object().unwrap()
        );
    }

    #[test]
    fn refuses_what_can_be_read_in_two_ways() {
        // RFC 8259 4: names "SHOULD be unique"; 8.1: UTF-8, and no byte order mark.
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(17), "]".repeat(17));
        for bytes in [
            &br#"{"a":1,"a":1}"#[..],
            br#"{"a":1,"\u0061":2}"#,
            br#"{"b":{"a":1,"a":2}}"#,
            br#"{"b":[{"a":1,"a":2}]}"#,
            b"\xef\xbb\xbf{}",
            b"\xff\xfe{\0}\0",
            b"{\"a\":\"\xff\"}",
            b"{} {}",
            b"{}x",
            b"[]",
            b"null",
            b"",
            b"<html>",
            br#"{"a":NaN}"#,
            deep.as_bytes(),
        ] {
            assert_eq!(object(bytes), None, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
