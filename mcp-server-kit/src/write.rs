//! Writing results: each into one buffer, with what the revision wants around it.

use std::io;

use mcp_transport::{
    exchange::meta::SERVER_INFO,
    jsonrpc::Raw,
    protocol::{Implementation, Meta, Revision},
};
use serde::Serialize;

/// What modern results begin with, written once.
#[derive(Debug)]
pub(crate) struct Heads {
    /// `"io.modelcontextprotocol/serverInfo":{..}`, or nothing if results do not name the server.
    server: Box<str>,
    /// `{"resultType":"complete","_meta":{..}`
    complete: Box<str>,
}

impl Heads {
    pub(crate) fn new(named: Option<&Implementation>) -> Result<Self, serde_json::Error> {
        let server = match named {
            None => String::new(),
            Some(info) => format!("{}:{}", serde_json::to_string(SERVER_INFO)?, serde_json::to_string(info)?),
        };
        let mut complete = r#"{"resultType":"complete""#.to_owned();
        if !server.is_empty() {
            complete.push_str(&format!(r#","_meta":{{{server}}}"#));
        }
        Ok(Self { server: server.into(), complete: complete.into() })
    }

    /// Begins a complete result; `room` is how long its members will be, about.
    pub(crate) fn complete(&self, revision: Revision, meta: Option<Meta>, room: usize) -> Writer {
        if !revision.has_result_type() {
            let mut writer = Writer::object(room);
            if let Some(meta) = meta {
                writer.member("_meta", &meta);
            }
            return writer;
        }
        match meta {
            None => {
                let mut out = String::with_capacity(self.complete.len() + room + 1);
                out.push_str(&self.complete);
                Writer { out, empty: false }
            }
            Some(meta) => self.kind("complete", Some(meta), room),
        }
    }

    /// Begins a modern result of another kind.
    pub(crate) fn kind(&self, kind: &str, meta: Option<Meta>, room: usize) -> Writer {
        let mut writer = Writer::object(self.complete.len() + room + 64);
        writer.member("resultType", kind);
        let mut members = meta.map(Meta::into_members).unwrap_or_default();
        if !self.server.is_empty() {
            members.remove(SERVER_INFO);
        }
        if !self.server.is_empty() || !members.is_empty() {
            writer.raw_member("_meta", "{");
            writer.out.push_str(&self.server);
            if !members.is_empty() {
                let mut inner = Writer { out: std::mem::take(&mut writer.out), empty: self.server.is_empty() };
                inner.splice(&members);
                writer.out = inner.out;
            }
            writer.out.push('}');
        }
        writer
    }
}

/// An object that is being written.
#[derive(Debug)]
pub(crate) struct Writer {
    out: String,
    empty: bool,
}

impl Writer {
    /// Begins an object; `room` is how long it will be, about.
    pub(crate) fn object(room: usize) -> Self {
        let mut out = String::with_capacity(room + 1);
        out.push('{');
        Self { out, empty: true }
    }

    /// Writes a number, a whole one without a fraction.
    pub(crate) fn number(&mut self, name: &'static str, number: f64) {
        self.name(name);
        let written = format!("{number}");
        self.text(&written);
    }

    /// Writes a member. What cannot be written as JSON is null; the kit passes only what can.
    pub(crate) fn member<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.name(name);
        self.value(value);
    }

    /// Writes a member whose value, or its beginning, is JSON text already.
    pub(crate) fn raw_member(&mut self, name: &'static str, json: &str) {
        self.name(name);
        self.text(json);
    }

    /// Writes JSON text as it is.
    pub(crate) fn text(&mut self, json: &str) {
        self.out.push_str(json);
    }

    /// Writes a string where a value belongs.
    pub(crate) fn string(&mut self, text: &str) {
        // Looked at as a whole, which takes a few instructions for many bytes. RFC 8259 section 7 says what is escaped.
        let escapes = |seen: bool, byte: u8| seen | (byte < 0x20) | (byte == b'"') | (byte == b'\\');
        if text.bytes().fold(false, escapes) {
            self.value(text);
        } else {
            self.out.push('"');
            self.out.push_str(text);
            self.out.push('"');
        }
    }

    /// Writes a value where one belongs.
    pub(crate) fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        let before = self.out.len();
        if serde_json::to_writer(Text(&mut self.out), value).is_err() {
            self.out.truncate(before);
            self.out.push_str("null");
        }
    }

