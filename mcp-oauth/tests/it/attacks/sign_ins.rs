//! Who guesses passwords, and who only signs in: check 42. Limits are on here, as they are by default.

use std::sync::{Arc, Mutex};

use http::Method;
use mcp_oauth::identity::{Announce, Announcement, Owner};
use mcp_oauth::server::AuthorizationServer;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::limits::{from, limited};
use crate::support::{
    App, Bed, Browser, FORM, Fault, Keeper, Reply, Watch, encode, forms, on_every_store, on_every_store_at_once,
    request, send_to,
};

/// What an account's owner may get wrong from one address before they wait.
const OF_AN_ACCOUNT_FROM_AN_ADDRESS: usize = 10;
/// What an address may get wrong, whatever the account.
const OF_AN_ADDRESS: usize = 60;
/// What may be got wrong of an account, from wherever.
const OF_AN_ACCOUNT: usize = 100;

/// A page of sign-in that is open in a browser.
#[derive(Clone)]
struct Door {
    flow: String,
    cookie: String,
}

impl Door {
    async fn open(bed: &Bed) -> Self {
        let app = App::register(bed).await;
        let mut browser = Browser::default();
        let page = browser.get(&bed.server, &app.link()).await;
        let flow = forms(&page.text).remove(0).hidden.remove(0).1;
        Self { flow, cookie: format!("__Host-mcp_browser={}", browser.cookies["__Host-mcp_browser"]) }
    }

    fn form(&self, name: &str, password: &str) -> String {
        encode(&[("flow", &self.flow), ("username", name), ("password", password)])
    }

    async fn knock(&self, bed: &Bed, address: &str, name: &str, password: &str) -> Reply {
        let headers = [FORM, ("cookie", self.cookie.as_str())];
        from(bed, address, Method::POST, "/authorize", &headers, &self.form(name, password)).await
    }

    /// The right password, which has to be taken.
    async fn enter(&self, bed: &Bed, address: &str, name: &str) {
        let answer = self.knock(bed, address, name, &format!("{name}{name}")).await;
        assert_eq!(answer.status, 303, "{name} from {address}: {answer:?}");
        assert!(answer.header("set-cookie").starts_with("__Host-mcp_session="), "{answer:?}");
    }

    /// A wrong one: whether it was judged.
    async fn guess(&self, bed: &Bed, address: &str, name: &str) -> bool {
        was_judged(&self.knock(bed, address, name, "wrong").await)
    }

    /// Sends this form so many times at once to these servers, from one address.
    async fn crowd(&self, servers: &[AuthorizationServer; 2], forms: Vec<String>) -> Vec<Reply> {
        let barrier = Arc::new(Barrier::new(forms.len()));
        let mut tasks = JoinSet::new();
        for (number, form) in forms.into_iter().enumerate() {
            let (server, barrier, cookie) = (servers[number % 2].clone(), Arc::clone(&barrier), self.cookie.clone());
            tasks.spawn(async move {
                barrier.wait().await;
                send_to(&server, request(Method::POST, "/authorize", &[FORM, ("cookie", &cookie)], &form)).await
            });
        }
        tasks.join_all().await
    }
}

/// Whether a try that failed got as far as the identity provider. If not, it says when to come back.
#[track_caller]
fn was_judged(answer: &Reply) -> bool {
    assert_eq!(answer.headers.get("set-cookie"), None, "{answer:?}");
    match answer.status {
        403 => true,
        429 => {
            assert!(answer.text.contains("name=\"password\""), "they can try again later: {answer:?}");
            false
        }
        _ => panic!("{answer:?}"),
    }
}

/// What the owner has been shown: each code, with the mark of its page.
#[derive(Debug, Default)]
struct Terminal(Mutex<Vec<(String, String)>>);

impl Announce for Terminal {
    fn announce(&self, announcement: &Announcement<'_>) -> std::io::Result<()> {
        self.0.lock().unwrap().push((announcement.mark.to_owned(), announcement.code.expose().to_owned()));
        Ok(())
    }

    fn whereabouts(&self) -> &'static str {
        "On the terminal."
    }
}

