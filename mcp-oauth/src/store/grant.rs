//! Grants: their code is redeemed once, their refresh token goes from generation to generation.

use std::time::Duration;

use async_trait::async_trait;
use mcp_transport::auth::{ClientId, Subject};

use super::client::Page;
use super::error::StoreError;
use crate::types::{CodeRecord, Digest, EndReason, Grant, GrantId, GrantView, Timestamp};

/// What became of a code that was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Redeem {
    /// This call is the first, and the only one that is told so. The grant is in generation 1.
    Won(Box<GrantView>),
    /// The code was redeemed before. The grant has been ended in the same step, with its tokens (RFC 6749 section
    /// 4.1.2).
    Replayed,
    /// Its time is over.
    Expired,
    /// There is no such grant, it has ended, or its code is another one.
    Absent,
}

/// By which rules a refresh token is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the engine makes it, and back-ends read all of it")]
pub struct Rotation {
    /// How long after a rotation the token before is answered with the same successor.
    pub grace: Duration,
    /// How often at most; at 0 never, as without a grace.
    pub most_replays: u32,
    /// How long the grant lives from now on if nobody refreshes.
    pub idle: Duration,
    /// Whether the token is replaced at all. If not, it stays good, and only the grant's idle time begins anew.
    pub rotate: bool,
}

/// What became of a refresh token that was presented.
///
/// Callers have checked that it is authentic: a store never hears of forged ones.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advance {
    /// It was the newest; this is its successor's generation.
    Next(u32),
    /// It was the one before, within the grace: the successor that the first one got is handed out again.
    Again(u32),
    /// It was the one before, within the grace, and its successor has been handed out as often as is allowed. Nothing has
    /// changed: many who refresh at once are no thieves.
    Crowded,
    /// It was newer than what the store knows: the store has lost writes (a fail-over). The lineage goes on from it.
    Resynced(u32),
    /// It was used after its time. The grant has been ended in the same step (RFC 9700 section 4.14.2).
    Reused,
    /// The grant ended before, for this reason.
    Ended(EndReason),
    /// The grant's time is over.
    Expired,
    /// There is no such grant, or its code has not been redeemed.
    Absent,
}

/// Whose grants are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// Those of this user.
    Subject(Subject),
    /// Those of this client.
    Client(ClientId),
}

/// Keeps grants.
#[async_trait]
pub trait GrantStore: Send + Sync + 'static {
    /// Takes in a new grant. With a code it stands in generation 0 until that is redeemed; without one it is in
    /// generation 1 at once (device authorization).
    ///
    /// It lives until `idle` has passed without a refresh: [`GrantView::idle_until`]. With a code it is over when that is,
    /// unless it is redeemed before: [`GrantView::over_at`].
    ///
    /// # Errors
    ///
    /// When the store cannot keep it, or has no room. It may be there all the same: one that nobody was told of ends by
    /// itself.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the grant is there, with all that lists it, or not. One that nobody was told of ends when its idle time
    /// is over.
    async fn create(&self, grant: Grant, code: Option<CodeRecord>, idle: Duration) -> Result<(), StoreError>;

    /// The grant and where it stands; ended ones too, as long as they are remembered: until their access tokens are
    /// over at the least. That is [`GrantView::over_at`], for which whoever makes the grant sees to it that it is not
    /// before that.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    async fn peek(&self, id: GrantId, now: Timestamp) -> Result<Option<GrantView>, StoreError>;

    /// Redeems the code of a grant, once. Everything else about the request was judged before, against a
    /// [`peek`](Self::peek).
    ///
    /// # Errors
    ///
    /// When the store cannot tell who was first. The code may have been redeemed all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the code has been redeemed or not. Whoever presents it again is the first, or is taken for a replay,
    /// which ends the grant: nobody gets a second one.
    async fn redeem_code(&self, id: GrantId, code: &Digest, now: Timestamp) -> Result<Redeem, StoreError>;

    /// Takes a grant from the generation `presented` to the next one:
    ///
    /// | presented | and | answer | effect |
    /// |---|---|---|---|
    /// | the newest | | `Next` | it is replaced (with [`Rotation::rotate`]); the idle time begins anew |
    /// | the one before | within the grace | `Again` | the replay is counted |
    /// | the one before | within the grace, and replayed as often as is allowed | `Crowded` | none |
    /// | an older one | otherwise | `Reused` | the grant ends |
    /// | a future one | | `Resynced` | as `Next` |
    ///
    /// # Errors
    ///
    /// When the store cannot tell. It has then happened or not; the same token may be presented again, and is
    /// answered with the same successor within the grace.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has happened or not, as after an error.
    async fn advance(
        &self,
        id: GrantId,
        presented: u32,
        now: Timestamp,
        rotation: Rotation,
    ) -> Result<Advance, StoreError>;

    /// Ends the grant. Gives whether that changed anything: it had not ended before, by a call or by its times.
    ///
    /// One whose code is over ends as well, as long as it is remembered: for a node whose clock is behind the code is still
    /// good.
    ///
    /// # Errors
    ///
    /// When the store cannot tell whether it has ended. Ending it again does no harm.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the grant has ended or not.
    async fn end(&self, id: GrantId, why: EndReason, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends all grants of a user or of a client that there are when it is called, and gives how many [`end`](Self::end) ended.
    ///
    /// # Errors
    ///
    /// When the store cannot tell; some may have ended. The next call ends the rest.
    ///
    /// # Cancel safety
    ///
    /// Dropped, some may have ended and others not. The next call ends the rest.
    async fn end_all(&self, by: &By, why: EndReason, now: Timestamp) -> Result<u64, StoreError>;

    /// At most `limit` live grants, of `by` or of everybody, beginning after `after`.
    ///
    /// # Errors
    ///
    /// When the store cannot list them.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    async fn page(
        &self,
        by: Option<&By>,
        after: Option<GrantId>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Page<GrantView, GrantId>, StoreError>;
}

