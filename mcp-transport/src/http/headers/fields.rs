//! The fields that every request is judged by, found in one walk over its head.
//!
//! Looking a name up costs a hash and a walk of its own, and a request is judged by eight of them.

use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN};

use super::DuplicateHeader;
use crate::protocol::Revision;

/// A field that may stand once.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::http) enum Field<'a> {
    #[default]
    Missing,
    Once(&'a HeaderValue),
    Again,
}

impl<'a> Field<'a> {
    fn see(&mut self, value: &'a HeaderValue) {
        *self = match self {
            Self::Missing => Self::Once(value),
            Self::Once(_) | Self::Again => Self::Again,
        };
    }

    /// The value of the field, as [`one`](super::one) gives it.
    pub(in crate::http) const fn one(self) -> Result<Option<&'a HeaderValue>, DuplicateHeader> {
        match self {
            Self::Missing => Ok(None),
            Self::Once(value) => Ok(Some(value)),
            Self::Again => Err(DuplicateHeader),
        }
    }

    pub(in crate::http) const fn is_missing(self) -> bool {
        matches!(self, Self::Missing)
    }
}

/// What is judged before the body is read: who speaks to us, and in which formats.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::http) struct Admission<'a> {
    pub(in crate::http) host: Field<'a>,
    pub(in crate::http) origin: Field<'a>,
    pub(in crate::http) content_type: Field<'a>,
    pub(in crate::http) accept: Field<'a>,
}

impl<'a> Admission<'a> {
    pub(in crate::http) fn of(headers: &'a HeaderMap) -> Self {
        let mut fields = Self::default();
        for (name, value) in headers {
            // `http` knows these by number, and compares numbers.
            if *name == HOST {
                fields.host.see(value);
            } else if *name == ORIGIN {
                fields.origin.see(value);
            } else if *name == CONTENT_TYPE {
                fields.content_type.see(value);
            } else if *name == ACCEPT {
                fields.accept.see(value);
            }
        }
        fields
    }
}

/// What is judged with the body at hand.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::http) struct Standard<'a> {
    pub(in crate::http) version: Field<'a>,
    pub(in crate::http) session: Field<'a>,
    pub(in crate::http) method: Field<'a>,
    pub(in crate::http) name: Field<'a>,
}

impl<'a> Standard<'a> {
    pub(in crate::http) fn of(headers: &'a HeaderMap) -> Self {
        let mut fields = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                "mcp-protocol-version" => fields.version.see(value),
                "mcp-session-id" => fields.session.see(value),
                "mcp-method" => fields.method.see(value),
                "mcp-name" => fields.name.see(value),
                _ => {}
            }
        }
        fields
    }

    /// The revision that the version header names.
    pub(in crate::http) fn revision(&self) -> Option<Revision> {
        self.version.one().ok()??.to_str().ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::headers::{MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION, MCP_SESSION_ID};
    use http::header::HeaderName;

    /// Every name is found, and a field that stands twice is not taken for one, wherever the second stands.
    #[test]
    fn fields_are_found_and_counted() {
        let names: [&HeaderName; 8] =
            [&HOST, &ORIGIN, &CONTENT_TYPE, &ACCEPT, &MCP_PROTOCOL_VERSION, &MCP_SESSION_ID, &MCP_METHOD, &MCP_NAME];
        for name in names {
            let mut headers = HeaderMap::new();
            let found = |headers: &HeaderMap| {
                let (admission, standard) = (Admission::of(headers), Standard::of(headers));
                let fields = [
                    admission.host,
                    admission.origin,
                    admission.content_type,
                    admission.accept,
                    standard.version,
                    standard.session,
                    standard.method,
                    standard.name,
                ];
                let place = names.iter().position(|other| *other == name).unwrap();
                let others = fields.iter().enumerate().filter(|(other, _)| *other != place);
                assert!(others.into_iter().all(|(_, field)| field.is_missing()), "{name}");
                fields[place].one().map(Option::<&HeaderValue>::cloned)
            };
            assert_eq!(found(&headers), Ok(None));
            headers.append(name, HeaderValue::from_static("a"));
            headers.append("x-other", HeaderValue::from_static("b"));
            assert_eq!(found(&headers), Ok(Some(HeaderValue::from_static("a"))));
            headers.append(name, HeaderValue::from_static("a"));
            assert_eq!(found(&headers), Err(DuplicateHeader));
        }
    }
}