on_every_store! {
    // The owner's one-time code belongs to the browser that shows its mark. What strangers type uses up tries of their own,
    // and a code that a stranger has seen is of no use to them.
    async fn attack_042_the_owners_code_and_strangers(keeper: Keeper) {
        let terminal = Arc::new(Terminal::default());
        let owner = Owner::new(Arc::clone(&terminal) as _);
        let bed = Bed::with(keeper, |builder| builder.identity(Arc::new(owner))).await;
        let link = App::register(&bed).await.link_with(&[("identity_provider", "owner")]);
        let (mut browser, mut stranger) = (Browser::default(), Browser::default());
        let page = browser.get(&bed.server, &link).await;
        let foreign = stranger.get(&bed.server, &link).await;
        let [(mark, code), (other, _)] = terminal.0.lock().unwrap().clone().try_into().unwrap();
        assert!(page.text.contains(&format!("marked {mark}.")) && foreign.text.contains(&format!("marked {other}.")));
        // Loading it again makes no other.
        assert!(browser.get(&bed.server, &link).await.text.contains(&format!("marked {mark}.")));
        assert_eq!(stranger.submit(&bed.server, &foreign, &[("code", &code)]).await.status, 403);
        for _ in 0..30 {
            let answer = stranger.submit(&bed.server, &foreign, &[("code", "BBBBB-BBBBB-BBBBB")]).await;
            assert_eq!(answer.status, 403, "{answer:?}");
        }
        assert_eq!(stranger.submit(&bed.server, &foreign, &[("code", &code)]).await.status, 403);
        assert_eq!(browser.submit(&bed.server, &page, &[("code", &code)]).await.status, 303);
        assert_eq!(browser.submit(&bed.server, &page, &[("code", &code)]).await.status, 403, "once");
    }

    // NIST SP 800-63B section 5.2.2; OWASP, "Blocking Brute Force Attacks": failures are counted. What is right costs
    // nothing, however often it is typed.
    async fn attack_042_who_signs_in_is_not_counted(keeper: Keeper) {
        let bed = limited(keeper).await;
        let door = Door::open(&bed).await;
        for _ in 0..3 {
            for number in 0..25 {
                door.enter(&bed, "198.51.100.7", &format!("guest{number}")).await;
            }
        }
        for _ in 0..30 {
            door.enter(&bed, "198.51.100.7", "ada").await;
        }
        // Nor has it filled anything beyond what it held.
        let mut judged = 0;
        for _ in 0..2 * OF_AN_ACCOUNT_FROM_AN_ADDRESS {
            judged += usize::from(door.guess(&bed, "198.51.100.7", "ada").await);
            if judged < OF_AN_ACCOUNT_FROM_AN_ADDRESS {
                door.enter(&bed, "198.51.100.7", "ada").await;
            }
        }
        assert_eq!(judged, OF_AN_ACCOUNT_FROM_AN_ADDRESS);
        // From there not even the right one is tried, and however it is spelled. Others there sign in.
        for name in ["ada", " ADA "] {
            let answer = door.knock(&bed, "198.51.100.7", name, "adaada").await;
            assert!(!was_judged(&answer));
        }
        door.enter(&bed, "198.51.100.7", "bob").await;
    }

    // Whoever tries at one address without end does not keep the owner of the account from signing in at another.
    async fn attack_042_one_who_tries_without_end(keeper: Keeper) {
        let bed = limited(keeper).await;
        let mut judged = 0;
        for round in 0..120 {
            // Pages are good for ten minutes.
            let door = Door::open(&bed).await;
            for _ in 0..4 {
                judged += usize::from(door.guess(&bed, "198.51.100.7", "ada").await);
            }
            if round % 8 == 0 {
                door.enter(&bed, "203.0.113.1", "ada").await;
            }
            bed.advance(60);
        }
        // In two hours: those at once, and one each three minutes.
        assert_eq!(judged, OF_AN_ACCOUNT_FROM_AN_ADDRESS + 39);
    }

    // Many addresses together guess an account no oftener than that either; and one address not many accounts.
    async fn attack_042_many_addresses_and_many_accounts(keeper: Keeper) {
        let bed = limited(keeper).await;
        let door = Door::open(&bed).await;
        let mut judged = 0;
        for number in 0..150 {
            judged += usize::from(door.guess(&bed, &format!("198.51.100.{number}"), "ada").await);
        }
        assert_eq!(judged, OF_AN_ACCOUNT);
        assert!(!was_judged(&door.knock(&bed, "203.0.113.9", "ada", "adaada").await));
        // What was refused at the last of three buckets has taken nothing out of the others.
        door.enter(&bed, "198.51.100.149", "bob").await;
        bed.advance(60);
        let door = Door::open(&bed).await;
        door.enter(&bed, "203.0.113.9", "ada").await;
        let mut judged = 0;
        for number in 0..2 * OF_AN_ADDRESS {
            judged += usize::from(door.guess(&bed, "203.0.113.10", &format!("guest{number}")).await);
        }
        assert_eq!(judged, OF_AN_ADDRESS);
        assert!(!was_judged(&door.knock(&bed, "203.0.113.10", "guest0", "guest0guest0").await));
        door.enter(&bed, "203.0.113.11", "guest0").await;
    }

    // Judging a password is work on purpose: whoever has one cannot have it done without end, from many addresses neither.
    async fn attack_042_the_right_password_without_end(keeper: Keeper) {
        let bed = limited(keeper).await;
        let (door, mut entered) = (Door::open(&bed).await, 0);
        for number in 0..340 {
            let answer = door.knock(&bed, &format!("198.51.100.{}", number % 50), "ada", "adaada").await;
            if answer.status == 303 { entered += 1 } else { assert!(!was_judged(&answer)) }
        }
        assert_eq!(entered, 300);
        door.enter(&bed, "198.51.100.7", "bob").await;
        bed.advance(2);
        door.enter(&bed, "198.51.100.8", "ada").await;
    }

    // What nobody has judged is no guess: the provider cannot tell, and then it can.
    async fn attack_042_a_provider_that_is_down(keeper: Keeper) {
        let bed = limited(keeper).await;
        let door = Door::open(&bed).await;
        bed.people.break_down(true);
        for _ in 0..2 * OF_AN_ADDRESS {
            assert_eq!(door.knock(&bed, "198.51.100.7", "ada", "adaada").await.status, 503);
        }
        bed.people.break_down(false);
        door.enter(&bed, "198.51.100.7", "ada").await;
    }

    // A store that fails counts at worst what was right: nobody is shut out by the very sign-in that went well.
    async fn attack_042_a_store_that_fails_meanwhile(keeper: Keeper) {
        let watch = Watch::over(keeper.open().await);
        let stores = watch.stores();
        let limit = std::num::NonZeroU32::new(300);
        let bed = Bed::with(keeper, |builder| builder.stores(stores).rate_limit(limit)).await;
        let door = Door::open(&bed).await;
        for number in 0.. {
            watch.begin(Some((number, Fault::Before)));
            let answer = door.knock(&bed, "198.51.100.7", "ada", "adaada").await;
            let calls = watch.calls();
            watch.begin(None);
            if number == calls.len() {
                assert_eq!(calls.iter().filter(|name| **name == "limits.give_back").count(), 3, "{calls:?}");
                break;
            }
            let failed = calls[number];
            let expected = if failed == "limits.check" { 503 } else { 303 };
            assert_eq!(answer.status, expected, "{number} of {calls:?}: {answer:?}");
        }
    }

    // One who has all networks of a /48 is one: the code that the owner has just read stays good.
    async fn attack_042_the_owners_code_and_one_site(keeper: Keeper) {
        let terminal = Arc::new(Terminal::default());
        let owner = Owner::new(Arc::clone(&terminal) as _);
        let bed = Bed::with(keeper, |builder| builder.identity(Arc::new(owner))).await;
        let link = "/device?identity_provider=owner";
        let page = from(&bed, "203.0.113.1", Method::GET, link, &[], "").await;
        let cookie = page.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let code = terminal.0.lock().unwrap()[0].1.clone();
        for number in 0..16 {
            bed.advance(20);
            let answer = from(&bed, &format!("2001:db8:1:{number:x}::1"), Method::GET, link, &[], "").await;
            assert!(answer.text.contains("name=\"code\""), "{number} {answer:?}");
        }
        let fields = forms(&page.text).into_iter().flat_map(|form| form.hidden);
        let flow = fields.into_iter().find(|(name, _)| name == "flow").unwrap().1;
        let headers = [FORM, ("cookie", cookie.as_str())];
        let body = encode(&[("flow", &flow), ("code", &code)]);
        assert_eq!(from(&bed, "203.0.113.1", Method::POST, "/authorize", &headers, &body).await.status, 303);
    }
}

