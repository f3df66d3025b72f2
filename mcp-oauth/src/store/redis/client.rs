//! Clients, and the fingerprints that lead to them.
//!
//! On a cluster a fingerprint and its client are in different slots, and no script reaches both. So a fingerprint is
//! *claimed* first, with all that is needed to make the client; then the client is made; then the claim is *settled*.
//! Whoever finds a claim that is not settled makes the client in the claimant's place, and joins it: nobody waits for
//! one that was interrupted. A client notes which call made it, also for a while after it was deleted, so that it is made
//! once, however many try; and which calls must not make it, because their claim was found dead.
//!
//! A fingerprint that leads to a client that is gone, or that has another one by now, is taken over.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mcp_transport::auth::ClientId;

use super::RedisStore;
use super::command::{Answer, Fields, json, script, texts};
use super::error::Cause;
use super::index::{Gone, SHARDS, shard};
use super::keys::Index;
use crate::store::{ClientStore, Inserted, Page, Replaced, StoreError, Touched, Versioned};
use crate::types::{Client, Digest, Timestamp};

script!(CREATE, "client", "client_create");
script!(JOIN, "client", "client_join");
script!(REPLACE, "client", "client_replace");
script!(TOUCH, "client", "client_touch");
script!(DELETE, "client", "client_delete");
script!(BURY, "client", "client_bury");
script!(CLAIM, "fingerprint_claim");
script!(SETTLE, "fingerprint_settle");

/// How many records are asked for at the same time.
const AT_ONCE: usize = 16;
/// How often an insertion begins anew because others were faster. Each time one of them has succeeded.
const MOST_ROUNDS: u32 = 16;

/// A client as its hash holds it: what scripts change stands beside the body.
struct Written {
    id: ClientId,
    body: Vec<u8>,
    registrants: String,
    forgotten: String,
    last_used: String,
}

impl Written {
    fn new(mut client: Client) -> Result<Self, StoreError> {
        let registrants = std::mem::take(&mut client.management).iter().map(Digest::to_string).collect();
        let forgotten = if client.widely_shared { "1" } else { "0" }.to_owned();
        let last_used = super::keys::digits(client.last_used);
        Ok(Self { body: json(&client)?, id: client.id, registrants, forgotten, last_used })
    }

    /// What an open claim holds.
    fn claimed(claim: &mut Fields) -> Result<Self, StoreError> {
        let id = claimed_id(claim)?;
        let text = |name| claim.text(name).map(str::to_owned);
        let (registrants, forgotten, last_used) = (text("m")?, text("w")?, text("lu")?);
        Ok(Self { id, body: claim.take("b")?, registrants, forgotten, last_used })
    }
}

fn claimed_id(claim: &Fields) -> Result<ClientId, StoreError> {
    ClientId::parse(claim.text("id")?).map_err(|_| StoreError::Corrupt("a client id cannot be read"))
}

fn read(fields: &Fields) -> Result<Versioned<Client>, StoreError> {
    let mut client: Client = fields.json("b")?;
    let registrants = fields.text("m")?.as_bytes().chunks(43).map(|text| {
        std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or(StoreError::Corrupt("a digest cannot be read"))
    });
    client.management = registrants.collect::<Result<_, _>>()?;
    client.widely_shared = fields.text("w")? == "1";
    client.last_used = fields.time("lu")?;
    Ok(Versioned { version: fields.number("ver")?, value: client })
}

fn part_of(id: &ClientId) -> u8 {
    shard(Digest::of("client", &[id.as_str().as_bytes()]).as_bytes().first().copied().unwrap_or_default())
}

/// What became of the attempt to make a client.
enum Made {
    /// It is there.
    Here(Fields),
    /// It was made, and deleted since.
    Gone(u64),
    /// Another client has the id.
    Taken(Fields),
    /// This call must not make it any more: its claim is dead.
    Barred,
}

/// For whom a client is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Another,
}

impl RedisStore {
    fn client_index(&self, part: u8) -> Index {
        self.keys.index("ca", part)
    }

    /// Makes a client, for us or for another.
    async fn make(&self, client: &Written, maker: &str, fingerprint: &str, whose: Whose) -> Result<Made, StoreError> {
        // First the index: a client that it does not know would never be listed, and never expire.
        let (never, now) = (Timestamp::NEVER, Timestamp::default());
        self.index_add(&self.client_index(part_of(&client.id)), client.id.as_str(), never, now).await?;
        let key = self.keys.client(&client.id);
        let call = self.call(&CREATE, [key.as_str()]).text(maker).text(&client.body).text(&client.registrants);
        let call = call.text(&client.forgotten).text(&client.last_used).text(fingerprint);
        let answer = call.flag(whose == Whose::Another).send().await?;
        match answer.word() {
            "made" => answer.into_fields().map(Made::Here),
            "taken" => answer.into_fields().map(Made::Taken),
            "gone" => answer.number(0).map(Made::Gone),
            "barred" => Ok(Made::Barred),
            _ => Answer::unknown(),
        }
    }

