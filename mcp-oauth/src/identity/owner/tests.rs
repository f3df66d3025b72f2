use std::io;
use std::net::IpAddr;

use super::*;
use crate::types::{Digest, Secret};

/// Remembers what it was told.
#[derive(Debug, Default)]
struct Ear {
    codes: Mutex<Vec<Secret>>,
    marks: Mutex<Vec<String>>,
    kept: Mutex<String>,
    withdrawn: Mutex<u32>,
    deaf: bool,
}

impl Ear {
    fn codes(&self) -> usize {
        self.codes.lock().unwrap().len()
    }

    fn last(&self) -> String {
        self.codes.lock().unwrap().last().unwrap().expose().to_owned()
    }

    /// Remembers the code that was shown last.
    fn keep(&self) {
        *self.kept.lock().unwrap() = self.last();
    }

    fn kept(&self) -> String {
        self.kept.lock().unwrap().clone()
    }

    fn mark(&self) -> String {
        self.marks.lock().unwrap().last().unwrap().clone()
    }

    fn withdrawn(&self) -> u32 {
        *self.withdrawn.lock().unwrap()
    }
}

impl Announce for Ear {
    fn announce(&self, announcement: &Announcement<'_>) -> io::Result<()> {
        if self.deaf {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.codes.lock().unwrap().push(announcement.code.clone());
        self.marks.lock().unwrap().push(announcement.mark.to_owned());
        Ok(())
    }

    fn withdraw(&self, _: &str) {
        *self.withdrawn.lock().unwrap() += 1;
    }

    fn whereabouts(&self) -> &'static str {
        "Listen."
    }
}

const NOW: Timestamp = Timestamp::from_secs(1_000);

fn owner() -> (Owner, Arc<Ear>) {
    let ear = Arc::new(Ear::default());
    (Owner::new(Arc::clone(&ear) as _), ear)
}

fn attempt(code: &str, now: Timestamp) -> Attempt {
    Attempt::at(now).code(Secret::new(code.to_owned()))
}

fn wrong() -> Attempt {
    attempt("BBBBB-BBBBB-BBBBB", NOW)
}

fn refused(outcome: &Result<Identity, SignInError>) -> bool {
    matches!(outcome, Err(SignInError::Refused))
}

#[tokio::test]
async fn the_code_signs_in_once() {
    let (owner, ear) = owner();
    let step = owner.begin(&Begin::at(NOW).peer(IpAddr::from([127, 0, 0, 1]))).await.unwrap();
    let sentence = format!("Listen. It is the one for the page marked {}.", ear.mark());
    assert_eq!(step, Step::Form(Form::new(Fields::Code).sentence(sentence)));
    let identity = owner.sign_in(&attempt(&ear.last(), NOW)).await.unwrap();
    assert_eq!((identity.provider.as_str(), identity.subject.as_str()), ("owner", "owner"));
    assert_eq!(ear.withdrawn(), 1);
    assert!(refused(&owner.sign_in(&attempt(&ear.last(), NOW)).await));
}