/// The rules above as a plain function over a view, for back-ends that hold the record while they decide.
///
/// Gives the answer, and whether `view` has changed and has to be written.
#[must_use]
pub fn advance(view: &mut GrantView, presented: u32, now: Timestamp, rotation: Rotation) -> (Advance, bool) {
    if let Some(why) = view.ended {
        return (Advance::Ended(why), false);
    }
    if !view.is_live(now) {
        return (Advance::Expired, false);
    }
    if view.generation == 0 || presented == 0 {
        return (Advance::Absent, false);
    }
    let generation = view.generation;
    if presented < generation {
        let in_time = now.since(view.rotated_at) <= rotation.grace && !rotation.grace.is_zero();
        if presented + 1 == generation && in_time && rotation.most_replays > 0 {
            if view.replays >= rotation.most_replays {
                return (Advance::Crowded, false);
            }
            view.replays += 1;
            return (Advance::Again(generation), true);
        }
        view.ended = Some(EndReason::RefreshReused);
        return (Advance::Reused, true);
    }
    view.idle_until = now.after(rotation.idle).min(view.grant.expires_at);
    if presented == generation && !rotation.rotate {
        return (Advance::Next(generation), true);
    }
    // Beyond what can be counted nothing is rotated any more: four thousand million refreshes.
    let next = presented.saturating_add(1);
    view.generation = next;
    view.rotated_at = now;
    view.replays = 0;
    (if presented > generation { Advance::Resynced(next) } else { Advance::Next(next) }, true)
}

/// How a code is redeemed, as a plain function over a view. Gives the answer and whether `view` has changed and has to be
/// written.
#[must_use]
pub fn redeem(view: &mut GrantView, code: &Digest, now: Timestamp) -> (Redeem, bool) {
    let Some(record) = &view.code else { return (Redeem::Absent, false) };
    if !record.digest.matches(code) {
        return (Redeem::Absent, false);
    }
    if view.redeemed {
        // Also when the grant has ended meanwhile, or the code's time is over: it is a replay, and stays one.
        let live = view.ended.is_none();
        view.ended.get_or_insert(EndReason::CodeReplayed);
        return (Redeem::Replayed, live);
    }
    if view.ended.is_some() {
        return (Redeem::Absent, false);
    }
    if record.expires_at.is_over(now) || !view.is_live(now) {
        return (Redeem::Expired, false);
    }
    view.redeemed = true;
    view.generation = 1;
    view.rotated_at = now;
    (Redeem::Won(Box::new(view.clone())), true)
}

/// How a grant is ended, as a plain function over a view. Gives whether `view` has changed and has to be written: whether
/// the time of its code is over is not asked, because the next node's clock may say otherwise.
#[must_use]
pub const fn end(view: &mut GrantView, why: EndReason, now: Timestamp) -> bool {
    let open = view.is_open(now);
    if open {
        view.ended = Some(why);
    }
    open
}

/// A new grant as it stands in a store.
#[must_use]
pub fn created(grant: Grant, code: Option<CodeRecord>, idle: Duration) -> GrantView {
    let generation = u32::from(code.is_none());
    let (rotated_at, idle_until) = (grant.created_at, grant.created_at.after(idle).min(grant.expires_at));
    GrantView { grant, code, redeemed: false, ended: None, generation, rotated_at, replays: 0, idle_until }
}

#[cfg(test)]
mod tests;
