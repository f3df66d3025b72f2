//! Clients: their ids, fingerprints and versions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mcp_transport::auth::ClientId;

use super::{SEEDS, STEPS, either};
use crate::store::contract::random::Random;
use crate::store::contract::samples::{START, client, client_id, digest, registered_by};
use crate::store::contract::{Answer as _, Handles};
use crate::store::{Inserted, Replaced, Touched, Versioned};
use crate::types::{Client, Digest};

/// Client ids and fingerprints, and versions that only grow.
#[derive(Default)]
struct Clients {
    kept: BTreeMap<ClientId, (Versioned<Client>, Option<Digest>)>,
    used: BTreeSet<u64>,
}

impl Clients {
    fn with_print(&self, print: Option<Digest>) -> Option<ClientId> {
        let print = print?;
        self.kept.iter().find(|(_, (_, own))| *own == Some(print)).map(|(id, _)| id.clone())
    }

    /// Notes a new version that the store gave out.
    fn note(&mut self, versioned: &Versioned<Client>, print: Option<Digest>) {
        assert!(self.used.insert(versioned.version), "the version {} was used before", versioned.version);
        let old = self.kept.insert(versioned.value.id.clone(), (versioned.clone(), print));
        assert!(old.is_none_or(|(old, _)| old.version < versioned.version), "versions grow");
    }

    /// What a caller believes the version to be: most often it is right.
    fn believed(&self, id: &ClientId, random: &mut Random) -> u64 {
        let actual = self.kept.get(id).map(|(versioned, _)| versioned.version);
        match actual {
            Some(version) if !random.one_in(4) => version,
            _ => random.below(50),
        }
    }

    fn judged(&self, id: &ClientId, expected: Option<u64>) -> Replaced {
        match self.kept.get(id) {
            None => Replaced::Absent,
            Some((versioned, _)) if expected.is_some_and(|expected| expected != versioned.version) => {
                Replaced::Conflict
            }
            Some(_) => Replaced::Done,
        }
    }
}

/// Clients that come, join, change, are used and go.
pub async fn clients_do_as_the_rules_say(handles: Handles) {
    for seed in SEEDS {
        let (mut random, mut model, mut now) = (Random::seeded(seed), Clients::default(), START);
        for step in 0..STEPS {
            let context = format!("seed {seed}, step {step}");
            let stores = either(&handles, &mut random);
            let name = format!("{seed}{}", random.of(&["a", "b", "c"]));
            let id = client_id(&name);
            now = now.after(Duration::from_secs(random.below(1200)));
            match random.below(10) {
                0..3 => {
                    let print = random.of(&[None, Some("f"), Some("g")]).map(|print| digest(&format!("{print}{seed}")));
                    let given = registered_by(&name, &step.to_string());
                    let answer = stores.clients.insert(given.clone(), print).await.answered();
                    if let Some(there) = model.with_print(print) {
                        let Inserted::Joined(joined) = answer else { panic!("{context}: {answer:?} and not joined") };
                        let (mut expected, own) = model.kept.get(&there).cloned().expect("it is there");
                        expected.value.join(&given);
                        assert_eq!(joined.value, expected.value, "{context}");
                        model.note(&joined, own);
                    } else if model.kept.contains_key(&id) {
                        assert_eq!(answer, Inserted::IdTaken, "{context}");
                    } else {
                        let Inserted::New(new) = answer else { panic!("{context}: {answer:?} and not new") };
                        assert_eq!(new.value, given, "{context}");
                        model.note(&new, print);
                    }
                }
                3..5 => {
                    let (expected, keep) = (model.believed(&id, &mut random), random.one_in(2));
                    let mut given = client(&name);
                    given.metadata.client_name = Some(context.clone());
                    let answer = stores.clients.replace(expected, given.clone(), keep).await.answered();
                    assert_eq!(answer, model.judged(&id, Some(expected)), "{context}");
                    if answer == Replaced::Done {
                        let kept = stores.clients.get(&id).await.answered().expect("it is there");
                        assert_eq!(kept.value, given, "{context}");
                        let own = model.kept.get(&id).and_then(|(_, own)| *own).filter(|_| keep);
                        model.note(&kept, own);
                    }
                }
                5..7 => {
                    let answer = stores.clients.touch(&id, now).await.answered();
                    let Some((mut before, own)) = model.kept.get(&id).cloned() else {
                        assert_eq!(answer, Touched::Absent, "{context}");
                        continue;
                    };
                    assert_eq!(answer, Touched::Done, "{context}");
                    let kept = stores.clients.get(&id).await.answered().expect("it is there");
                    if now.since(before.value.last_used) < Duration::from_secs(3600) && kept == before {
                        continue;
                    }
                    before.value.last_used = before.value.last_used.max(now);
                    assert_eq!(kept.value, before.value, "{context}");
                    model.note(&kept, own);
                }
                7 => {
                    let expected = random.one_in(2).then(|| model.believed(&id, &mut random));
                    let answer = stores.clients.delete(&id, expected).await.answered();
                    assert_eq!(answer, model.judged(&id, expected), "{context}");
                    if answer == Replaced::Done {
                        model.kept.remove(&id);
                    }
                }
                _ => {
                    let expected = model.kept.get(&id).map(|(versioned, _)| versioned.clone());
                    assert_eq!(stores.clients.get(&id).await.answered(), expected, "{context}");
                }
            }
        }
    }
}
