//! The text that a tool answers with: a title, sections, lines.
//!
//! Everything that goes into a report is written through here, and so loses its control characters: no header and no
//! claim can add a line, clear a terminal, or turn the direction of the text.

use std::fmt::{Display, Write as _};

/// A report that is being written.
#[derive(Debug)]
pub(crate) struct Report(String);

impl Report {
    /// A report with a title and a rule under it.
    pub(crate) fn titled(title: &str) -> Self {
        Self(format!("{title}\n{}\n", "=".repeat(title.chars().count())))
    }

    /// Begins a section.
    pub(crate) fn section(&mut self, name: &str) -> &mut Self {
        self.0.push('\n');
        self.0.push_str(name);
        self.0.push('\n');
        self
    }

    /// A name and its value.
    pub(crate) fn item(&mut self, name: impl Display, value: impl Display) -> &mut Self {
        self.line(format_args!("{name}: {value}"))
    }

    /// A line of text.
    pub(crate) fn line(&mut self, text: impl Display) -> &mut Self {
        self.0.push_str("  ");
        let start = self.0.len();
        // Writing to a string cannot fail; a `Display` that fails leaves what it has written.
        let _ = write!(self.0, "{text}");
        if self.0.get(start..).is_some_and(|line| line.contains(needs_escape)) {
            let line = self.0.split_off(start);
            escape_into(&mut self.0, &line);
        }
        self.0.push('\n');
        self
    }

    /// The text.
    pub(crate) fn finish(mut self) -> String {
        self.0.truncate(self.0.trim_end().len());
        self.0
    }
}

/// A value that may be there.
pub(crate) fn or_not(value: Option<impl Display>) -> String {
    value.map_or_else(|| "not present".to_owned(), |value| value.to_string())
}

/// Yes or no.
pub(crate) const fn yes_no(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

/// The bytes of a header as text: what is not UTF-8 is shown as `\xNN`. Control characters are left to the report.
pub(crate) fn text_of(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Control characters, and those that reorder or hide text.
fn needs_escape(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn escape_into(out: &mut String, line: &str) {
    for char in line.chars() {
        if needs_escape(char) {
            let _ = match char {
                '\t' => out.write_str("\\t"),
                '\n' => out.write_str("\\n"),
                '\r' => out.write_str("\\r"),
                other => write!(out, "\\u{{{:x}}}", u32::from(other)),
            };
        } else {
            out.push(char);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_title_sections_and_lines() {
        let mut report = Report::titled("Größe");
        report.section("A:").item("b", 1).line("c");
        assert_eq!(report.finish(), "Größe\n=====\n\nA:\n  b: 1\n  c");
    }

    #[test]
    fn no_value_can_add_a_line_or_reach_the_terminal() {
        let mut report = Report::titled("T");
        report.item("x", "a\r\nEra: modern\u{1b}[2J\u{202e}\u{9b}\tb");
        let text = report.finish();
        assert_eq!(text.lines().count(), 3);
        assert!(text.ends_with(r"  x: a\r\nEra: modern\u{1b}[2J\u{202e}\u{9b}\tb"), "{text}");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown() {
        assert_eq!(text_of(b"a\xffb\xc3\xbc"), r"a\xffbü");
    }
}
