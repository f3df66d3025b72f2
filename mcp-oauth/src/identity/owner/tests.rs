use std::io;
use std::net::IpAddr;

use super::*;
use crate::types::Secret;

/// Remembers what it was told.
#[derive(Debug, Default)]
struct Ear {
    codes: Mutex<Vec<Secret>>,
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
        Ok(())
    }

    fn withdraw(&self) {
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
    assert_eq!(step, Step::Form(Form::new(Fields::Code).sentence("Listen.")));
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
    assert!(owner.state().live.is_none());
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
