//! To whoever carries out commands: the running server, or a desk in this process.

use std::time::Duration;

use mcp_oauth::jose::KeyState;
use mcp_oauth::server::stored_keys;
use mcp_oauth::store::Stores;

use super::AdminError;
use super::desk::{Desk, Keys};
use super::request::{Reply, Request};
use crate::config::Config;
use crate::environment::Environment;
use crate::error::Failure;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::place::Place;
use crate::server::{Signing, build};
use crate::stores::StoreUrl;

/// Whoever carries out commands.
pub(super) enum Line {
    #[cfg(unix)]
    Socket(tokio::io::BufReader<tokio::net::UnixStream>),
    Desk(Box<Desk>),
}

/// What a command needs, where no server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// A store that is there.
    Store,
    /// A store; it is made if it is missing.
    StoreOrNew,
    /// A store that is there, and a look at the keys in it.
    KeysAsTheyAre,
    /// A store that is there, and somebody who changes the keys in it.
    Keys,
}

impl Need {
    pub(super) const fn of(request: &Request) -> Self {
        match request {
            Request::AddClient(_) => Self::StoreOrNew,
            Request::ListKeys | Request::Stats => Self::KeysAsTheyAre,
            Request::RotateKeys | Request::RevokeKey { .. } => Self::Keys,
            _ => Self::Store,
        }
    }
}

impl Line {
    /// Asks for the running server first. If there is none, the store is opened in this process; the lock on its file tells
    /// if somebody has it after all.
    ///
    /// # Cancel safety
    ///
    /// Dropped, nothing has changed but that the store may have been made.
    pub(super) async fn open(
        place: &Place,
        options: &Options,
        environment: &Environment,
        need: Need,
        unused_client: Duration,
    ) -> Result<Self, Failure> {
        #[cfg(unix)]
        match tokio::net::UnixStream::connect(place.socket()).await {
            Ok(stream) => return Ok(Self::Socket(tokio::io::BufReader::new(stream))),
            // No server has ever run here, or it has not taken its socket away.
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused) => {}
            Err(error) => return Err(AdminError::Socket(error).into()),
        }
        if !place.store.is_kept() {
            return Err(AdminError::NothingKept.into());
        }
        if let StoreUrl::File(path) = &place.store
            && need != Need::StoreOrNew
            && !path.exists()
        {
            return Err(AdminError::NoStore(path.clone()).into());
        }
        place.prepare()?;
        let opened = place.store.open(place.tls.as_ref())?;
        let keys = match need {
            Need::Keys => keeper(place, options, environment, &opened.stores).await?,
            // A server that is built looks after the keys, under the lifetimes that it was given: whoever looks changes none.
            Need::KeysAsTheyAre => stored(place, &opened.stores).await?,
            Need::Store | Need::StoreOrNew => Keys::None,
        };
        Ok(Self::Desk(Box::new(Desk::alone(keys, opened, unused_client))))
    }

    /// Has a command carried out.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the command may be carried out all the same.
    pub(super) async fn ask(&mut self, request: Request) -> Result<Reply, AdminError> {
        match self {
            #[cfg(unix)]
            Self::Socket(stream) => over_socket(stream, &request).await,
            Self::Desk(desk) => desk.answer(request).await,
        }
    }
}

/// The keys in this store, as they are. No master key is made for them: a new one opens nothing.
async fn stored(place: &Place, stores: &Stores) -> Result<Keys, Failure> {
    let Some(master) = place.kept_master_key()? else {
        let kept = stores.keys.load().await.map_err(AdminError::Store)?.is_some();
        return Ok(if kept { Keys::Sealed(place.master_key_file.clone()) } else { Keys::None });
    };
    let set = stored_keys(stores.keys.as_ref(), master).await.map_err(AdminError::Keys)?;
    Ok(set.map_or(Keys::None, Keys::Read))
}

/// Whoever has the keys of this store; nobody, if there are none or they cannot be opened.
///
/// What signs goes on doing so: only a server that was told otherwise changes the algorithm.
async fn keeper(place: &Place, options: &Options, environment: &Environment, stores: &Stores) -> Result<Keys, Failure> {
    let set = match stored(place, stores).await? {
        Keys::Read(set) => set,
        none => return Ok(none),
    };
    let signs = set.keys().iter().find(|record| matches!(record.state(), KeyState::Active { .. }));
    let signing = signs.map_or(Signing::Configured, |record| Signing::Kept(record.key().algorithm()));
    let config = Config::new(options, environment)?;
    let issuer = config.issuer(([127, 0, 0, 1], config.listen.port).into())?;
    let server = build(place, &config.policy, issuer, stores.clone(), Metrics::default(), signing).await?;
    Ok(Keys::Server(server))
}

#[cfg(unix)]
async fn over_socket(
    stream: &mut tokio::io::BufReader<tokio::net::UnixStream>,
    request: &Request,
) -> Result<Reply, AdminError> {
    use tokio::io::AsyncWriteExt as _;

    use super::request::Answer;
    use super::socket::{LONGEST, read_line};

    let mut line = serde_json::to_vec(request).map_err(|error| AdminError::Socket(error.into()))?;
    line.push(b'\n');
    if line.len() as u64 > LONGEST {
        return Err(AdminError::Usage("that is more than the running server takes".to_owned()));
    }
    // A server that has hung up may not have read all of it; what counts is whether it answers.
    let written = stream.get_mut().write_all(&line).await;
    let answer = match (read_line(stream).await, written) {
        (Ok(Some(answer)), _) => answer,
        (Ok(None), _) | (Err(_), Err(_)) => return Err(AdminError::HungUp),
        (Err(error), Ok(())) if error.kind() == std::io::ErrorKind::ConnectionReset => return Err(AdminError::HungUp),
        (Err(error), Ok(())) => return Err(AdminError::Socket(error)),
    };
    serde_json::from_slice::<Answer>(&answer).map_err(|_| AdminError::Unreadable)?.into()
}
