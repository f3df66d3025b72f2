//! What is kept and what is logged: checks 45 and 46. The ways and their secrets are in `crate::secrets`.

use mcp_oauth::jose::{Algorithm, SigningKey};
use mcp_oauth::types::token::{AuthorizationCode, RefreshKey, RefreshToken};
use mcp_oauth::types::{ClientAuthMethod, GrantId, Secret};
use scripted_browser::secrets::{Kind, Secrets};

use crate::secrets::{DAEMON, all_ways, process};
use crate::support::{App, Bed, Keeper, Watch, basic, confidential, on_every_store};

/// The bytes that a store has written anywhere. A store in memory writes none.
fn at_rest(keeper: &Keeper) -> Vec<u8> {
    match keeper {
        Keeper::Memory(_) => Vec::new(),
        Keeper::Embedded(_, folder) => {
            let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
            files.collect::<Vec<_>>().concat()
        }
        Keeper::Redis { prefix, .. } => crate::redis::all_of(prefix),
    }
}

/// Everything of a store that can be read through its traits.
async fn readable(bed: &Bed, secrets: &Secrets) -> String {
    let mut text = String::new();
    let now = bed.now();
    for kept in bed.stores.clients.page(None, 1000).await.unwrap().items {
        text += &serde_json::to_string(&kept.value).unwrap();
        text += &format!("{kept:?}");
    }
    // Ended ones too, which no list shows.
    for token in secrets.of(Kind::Code).chain(secrets.of(Kind::RefreshToken)) {
        let view = bed.grant_of(token).await;
        text += &serde_json::to_string(&view).unwrap();
        text += &format!("{view:?}");
        let subject = &view.grant.identity.subject;
        text += &format!("{:?}", bed.stores.consents.of_subject(subject, now).await.unwrap());
    }
    let document = bed.stores.keys.load().await.unwrap().unwrap().document;
    text += &document.escape_ascii().to_string();
    text
}

on_every_store! {
    async fn attack_045_what_a_store_is_given_and_keeps(keeper: Keeper) {
        let watch = Watch::over(keeper.open().await);
        let bed = Bed::with(keeper, |builder| builder.stores(watch.stores())).await;
        bed.add(confidential(DAEMON, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        let secrets = all_ways(&bed).await;
        let search = secrets.search();
        let (given, kept) = (watch.seen(), readable(&bed, &secrets).await);
        // What is looked for would be found: the digests are there.
        let digest = |kind: Kind| Secret::new(secrets.of(kind).next().unwrap().to_owned()).digest().to_string();
        for kind in [Kind::Code, Kind::DeviceCode, Kind::RegistrationToken] {
            assert!(given.contains(&digest(kind)), "{kind:?}");
        }
        assert!(kept.contains(&digest(Kind::Code)) && kept.contains(&digest(Kind::RegistrationToken)));
        search.assert_not_in("what the store was given", &given);
        search.assert_not_in("what the store tells", &kept);
        // The keys are sealed: nothing of a key is to be read, neither in its form nor in another.
        let document = bed.stores.keys.load().await.unwrap().unwrap().document;
        let plain = document.escape_ascii().to_string();
        for word in ["signing", "refresh", "pages", "version", "pkcs8", "key", "\"", "{"] {
            assert!(!plain.contains(word), "{word}");
        }
        let bytes = at_rest(&bed.keeper);
        let in_memory = matches!(bed.keeper, Keeper::Memory(_));
        assert!(in_memory || contains(&bytes, b"people:ada"), "what is looked for would be found");
        search.assert_not_in("what is at rest", &bytes);
    }

    async fn attack_045_a_store_that_leaks_is_no_way_in(keeper: Keeper) {
        // Whoever reads all records has digests and salts. None of them is good for what it stands for.
        let bed = Bed::new(keeper).await;
        bed.add(confidential(DAEMON, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        let app = App::register(&bed).await;
        let (tokens, code) = (app.tokens(&bed).await, app.code(&bed).await);
        let view = bed.grant_of(&code).await;
        let digest = view.code.as_ref().unwrap().digest.to_string();
        let guess = format!("mcpo_ac_{}.{digest}", view.grant.id);
        app.redeem(&bed, &guess).await.assert_refused(400, "invalid_grant");
        let view = bed.grant_of(&tokens.refresh).await;
        for mac in [view.grant.salt.to_string(), RefreshKey::new(view.grant.salt.as_bytes())
            .mint(view.grant.id, view.grant.salt.as_bytes(), 1).expose().rsplit('.').next().unwrap().to_owned()]
        {
            app.refresh(&bed, &format!("mcpo_rt_{}.1.{mac}", view.grant.id)).await.assert_refused(400, "invalid_grant");
        }
        let kept = bed.stores.clients.page(None, 100).await.unwrap().items;
        let daemon = kept.iter().find(|kept| kept.value.id.as_str() == DAEMON.0).unwrap();
        let secret = daemon.value.secret.unwrap().to_string();
        let headers = [("authorization", basic((DAEMON.0, &secret)))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let reply = bed.post_with("/token", &headers, &[("grant_type", "client_credentials")]).await;
        reply.assert_refused(401, "invalid_client");
        assert_eq!(bed.grant_of(&tokens.refresh).await, view);
    }
}

/// A whole flow in a process of its own, on sockets too, with faults and without.
#[track_caller]
fn nothing_secret_is_logged(store: &str) {
    let (secrets, log) = process(store);
    // What is looked for would be found: ways that went well and ways that did not are in the log, of every thread, and what
    // others log.
    for part in [
        "TokenIssued",
        "Refreshed",
        "RefreshReplayed",
        "ClientRefused",
        "SignInRefused",
        "GrantEnded",
        "people:ada",
        "TRACE",
        "ERROR",
        "down, as the test wants it",
        "tokio-rt-worker",
        "h2::",
        "rustls::",
        "hyper_util::",
    ] {
        assert!(log.contains(part), "{part} is not in the log: {log}");
    }
    secrets.search().assert_not_in("the log", log);
}

#[test]
fn attack_046_what_is_logged_with_a_store_in_memory() {
    nothing_secret_is_logged("memory");
}

#[test]
fn attack_046_what_is_logged_with_a_store_in_a_file() {
    nothing_secret_is_logged("embedded");
}

#[test]
fn attack_046_what_is_logged_with_redis() {
    nothing_secret_is_logged(&crate::redis::urls()[0]);
}

#[test]
fn attack_046_what_is_logged_with_a_cluster() {
    nothing_secret_is_logged(&crate::redis::urls()[1]);
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn attack_046_debug_shows_no_secret() {
    let secret = Secret::random("mcpo_x_").unwrap();
    let grant = GrantId::random().unwrap();
    let code = AuthorizationCode::mint(grant).unwrap();
    let key = RefreshKey::new(&[3; 32]);
    let refresh = key.mint(grant, &[4; 32], 1);
    let parsed = RefreshToken::parse(refresh.expose()).unwrap();
    let signing = SigningKey::generate(Algorithm::Es256).unwrap();
    let shown = format!("{secret:?} {code:?} {key:?} {refresh:?} {parsed:?} {signing:?} {:?}", secret.digest());
    let mac = refresh.expose().rsplit('.').next().unwrap();
    let verifier = code.expose().rsplit('.').next().unwrap();
    for hidden in [secret.expose(), mac, verifier, &secret.digest().to_string(), "3, 3, 3"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}
