//! Texts for people, cleaned; and URLs for people, judged.

use mcp_transport::auth::ResourceId;

/// The longest URL that is kept.
const LONGEST_URL: usize = 2048;

/// A text without what a page must not show: control characters, and format characters that turn its direction or have
/// no width. White space becomes single spaces. At most `longest` characters; `None` if nothing is left.
pub(super) fn clean(text: &str, longest: usize) -> Option<String> {
    let mut cleaned = String::with_capacity(text.len().min(4 * longest));
    let mut characters = 0;
    let mut gap = false;
    for character in text.chars() {
        if character.is_whitespace() {
            gap = true;
        } else if !character.is_control() && !is_format(character) {
            let room = characters + 1 + usize::from(gap && characters > 0);
            if room > longest {
                break;
            }
            if gap && characters > 0 {
                cleaned.push(' ');
            }
            gap = false;
            cleaned.push(character);
            characters = room;
        }
    }
    (!cleaned.is_empty()).then_some(cleaned)
}

/// Characters of Unicode's category Cf and its kin that change how their neighbours look, or that nobody sees.
const fn is_format(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether a page may link to it: `https`, or `http` on loopback, without fragment and user information.
pub(super) fn is_link(text: &str) -> bool {
    // A resource identifier has the same grammar (RFC 8707 section 2), with the loopback exception that we want.
    text.len() <= LONGEST_URL && ResourceId::parse(text).is_ok()
}

/// Whether the server may fetch it: `https` alone. Where it leads is judged when it is fetched.
pub(super) fn is_https(text: &str) -> bool {
    is_link(text) && text.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_must_not_show_goes() {
        for (text, cleaned) in [
            ("Claude", Some("Claude")),
            ("  My \t\r\n App ", Some("My App")),
            ("a\u{202e}b\u{0}c\u{1b}[31m", Some("abc[31m")),
            ("\u{200b}\u{feff}", None),
            ("", None),
            ("Zażółć 日本語 🦀", Some("Zażółć 日本語 🦀")),
            ("<b>&amp;", Some("<b>&amp;")),
        ] {
            assert_eq!(clean(text, 100).as_deref(), cleaned, "{text:?}");
        }
        assert_eq!(clean(&"ä".repeat(101), 100).unwrap().chars().count(), 100);
        assert_eq!(clean("ab cd", 3).as_deref(), Some("ab"));
    }

    #[test]
    fn links() {
        assert!(is_link("https://h/p?q=1") && is_link("http://localhost:3000/"));
        assert!(is_https("https://h/jwks.json") && !is_https("http://localhost/jwks.json"));
        for text in ["http://h/", "javascript:alert(1)", "data:text/html,x", "https://u@h/", "https://h/#f", "h", ""] {
            assert!(!is_link(text), "{text}");
        }
    }
}
