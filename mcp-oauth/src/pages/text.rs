//! Text that is not ours, made fit to be shown.

use std::fmt;

/// A text from outside, as it may be shown: names of clients and users, scopes, hosts, messages of errors.
///
/// It has one line and a bounded length, and nothing in it that is invisible or changes the direction of what
/// stands around it. `Display` gives HTML, escaped for element content and for quoted attributes;
/// [`plain`](Self::plain) gives the text itself. `Debug` shows nothing: it is often about a person.
///
/// ```
/// use mcp_oauth::pages::Text;
///
/// let name = Text::new("<b>\u{202e}Bank\n");
/// assert_eq!(name.to_string(), "&lt;b&gt;Bank");
/// assert_eq!(name.plain(), "<b>Bank");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text(String);

/// What stands for what was left out.
const ELLIPSIS: char = '\u{2026}';

impl Text {
    /// How many characters a text has at most, if nothing else is said.
    pub const LONGEST: usize = 100;
    /// How many characters of a host are shown: DNS has no longer ones.
    const LONGEST_HOST: usize = 253;

    /// At most [`LONGEST`](Self::LONGEST) characters of a text; an ellipsis stands for the rest.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::up_to(Self::LONGEST, text)
    }

    /// At most `most` characters of a text, the ellipsis included.
    #[must_use]
    pub fn up_to(most: usize, text: &str) -> Self {
        let mut shown = Shown { space: false, begun: false, rest: text.chars() };
        let mut kept: String = shown.by_ref().take(most).collect();
        if shown.next().is_some() {
            kept.pop();
            kept.push(ELLIPSIS);
        }
        Self(kept)
    }

    /// A host. If it is too long, it is the beginning that is left out: whose it is stands at the end.
    #[must_use]
    pub fn host(text: &str) -> Self {
        let shown: Vec<char> = Shown { space: false, begun: false, rest: text.chars() }.collect();
        match shown.len().checked_sub(Self::LONGEST_HOST) {
            None | Some(0) => Self(shown.into_iter().collect()),
            Some(surplus) => Self(std::iter::once(ELLIPSIS).chain(shown.into_iter().skip(surplus + 1)).collect()),
        }
    }

    /// The text without any escaping, for what escapes by itself.
    #[must_use]
    pub fn plain(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left to be shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped::new(&self.0).fmt(f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(..)")
    }
}

/// A text escaped for HTML: for element content, and for attributes in either quotes. For whoever writes pages without
/// a template engine, and what on them is no [`Text`]: addresses and hidden fields.
///
/// ```
/// use mcp_oauth::pages::Escaped;
///
/// assert_eq!(Escaped::new("/a?b=\"c\"&d").to_string(), "/a?b=&quot;c&quot;&amp;d");
/// ```
#[derive(Clone, Copy)]
pub struct Escaped<'a>(&'a str);

impl<'a> Escaped<'a> {
    /// This text.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Escaped<'_> {
    /// Shows nothing: it may be about a person, or prove something.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Escaped(..)")
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, special)) = rest.char_indices().find_map(|(at, found)| Some((at, entity(found)?))) {
            let (plain, after) = rest.split_at(at);
            f.write_str(plain)?;
            f.write_str(special)?;
            // Each of them is one byte long.
            rest = after.get(1..).unwrap_or_default();
        }
        f.write_str(rest)
    }
}

const fn entity(character: char) -> Option<&'static str> {
    Some(match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&#39;",
        _ => return None,
    })
}

/// The visible characters of a text, with one space in the place of any run of white space, and none at its ends.
struct Shown<'a> {
    space: bool,
    begun: bool,
    rest: std::str::Chars<'a>,
}

impl Iterator for Shown<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        loop {
            let before = self.rest.clone();
            let character = self.rest.next()?;
            if is_blank(character) {
                self.space = self.begun;
            } else if !is_hidden(character) {
                if std::mem::take(&mut self.space) {
                    // Its turn comes after the space.
                    self.rest = before;
                    return Some(' ');
                }
                self.begun = true;
                return Some(character);
            }
        }
    }
}

/// White space, and the characters that look like it without being called so.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{2800}' | '\u{3164}' | '\u{115f}' | '\u{1160}' | '\u{ffa0}')
}

/// Controls; what changes the direction of writing (Unicode annex 9); what has no width; private use, which looks
/// like anything.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_026_markup_is_text() {
        let text = Text::new(r#"<script>"onload='&amp;"#);
        assert_eq!(text.to_string(), "&lt;script&gt;&quot;onload=&#39;&amp;amp;");
        assert_eq!(text.plain(), r#"<script>"onload='&amp;"#);
        assert_eq!(Escaped::new("ä<ß>").to_string(), "ä&lt;ß&gt;");
        assert_eq!(Escaped::new("").to_string(), "");
    }

    #[test]
    fn attack_026_direction_and_invisible_characters_are_left_out() {
        for hidden in [
            '\u{202a}',
            '\u{202b}',
            '\u{202c}',
            '\u{202d}',
            '\u{202e}',
            '\u{2066}',
            '\u{2067}',
            '\u{2068}',
            '\u{2069}',
            '\u{200e}',
            '\u{200f}',
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{feff}',
            '\u{ad}',
            '\u{0}',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{e0041}',
            '\u{f8ff}',
        ] {
            assert_eq!(Text::new(&format!("{hidden}a{hidden}b{hidden}")).plain(), "ab", "{hidden:?}");
        }
        assert_eq!(Text::new("\u{5e9}\u{5dc}\u{5d5}\u{5dd}").plain(), "\u{5e9}\u{5dc}\u{5d5}\u{5dd}");
    }

    #[test]
    fn a_text_has_one_line() {
        assert_eq!(Text::new(" \t a\r\n\r\n b \u{2028}\u{a0}\u{3164} c \n").plain(), "a b c");
        assert!(Text::new(" \u{202e}\n\u{2800}").is_empty());
        assert_eq!(Text::new("a\u{200b} \u{200b} b").plain(), "a b");
    }

    #[test]
    fn attack_026_length_is_capped() {
        let long = Text::new(&"ä".repeat(10_240));
        assert_eq!(long.plain().chars().count(), Text::LONGEST);
        assert!(long.plain().ends_with("ä\u{2026}"));
        let fits = "a".repeat(Text::LONGEST);
        assert_eq!(Text::new(&fits).plain(), fits);
        assert_eq!(Text::new(&format!("{fits} \n")).plain(), fits, "nothing to see is left out");
        assert_eq!(Text::up_to(3, "abcd").plain(), "ab\u{2026}");
        assert_eq!(Text::up_to(0, "a").plain(), "\u{2026}");
    }

    #[test]
    fn a_long_host_keeps_its_end() {
        let host = format!("{}.evil.example", "login.bank.example.".repeat(100));
        let shown = Text::host(&host);
        assert_eq!(shown.plain().chars().count(), 253);
        assert!(shown.plain().starts_with(ELLIPSIS) && shown.plain().ends_with(".evil.example"));
        assert_eq!(Text::host("app.example").plain(), "app.example");
        assert_eq!(Text::host(&"a".repeat(253)).plain(), "a".repeat(253));
        assert_eq!(Text::host(&"a".repeat(254)).plain().chars().count(), 253);
    }
}
