//! Users with many grants, and how long it takes to refresh one of them.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::User;
use super::requests::{Target, member};
use crate::client::Connection;
use crate::histogram::Histogram;

/// A user, and the newest refresh token of each grant that the client has from that user.
#[derive(Debug)]
pub struct Holder {
    name: String,
    target: Target,
    connection: Connection<TcpStream>,
    tokens: Vec<Box<str>>,
    random: u64,
}

impl Holder {
    /// Connects. The number names the user.
    ///
    /// # Errors
    /// Those of the connection.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn open(address: SocketAddr, number: usize) -> io::Result<Self> {
        Ok(Self {
            name: format!("holder-{number}"),
            target: Target::new(address),
            connection: Connection::open(address).await?,
            tokens: Vec::new(),
            random: number as u64,
        })
    }

    /// Signs in, and gets grants until there are so many.
    ///
    /// # Errors
    /// Those of the connection, and `InvalidData` for what is no answer to a sign-in.
    ///
    /// # Cancel safety
    /// None, as [`Connection::exchange`].
    pub async fn fill(&mut self, grants: usize) -> io::Result<()> {
        let mut user = User::sign_in(&mut self.connection, &self.target, &self.name).await?;
        self.tokens.reserve_exact(grants.saturating_sub(self.tokens.len()));
        while self.tokens.len() < grants {
            self.tokens.push(user.tokens().await?.refresh.into());
        }
        Ok(())
    }

    /// Refreshes one grant after the other, each time any of them, and notes how long each took.
    ///
    /// # Errors
    /// Those of the connection, and `InvalidData` if a live grant is not refreshed.
    ///
    /// # Cancel safety
    /// None, as [`Connection::exchange`].
    pub async fn refresh(&mut self, time: Duration, latency: &Arc<Mutex<Histogram>>) -> io::Result<()> {
        let started = Instant::now();
        while started.elapsed() < time {
            let any = self.any();
            let Some(token) = self.tokens.get_mut(any) else { return Ok(()) };
            let request = self.target.refresh(token);
            let sent = Instant::now();
            let answer = self.connection.exchange(&request).await?;
            let took = sent.elapsed();
            match member(answer.body, "refresh_token") {
                Some(next) if answer.status == 200 => *token = next.into(),
                _ => {
                    let text = format!("a live grant was not refreshed: {}", answer.status);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
            }
            latency.lock().unwrap_or_else(PoisonError::into_inner).record(took);
        }
        Ok(())
    }

    /// Any of the grants: splitmix64, so that runs can be repeated.
    fn any(&mut self) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let count = self.tokens.len().max(1) as u64;
        // The remainder is below the length, which is a `usize`.
        usize::try_from((mixed ^ (mixed >> 31)) % count).unwrap_or_default()
    }
}
