//! What must be done from time to time: waking silent streams, ending idle sessions.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use tokio::task::JoinHandle;

use super::{live::Live, service::Shared};
use crate::{
    error::Chain,
    session::{Closed, Phase},
};

/// How long a session may stay unused before `notifications/initialized` has come, in seconds. A client sends it at once;
/// what stays open without it is mostly a probe, and a server has room for so many.
const OPENING_MOST: u64 = 60;

impl Shared {
    /// Starts the one task that wakes silent streams and ends idle sessions, unless it runs. It ends by itself when
    /// there is nothing left to look after.
    pub(super) fn keep_house(&self) {
        if self.keeping.swap(true, Ordering::AcqRel) {
            return;
        }
        self.tell_time();
        let keeper = Keeper { shared: Weak::clone(&self.itself), keeps: true };
        tokio::spawn(async move {
            let mut seconds: u64 = 0;
            // A task of its own: a store that is slow must not make streams silent.
            let mut sweeping: Option<JoinHandle<()>> = None;
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let Some(shared) = keeper.shared.upgrade() else { return };
                seconds += 1;
                shared.tell_time();
                shared.pulse.tick((shared.config.clock)());
                if seconds.is_multiple_of(5) && sweeping.as_ref().is_none_or(JoinHandle::is_finished) {
                    let shared = Arc::clone(&shared);
                    sweeping = Some(tokio::spawn(async move { shared.sweep().await }));
                }
                if shared.is_idle() {
                    shared.keeping.store(false, Ordering::Release);
                    // Something may have come in between; then whoever finds the flag unset first goes on.
                    if shared.is_idle() || shared.keeping.swap(true, Ordering::AcqRel) {
                        return keeper.retire();
                    }
                }
            }
        });
    }

    fn is_idle(&self) -> bool {
        self.pulse.is_empty() && self.table.len() == 0
    }

    /// Ends sessions that nobody uses, and tells the store which ones were used.
    async fn sweep(&self) {
        let (now, idle) = (self.now(), self.config.session_idle.as_secs().max(1));
        let mut used = Vec::new();
        for live in self.table.all() {
            if live.is_busy() {
                live.touch(now);
            }
            let silent = now.saturating_sub(live.used());
            let idle = if live.session.phase() == Phase::Opening { idle.min(OPENING_MOST) } else { idle };
            if silent >= idle {
                self.expire(&live).await;
            } else {
                live.tell_changes(self).await;
                if silent >= 60 {
                    live.forget_streams();
                }
                // Used since the last sweep, or nearly so: moving an expiry twice does no harm.
                if silent <= 10 {
                    used.push(live);
                }
            }
        }
        if !used.is_empty() {
            self.store_use(&used).await;
        }
    }

    /// Ends a session that nobody has used here: everywhere, unless another process has used it.
    async fn expire(&self, live: &Arc<Live>) {
        let used = live.used();
        let record = match self.config.sessions.load(live.session.id(), (self.config.clock)()).await {
            Ok(record) => record,
            // Looked at again with the next sweep.
            Err(cause) => return tracing::error!(error = %Chain(&cause), "an idle session could not be looked up"),
        };
        if live.is_busy() || live.used() != used {
            return;
        }
        // The handler takes its time elsewhere: dropping the handle lets the task go on.
        if record.is_some_and(|record| live.is_used_elsewhere(record.expires_at)) {
            live.tell_changes(self).await;
            drop(self.end_here(live, Closed::Expired));
        } else {
            drop(self.end(live, Closed::Expired).await);
        }
    }

    /// Tells the store that sessions were used, and how far they are.
    pub(super) async fn store_use(&self, lives: &[Arc<Live>]) {
        let expires_at = (self.config.clock)() + self.config.session_idle;
        let used: Vec<_> =
            lives.iter().map(|live| (live.session.id().clone(), live.session.phase(), expires_at)).collect();
        match self.config.sessions.touch(&used).await {
            Ok(()) => lives.iter().for_each(|live| live.stored(expires_at)),
            Err(cause) => tracing::error!(error = %Chain(&cause), "the use of sessions could not be stored"),
        }
    }
}

/// Stands for the task that keeps house. If it does not end by its own decision (its runtime was shut down, say), the
/// next one that is needed may start.
struct Keeper {
    shared: Weak<Shared>,
    keeps: bool,
}

impl Keeper {
    fn retire(mut self) {
        self.keeps = false;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade().filter(|_| self.keeps) {
            shared.keeping.store(false, Ordering::Release);
        }
    }
}
