//! What the bare server answers to `tools/call` of `echo`: fixed bytes with the id and the message spliced in.
//!
//! Part of the baseline: this file changes only with a line in `benches/README.md`.

use std::error::Error;
use std::fmt;

use serde_json::value::RawValue;

/// The place of the request's id in a template: it is written as the client wrote it.
const ID: &str = "{id}";
/// The place of the message in a template: it is written as a JSON string, quotes included.
const MESSAGE: &str = "{message}";

/// A body of an answer, cut at the places of the id and of the message.
///
/// The text is JSON in which `{id}` stands where the id belongs and `{message}` where the message belongs (the quotes are
/// part of what is put there), each exactly once and the id first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    before_id: Box<[u8]>,
    before_message: Box<[u8]>,
    after: Box<[u8]>,
}

/// A text that is no [`Template`].
#[derive(Debug, PartialEq, Eq)]
pub struct NotATemplate(());

impl Template {
    /// The answer of revision 2026-07-28.
    pub const MODERN: &str = concat!(
        r#"{"jsonrpc":"2.0","id":{id},"result":{"resultType":"complete","#,
        r#""content":[{"type":"text","text":{message}}],"#,
        r#""_meta":{"io.modelcontextprotocol/serverInfo":{"name":"mcp-echo","version":"0.1.0"}}}}"#,
    );

    /// The answer of the revisions before 2026-07-28.
    pub const LEGACY: &str = r#"{"jsonrpc":"2.0","id":{id},"result":{"content":[{"type":"text","text":{message}}]}}"#;

    /// Cuts a text at its places.
    ///
    /// # Errors
    /// If a place is missing, is there twice, or the message comes before the id.
    pub fn parse(text: &str) -> Result<Self, NotATemplate> {
        let (before_id, rest) = text.split_once(ID).ok_or(NotATemplate(()))?;
        let (before_message, after) = rest.split_once(MESSAGE).ok_or(NotATemplate(()))?;
        let leftover = [before_id, before_message, after];
        if leftover.iter().any(|part| part.contains(ID) || part.contains(MESSAGE)) {
            return Err(NotATemplate(()));
        }
        Ok(Self {
            before_id: before_id.as_bytes().into(),
            before_message: before_message.as_bytes().into(),
            after: after.as_bytes().into(),
        })
    }

    /// Writes the answer to one request into one buffer.
    ///
    /// # Errors
    /// None in practice: a string always has a JSON form.
    pub fn render(&self, id: &RawValue, message: &str) -> serde_json::Result<Vec<u8>> {
        let id = id.get().as_bytes();
        // Two for the quotes. A message with escapes makes the buffer grow, which a plain one does not.
        let room = self.before_id.len() + id.len() + self.before_message.len() + message.len() + 2 + self.after.len();
        let mut body = Vec::with_capacity(room);
        body.extend_from_slice(&self.before_id);
        body.extend_from_slice(id);
        body.extend_from_slice(&self.before_message);
        serde_json::to_writer(&mut body, message)?;
        body.extend_from_slice(&self.after);
        Ok(body)
    }
}

impl fmt::Display for NotATemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a template: {ID} and {MESSAGE} once each, in this order")
    }
}

impl Error for NotATemplate {}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn id_and_message_are_spliced() {
        let body = Template::parse(Template::LEGACY).unwrap().render(&raw("\"a\\u0062\""), "say \"hi\"\n").unwrap();
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"jsonrpc":"2.0","id":"a\u0062","result":{"content":[{"type":"text","text":"say \"hi\"\n"}]}}"#
        );
    }

    #[test]
    fn built_in_answers_are_json_and_fill_their_buffer_exactly() {
        for text in [Template::MODERN, Template::LEGACY] {
            let body = Template::parse(text).unwrap().render(&raw("17"), "plain").unwrap();
            assert_eq!(body.len(), body.capacity());
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(value["id"], 17);
            assert_eq!(value["result"]["content"][0]["text"], "plain");
        }
    }

    #[test]
    fn a_place_missing_doubled_or_out_of_order_is_refused() {
        for text in [
            "{}",
            "{id}",
            "{message}",
            "{message}{id}",
            "{id}{id}{message}",
            "{id}{message}{message}",
            "{id}{message}{id}",
        ] {
            assert_eq!(Template::parse(text), Err(NotATemplate(())), "{text}");
        }
    }
}
