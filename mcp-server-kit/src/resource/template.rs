//! URI templates: simple `{variable}` expansion (RFC 6570 level 1), matched back against URIs.

use std::collections::BTreeMap;

use mcp_transport::uri::{Octet, octets};

use crate::error::BuildError;

/// A template of URIs.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    Variable(String),
}

impl Template {
    /// Reads a template. Of RFC 6570 it takes level 1: `{name}`, and two variables never touch, so that a URI can be
    /// read in one way only.
    pub(crate) fn parse(text: &str) -> Result<Self, BuildError> {
        let no = |why| BuildError::Uri { uri: text.to_owned(), why };
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            if literal.contains('}') {
                return Err(no("a brace is closed that was not opened"));
            }
            let (name, next) = after.split_once('}').ok_or_else(|| no("a brace is not closed"))?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(no("a variable is made of letters, digits and `_`; other operators are not taken"));
            }
            if parts.iter().any(|part| matches!(part, Part::Variable(other) if other == name)) {
                return Err(no("a variable stands there twice"));
            }
            if literal.is_empty() && !parts.is_empty() {
                return Err(no("two variables touch"));
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = next;
        }
        if rest.contains('}') {
            return Err(no("a brace is closed that was not opened"));
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        if !parts.iter().any(|part| matches!(part, Part::Variable(_))) {
            return Err(no("there is no variable; it is a resource, not a template"));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    pub(crate) fn matches(&self, uri: &str) -> bool {
        self.read(uri).is_some()
    }

    /// The variables of `uri`, percent-decoded; `None` if it does not match.
    ///
    /// A value is not empty, and as it stands holds none of the characters that level 1 would have encoded (RFC 6570
    /// section 3.2.2): so `/` ends it, and a path cannot climb out of its place unencoded.
    pub(crate) fn read(&self, uri: &str) -> Option<BTreeMap<String, String>> {
        let mut values = BTreeMap::new();
        let mut rest = uri;
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Part::Variable(name) => {
                    let end = match parts.peek() {
                        // The last place where the literal follows, for a value may hold its characters, too.
                        Some(Part::Literal(literal)) => {
                            let reach = rest.find(|char| !(is_plain(char) || char == '%')).unwrap_or(rest.len());
                            let end = (reach + literal.len()..rest.len())
                                .find(|at| rest.is_char_boundary(*at))
                                .unwrap_or(rest.len());
                            let within = rest.get(..end).unwrap_or(rest);
                            within.rfind(literal.as_str())?
                        }
                        Some(Part::Variable(_)) | None => rest.len(),
                    };
                    let (value, after) = rest.split_at_checked(end)?;
                    values.insert(name.clone(), decode(value)?);
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(values)
    }
}

/// RFC 3986 section 2.3: what is never encoded. Anything beyond ASCII is let through, as clients write it.
fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '.' | '_' | '~') || !char.is_ascii()
}

/// Decodes a value; `None` if it is empty, holds what it must not, or is no UTF-8.
fn decode(value: &str) -> Option<String> {
    let byte = |octet| match octet {
        // The bytes beyond ASCII are all of what `is_plain` lets through there.
        Octet::Plain(byte) => (!byte.is_ascii() || is_plain(char::from(byte))).then_some(byte),
        Octet::Escaped(byte) => Some(byte),
        Octet::Broken => None,
    };
    let bytes = octets(value.as_bytes()).map(byte).collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(template: &str, uri: &str) -> Option<Vec<String>> {
        Template::parse(template).unwrap().read(uri).map(|values| values.into_values().collect())
    }

    #[test]
    fn variables_are_read_back() {
        assert_eq!(read("test://template/{id}/data", "test://template/123/data").unwrap(), ["123"]);
        assert_eq!(read("db://{b}/{a}", "db://x/y").unwrap(), ["y", "x"]);
        assert_eq!(read("f://{name}.txt", "f://a.txt.txt").unwrap(), ["a.txt"]);
        assert_eq!(read("f://{name}-{part}", "f://a-b-c").unwrap(), ["a-b", "c"]);
        assert_eq!(read("f://{name}", "f://a%20%C3%A4b").unwrap(), ["a äb"]);
        assert_eq!(read("{scheme}://x", "file://x").unwrap(), ["file"]);
        assert_eq!(read("f:{a}--{b}/{c}", "f:x--y/ä--z").unwrap(), ["x", "y", "ä--z"]);
    }

    #[test]
    fn what_is_not_of_the_template_is_not_read() {
        for uri in ["test://template//data", "test://template/1/2/data", "test://template/1", "x"] {
            assert_eq!(read("test://template/{id}/data", uri), None, "{uri}");
        }
        for uri in ["f://a/b", "f://a?b", "f://a b", "f://%zz", "f://%ff", "f://%2", "f://%+1"] {
            assert_eq!(read("f://{name}", uri), None, "{uri}");
        }
    }

    #[test]
    fn other_operators_are_refused() {
        for bad in ["f://{+path}", "f://{?q}", "f://{a,b}", "f://{a}{b}", "f://{a}/{a}", "f://{", "f://}", "f://x"] {
            assert!(matches!(Template::parse(bad), Err(BuildError::Uri { .. })), "{bad}");
        }
    }
}