on_every_store_at_once! {
    // Tries that come at the same time, at two processes: no more are judged than may fail, because each is counted before.
    async fn attack_042_guesses_in_a_race(keeper: Keeper) {
        let bed = limited(keeper).await;
        let second = bed.builder_again().await.rate_limit(std::num::NonZeroU32::new(300)).build().await.unwrap();
        let servers = [bed.server.clone(), second];
        let door = Door::open(&bed).await;
        let guesses = (0..64).map(|number| door.form("ada", &number.to_string())).collect();
        let answers = door.crowd(&servers, guesses).await;
        assert_eq!(answers.iter().filter(|answer| was_judged(answer)).count(), OF_AN_ACCOUNT_FROM_AN_ADDRESS);
    }

    // An office in the morning: 20 people behind one address, at once, and a few have mistyped before.
    async fn attack_042_twenty_people_behind_one_address(keeper: Keeper) {
        let bed = limited(keeper).await;
        let second = bed.builder_again().await.rate_limit(std::num::NonZeroU32::new(300)).build().await.unwrap();
        let servers = [bed.server.clone(), second];
        let door = Door::open(&bed).await;
        for number in 0..20 {
            assert!(door.guess(&bed, "192.0.2.1", &format!("guest{number}")).await);
        }
        let people = (0..20).map(|number| door.form(&format!("guest{number}"), &format!("guest{number}guest{number}")));
        let answers = door.crowd(&servers, people.collect()).await;
        assert!(answers.iter().all(|answer| answer.status == 303), "{answers:?}");
    }
}
