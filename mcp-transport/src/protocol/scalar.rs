//! Identifiers that a peer chose, a string or a number, kept as their raw JSON text.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::ShapeError;

macro_rules! scalar {
    ($(#[$attribute:meta])* $name:ident, $expected:literal) => {
        $(#[$attribute])*
        ///
        /// Its JSON text stays as it came, so `1`, `1.0` and `"1"` are three values.
        #[derive(Clone)]
        pub struct $name(Arc<RawValue>);

        impl $name {
            /// Takes the JSON text of a string or a number.
            ///
            /// # Errors
            /// Any other text is a [`ShapeError`].
            pub fn from_json(text: &str) -> Result<Self, ShapeError> {
                let raw = serde_json::from_str::<Box<RawValue>>(text);
                Self::from_raw(raw.map_err(|_| ShapeError::new($expected))?)
            }

            /// The JSON text, quotes of a string included.
            #[must_use]
            pub fn as_json(&self) -> &str {
                self.0.get().trim_ascii()
            }

            fn from_raw(raw: Box<RawValue>) -> Result<Self, ShapeError> {
                match raw.get().trim_ascii().as_bytes().first() {
                    Some(b'"' | b'-' | b'0'..=b'9') => Ok(Self(raw.into())),
                    _ => Err(ShapeError::new($expected)),
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                let raw = serde_json::value::to_raw_value(text);
                Self(raw.expect("a string is written without error").into())
            }
        }

        impl From<u64> for $name {
            fn from(number: u64) -> Self {
                let raw = serde_json::value::to_raw_value(&number);
                Self(raw.expect("a number is written without error").into())
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.as_json() == other.as_json()
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.as_json().hash(state);
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.as_json())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let raw = Box::<RawValue>::deserialize(deserializer)?;
                Self::from_raw(raw).map_err(serde::de::Error::custom)
            }
        }
    };
}

scalar! {
    /// The token that ties progress notifications to the request which asked for them.
    ProgressToken, "a progress token: a string or a number"
}

scalar! {
    /// The id of a request, where params or `_meta` name one.
    RawId, "a request id: a string or a number"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_stays_as_it_came() {
        for text in ["1", "1.0", "-7", "1e2", "\"a\\u0062\"", "123456789012345678901234567890"] {
            let token: ProgressToken = serde_json::from_str(text).unwrap();
            assert_eq!(token.as_json(), text);
            assert_eq!(serde_json::to_string(&token).unwrap(), text);
        }
        assert_ne!(ProgressToken::from("1"), ProgressToken::from(1));
    }

    #[test]
    fn only_strings_and_numbers_are_taken() {
        // 2025-11-25 basic: "the ID MUST NOT be null".
        for text in ["null", "true", "[1]", "{}", "", "1 2"] {
            assert!(RawId::from_json(text).is_err(), "{text}");
        }
    }
}
