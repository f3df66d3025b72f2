//! Grants.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mcp_transport::auth::{ClientId, Subject};
use serde::{Deserialize, Serialize};

use super::RedisStore;
use super::command::{Answer, Fields, json, script, texts};
use super::index::{Gone, SHARDS, millis_between, shard};
use super::keys::{Index, digits};
use crate::store::{Advance, By, GrantStore, Page, Redeem, Rotation, StoreError, rules};
use crate::types::{CodeRecord, Digest, EndReason, Grant, GrantId, GrantView, Timestamp};

script!(CREATE, "grant_create");
script!(REDEEM, "grant", "grant_redeem");
script!(ADVANCE, "grant", "grant_advance");
script!(END, "grant", "grant_end");

/// How many records are asked for at the same time.
const AT_ONCE: usize = 16;
/// How many members of an index are read at once when all of it is wanted.
const BATCH: usize = 256;
/// How many full reads of an index one page takes.
const MOST_READS: u32 = 16;

/// What of a grant does not change.
#[derive(Serialize, Deserialize)]
struct Body {
    grant: Grant,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<CodeRecord>,
}

/// Where the grants of all are listed: the parts follow each other.
fn everybody(store: &RedisStore, part: u8) -> Index {
    store.keys.index("ga", part)
}

fn part_of(id: GrantId) -> u8 {
    shard(id.as_bytes().first().copied().unwrap_or_default())
}

impl RedisStore {
    fn of_subject_index(&self, subject: &Subject) -> Index {
        self.keys.index("gs", Digest::of("subject", &[subject.as_str().as_bytes()]))
    }

    fn of_client_index(&self, client: &ClientId) -> Index {
        self.keys.index("gc", Digest::of("client", &[client.as_str().as_bytes()]))
    }

    fn grant_index(&self, by: &By) -> Index {
        match by {
            By::Subject(subject) => self.of_subject_index(subject),
            By::Client(client) => self.of_client_index(client),
        }
    }

    async fn view(&self, id: GrantId) -> Result<Option<GrantView>, StoreError> {
        let fields = Fields::new(texts(self.command("HGETALL", &[self.keys.grant(id)]).await?)?)?;
        if fields.is_absent() { Ok(None) } else { view(&fields).map(Some) }
    }

    /// Those of these members that are live, as `is_live` says; those that are over go from the index.
    async fn live_of(
        &self,
        index: &Index,
        members: Vec<String>,
        wanted: impl Fn(&GrantView) -> bool + Send,
        is_live: fn(&GrantView, Timestamp) -> bool,
        now: Timestamp,
    ) -> Result<Vec<GrantView>, StoreError> {
        let looked = stream::iter(members.into_iter().map(|member| async move {
            let id = member.parse().map_err(|_| StoreError::Corrupt("a member of an index is no grant"))?;
            Ok::<_, StoreError>((member, self.view(id).await?))
        }));
        let looked: Vec<_> = looked.buffered(AT_ONCE).try_collect().await?;
        let (mut live, mut over, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for (member, view) in looked {
            match view {
                Some(view) if !wanted(&view) => over.push(member),
                Some(view) if is_live(&view, now) => live.push(view),
                // Only what has ended by decree is over for whatever clock looks at it.
                Some(view) if view.ended.is_some() => over.push(member),
                Some(_) => {}
                None => unknown.push(member),
            }
        }
        self.index_remove(index, &over, Gone::Over).await?;
        self.index_remove(index, &unknown, Gone::NotFound).await?;
        Ok(live)
    }
}

fn view(fields: &Fields) -> Result<GrantView, StoreError> {
    let Body { grant, code } = fields.json("b")?;
    let ended = match fields.text("end")? {
        "" => None,
        why => Some(reason(why)?),
    };
    Ok(GrantView {
        grant,
        code,
        redeemed: fields.text("red")? == "1",
        ended,
        generation: fields.number("gen")?,
        rotated_at: fields.time("rot")?,
        replays: fields.number("rep")?,
        idle_until: fields.time("idle")?,
    })
}

fn reason(word: &str) -> Result<EndReason, StoreError> {
    let word = serde_json::Value::String(word.to_owned());
    serde_json::from_value(word).map_err(|_| StoreError::Corrupt("a grant ended for an unknown reason"))
}

fn word(why: EndReason) -> Result<String, StoreError> {
    match serde_json::to_value(why) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        _ => Err(StoreError::Corrupt("a reason cannot be written")),
    }
}

#[async_trait]
impl GrantStore for RedisStore {
    async fn create(&self, grant: Grant, code: Option<CodeRecord>, idle: Duration) -> Result<(), StoreError> {
        let new = rules::created(grant, code, idle);
        let (id, now, ends) = (new.grant.id, new.grant.created_at, new.grant.expires_at);
        let member = id.to_string();
        // First the indexes: a grant that they do not know could not be ended with its user or its client.
        let (subject, client) = (&new.grant.identity.subject, &new.grant.client.id);
        let indexes = [self.of_subject_index(subject), self.of_client_index(client), everybody(self, part_of(id))];
        let additions: Vec<_> = indexes.iter().map(|index| self.index_add(index, &member, ends, now)).collect();
        try_join_all(additions).await?;
        // A sign-in that nobody finishes need not be kept as long as a grant.
        let kept_until = new.over_at();
        let (digest, code_ends) = new
            .code
            .as_ref()
            .map_or_else(|| (String::new(), Timestamp::default()), |code| (code.digest.to_string(), code.expires_at));
        let body = json(&Body { grant: new.grant, code: new.code })?;
        let key = self.keys.grant(id);
        let call = self.call(&CREATE, [key.as_str()]).time(now).text(body).text(digest).time(code_ends);
        let call = call.number(new.generation.into()).time(new.idle_until).time(ends);
        call.number(millis_between(now, kept_until)).durable().send().await.map(drop)
    }

