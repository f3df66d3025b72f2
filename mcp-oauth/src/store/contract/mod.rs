//! The suite that holds a back-end to the promises of this module.
//!
//! Whoever writes a back-end runs it over theirs, with the feature `testing`. Each rule becomes a test of its own:
//!
//! ```
//! # mod shown {
//! use std::sync::Arc;
//!
//! use mcp_oauth::store::Stores;
//! use mcp_oauth::store::contract::Handles;
//! use mcp_oauth::store::memory::MemoryStore;
//!
//! async fn handles() -> Handles {
//!     let store = Arc::new(MemoryStore::default());
//!     // Another back-end opens a second connection for the second handle.
//!     Handles::new(Stores::all_in(&store), Stores::all_in(&store))
//! }
//!
//! mcp_oauth::store_contract!(handles);
//! # }
//! ```
//!
//! Each test is given an empty store. A back-end that keeps a part of the records alone is put together with the memory
//! store for the rest. What was answered must survive the end of a process: where the store is durable, say how it is opened
//! again ([`Handles::reopened_by`]), and the rules of [`durable`] are held against it.
//!
//! The rules are plain async functions that panic when one is broken. They take the time as they need it: none waits.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Barrier;

use super::{StoreError, Stores};

pub mod clients;
pub mod consents;
pub mod devices;
pub mod durable;
pub mod flows;
pub mod grants;
pub mod keys;
pub mod limits;
pub mod model;
pub mod owners;
pub(crate) mod random;
pub mod replays;
pub(crate) mod samples;
pub mod upkeep;

type Reopen = Box<dyn FnMut() -> Pin<Box<dyn Future<Output = Stores> + Send>> + Send>;

/// Two handles on the same, empty data: as two processes would have them.
#[non_exhaustive]
pub struct Handles {
    /// One.
    pub one: Stores,
    /// The other.
    pub two: Stores,
    reopen: Option<Reopen>,
}

impl Handles {
    /// Two handles on a store that keeps nothing beyond them.
    #[must_use]
    pub fn new(one: Stores, two: Stores) -> Self {
        Self { one, two, reopen: None }
    }

    /// The same for a durable store. `reopen` gives a new handle on the same data; it is called when all others have been
    /// dropped.
    #[must_use]
    pub fn reopened_by<F, R>(mut self, mut reopen: F) -> Self
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = Stores> + Send + 'static,
    {
        self.reopen = Some(Box::new(move || Box::pin(reopen())));
        self
    }

    /// Both handles, to take turns.
    fn both(&self) -> [&Stores; 2] {
        [&self.one, &self.two]
    }
}

impl fmt::Debug for Handles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handles").field("durable", &self.reopen.is_some()).finish_non_exhaustive()
    }
}

/// How many calls race.
const CALLS: usize = 64;
/// How often a race is run. Each may find another order.
const ROUNDS: usize = 8;