    /// Joins the client of this id, if it is there and has the fingerprint.
    async fn join(
        &self,
        id: &ClientId,
        client: &Written,
        fingerprint: &str,
    ) -> Result<Option<Versioned<Client>>, StoreError> {
        let key = self.keys.client(id);
        let call = self.call(&JOIN, [key.as_str()]).text(fingerprint).text(&client.registrants);
        let answer = call.text(&client.last_used).send().await?;
        match answer.word() {
            "joined" => read(&answer.into_fields()?).map(Some),
            "gone" => Ok(None),
            _ => Answer::unknown(),
        }
    }

    /// Claims the fingerprint. Gives the claim of another, if that was faster, and who claimed it.
    async fn claim(
        &self,
        fingerprint: &Digest,
        over: &str,
        client: &Written,
    ) -> Result<(String, Option<Fields>), StoreError> {
        let key = self.keys.fingerprint(fingerprint);
        let call = self.call(&CLAIM, [key.as_str()]).text(over).text(client.id.as_str()).text(&client.body);
        let answer = call.text(&client.registrants).text(&client.forgotten).text(&client.last_used).send().await?;
        match answer.word() {
            "mine" => Ok((answer.text(0)?.to_owned(), None)),
            "other" => {
                let claim = answer.into_fields()?;
                Ok((claim.text("made")?.to_owned(), Some(claim)))
            }
            _ => Answer::unknown(),
        }
    }

    async fn settle(&self, fingerprint: &str, maker: &str, how: &str) -> Result<bool, StoreError> {
        let Ok(fingerprint) = fingerprint.parse::<Digest>() else { return Ok(false) };
        let key = self.keys.fingerprint(&fingerprint);
        let answer = self.call(&SETTLE, [key.as_str()]).text(maker).text(how).send().await?;
        Ok(answer.word() == "yes")
    }

    /// Deletes a client, then its fingerprint; what is left to do after an interruption, the next insertion does.
    ///
    /// With a maker, it takes back only what that call has made, and only if it has that fingerprint.
    async fn remove(
        &self,
        id: &ClientId,
        expected: Option<u64>,
        (maker, fingerprint): (&str, &str),
    ) -> Result<Replaced, StoreError> {
        let key = self.keys.client(id);
        let expected = expected.map(|version| version.to_string()).unwrap_or_default();
        let answer = self.call(&DELETE, [key.as_str()]).text(expected).text(maker).text(fingerprint).send().await?;
        match answer.word() {
            "done" => {
                self.settle(answer.text(0)?, answer.text(1)?, "release").await?;
                self.call(&BURY, [key.as_str()]).send().await?;
                // Not at once: the same id may be just being inserted again.
                let index = self.client_index(part_of(id));
                self.index_remove(&index, &[id.as_str().to_owned()], Gone::NotFound).await?;
                Ok(Replaced::Done)
            }
            "conflict" => Ok(Replaced::Conflict),
            "absent" => Ok(Replaced::Absent),
            _ => Answer::unknown(),
        }
    }

    /// The claim is ours: makes the client. `None` if somebody has taken it over.
    async fn insert_claimed(
        &self,
        (whole, client): (&Client, &Written),
        maker: &str,
        fingerprint: &str,
    ) -> Result<Option<Inserted>, StoreError> {
        match self.make(client, maker, fingerprint, Whose::Ours).await? {
            Made::Here(fields) => {
                if self.settle(fingerprint, maker, "keep").await? {
                    return read(&fields).map(Inserted::New).map(Some);
                }
                // Either it was deleted meanwhile, with its fingerprint, or there must not be two.
                match self.remove(&client.id, None, (maker, fingerprint)).await? {
                    Replaced::Absent => read(&fields).map(Inserted::New).map(Some),
                    _ => Ok(None),
                }
            }
            Made::Taken(fields) if fields.text("fp")? == fingerprint => {
                self.settle(fingerprint, maker, "keep").await?;
                Ok(self.join(&client.id, client, fingerprint).await?.map(Inserted::Joined))
            }
            Made::Taken(_) => {
                self.settle(fingerprint, maker, "release").await?;
                Ok(Some(Inserted::IdTaken))
            }
            Made::Gone(version) => Ok(Some(Inserted::New(Versioned { version, value: whole.clone() }))),
            Made::Barred => Ok(None),
        }
    }

    /// The claim is another's: makes their client if they have not, and joins it. `None` if the claim is dead.
    async fn insert_joining(
        &self,
        client: &Written,
        mut claim: Fields,
        maker: &str,
        fingerprint: &str,
    ) -> Result<Option<Inserted>, StoreError> {
        let id = claimed_id(&claim)?;
        if claim.text("open")? == "1" {
            let made = self.make(&Written::claimed(&mut claim)?, maker, fingerprint, Whose::Another).await?;
            if matches!(made, Made::Here(_)) && !self.settle(fingerprint, maker, "keep").await? {
                // The claim was taken over meanwhile: what was just made for it is taken back. Or its client was deleted.
                self.remove(&id, None, (maker, fingerprint)).await?;
                return Ok(None);
            }
        }
        Ok(self.join(&id, client, fingerprint).await?.map(Inserted::Joined))
    }

