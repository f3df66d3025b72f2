use super::super::memory::Memories;
use super::super::password::tests::cheap;
use super::*;
use crate::private_file::Scratch;

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn verifies(path: &Path, user: &str, password: &str) -> bool {
    let table = Table::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let user = table.find(&name(user)).unwrap();
    user.is_good() && user.password.as_ref().unwrap().verify(&secret(password), &Memories::default())
}

#[test]
fn a_user_comes_and_goes() {
    let scratch = Scratch::new();
    let path = scratch.file("users");
    let ada = name("ada");
    assert!(matches!(set_password(&path, &ada, &secret("one")), Err(EditError::Absent)));
    assert!(scratch.names().is_empty(), "nothing is made for a change that fails");

    add(&path, &ada, &secret("one")).unwrap();
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap()) & 0o777, 0o600);
    assert!(verifies(&path, "ada", "one") && !verifies(&path, "ada", "two"));
    assert!(matches!(add(&path, &ada, &secret("two")), Err(EditError::Exists)));
    set_password(&path, &ada, &secret("two")).unwrap();
    assert!(verifies(&path, "ada", "two"));
    disable(&path, &ada).unwrap();
    disable(&path, &ada).unwrap();
    assert!(!verifies(&path, "ada", "two"));
    enable(&path, &ada).unwrap();
    assert!(verifies(&path, "ada", "two"));
    withdraw_password(&path, &ada).unwrap();
    assert!(!verifies(&path, "ada", "two"));
    remove(&path, &ada).unwrap();
    assert_eq!(list(&path).unwrap(), [(ada.clone(), UserState::Removed)]);
    // A subject is never given to another person.
    assert!(matches!(add(&path, &ada, &secret("three")), Err(EditError::Retired)));
    for outcome in [set_password(&path, &ada, &secret("x")), enable(&path, &ada), remove(&path, &ada)] {
        assert!(matches!(outcome, Err(EditError::Absent)));
    }
    assert_eq!(scratch.names(), ["users"]);
}

#[test]
fn other_lines_stay_as_they_are() {
    let scratch = Scratch::new();
    let path = scratch.file("users");
    let hash = cheap("x");
    let before = format!("# ada: the boss\n\n  ada:{hash}:groups=staff:disabled:name=Ada \nadam:{hash}\n# end");
    std::fs::write(&path, &before).unwrap();
    enable(&path, &name("ada")).unwrap();
    let after = format!("# ada: the boss\n\nada:{hash}:groups=staff:name=Ada\nadam:{hash}\n# end\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
}

#[test]
fn a_broken_file_is_not_touched() {
    let scratch = Scratch::new();
    let path = scratch.file("users");
    std::fs::write(&path, "ada:plain\n").unwrap();
    assert!(matches!(add(&path, &name("bob"), &secret("x")), Err(EditError::Table(TableError::Line { line: 1, .. }))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "ada:plain\n");
    assert!(matches!(list(&scratch.file("none")), Err(EditError::Read(_))));
    assert!(matches!(add(&scratch.file("no/users"), &name("bob"), &secret("x")), Err(EditError::Write(_))));
}

#[test]
fn an_impossible_password_is_not_taken() {
    let path = Path::new("/nonexistent");
    for text in ["", "a\n", &"x".repeat(1025)] {
        assert!(matches!(add(path, &name("ada"), &secret(text)), Err(EditError::Password(_))));
    }
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let scratch = Scratch::new();
    let (file, link) = (scratch.file("users"), scratch.file("link"));
    std::fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    add(&link, &name("ada"), &secret("x")).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(list(&file).unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn no_change_is_lost_between_two() {
    let scratch = Scratch::new();
    let path = scratch.file("users");
    std::fs::write(&path, (0..8).map(|number| format!("u{number}:{}\n", cheap("x"))).collect::<String>()).unwrap();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let path = &path;
            scope.spawn(move || disable(path, &name(&format!("u{number}"))).unwrap());
        }
    });
    let users = list(&path).unwrap();
    assert_eq!(users.len(), 8);
    assert!(users.iter().all(|(_, state)| *state == UserState::Disabled), "{users:?}");
}