    async fn peek(&self, id: GrantId, now: Timestamp) -> Result<Option<GrantView>, StoreError> {
        Ok(self.view(id).await?.filter(|view| !view.over_at().is_over(now)))
    }

    async fn redeem_code(&self, id: GrantId, code: &Digest, now: Timestamp) -> Result<Redeem, StoreError> {
        let key = self.keys.grant(id);
        // The digest of a random secret is compared: where it differs first tells nothing about the secret.
        let answer = self.call(&REDEEM, [key.as_str()]).time(now).text(code.to_string()).durable().send().await?;
        match answer.word() {
            "won" => view(&answer.into_fields()?).map(|view| Redeem::Won(Box::new(view))),
            "replayed" => Ok(Redeem::Replayed),
            "expired" => Ok(Redeem::Expired),
            "absent" => Ok(Redeem::Absent),
            _ => Answer::unknown(),
        }
    }

    async fn advance(
        &self,
        id: GrantId,
        presented: u32,
        now: Timestamp,
        rotation: Rotation,
    ) -> Result<Advance, StoreError> {
        let key = self.keys.grant(id);
        let since = if rotation.grace.is_zero() { String::new() } else { digits(now.before(rotation.grace)) };
        let call = self.call(&ADVANCE, [key.as_str()]).time(now).number(presented.into()).text(since);
        let call = call.number(rotation.most_replays.into()).time(now.after(rotation.idle)).flag(rotation.rotate);
        let answer = call.durable().send().await?;
        match answer.word() {
            "next" => answer.number(0).map(Advance::Next),
            "again" => answer.number(0).map(Advance::Again),
            "crowded" => Ok(Advance::Crowded),
            "resynced" => answer.number(0).map(Advance::Resynced),
            "reused" => Ok(Advance::Reused),
            "ended" => reason(answer.text(0)?).map(Advance::Ended),
            "expired" => Ok(Advance::Expired),
            "absent" => Ok(Advance::Absent),
            _ => Answer::unknown(),
        }
    }

    async fn end(&self, id: GrantId, why: EndReason, now: Timestamp) -> Result<bool, StoreError> {
        let key = self.keys.grant(id);
        let answer = self.call(&END, [key.as_str()]).time(now).text(word(why)?).durable().send().await?;
        Ok(answer.word() == "yes")
    }

    async fn end_all(&self, by: &By, why: EndReason, now: Timestamp) -> Result<u64, StoreError> {
        let index = self.grant_index(by);
        let (mut ended, mut after) = (0, None::<String>);
        loop {
            let members = self.index_page(&index, after.as_deref(), BATCH).await?;
            let Some(last) = members.last().cloned() else { return Ok(ended) };
            let live = self.live_of(&index, members, |view| belongs(view, by), GrantView::is_open, now).await?;
            let ends: Vec<_> = live.iter().map(|view| self.end(view.grant.id, why, now)).collect();
            let ends: Vec<bool> = stream::iter(ends).buffered(AT_ONCE).try_collect().await?;
            ended += ends.into_iter().map(u64::from).sum::<u64>();
            after = Some(last);
        }
    }

    async fn page(
        &self,
        by: Option<&By>,
        after: Option<GrantId>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Page<GrantView, GrantId>, StoreError> {
        let (mut items, mut after, mut seen) = (Vec::new(), after, after);
        let limit = usize::from(limit.max(1));
        let (mut part, parts) = if by.is_some() { (0, 1) } else { (after.map_or(0, part_of), SHARDS) };
        // Members that are over are skipped, but not without end: then the page is shorter.
        let (mut reads, mut least) = (MOST_READS, 0);
        while part < parts && items.len() < limit && reads > 0 {
            let index = by.map_or_else(|| everybody(self, part), |by| self.grant_index(by));
            let wanted = limit - items.len();
            let most = wanted.max(least);
            let members = self.index_page(&index, after.map(|id| id.to_string()).as_deref(), most).await?;
            if let Some(last) = members.last() {
                after = Some(last.parse().map_err(|_| StoreError::Corrupt("a member of an index is no grant"))?);
                seen = after;
            }
            let complete = members.len() < most;
            let wanted_by = |view: &GrantView| by.is_none_or(|by| belongs(view, by));
            let live = self.live_of(&index, members, wanted_by, GrantView::is_live, now).await?;
            if live.len() > wanted {
                items.extend(live.into_iter().take(wanted));
                seen = items.last().map(|view| view.grant.id);
                break;
            }
            items.extend(live);
            if complete {
                (part, after) = (part + 1, None);
            } else {
                (reads, least) = (reads - 1, BATCH);
            }
        }
        let next = if part < parts { seen } else { None };
        Ok(Page { items, next })
    }
}

/// Whether the grant is one of these: an index is a hint.
fn belongs(view: &GrantView, by: &By) -> bool {
    match by {
        By::Subject(subject) => view.grant.identity.subject == *subject,
        By::Client(client) => view.grant.client.id == *client,
    }
}
