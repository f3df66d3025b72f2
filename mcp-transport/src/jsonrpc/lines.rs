//! Newline framing, as stdio has it: one message per line, with a cap on the line.

use bytes::{Bytes, BytesMut};

/// What the next line is.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a line fits or it does not")]
pub enum Line {
    /// A line without its end.
    Text(Bytes),
    /// A line that was longer than the cap. It was thrown away while it came in; the next line is sound again.
    TooLong,
}

/// Cuts a stream of bytes into lines.
///
/// It holds at most one line of the cap's length. Feed it with [`extend`](Self::extend) and take lines with
/// [`next_line`](Self::next_line); at the end of input, [`finish`](Self::finish) gives a last line that had no end.
#[derive(Debug)]
pub struct Lines {
    cap: usize,
    buffer: BytesMut,
    /// Up to here the buffer holds no newline.
    searched: usize,
    skipping: bool,
}

impl Lines {
    /// Lines of at most `cap` bytes.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Self { cap, buffer: BytesMut::new(), searched: 0, skipping: false }
    }

    /// Adds bytes. Take all lines before adding more, or they pile up.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line; lines that are empty or white space are passed over.
    pub fn next_line(&mut self) -> Option<Line> {
        loop {
            let fresh = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(at) = memchr::memchr(b'\n', fresh).map(|at| at + self.searched) else {
                self.searched = self.buffer.len();
                if self.searched > self.cap {
                    self.skipping = true;
                    self.buffer.clear();
                    self.searched = 0;
                }
                return None;
            };
            let line = self.buffer.split_to(at + 1).freeze();
            self.searched = 0;
            if std::mem::take(&mut self.skipping) || at > self.cap {
                return Some(Line::TooLong);
            }
            if let Some(text) = trimmed(&line) {
                return Some(Line::Text(text));
            }
        }
    }

    /// What is left when the input has ended.
    pub fn finish(&mut self) -> Option<Line> {
        let rest = self.buffer.split().freeze();
        self.searched = 0;
        if std::mem::take(&mut self.skipping) {
            return Some(Line::TooLong);
        }
        trimmed(&rest).map(Line::Text)
    }
}

fn trimmed(line: &Bytes) -> Option<Bytes> {
    let text = line.trim_ascii();
    (!text.is_empty()).then(|| line.slice_ref(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(cap: usize, pieces: &[&str]) -> Vec<Line> {
        let mut lines = Lines::new(cap);
        let mut out = Vec::new();
        for piece in pieces {
            lines.extend(piece.as_bytes());
            out.extend(std::iter::from_fn(|| lines.next_line()));
        }
        out.extend(lines.finish());
        out
    }

    fn text(text: &'static str) -> Line {
        Line::Text(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn lines_are_cut_wherever_the_pieces_end() {
        assert_eq!(all(9, &["a\nb", "c\r\n\n  \nd"]), [text("a"), text("bc"), text("d")]);
    }

    #[test]
    fn a_line_over_the_cap_is_thrown_away_and_the_next_is_sound() {
        assert_eq!(all(3, &["abcd\nef\n"]), [Line::TooLong, text("ef")]);
        assert_eq!(all(3, &["abcd", "efgh", "i\nxy", "z\n"]), [Line::TooLong, text("xyz")]);
        assert_eq!(all(3, &["abcdef"]), [Line::TooLong]);
    }
}
