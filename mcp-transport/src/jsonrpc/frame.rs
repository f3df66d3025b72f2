//! Writing messages: each function makes one frame, in one buffer, from values that are already JSON.

use bytes::{BufMut, Bytes, BytesMut};

use super::{ErrorObject, Limits, Raw, RequestId, raw::string, scan::Scanner};
use crate::protocol::ErrorWithoutId;

const HEAD: &[u8] = br#"{"jsonrpc":"2.0","#;

/// A response with a result.
#[must_use]
pub fn result(id: &RequestId, body: &Raw) -> Bytes {
    let mut out = start(id.as_json().len() + body.as_bytes().len() + 16);
    out.put_slice(br#""id":"#);
    out.put_slice(id.as_json().as_bytes());
    out.put_slice(br#","result":"#);
    out.put_slice(body.as_bytes());
    out.put_u8(b'}');
    out.freeze()
}

/// A response with an error.
#[must_use]
pub fn error(id: Option<&RequestId>, no_id: ErrorWithoutId, error: &ErrorObject) -> Bytes {
    let mut out = start(128 + error.message.len() + error.data.as_ref().map_or(0, |data| data.as_bytes().len()));
    match (id, no_id) {
        (Some(id), _) => {
            out.put_slice(br#""id":"#);
            out.put_slice(id.as_json().as_bytes());
            out.put_u8(b',');
        }
        (None, ErrorWithoutId::Null) => out.put_slice(br#""id":null,"#),
        (None, ErrorWithoutId::Omit) => {}
    }
    out.put_slice(br#""error":{"code":"#);
    out.put_slice(itoa::Buffer::new().format(error.code.get()).as_bytes());
    out.put_slice(br#","message":"#);
    put_string(&mut out, &error.message);
    if let Some(data) = &error.data {
        out.put_slice(br#","data":"#);
        out.put_slice(data.as_bytes());
    }
    out.put_slice(b"}}");
    out.freeze()
}

/// A request of our own.
#[must_use]
pub fn request(id: &RequestId, method: &str, params: Option<&Raw>) -> Bytes {
    let mut out = start(64 + method.len() + params.map_or(0, |params| params.as_bytes().len()));
    out.put_slice(br#""id":"#);
    out.put_slice(id.as_json().as_bytes());
    out.put_u8(b',');
    put_call(&mut out, method, params);
    out.freeze()
}

/// A notification.
#[must_use]
pub fn notification(method: &str, params: Option<&Raw>) -> Bytes {
    let mut out = start(32 + method.len() + params.map_or(0, |params| params.as_bytes().len()));
    put_call(&mut out, method, params);
    out.freeze()
}

/// A batch of frames.
#[must_use]
pub fn batch(frames: &[Bytes]) -> Bytes {
    let mut out = BytesMut::with_capacity(2 + frames.iter().map(|frame| frame.len() + 1).sum::<usize>());
    out.put_u8(b'[');
    for (index, frame) in frames.iter().enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        out.put_slice(frame);
    }
    out.put_u8(b']');
    out.freeze()
}

/// `object` with one member set: replaced in place if it is there, else put first. The rest is copied as it stands.
///
/// Gives `object` back unchanged if it is no object.
#[must_use]
pub fn with_member(object: &Raw, name: &str, value: &str) -> Raw {
    let text = object.as_str();
    if !object.is_object() {
        return object.clone();
    }
    let limits = Limits { depth: 512, ..Limits::default() };
    let mut scanner = Scanner::new(text, &limits);
    let mut old = None;
    scanner.peek();
    let walked = scanner.object(|scanner, member| {
        let span = scanner.value()?;
        if member.is(text, name) {
            old = Some(span);
        }
        Ok(())
    });
    if walked.is_err() {
        return object.clone();
    }
    let mut out = BytesMut::with_capacity(text.len() + name.len() + value.len() + 4);
    match old {
        Some(span) => {
            out.put_slice(text.get(..span.start()).unwrap_or_default().as_bytes());
            out.put_slice(value.as_bytes());
            out.put_slice(text.get(span.end()..).unwrap_or_default().as_bytes());
        }
        None => {
            let rest = text.get(1..).unwrap_or_default();
            out.put_u8(b'{');
            put_string(&mut out, name);
            out.put_u8(b':');
            out.put_slice(value.as_bytes());
            if !rest.trim_start().starts_with('}') {
                out.put_u8(b',');
            }
            out.put_slice(rest.as_bytes());
        }
    }
    Raw::trusted(out.freeze())
}

/// `params` with one member of its `_meta` set; the rest is copied as it stands.
#[must_use]
pub fn with_meta(params: Option<&Raw>, name: &str, value: &str) -> Raw {
    let params = params.cloned().unwrap_or(Raw::EMPTY_OBJECT);
    let meta = super::lookup(params.as_str(), &["_meta"])
        .filter(|meta| meta.starts_with('{'))
        .map_or(Raw::EMPTY_OBJECT, |meta| Raw::trusted(Bytes::copy_from_slice(meta.as_bytes())));
    with_member(&params, "_meta", with_member(&meta, name, value).as_str())
}

/// The value of a member of `object` that is a string.
pub(crate) fn string_member(object: &Raw, name: &str) -> Option<String> {
    super::lookup(object.as_str(), &[name]).and_then(string).map(Into::into)
}

/// Writes `text` as a JSON string.
pub(crate) fn put_string(out: &mut BytesMut, text: &str) {
    out.put_u8(b'"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.put_slice(rest.get(..at).unwrap_or_default().as_bytes());
        match rest.as_bytes().get(at).copied().unwrap_or_default() {
            b'"' => out.put_slice(br#"\""#),
            b'\\' => out.put_slice(br"\\"),
            b'\n' => out.put_slice(br"\n"),
            b'\r' => out.put_slice(br"\r"),
            b'\t' => out.put_slice(br"\t"),
            control => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.put_slice(br"\u00");
                for nibble in [control >> 4, control & 0xF] {
                    out.put_u8(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'));
                }
            }
        }
        rest = rest.get(at + 1..).unwrap_or_default();
    }
    out.put_slice(rest.as_bytes());
    out.put_u8(b'"');
}

fn start(more: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(HEAD.len() + more);
    out.put_slice(HEAD);
    out
}

fn put_call(out: &mut BytesMut, method: &str, params: Option<&Raw>) {
    out.put_slice(br#""method":"#);
    put_string(out, method);
    if let Some(params) = params {
        out.put_slice(br#","params":"#);
        out.put_slice(params.as_bytes());
    }
    out.put_u8(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &'static str) -> Raw {
        Raw::parse(text).unwrap()
    }

    #[test]
    fn a_member_is_replaced_or_put_first_and_the_rest_is_untouched() {
        assert_eq!(with_member(&raw(r#"{"a":1.0,"b":2}"#), "a", "3").as_str(), r#"{"a":3,"b":2}"#);
        assert_eq!(with_member(&raw(r#"{"a":1.0}"#), "c", "3").as_str(), r#"{"c":3,"a":1.0}"#);
        assert_eq!(with_member(&raw("{ }"), "c", "3").as_str(), r#"{"c":3 }"#);
        assert_eq!(with_member(&raw(r#"{"\u0061":1}"#), "a", "3").as_str(), r#"{"\u0061":3}"#);
        assert_eq!(with_member(&raw("[]"), "c", "3").as_str(), "[]");
    }

    #[test]
    fn meta_is_made_where_there_is_none() {
        assert_eq!(with_meta(None, "k", "7").as_str(), r#"{"_meta":{"k":7}}"#);
        assert_eq!(
            with_meta(Some(&raw(r#"{"uri":"x","_meta":{"t":1}}"#)), "k", "7").as_str(),
            r#"{"uri":"x","_meta":{"k":7,"t":1}}"#
        );
    }

    #[test]
    fn strings_are_written_as_serde_json_writes_them() {
        for text in ["", "plain", "q\"uote", "back\\slash", "nl\n\r\t\u{1}\u{1f}", "grüße 👋\u{7f}"] {
            let mut out = BytesMut::new();
            put_string(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn frames_are_json() {
        let id = RequestId::from_text("a\"b");
        let data = raw(r#"{"x":1}"#);
        let failed = ErrorObject::invalid_params("no \"x\"").with_data(data.clone());
        for frame in [
            result(&id, &data),
            error(Some(&id), ErrorWithoutId::Omit, &failed),
            error(None, ErrorWithoutId::Null, &failed),
            error(None, ErrorWithoutId::Omit, &failed),
            request(&id, "ping", None),
            notification("x/y", Some(&data)),
            batch(&[notification("a", None), notification("b", None)]),
        ] {
            serde_json::from_slice::<serde_json::Value>(&frame).unwrap();
        }
    }
}
