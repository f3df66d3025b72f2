//! How the owner's one-time code reaches them.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// What stands on the page that it is for, so that the owner finds it among others. No secret.
    pub mark: &'a str,
    /// How long it is good.
    pub lifetime: Duration,
    /// Who asked for it, where that is known.
    pub peer: Option<IpAddr>,
}

impl<'a> Announcement<'a> {
    /// A code that nobody in particular asked for.
    #[must_use]
    pub const fn new(code: &'a Secret, mark: &'a str, lifetime: Duration) -> Self {
        Self { code, mark, lifetime, peer: None }
    }

    /// What is written for the owner to read.
    fn notice(&self) -> Zeroizing<String> {
        use std::fmt::Write as _;

        let mut text = Zeroizing::new(String::with_capacity(256));
        // Writing to a string does not fail.
        let _ = write!(text, "One-time code for signing in as owner: {}\n(", self.code.expose());
        let _ = write!(text, "for the page marked {}, ", self.mark);
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
    /// Shows a code. Those that were shown before stay good: each is for a page of its own.
    ///
    /// It is called at most a few times a minute, for at most [`Owner::MOST_LIVE`](super::Owner::MOST_LIVE) codes that are not
    /// over, and may block as long as writing a line takes.
    ///
    /// # Errors
    ///
    /// When it cannot be shown. It is void then.
    fn announce(&self, announcement: &Announcement<'_>) -> io::Result<()>;

    /// The code with this mark is over: it has been used, or is void.
    fn withdraw(&self, _mark: &str) {}

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

/// Writes codes to a file that its owner alone can read (mode 0600), the newest first, and takes it away when all of them are
/// over. The path goes to the log. Clones write one file.
#[derive(Clone)]
pub struct CodeFile {
    path: PathBuf,
    shown: Arc<Mutex<Vec<Shown>>>,
}

/// What stands in the file.
struct Shown {
    mark: String,
    notice: Zeroizing<String>,
}

impl CodeFile {
    /// Codes go to the file of this path. Its folder exists, and strangers cannot write there.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, shown: Arc::default() }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn shown(&self) -> MutexGuard<'_, Vec<Shown>> {
        // Whoever panicked left it whole: each change is one step.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is to stand there; nothing means no file.
    fn write(&self, shown: &[Shown]) -> io::Result<()> {
        if shown.is_empty() {
            return match std::fs::remove_file(&self.path) {
                Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        let mut text = Zeroizing::new(String::with_capacity(shown.iter().map(|one| one.notice.len()).sum()));
        shown.iter().for_each(|one| text.push_str(&one.notice));
        private_file::replace(&self.path, text.as_bytes(), None)
    }
}

impl fmt::Debug for CodeFile {
    /// Shows no code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Announce for CodeFile {
    fn announce(&self, announcement: &Announcement<'_>) -> io::Result<()> {
        let mut shown = self.shown();
        shown.insert(0, Shown { mark: announcement.mark.to_owned(), notice: announcement.notice() });
        if let Err(fault) = self.write(&shown) {
            shown.remove(0);
            return Err(fault);
        }
        tracing::info!(path = %self.path.display(), peer = ?announcement.peer, "a one-time code for the owner is in a file");
        Ok(())
    }

    fn withdraw(&self, mark: &str) {
        let mut shown = self.shown();
        shown.retain(|one| one.mark != mark);
        if let Err(fault) = self.write(&shown) {
            tracing::warn!(path = %self.path.display(), %fault, "the file of one-time codes still has a used one");
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
    pub fn or_file(path: PathBuf) -> Self {
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

    fn withdraw(&self, mark: &str) {
        self.place().withdraw(mark);
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
        let mut announcement = Announcement::new(&code, "KXBT", Duration::from_secs(600));
        announcement.peer = Some(IpAddr::from([192, 0, 2, 1]));
        assert_eq!(
            announcement.notice().as_str(),
            "One-time code for signing in as owner: BCDFG-HJKLM-NPQRS\n\
             (for the page marked KXBT, asked for by 192.0.2.1, good for 10 minutes, and for one sign-in)\n"
        );
        assert!(!format!("{announcement:?}").contains("BCDFG"));
    }

    #[test]
    fn attack_046_the_code_is_in_the_file_and_its_path_in_the_log() {
        let scratch = Scratch::new();
        let file = CodeFile::new(scratch.file("code"));
        let code = Secret::new("BCDFG-HJKLM-NPQRS".to_owned());
        let log = logged(|| file.announce(&Announcement::new(&code, "KXBT", Duration::from_secs(600))).unwrap());
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
        file.announce(&Announcement::new(&code, "KXBT", Duration::from_secs(600))).unwrap();
        assert!(std::fs::read_to_string(file.path()).unwrap().contains("BCDFG-HJKLM-NPQRS"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            assert_eq!(std::fs::metadata(file.path()).unwrap().mode() & 0o777, 0o600);
        }
        file.withdraw("KXBT");
        file.withdraw("KXBT");
        assert!(scratch.names().is_empty());
    }

    #[test]
    fn several_codes_stand_in_the_file_the_newest_first() {
        let scratch = Scratch::new();
        let file = CodeFile::new(scratch.file("code"));
        let (first, second) = (Secret::new("BBBBB".to_owned()), Secret::new("CCCCC".to_owned()));
        file.announce(&Announcement::new(&first, "KXBT", Duration::from_secs(600))).unwrap();
        file.announce(&Announcement::new(&second, "LZPN", Duration::from_secs(600))).unwrap();
        let text = || std::fs::read_to_string(file.path()).unwrap();
        assert!(text().find("CCCCC").unwrap() < text().find("BBBBB").unwrap(), "{}", text());
        assert!(text().contains("LZPN") && text().contains("KXBT"));
        file.withdraw("LZPN");
        assert!(!text().contains("CCCCC") && text().contains("BBBBB"));
        assert!(!format!("{file:?}").contains("BBBBB"));
        file.withdraw("KXBT");
        assert!(scratch.names().is_empty());
    }
}