/// Makes 64 calls at the same time, half of them over each handle, and gives the answers in the order of their numbers.
async fn race<T, C, F>(handles: &Handles, call: C) -> Vec<T>
where
    T: Send + 'static,
    C: Fn(Stores, usize) -> F,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    let start = Arc::new(Barrier::new(CALLS));
    let tasks: Vec<_> = handles
        .both()
        .into_iter()
        .cycle()
        .take(CALLS)
        .enumerate()
        .map(|(number, stores)| {
            let (call, start) = (call(stores.clone(), number), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                call.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(CALLS);
    for task in tasks {
        answers.push(task.await.expect("no call panics").expect("the store answers"));
    }
    answers
}

/// Makes 64 calls and drops each after another time, some before they have begun and some when they are over.
async fn abandon<T, C, F>(handles: &Handles, call: C)
where
    T: Send + 'static,
    C: Fn(Stores, usize) -> F,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    let tasks: Vec<_> = handles
        .both()
        .into_iter()
        .cycle()
        .take(CALLS)
        .enumerate()
        .map(|(number, stores)| tokio::spawn(call(stores.clone(), number)))
        .collect();
    for task in tasks {
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        task.abort();
        let _ = task.await;
    }
}

/// How many of the answers are this one.
fn count<T: PartialEq>(answers: &[T], one: &T) -> usize {
    answers.iter().filter(|answer| *answer == one).count()
}

/// What the store answers.
trait Answer<T> {
    /// The answer; a store under test has to give one.
    fn answered(self) -> T;
}

impl<T> Answer<T> for Result<T, StoreError> {
    fn answered(self) -> T {
        self.expect("the store answers")
    }
}

/// Makes a test of each rule that a back-end is held to. Takes the path of an async function that gives the
/// [`Handles`](crate::store::contract::Handles) of an empty store.
///
/// The tests run on tokio, which the calling crate has to have with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! store_contract {
    ($handles:path) => {
        $crate::store_contract! { @rules $handles;
            clients {
                every_field_survives
                an_id_is_taken_once
                one_insert_of_an_id_wins
                the_same_fingerprint_joins
                one_insert_with_a_fingerprint_wins
                a_fingerprint_is_forgotten_with_its_client
                a_replaced_client_keeps_its_fingerprint_only_if_told
                joins_and_deletes_leave_no_loose_end
                an_abandoned_insert_leaves_no_half
                one_replace_of_a_version_wins
                one_of_replace_and_delete_wins
                one_delete_wins
                a_version_is_never_used_again
                a_use_is_noted_and_holds_off_a_delete
                pages_are_complete_and_without_repeats
                a_page_goes_on_after_a_client_that_is_gone
                strange_ids_do_not_meet
            }
            grants {
                every_field_survives
                a_new_grant_stands_where_it_should
                attack_035_a_code_is_redeemed_once
                a_wrong_code_changes_nothing
                attack_050_parallel_refreshes_get_one_successor
                replays_are_counted_across_handles
                what_was_lost_is_taken_up_once
                what_is_over_is_absent
                a_code_that_nobody_redeems_ends_with_its_time
                a_withdrawal_holds_whatever_the_clock_says_of_the_code
                a_grant_ends_once
                an_end_and_a_redemption_leave_it_ended
                unknown_grants_are_absent
            }
            owners {
                all_grants_of_somebody_end
                two_who_end_all_count_each_grant_once
                an_abandoned_create_leaves_no_half
                pages_are_complete_and_without_repeats
                strange_owners_do_not_meet
            }
            devices {
                every_field_survives
                a_user_code_is_taken_while_it_is_not_over
                one_create_of_a_user_code_wins
                one_decision_wins
                a_decision_is_told_once
                what_is_told_frees_its_user_code
                one_of_many_polls_is_in_time
                another_client_changes_nothing
                the_interval_is_kept
                an_expired_one_is_told_for_a_minute
            }
            flows {
                one_put_wins
                one_take_wins
                kinds_do_not_meet
                what_is_over_is_absent
                values_are_kept_byte_for_byte
                what_ends_last_is_kept
            }
            replays {
                one_use_is_the_first
                kinds_do_not_meet
                what_is_over_is_forgotten
            }
            consents {
                every_field_survives
                the_newest_takes_the_place
                what_is_over_is_absent
                users_do_not_meet
                all_are_forgotten_by_owner
                a_great_many_are_forgotten
                the_list_has_an_end
            }
            keys {
                one_publication_wins
                a_document_is_kept_byte_for_byte
            }
            limits {
                exactly_the_burst_is_allowed
                what_is_denied_takes_nothing
                a_look_takes_nothing
                buckets_do_not_meet
                what_is_given_back_can_be_taken_again
                a_bucket_is_never_more_than_full
                what_many_give_back_is_all_there
            }
            model {
                clients_do_as_the_rules_say
                grants_do_as_the_rules_say
                devices_do_as_the_rules_say
                small_things_do_as_the_rules_say
                limits_do_as_the_rules_say
            }
            upkeep {
                it_says_that_it_serves
                a_sweep_takes_what_is_over_and_nothing_else
                a_sweep_heeds_a_longer_life
            }
            durable {
                what_was_answered_is_there_again
                what_was_removed_stays_away
                versions_go_on
            }
        }
    };
    (@rules $handles:path; $($room:ident { $($rule:ident)+ })+) => {
        $(
            mod $room {
                use super::*;

                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $rule() {
                        $crate::store::contract::$room::$rule($handles().await).await;
                    }
                )+
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    /// A rule that the macro does not name would never be run.
    #[test]
    fn the_macro_names_every_rule() {
        let (before, list) = include_str!("mod.rs").split_once("macro_rules!").unwrap();
        assert!(before.contains("pub mod upkeep;"));
        for (room, source) in [
            ("clients", include_str!("clients.rs")),
            ("grants", include_str!("grants.rs")),
            ("owners", include_str!("owners.rs")),
            ("devices", include_str!("devices.rs")),
            ("flows", include_str!("flows.rs")),
            ("replays", include_str!("replays.rs")),
            ("consents", include_str!("consents.rs")),
            ("keys", include_str!("keys.rs")),
            ("limits", include_str!("limits.rs")),
            (
                "model",
                concat!(include_str!("model/clients.rs"), include_str!("model/grants.rs"), include_str!("model.rs")),
            ),
            ("upkeep", include_str!("upkeep.rs")),
            ("durable", include_str!("durable.rs")),
        ] {
            let (_, rest) = list.split_once(&format!("            {room} {{\n")).unwrap();
            let (named, _) = rest.split_once('}').unwrap();
            let named: Vec<&str> = named.split_whitespace().collect();
            let rules: Vec<&str> =
                source.split("\npub async fn ").skip(1).map(|rest| rest.split('(').next().unwrap()).collect();
            assert!(!rules.is_empty());
            assert_eq!(named, rules, "{room}");
        }
    }
}
