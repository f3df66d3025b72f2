//! How the owner's one-time code reaches them.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::private_file;
use crate::types::Secret;

/// A code that the owner is to see.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Announcement<'a> {
    /// The code, as it is to be shown.
    pub code: &'a Secret,
    /// How long it is good.
    pub lifetime: Duration,
    /// Who asked for it, where that is known.
    pub peer: Option<IpAddr>,
}

impl<'a> Announcement<'a> {
    /// A code that nobody in particular asked for.
    #[must_use]
    pub const fn new(code: &'a Secret, lifetime: Duration) -> Self {
        Self { code, lifetime, peer: None }
    }

    /// What is written for the owner to read.
    fn notice(&self) -> Zeroizing<String> {
        use std::fmt::Write as _;

        let mut text = Zeroizing::new(String::with_capacity(256));
        // Writing to a string does not fail.
        let _ = write!(text, "One-time code for signing in as owner: {}\n(", self.code.expose());
        let _ = match self.peer {
            Some(peer) => write!(text, "asked for by {peer}, "),
            None => Ok(()),
        };
        let _ = writeln!(text, "good for {} minutes, and for one sign-in)", self.lifetime.as_secs() / 60);
        text
    }
}

/// Shows one-time codes to the owner, and to nobody else.
///
/// A code never goes to the log: logs are shipped, and kept.
pub trait Announce: Send + Sync + fmt::Debug + 'static {
    /// Shows a code. The one that was shown before is over.
    ///
    /// It is called at most a few times a minute, and may block as long as writing a line takes.
    ///
    /// # Errors
    ///
    /// When it cannot be shown. It is void then.
    fn announce(&self, announcement: &Announcement<'_>) -> io::Result<()>;

    /// The code that was shown last is over: it has been used, or is void.
    fn withdraw(&self) {}

    /// Where the owner finds the code, as a sentence for the page. Anybody may read it: no path, no host.
    fn whereabouts(&self) -> &'static str;
}

/// Writes codes to standard error, for a person who looks at it.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no state")]
pub struct Terminal;

impl Announce for Terminal {
    fn announce(&self, announcement: &Announcement<'_>) -> io::Result<()> {
        let mut stderr = io::stderr().lock();
        stderr.write_all(announcement.notice().as_bytes())?;
        stderr.flush()
    }

    fn whereabouts(&self) -> &'static str {
        "The code is on the terminal of the server."
    }
}

/// Writes codes to a file that its owner alone can read (mode 0600), and takes it away when the code is over. The path
/// goes to the log.
#[derive(Clone, Debug)]
pub struct CodeFile(PathBuf);

impl CodeFile {
    /// Codes go to the file of this path. Its folder exists, and strangers cannot write there.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Announce for CodeFile {
    fn announce(&self, announcement: &Announcement<'_>) -> io::Result<()> {
        private_file::replace(&self.0, announcement.notice().as_bytes(), None)?;
        tracing::info!(path = %self.0.display(), peer = ?announcement.peer, "a one-time code for the owner is in a file");
        Ok(())
    }

    fn withdraw(&self) {
        if let Err(fault) = std::fs::remove_file(&self.0)
            && fault.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %fault, "the file of a used one-time code stays");
        }
    }

    fn whereabouts(&self) -> &'static str {
        "The code is in a file on the server. The server's log says which."
    }
}

/// The [`Terminal`] if standard error is one, else a [`CodeFile`].
///
/// What a supervisor gives a program as a terminal (`docker run -t`) counts as one, though it keeps what is written:
/// such a set-up should hand in a [`CodeFile`] instead.
#[derive(Clone, Debug)]
pub struct Console(CodeFile);

impl Console {
    /// Without a terminal, codes go to the file of this path.
    #[must_use]
    pub const fn or_file(path: PathBuf) -> Self {
        Self(CodeFile::new(path))
    }

    fn place(&self) -> &dyn Announce {
        if io::stderr().is_terminal() { &Terminal } else { &self.0 }
    }
}

impl Announce for Console {
    fn announce(&self, announcement: &Announcement<'_>) -> io::Result<()> {
        self.place().announce(announcement)
    }

    fn withdraw(&self) {
        self.place().withdraw();
    }

    fn whereabouts(&self) -> &'static str {
        self.place().whereabouts()
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::logged;
    use super::*;
    use crate::private_file::Scratch;

    #[test]
    fn the_notice_says_the_code_and_who_asked() {
        let code = Secret::new("BCDFG-HJKLM-NPQRS".to_owned());
        let mut announcement = Announcement::new(&code, Duration::from_secs(600));
        announcement.peer = Some(IpAddr::from([192, 0, 2, 1]));
        assert_eq!(
            announcement.notice().as_str(),
            "One-time code for signing in as owner: BCDFG-HJKLM-NPQRS\n\
             (asked for by 192.0.2.1, good for 10 minutes, and for one sign-in)\n"
        );
        assert!(!format!("{announcement:?}").contains("BCDFG"));
    }

    #[test]
    fn attack_046_the_code_is_in_the_file_and_its_path_in_the_log() {
        let scratch = Scratch::new();
        let file = CodeFile::new(scratch.file("code"));
        let code = Secret::new("BCDFG-HJKLM-NPQRS".to_owned());
        let log = logged(|| file.announce(&Announcement::new(&code, Duration::from_secs(600))).unwrap());
        assert!(log.contains(file.path().to_str().unwrap()), "{log}");
        for group in code.expose().split('-') {
            assert!(!log.contains(group), "{log}");
        }
        assert!(std::fs::read_to_string(file.path()).unwrap().contains(code.expose()));
    }

    #[test]
    fn the_file_is_private_and_goes_with_its_code() {
        let scratch = Scratch::new();
        let file = CodeFile::new(scratch.file("code"));
        let code = Secret::new("BCDFG-HJKLM-NPQRS".to_owned());
        file.announce(&Announcement::new(&code, Duration::from_secs(600))).unwrap();
        assert!(std::fs::read_to_string(file.path()).unwrap().contains("BCDFG-HJKLM-NPQRS"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            assert_eq!(std::fs::metadata(file.path()).unwrap().mode() & 0o777, 0o600);
        }
        file.withdraw();
        file.withdraw();
        assert!(scratch.names().is_empty());
    }
}
