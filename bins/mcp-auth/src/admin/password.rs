//! A password from standard input: one line; from a terminal without showing it.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use mcp_oauth::identity::users_file::UserName;
use mcp_oauth::types::Secret;
use zeroize::Zeroizing;

use super::AdminError;

/// The longest line, in bytes. Longer passwords are refused by the users file.
const LONGEST: u64 = 8192;

/// Reads the password of a user.
pub(super) fn read(user: &UserName) -> Result<Secret, AdminError> {
    let stdin = io::stdin();
    let line = if stdin.is_terminal() {
        let prompted = write!(io::stderr(), "Password for {}: ", user.as_str()).and_then(|()| io::stderr().flush());
        prompted.map_err(AdminError::Password)?;
        let hidden = Hidden::begin();
        let line = line(&mut stdin.lock());
        drop(hidden);
        // The end of the line that was typed has not been shown either.
        let _ = writeln!(io::stderr());
        line
    } else {
        line(&mut stdin.lock())
    };
    line.map_err(AdminError::Password)
}

fn line(input: &mut impl io::BufRead) -> io::Result<Secret> {
    let mut text = Zeroizing::new(String::new());
    input.take(LONGEST).read_line(&mut text)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "standard input has none"));
    }
    Ok(Secret::new(line.to_owned()))
}

/// A terminal that does not show what is typed, until this goes.
struct Hidden {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Hidden {
    #[cfg(unix)]
    fn begin() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

        let before = tcgetattr(io::stdin()).ok();
        if let Some(mut modes) = before.clone() {
            modes.local_modes.remove(LocalModes::ECHO);
            // A terminal that cannot do so shows it.
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &modes);
        }
        Self { before }
    }

    #[cfg(not(unix))]
    const fn begin() -> Self {
        Self {}
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(before) = &self.before {
            let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Flush, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_its_end() {
        for (input, password) in [("pass word\n", "pass word"), ("x\r\ny", "x"), ("end", "end"), (" s ", " s ")] {
            assert_eq!(line(&mut input.as_bytes()).unwrap().expose(), password);
        }
        for input in ["", "\n", "\r\n"] {
            assert!(line(&mut input.as_bytes()).is_err(), "{input:?}");
        }
    }
}
