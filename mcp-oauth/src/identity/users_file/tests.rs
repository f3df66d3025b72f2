use std::future::Future as _;

use mcp_transport::auth::Subject;

use super::super::log::logged;
use super::password::tests::cheap;
use super::*;
use crate::private_file::Scratch;

const NOW: Timestamp = Timestamp::from_secs(1_000);

fn later(millis: u64) -> Timestamp {
    NOW.after(Duration::from_millis(millis))
}

fn attempt(user: &str, password: &str, now: Timestamp) -> Attempt {
    Attempt::at(now).password(user.to_owned(), Secret::new(password.to_owned()))
}

fn users() -> (Scratch, UsersFile) {
    let scratch = Scratch::new();
    let text = format!(
        "ada:{0}:groups=staff:email=ada@example.com\nbob:{0}:disabled\neve:\ncyd::removed\n",
        cheap("correct horse")
    );
    std::fs::write(scratch.file("users"), text).unwrap();
    let users = UsersFile::open(&scratch.file("users"), NOW).unwrap();
    (scratch, users)
}

fn refused(outcome: &Result<Identity, SignInError>) -> bool {
    matches!(outcome, Err(SignInError::Refused))
}

fn known(account: &str) -> Identity {
    Identity::new("users", Subject::parse(&format!("users:{account}")).unwrap())
}

async fn is_good(users: &UsersFile, account: &str, now: Timestamp) -> bool {
    matches!(users.standing(&known(account), now).await.unwrap(), Standing::Good(_))
}

#[tokio::test]
async fn the_right_password_signs_in() {
    let (_scratch, users) = users();
    let begun = users.begin(&Begin::at(NOW)).await.unwrap();
    assert_eq!(begun, Step::Form(Form::new(Fields::Password)));
    let identity = users.sign_in(&attempt(" Ada", "correct horse", NOW)).await.unwrap();
    assert_eq!((identity.provider.as_str(), identity.subject.as_str()), ("users", "users:ada"));
    assert_eq!(identity.username.as_deref(), Some("ada"));
    assert_eq!(identity.groups, ["staff"]);
    assert_eq!(identity.email.as_deref(), Some("ada@example.com"));
}

// Whoever guesses keeps no more memory taken than sign-ins at the same time do: allocators would keep it for each thread.
#[tokio::test]
async fn wrong_passwords_take_no_memory_that_stays() {
    let (_scratch, users) = users();
    for number in 0..50 {
        assert!(refused(&users.sign_in(&attempt("ada", &format!("guess {number}"), NOW)).await));
    }
    assert_eq!(users.memories.sizes(), [8]);
}

#[tokio::test]
async fn attack_023_another_password_is_another_credential() {
    let (scratch, hash) = (Scratch::new(), cheap("correct horse"));
    let write = |line: String| std::fs::write(scratch.file("users"), line + "\n").unwrap();
    write(format!("ada:{hash}:groups=staff"));
    let users = UsersFile::open(&scratch.file("users"), NOW).unwrap();
    let credential = async |now| match users.standing(&known("ada"), now).await.unwrap() {
        Standing::Good(identity) => identity.credential,
        Standing::Ended => None,
    };
    let signed_in = users.sign_in(&attempt("ada", "correct horse", NOW)).await.unwrap().credential;
    assert!(signed_in.is_some());
    assert_eq!(credential(later(2_000)).await, signed_in);
    // Other things about a user are no reason to sign in again.
    write(format!("ada:{hash}:groups=others"));
    assert_eq!(credential(later(4_000)).await, signed_in);
    // The same word with another salt is another one: whoever sets it anew means to.
    write(format!("ada:{}", cheap("correct horse")));
    let anew = credential(later(6_000)).await;
    assert!(anew.is_some() && anew != signed_in);
    write(format!("ada:{}", cheap("battery staple")));
    let changed = credential(later(8_000)).await;
    assert!(changed.is_some() && changed != anew);
    // It is no part of what is kept of a person.
    let kept =
        serde_json::to_value(users.sign_in(&attempt("ada", "battery staple", later(8_000))).await.unwrap()).unwrap();
    assert!(kept.get("credential").is_none(), "{kept}");
}

