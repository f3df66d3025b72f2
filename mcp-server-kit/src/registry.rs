//! What a server has of one kind: in the order of registration, found by key, listed in pages that are written once.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use mcp_transport::{
    jsonrpc::{ErrorObject, Raw},
    protocol::{CacheHints, Revision},
};

use crate::{error::BuildError, page, write::Heads};

/// A tool, prompt, resource or template that can be listed.
pub(crate) trait Item: Send + Sync + 'static {
    /// What several of them are called.
    const KIND: &'static str;
    /// The member of the list's result.
    const MEMBER: &'static str;
    /// By what it is found: a name or a URI.
    fn key(&self) -> &str;
    /// Its definition as `revision` has it.
    fn listed(&self, revision: Revision) -> Result<String, serde_json::Error>;
}

/// All items of one kind. Readers take an immutable snapshot; a change makes a new one.
pub(crate) struct Registry<I>(RwLock<Arc<Snapshot<I>>>);

/// The items at one time.
pub(crate) struct Snapshot<I> {
    items: Vec<Arc<I>>,
    /// In the order of their keys: to look through a few is less than to hash one.
    places: Box<[Place]>,
    /// The pages that begin at multiples of the page size, by revision.
    pages: [OnceLock<Box<[Raw]>>; Revision::ALL.len()],
}

/// Where the item of a key stands. Keys are ordered by their length first, so that most of them need not be read.
#[derive(Clone, Copy, Debug)]
struct Place {
    length: usize,
    index: usize,
}

/// How lists are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listing {
    pub(crate) page_size: usize,
    pub(crate) cache: CacheHints,
}

impl<I: Item> Registry<I> {
    pub(crate) fn new(items: Vec<I>) -> Result<Self, BuildError> {
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            push(&mut all, item)?;
        }
        Ok(Self(RwLock::new(Arc::new(Snapshot::new(all)))))
    }

    /// What is known of the item of this key, without taking hold of all items.
    pub(crate) fn find<T>(&self, key: &str, look: impl FnOnce(&Arc<I>) -> T) -> Option<T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).map(look)
    }

    pub(crate) fn now(&self) -> Arc<Snapshot<I>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds an item whose key is free.
    pub(crate) fn add(&self, item: I) -> Result<(), BuildError> {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if now.place(item.key()).is_some() {
            return Err(duplicate(&item));
        }
        let mut items = now.items.clone();
        items.push(Arc::new(item));
        *now = Arc::new(Snapshot::new(items));
        Ok(())
    }

    /// Puts an item into the place of the one with its key, or at the end.
    pub(crate) fn replace(&self, item: I) {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut items = now.items.clone();
        let place = now.place(item.key());
        match place.and_then(|place| items.get_mut(place)) {
            Some(old) => *old = Arc::new(item),
            None => items.push(Arc::new(item)),
        }
        *now = Arc::new(Snapshot::new(items));
    }

    /// Takes the item of this key away, if there is one.
    pub(crate) fn remove(&self, key: &str) -> Removed {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = now.place(key) else {
            return Removed::Nothing;
        };
        let mut items = now.items.clone();
        items.remove(place);
        *now = Arc::new(Snapshot::new(items));
        Removed::One
    }
}

/// Whether something was there to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it was there or it was not")]
pub enum Removed {
    /// It was, and is gone.
    One,
    /// There was nothing of that name.
    Nothing,
}

impl<I: Item> Snapshot<I> {
    fn new(items: Vec<Arc<I>>) -> Self {
        let places = items.iter().enumerate().map(|(index, item)| Place { length: item.key().len(), index });
        let mut places: Box<[Place]> = places.collect();
        let key = |place: &Place| items.get(place.index).map(|item| item.key());
        places.sort_by(|a, b| a.length.cmp(&b.length).then_with(|| key(a).cmp(&key(b))));
        Self { items, places, pages: Default::default() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Arc<I>> {
        self.items.get(self.place(key)?)
    }

    fn place(&self, key: &str) -> Option<usize> {
        let found = self.places.binary_search_by(|place| {
            let same_length = || self.items.get(place.index).map(|item| item.key()).cmp(&Some(key));
            place.length.cmp(&key.len()).then_with(same_length)
        });
        Some(self.places.get(found.ok()?)?.index)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<I>> {
        self.items.iter()
    }

    /// The page after the item `after`, or the first one.
    pub(crate) fn page(
        &self,
        after: Option<&str>,
        revision: Revision,
        listing: Listing,
        heads: &Heads,
    ) -> Result<Raw, ErrorObject> {
        let start = match after {
            None => 0,
            Some(key) => self.place(key).ok_or_else(page::bad)? + 1,
        };
        let size = listing.page_size.max(1);
        let write = |start| self.write(start, size, revision, listing.cache, heads);
        if start % size == 0 {
            let slot = Revision::ALL.iter().position(|each| *each == revision).and_then(|index| self.pages.get(index));
            if let Some(slot) = slot {
                let pages = slot.get_or_init(|| {
                    let starts = (0..self.items.len().max(1)).step_by(size);
                    starts.map(write).collect::<Result<_, _>>().unwrap_or_default()
                });
                if let Some(page) = pages.get(start / size) {
                    return Ok(page.clone());
                }
            }
        }
        write(start).map_err(|error| {
            tracing::error!(%error, "a list could not be written");
            ErrorObject::internal()
        })
    }

    fn write(
        &self,
        start: usize,
        size: usize,
        revision: Revision,
        cache: CacheHints,
        heads: &Heads,
    ) -> Result<Raw, serde_json::Error> {
        let mut out = heads.complete(revision, None, 256 * size.min(self.items.len()));
        out.raw_member(I::MEMBER, "[");
        let page = self.items.iter().skip(start).take(size);
        let mut last = None;
        for item in page {
            if last.is_some() {
                out.text(",");
            }
            out.text(&item.listed(revision)?);
            last = Some(item);
        }
        out.text("]");
        if let (Some(last), true) = (last, self.items.len() > start.saturating_add(size)) {
            out.member("nextCursor", &page::after(I::KIND, last.key()));
        }
        if revision.has_cache_hints() {
            out.splice(&cache);
        }
        Ok(out.end())
    }
}

fn push<I: Item>(items: &mut Vec<Arc<I>>, item: I) -> Result<(), BuildError> {
    if items.iter().any(|other| other.key() == item.key()) {
        return Err(duplicate(&item));
    }
    items.push(Arc::new(item));
    Ok(())
}

fn duplicate<I: Item>(item: &I) -> BuildError {
    BuildError::Duplicate { kind: I::KIND, name: item.key().to_owned() }
}
