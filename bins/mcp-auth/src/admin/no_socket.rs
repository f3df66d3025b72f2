//! Where there are no Unix sockets: a running server is administered by stopping it.

use std::path::Path;
use std::sync::Arc;

use super::Desk;
use crate::error::Failure;

/// Nothing.
pub(crate) struct Socket;

impl Socket {
    /// Whether another server answers at this path: none does.
    pub(crate) async fn is_answered(_: &Path) -> bool {
        false
    }

    /// Binds nothing.
    pub(crate) fn bind(_: &Path) -> Result<Self, Failure> {
        Ok(Self)
    }

    /// Waits for nobody.
    pub(crate) async fn serve(self, _: Arc<Desk>) {
        std::future::pending().await
    }
}