#[tokio::test]
async fn everything_else_is_refused_alike() {
    let (_scratch, users) = users();
    for (user, password) in [
        ("ada", "correct hors"),
        ("ada", "Correct horse"),
        ("ada", " correct horse"),
        ("ada", ""),
        ("", "correct horse"),
        ("nobody", "correct horse"),
        ("bob", "correct horse"),
        ("eve", ""),
        ("eve", "correct horse"),
        ("cyd", "correct horse"),
        ("ada:x", "correct horse"),
        ("ada\0", "correct horse"),
        ("users:ada", "correct horse"),
    ] {
        assert!(refused(&users.sign_in(&attempt(user, password, NOW)).await), "{user} {password}");
    }
    assert!(refused(&users.sign_in(&attempt("ada", &"x".repeat(1 << 20), NOW)).await));
    assert!(refused(&users.sign_in(&Attempt::at(NOW)).await));
}

#[test]
fn attack_107_time_does_not_tell_who_is_there() {
    let (_scratch, users) = users();
    // Whoever is asked for, one password is verified, and with the same parameters: nothing else takes time.
    for (typed, password, found) in [
        ("ada", "correct horse", true),
        ("ada", "wrong horse", false),
        ("bob", "correct horse", false),
        ("eve", "wrong horse", false),
        ("cyd", "wrong horse", false),
        ("nobody", "wrong horse", false),
        ("no name", "wrong horse", false),
    ] {
        password::tests::VERIFIED.take();
        let judged =
            judge(&users.file, &users.memories, UserName::from_typed(typed), &Secret::new(password.to_owned()), NOW);
        assert_eq!(judged.is_some(), found, "{typed}");
        assert_eq!(password::tests::VERIFIED.take(), [(8, 1, 1)], "{typed}");
    }
}

#[tokio::test]
async fn attack_053_disabled_withdrawn_and_removed_users_end() {
    let (scratch, users) = users();
    for (account, good) in
        [("ada", true), ("bob", false), ("eve", false), ("cyd", false), ("nobody", false), ("", false)]
    {
        if account.is_empty() {
            let sole = Identity::new("users", Subject::parse("users").unwrap());
            assert_eq!(users.standing(&sole, NOW).await.unwrap(), Standing::Ended);
        } else {
            assert_eq!(is_good(&users, account, NOW).await, good, "{account}");
        }
    }
    let foreign = Identity::new("other", Subject::parse("users:ada").unwrap());
    assert_eq!(users.standing(&foreign, NOW).await.unwrap(), Standing::Ended);

    let (path, ada) = (scratch.file("users"), UserName::parse("ada").unwrap());
    disable(&path, &ada).unwrap();
    assert!(is_good(&users, "ada", later(999)).await, "not looked at again within a second");
    assert!(!is_good(&users, "ada", later(1_000)).await);
    enable(&path, &ada).unwrap();
    assert!(is_good(&users, "ada", later(2_000)).await);
    withdraw_password(&path, &ada).unwrap();
    assert!(!is_good(&users, "ada", later(3_000)).await);
}

#[tokio::test]
async fn a_change_is_seen_by_sign_in_and_gives_fresh_groups() {
    let (scratch, users) = users();
    let text = format!("ada:{}:groups=boss\n", cheap("new password"));
    std::fs::write(scratch.file("users"), text).unwrap();
    assert!(users.sign_in(&attempt("ada", "correct horse", later(999))).await.is_ok());
    assert!(refused(&users.sign_in(&attempt("ada", "correct horse", later(1_000))).await));
    let identity = users.sign_in(&attempt("ada", "new password", later(1_000))).await.unwrap();
    assert_eq!(identity.groups, ["boss"]);
    let Standing::Good(fresh) = users.standing(&known("ada"), later(1_001)).await.unwrap() else { panic!() };
    assert_eq!(fresh.groups, ["boss"]);
}

