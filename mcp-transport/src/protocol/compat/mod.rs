//! The newest shape as older revisions have it.

use super::Revision;

/// Brings a value of the newest shape into the shape of the revision that a peer speaks.
///
/// What a revision does not define is left out, or said in a way that it does define; nothing else is lost.
pub trait Downgrade {
    /// Changes the value into the shape of `to`.
    fn downgrade(&mut self, to: Revision);
}