    async fn insert_with(
        &self,
        (whole, client): (&Client, &Written),
        fingerprint: &Digest,
    ) -> Result<Inserted, StoreError> {
        let text = fingerprint.to_string();
        let (mut over, mut dead) = (String::new(), None::<ClientId>);
        for _ in 0..MOST_ROUNDS {
            let (maker, claim) = self.claim(fingerprint, &over, client).await?;
            let inserted = if let Some(claim) = claim {
                (dead, over) = (Some(claimed_id(&claim)?), format!("{maker} {}", claim.text("open")?));
                self.insert_joining(client, claim, &maker, &text).await?
            } else {
                if let Some(dead) = dead.take() {
                    self.call(&BURY, [self.keys.client(&dead).as_str()]).send().await?;
                }
                over = format!("{maker} 1");
                self.insert_claimed((whole, client), &maker, &text).await?
            };
            if let Some(inserted) = inserted {
                return Ok(inserted);
            }
            // It leads nowhere. If it is still the same the next time, it is taken over.
        }
        Err(Cause::Contended.into())
    }
}

#[async_trait]
impl ClientStore for RedisStore {
    async fn get(&self, id: &ClientId) -> Result<Option<Versioned<Client>>, StoreError> {
        let fields = Fields::new(texts(self.command("HGETALL", &[self.keys.client(id)]).await?)?)?;
        if fields.is_absent() || fields.text("gone")? == "1" { Ok(None) } else { read(&fields).map(Some) }
    }

    async fn insert(&self, client: Client, fingerprint: Option<Digest>) -> Result<Inserted, StoreError> {
        let written = Written::new(client.clone())?;
        if let Some(fingerprint) = fingerprint {
            return self.insert_with((&client, &written), &fingerprint).await;
        }
        let maker = self.call_name();
        match self.make(&written, &maker, "", Whose::Ours).await? {
            Made::Here(fields) => read(&fields).map(Inserted::New),
            Made::Gone(version) => Ok(Inserted::New(Versioned { version, value: client })),
            // Without a claim nobody bars us.
            Made::Taken(_) | Made::Barred => Ok(Inserted::IdTaken),
        }
    }

    async fn replace(&self, expected: u64, client: Client, keep_fingerprint: bool) -> Result<Replaced, StoreError> {
        let client = Written::new(client)?;
        let key = self.keys.client(&client.id);
        let call = self.call(&REPLACE, [key.as_str()]).number(expected).text(&client.body).text(&client.registrants);
        let call = call.text(&client.forgotten).text(&client.last_used).flag(keep_fingerprint);
        let answer = call.send().await?;
        match answer.word() {
            "done" => {
                self.settle(answer.text(0)?, answer.text(1)?, "release").await?;
                Ok(Replaced::Done)
            }
            "conflict" => Ok(Replaced::Conflict),
            "absent" => Ok(Replaced::Absent),
            _ => Answer::unknown(),
        }
    }

    async fn touch(&self, id: &ClientId, now: Timestamp) -> Result<Touched, StoreError> {
        let key = self.keys.client(id);
        let call = self.call(&TOUCH, [key.as_str()]).time(now).time(now.before(Duration::from_secs(3600)));
        match call.send().await?.word() {
            "done" => Ok(Touched::Done),
            "absent" => Ok(Touched::Absent),
            _ => Answer::unknown(),
        }
    }

    async fn delete(&self, id: &ClientId, expected: Option<u64>) -> Result<Replaced, StoreError> {
        self.remove(id, expected, ("", "")).await
    }

    async fn page(
        &self,
        after: Option<&ClientId>,
        limit: u16,
    ) -> Result<Page<Versioned<Client>, ClientId>, StoreError> {
        let limit = usize::from(limit.max(1));
        let (mut items, mut after, mut seen) = (Vec::new(), after.cloned(), after.cloned());
        let mut part = after.as_ref().map_or(0, part_of);
        while part < SHARDS && items.len() < limit {
            let index = self.client_index(part);
            let wanted = limit - items.len();
            let members = self.index_page(&index, after.as_ref().map(ClientId::as_str), wanted).await?;
            let ids = members.iter().map(|text| ClientId::parse(text));
            let ids: Vec<ClientId> =
                ids.collect::<Result<_, _>>().map_err(|_| StoreError::Corrupt("a member of an index is no client"))?;
            if let Some(last) = ids.last() {
                (after, seen) = (Some(last.clone()), Some(last.clone()));
            }
            if ids.len() < wanted {
                (part, after) = (part + 1, None);
            }
            let looks: Vec<_> = ids.iter().map(|id| self.get(id)).collect();
            let found: Vec<_> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
            let absent = ids.iter().zip(&found).filter(|(_, found)| found.is_none());
            let absent: Vec<String> = absent.map(|(id, _)| id.as_str().to_owned()).collect();
            self.index_remove(&index, &absent, Gone::NotFound).await?;
            items.extend(found.into_iter().flatten());
        }
        Ok(Page { items, next: if part < SHARDS { seen } else { None } })
    }
}