#[tokio::test]
async fn a_broken_or_missing_file_keeps_the_last_good_users() {
    let (scratch, users) = users();
    let path = scratch.file("users");
    std::fs::write(&path, "ada:\nbroken").unwrap();
    assert!(is_good(&users, "ada", later(1_000)).await);
    std::fs::remove_file(&path).unwrap();
    assert!(is_good(&users, "ada", later(2_000)).await);
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(is_good(&users, "ada", later(3_000)).await);
    std::fs::write(&path, "").unwrap();
    assert!(!is_good(&users, "ada", later(4_000)).await, "an empty file shuts everybody out");
    std::fs::write(&path, format!("ada:{}\n", cheap("x"))).unwrap();
    assert!(is_good(&users, "ada", later(5_000)).await);
    // A clock that was set back does not keep the file from being looked at.
    std::fs::write(&path, "").unwrap();
    assert!(!is_good(&users, "ada", NOW).await);
}

#[test]
fn a_file_that_cannot_be_used_is_not_opened() {
    let scratch = Scratch::new();
    let path = scratch.file("users");
    assert!(matches!(UsersFile::open(&path, NOW), Err(LoadError::Read(_))));
    std::fs::write(&path, "\nada:plain\n").unwrap();
    assert!(matches!(UsersFile::open(&path, NOW), Err(LoadError::Table(TableError::Line { line: 2, .. }))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_beyond_the_bound_are_sent_away() {
    let (_scratch, users) = users();
    let users = Arc::new(users.at_once(1));
    // Somebody computes for as long as it takes us to fill the queue.
    let running = Arc::clone(&users.running).acquire_owned().await.unwrap();
    let tasks: Vec<_> = (0..MOST_WAITING)
        .map(|_| {
            let users = Arc::clone(&users);
            tokio::spawn(async move { users.sign_in(&attempt("ada", "correct horse", NOW)).await.is_ok() })
        })
        .collect();
    while users.waiting.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let outcome = users.sign_in(&attempt("ada", "correct horse", NOW)).await;
    assert!(matches!(outcome, Err(SignInError::TooMany { .. })), "{outcome:?}");
    drop(running);
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert_eq!((users.running.available_permits(), users.waiting.available_permits()), (1, MOST_WAITING));
}

#[test]
fn without_a_runtime_it_says_so() {
    let (_scratch, users) = users();
    let mut pending = Box::pin(async move { users.sign_in(&attempt("ada", "correct horse", NOW)).await });
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(outcome) = pending.as_mut().poll(&mut cx) else { panic!("it waits") };
    assert!(matches!(outcome, Err(SignInError::Unavailable(_))));
}

#[test]
fn a_broken_line_is_logged_once_with_its_number() {
    let (scratch, users) = users();
    std::fs::write(scratch.file("users"), "\n# comment\nada:hunter2\n").unwrap();
    let log = logged(|| drop(users.file.current(later(1_000))));
    assert!(log.contains("line 3 of the users file is not usable"), "{log}");
    assert!(log.contains("ERROR") && !log.contains("hunter2"), "{log}");
    assert_eq!(logged(|| drop(users.file.current(later(2_000)))), "", "once for each state of the file");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;

    let scratch = Scratch::new();
    let path = scratch.file("users");
    std::fs::write(&path, "").unwrap();
    for (mode, warned) in [(0o600, false), (0o640, false), (0o400, false), (0o644, true), (0o660, true), (0o602, true)]
    {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let log = logged(|| drop(UsersFile::open(&path, NOW).unwrap()));
        assert_eq!(log.contains("others may read or write"), warned, "{mode:o}: {log}");
    }
}

#[test]
fn attack_046_sign_in_logs_no_password() {
    let (_scratch, users) = users();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let log = logged(|| {
        for (user, password) in [("ada", "correct horse"), ("ada", "wrong horse"), ("correct horse", "x")] {
            let _ = runtime.block_on(users.sign_in(&attempt(user, password, NOW)));
        }
    });
    assert!(!log.contains("horse"), "{log}");
}