    /// Writes all members of `object`.
    pub(crate) fn splice<T: Serialize>(&mut self, object: &T) {
        let start = self.out.len();
        if serde_json::to_writer(Text(&mut self.out), object).is_err() || self.out.get(start..) == Some("{}") {
            self.out.truncate(start);
            return;
        }
        self.out.pop();
        self.out.replace_range(start..=start, if self.empty { "" } else { "," });
        self.empty = false;
    }

    /// The object, ended.
    pub(crate) fn end(mut self) -> Raw {
        self.out.push('}');
        Raw::trusted_text(self.out)
    }

    /// The names are our own, and none has anything to escape.
    fn name(&mut self, name: &'static str) {
        self.out.push_str(if self.empty { "\"" } else { ",\"" });
        self.empty = false;
        self.out.push_str(name);
        self.out.push_str("\":");
    }
}

/// Text that a serializer appends to: it writes in whole strings, so what it writes is UTF-8 piece by piece.
struct Text<'a>(&'a mut String);

impl io::Write for Text<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(piece).map_err(|_| io::ErrorKind::InvalidData)?;
        self.0.push_str(text);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_transport::protocol::EmptyResult;
    use serde_json::{Value, json};

    fn heads() -> Heads {
        Heads::new(Some(&Implementation::new("s", "1"))).unwrap()
    }

    fn read(raw: &Raw) -> Value {
        serde_json::from_str(raw.as_str()).unwrap()
    }

    #[test]
    fn modern_results_name_their_kind_and_the_server() {
        let result = heads().complete(Revision::LATEST, None, 0).end();
        let server = json!({"io.modelcontextprotocol/serverInfo": {"name": "s", "version": "1"}});
        assert_eq!(read(&result), json!({"resultType": "complete", "_meta": server}));
        let nameless = Heads::new(None).unwrap();
        assert_eq!(nameless.complete(Revision::LATEST, None, 0).end().as_str(), r#"{"resultType":"complete"}"#);
        let meta = Meta::new().with("a", 1);
        assert_eq!(
            nameless.complete(Revision::LATEST, Some(meta), 0).end().as_str(),
            r#"{"resultType":"complete","_meta":{"a":1}}"#
        );
    }

    #[test]
    fn metadata_of_a_result_stands_beside_the_servers() {
        let meta = Meta::new().with("a", 1).with(SERVER_INFO, "forged");
        let result = read(&heads().complete(Revision::LATEST, Some(meta), 0).end());
        assert_eq!(result["_meta"]["a"], 1);
        assert_eq!(result["_meta"][SERVER_INFO]["name"], "s");
    }

    #[test]
    fn a_string_is_escaped_where_it_must_be_and_fills_its_room_exactly_where_not() {
        for text in ["", "plain, naïve", "say \"hi\"", "a\\b", "line\nline", "\u{1f}\u{7f}"] {
            let mut writer = Writer::object(r#","a":"""#.len() + text.len());
            writer.raw_member("a", "");
            writer.string(text);
            let (room, raw) = (writer.out.capacity(), writer.end());
            assert_eq!(read(&raw), json!({ "a": text }));
            let escaped = serde_json::to_string(text).unwrap().len() > text.len() + 2;
            assert_eq!(raw.as_str().len() == room, !escaped, "{text:?}");
        }
    }

    #[test]
    fn legacy_results_have_neither() {
        let mut writer = heads().complete(Revision::LATEST_LEGACY, None, 0);
        writer.splice(&EmptyResult::new());
        assert_eq!(writer.end().as_str(), "{}");
        let mut writer = heads().complete(Revision::LATEST_LEGACY, None, 0);
        writer.splice(&json!({"a": 1}));
        writer.splice(&json!({"b": 2}));
        assert_eq!(writer.end().as_str(), r#"{"a":1,"b":2}"#);
    }
}
