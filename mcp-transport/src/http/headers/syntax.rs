//! The pieces of RFC 9110 section 5.6 that media types and lists are made of.

/// Whether the byte may stand in a token (RFC 9110 section 5.6.2).
pub(super) const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_tchar(*byte))
}

/// Without the optional white space (spaces and tabs) at both ends.
pub(super) fn trim_ows(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Splits at a separator that does not stand in a quoted string; the pieces are trimmed.
pub(super) fn split_unquoted(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = text.iter().position(|byte| match *byte {
            _ if escaped => {
                escaped = false;
                false
            }
            b'\\' if quoted => {
                escaped = true;
                false
            }
            b'"' => {
                quoted = !quoted;
                false
            }
            byte => byte == separator && !quoted,
        });
        let piece = match end.and_then(|end| text.split_at_checked(end)) {
            Some((piece, tail)) => {
                rest = tail.split_first().map(|(_, tail)| tail);
                piece
            }
            None => {
                rest = None;
                text
            }
        };
        Some(trim_ows(piece))
    })
}

/// The value of a parameter: a token, or the inside of a quoted string with its escapes still in place.
#[derive(Debug, Clone, Copy)]
pub(super) struct ParameterValue<'a>(&'a [u8]);

impl ParameterValue<'_> {
    /// Compares without regard to case, after taking the quoting away.
    pub(super) fn eq_ignore_ascii_case(self, other: &str) -> bool {
        let mut escaped = false;
        let ours = self.0.iter().filter(|byte| {
            let escape = **byte == b'\\' && !escaped;
            escaped = escape;
            !escape
        });
        ours.map(u8::to_ascii_lowercase).eq(other.bytes().map(|byte| byte.to_ascii_lowercase()))
    }

    pub(super) const fn raw(&self) -> &[u8] {
        self.0
    }
}

/// `name=value`; nothing if it is neither a token nor a quoted string (RFC 9110 section 5.6.6).
pub(super) fn parameter(text: &[u8]) -> Option<(&[u8], ParameterValue<'_>)> {
    let equals = text.iter().position(|byte| *byte == b'=')?;
    let (name, value) = text.split_at_checked(equals)?;
    let (_, value) = value.split_first()?;
    if !is_token(name) {
        return None;
    }
    if let [b'"', inner @ .., b'"'] = value {
        return is_quoted_inner(inner).then_some((name, ParameterValue(inner)));
    }
    is_token(value).then_some((name, ParameterValue(value)))
}

/// Whether no bare quote stands inside, and no backslash escapes the closing one.
fn is_quoted_inner(inner: &[u8]) -> bool {
    let mut escaped = false;
    for byte in inner {
        match *byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return false,
            _ => {}
        }
    }
    !escaped
}

/// A parameter, or nothing where one is malformed.
pub(super) type Parameter<'a> = Option<(&'a [u8], ParameterValue<'a>)>;

/// `type/subtype` and its parameters. Empty parameters (`;;`) are skipped, as RFC 9110 section 5.6.6 allows.
pub(super) fn media_type(text: &[u8]) -> Option<(&[u8], impl Iterator<Item = Parameter<'_>>)> {
    let mut pieces = split_unquoted(text, b';');
    let essence = pieces.next()?;
    let slash = essence.iter().position(|byte| *byte == b'/')?;
    let (kind, subtype) = essence.split_at_checked(slash)?;
    let (_, subtype) = subtype.split_first()?;
    if !is_token(kind) || !is_token(subtype) {
        return None;
    }
    Some((essence, pieces.filter(|piece| !piece.is_empty()).map(parameter)))
}
