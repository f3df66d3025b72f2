//! URIs of resources.

use crate::error::BuildError;

/// RFC 3986 section 3.1: a scheme, and what it names without white space.
pub(super) fn check(uri: &str) -> Result<(), BuildError> {
    let no = |why| Err(BuildError::Uri { uri: uri.to_owned(), why });
    let Some((scheme, rest)) = uri.split_once(':') else {
        return no("there is no scheme");
    };
    let mut bytes = scheme.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if !first || !bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) {
        return no("the scheme is made of letters, digits, `+`, `-` and `.`");
    }
    if rest.is_empty() || rest.chars().any(|char| char.is_whitespace() || char.is_control()) {
        return no("what the scheme names is empty or has white space");
    }
    Ok(())
}