#[tokio::test]
async fn of_two_at_the_same_time_one_is_signed_in() {
    let (owner, ear) = owner();
    owner.begin(&Begin::at(NOW)).await.unwrap();
    let (owner, code) = (Arc::new(owner), ear.last());
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (owner, code) = (Arc::clone(&owner), code.clone());
            tokio::spawn(async move { owner.sign_in(&attempt(&code, NOW)).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += u32::from(task.await.unwrap());
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn one_code_at_a_time_however_often_the_page_is_loaded() {
    let (owner, ear) = owner();
    for second in 0..600 {
        owner.begin(&Begin::at(NOW.after(Duration::from_secs(second)))).await.unwrap();
    }
    assert_eq!(ear.codes(), 1);
    owner.begin(&Begin::at(NOW.after(Owner::LIFETIME))).await.unwrap();
    assert_eq!(ear.codes(), 2);
}

#[tokio::test]
async fn a_code_lives_ten_minutes() {
    let (owner, ear) = owner();
    owner.begin(&Begin::at(NOW)).await.unwrap();
    assert!(refused(&owner.sign_in(&attempt(&ear.last(), NOW.after(Owner::LIFETIME))).await));
    let last = NOW.after(Owner::LIFETIME).before(Duration::from_millis(1));
    assert!(owner.sign_in(&attempt(&ear.last(), last)).await.is_ok());
}

#[tokio::test]
async fn the_fifth_wrong_try_voids_it() {
    let (owner, ear) = owner();
    owner.begin(&Begin::at(NOW)).await.unwrap();
    for typed in ["x", "BBBBB-BBBBB-BBBBB", "<script>", &"B".repeat(100_000)] {
        assert!(refused(&owner.sign_in(&attempt(typed, NOW)).await));
    }
    // Forms without a code are no tries.
    assert!(refused(&owner.sign_in(&attempt(" ", NOW)).await));
    assert!(refused(&owner.sign_in(&Attempt::at(NOW)).await));
    assert_eq!(ear.withdrawn(), 0);
    assert!(refused(&owner.sign_in(&wrong()).await));
    assert_eq!(ear.withdrawn(), 1);
    assert!(refused(&owner.sign_in(&attempt(&ear.last(), NOW)).await), "void, though it is the right one");
}

#[tokio::test]
async fn right_at_the_fifth_try_is_right() {
    let (owner, ear) = owner();
    owner.begin(&Begin::at(NOW)).await.unwrap();
    for _ in 0..4 {
        assert!(refused(&owner.sign_in(&wrong()).await));
    }
    assert!(owner.sign_in(&attempt(&ear.last(), NOW)).await.is_ok());
}

#[tokio::test]
async fn strangers_cannot_flood_the_terminal() {
    let (owner, ear) = owner();
    let mut asked = 0;
    let denied = loop {
        if let Err(fault) = owner.begin(&Begin::at(NOW)).await {
            break fault;
        }
        asked += 1;
        for _ in 0..Owner::TRIES {
            assert!(refused(&owner.sign_in(&wrong()).await));
        }
    };
    assert_eq!((asked, ear.codes()), (4, 4));
    let SignInError::TooMany { retry_after } = denied else { panic!("{denied:?}") };
    assert_eq!(retry_after, Duration::from_secs(15));
    owner.begin(&Begin::at(NOW.after(retry_after))).await.unwrap();
    assert_eq!(ear.codes(), 5);
}

#[tokio::test]
async fn a_code_that_nobody_saw_is_not_live() {
    let owner = Owner::new(Arc::new(Ear { deaf: true, ..Ear::default() }));
    assert!(matches!(owner.begin(&Begin::at(NOW)).await, Err(SignInError::Unavailable(_))));
    assert_eq!(owner.codes().len(), 0);
}

#[tokio::test]
async fn the_owner_stays_the_owner_and_nobody_else_is() {
    let (owner, _) = owner();
    let known = identity().unwrap();
    assert_eq!(owner.standing(&known, NOW).await.unwrap(), Standing::Good(Box::new(known.clone())));
    let other = Identity::new("users", known.subject);
    assert_eq!(owner.standing(&other, NOW).await.unwrap(), Standing::Ended);
}

#[tokio::test]
async fn attack_046_debug_shows_no_code() {
    let (owner, ear) = owner();
    owner.begin(&Begin::at(NOW)).await.unwrap();
    let text = format!("{owner:?}");
    assert!(!text.contains(&ear.last()[..5]), "{text}");
}

/// A browser, by its number.
fn browser(number: u32) -> Digest {
    Digest::sha256(&number.to_be_bytes())
}

fn opened(number: u32, peer: [u8; 4], now: Timestamp) -> Begin {
    Begin::at(now).browser(browser(number)).peer(IpAddr::from(peer))
}

#[tokio::test]
async fn attack_042_strangers_cannot_use_up_the_tries_of_the_owner() {
    let (owner, ear) = owner();
    owner.begin(&opened(1, [192, 0, 2, 1], NOW)).await.unwrap();
    let (code, mark) = (ear.last(), ear.mark());
    owner.begin(&opened(2, [198, 51, 100, 7], NOW)).await.unwrap();
    assert_ne!((ear.last(), ear.mark()), (code.clone(), mark));
    for _ in 0..4 * Owner::TRIES {
        // From a page of their own, and from none.
        assert!(refused(&owner.sign_in(&wrong().browser(browser(2))).await));
        assert!(refused(&owner.sign_in(&wrong().browser(browser(3))).await));
        assert!(refused(&owner.sign_in(&wrong()).await));
    }
    assert_eq!(ear.withdrawn(), 1, "their own is void");
    // Nor is the owner's code good for them.
    for stranger in
        [attempt(&code, NOW).browser(browser(2)), attempt(&code, NOW).browser(browser(3)), attempt(&code, NOW)]
    {
        assert!(refused(&owner.sign_in(&stranger).await));
    }
    assert!(owner.sign_in(&attempt(&code, NOW).browser(browser(1))).await.is_ok());
}

#[tokio::test]
async fn attack_042_a_code_has_five_tries_in_all() {
    let (owner, ear) = owner();
    owner.begin(&opened(1, [192, 0, 2, 1], NOW)).await.unwrap();
    let code = ear.last();
    for number in 0..Owner::TRIES {
        // Whoever the browser is, loading the page again gives no more of them, nor does another address.
        owner.begin(&opened(1, [198, 51, 100, number as u8], NOW)).await.unwrap();
        assert!(refused(&owner.sign_in(&wrong().browser(browser(1))).await));
    }
    assert_eq!((ear.codes(), ear.withdrawn()), (1, 1));
    assert!(refused(&owner.sign_in(&attempt(&code, NOW).browser(browser(1))).await));
}

#[tokio::test]
async fn attack_042_one_address_leaves_a_code_for_others() {
    let (owner, ear) = owner();
    let (mut now, mut number) = (NOW, 1);
    for _ in 0..20 {
        // A stranger takes all they can get, without end, and so they do while the owner reads a code of theirs.
        for second in 0..=60 {
            let now = now.after(Duration::from_secs(second));
            loop {
                number += 1;
                if owner.begin(&opened(number, [198, 51, 100, 7], now)).await.is_err() {
                    break;
                }
            }
            if second == 0 {
                owner.begin(&opened(1, [192, 0, 2, 1], now)).await.unwrap();
                let mark = owner.codes().mark_of(Some(browser(1))).unwrap().to_owned();
                assert_eq!(ear.mark(), mark, "the owner got a new one");
                ear.keep();
            }
        }
        assert!(owner.codes().len() <= Owner::MOST_LIVE);
        now = now.after(Duration::from_secs(60));
        assert!(owner.sign_in(&attempt(&ear.kept(), now).browser(browser(1))).await.is_ok());
    }
    // Three a minute for the stranger, and one for the owner.
    assert!(ear.codes() <= 20 * 4 + 4, "{}", ear.codes());
}

#[tokio::test]
async fn the_oldest_of_whoever_has_most_makes_room() {
    let ear = Arc::new(Ear::default());
    let owner = Owner::new(Arc::clone(&ear) as _).codes_per_minute(NonZeroU32::new(1000).unwrap());
    owner.begin(&opened(0, [192, 0, 2, 1], NOW)).await.unwrap();
    let first = ear.last();
    owner.begin(&opened(1, [198, 51, 100, 7], NOW)).await.unwrap();
    let second = ear.last();
    for number in 2..100 {
        owner.begin(&opened(number, [198, 51, 100, 7], NOW)).await.unwrap();
        assert!(owner.codes().len() <= Owner::MOST_LIVE);
    }
    assert_eq!(ear.withdrawn(), 100 - 16, "those that went are not shown any more");
    assert!(refused(&owner.sign_in(&attempt(&second, NOW).browser(browser(1))).await));
    assert!(owner.sign_in(&attempt(&ear.last(), NOW).browser(browser(99))).await.is_ok());
    assert!(owner.sign_in(&attempt(&first, NOW).browser(browser(0))).await.is_ok());
}
