//! Those who ask too often. Limits are on here, as they are by default.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use http::Method;
use mcp_oauth::server::{AuthorizationServer, Peer, Registration, Transport};
use mcp_oauth::types::ClientAuthMethod;
use mcp_transport::auth::ResourceId;
use serde_json::json;

use crate::support::{
    App, Bed, Browser, FORM, Keeper, READER, RESOURCE, Reply, basic, confidential, encode, on_every_store, request,
    send_to,
};

const PER_MINUTE: usize = 300;

/// A server with the limits that it has by default.
pub(super) async fn limited(keeper: Keeper) -> Bed {
    Bed::with(keeper, |builder| builder.rate_limit(NonZeroU32::new(300))).await
}

/// Sends a request from this address.
pub(super) async fn from(
    bed: &Bed,
    address: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Reply {
    let mut request = request(method, path, headers, body);
    request.extensions_mut().insert(Peer::new(address.parse::<IpAddr>().unwrap(), Transport::Secure));
    bed.send(request).await
}

/// RFC 6585 section 4: 429 says when to come back.
#[track_caller]
pub(super) fn is_too_often(answer: &Reply) {
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!((1..=600).contains(&answer.header("retry-after").parse::<u64>().unwrap()), "{answer:?}");
    assert!(answer.headers.get("location").is_none() && !answer.text.contains("mcpo_"), "{answer:?}");
}

on_every_store! {
    // Whoever begins ten thousand authorizations and ends none: nothing of them is kept anywhere, and after a while
    // nothing is answered.
    async fn attack_030_authorizations_that_nobody_goes_on_with(keeper: Keeper) {
        let bed = limited(keeper).await;
        let app = App::register(&bed).await;
        let before = bed.held();
        let mut shown = 0;
        for _ in 0..10_000 {
            let answer = from(&bed, "198.51.100.7", Method::GET, &app.link(), &[], "").await;
            if answer.status == 200 { shown += 1 } else { is_too_often(&answer) }
        }
        assert_eq!(shown, PER_MINUTE);
        // What is left of them is one number, and it goes when the bucket is full again.
        let after = bed.held();
        assert_eq!(after.clone().without_buckets(), before.clone().without_buckets());
        assert!(after.buckets() <= before.buckets() + 1, "{after:?}");
        bed.assert_swept_within(Duration::from_secs(60 + 300));
        // Nobody else is kept out, and in a minute nobody is.
        assert_eq!(from(&bed, "198.51.100.8", Method::GET, &app.link(), &[], "").await.status, 200);
        bed.advance(60);
        assert_eq!(from(&bed, "198.51.100.7", Method::GET, &app.link(), &[], "").await.status, 200);
    }

    // The same without a limit: what waits for a user is on the user's page alone.
    async fn attack_030_nothing_is_kept_of_what_waits(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        page.is_asked();
        let before = bed.held();
        for _ in 0..500 {
            assert_eq!(Browser::default().get(&bed.server, &app.link()).await.status, 200);
            browser.get(&bed.server, &app.link()).await.is_asked();
        }
        assert_eq!((bed.held(), bed.grants().await), (before, 0));
        // Each of them can still be gone on with: none pushed another one out.
        assert!(browser.submit(&bed.server, &page, &[("decision", "approve")]).await.redirected("code").is_some());
    }

    // RFC 6819 section 5.1.4.2.2; RFC 9110 section 15.5.2: guessing a secret is slowed down, and tells nothing.
    async fn attack_042_a_thousand_wrong_secrets(keeper: Keeper) {
        let bed = limited(keeper).await;
        let body =
            json!({"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "client_secret_post"});
        let app = App::register_as(&bed, &body).await;
        let right = app.secret.clone().unwrap();
        let address = "198.51.100.7";
        let form = |id: &str, secret: &str| {
            encode(&[
                ("grant_type", "authorization_code"),
                ("code", "mcpo_ac_x"),
                ("code_verifier", "x"),
                ("client_id", id),
                ("client_secret", secret),
            ])
        };
        let wrong = from(&bed, "203.0.113.1", Method::POST, "/token", &[FORM], &form(&app.id, "wrong")).await;
        let unknown = from(&bed, "203.0.113.1", Method::POST, "/token", &[FORM], &form("mcpo_c_nobody", "wrong")).await;
        assert_eq!(wrong.refusal(), (401, "invalid_client".to_owned()));
        assert_eq!((wrong.status, wrong.text, wrong.headers), (unknown.status, unknown.text, unknown.headers));
        let mut refused = 0;
        for number in 0..1000 {
            let answer =
                from(&bed, address, Method::POST, "/token", &[FORM], &form(&app.id, &format!("guess {number}"))).await;
            if answer.status == 401 { refused += 1 } else { is_too_often(&answer) }
        }
        assert_eq!(refused, 30);
        // Far beyond all limits the right one is not heard either.
        is_too_often(&from(&bed, address, Method::POST, "/token", &[FORM], &form(&app.id, &right)).await);
        // The client itself, elsewhere, never noticed.
        let answer = from(&bed, "203.0.113.2", Method::POST, "/token", &[FORM], &form(&app.id, &right)).await;
        assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()));
        bed.advance(60);
        let answer = from(&bed, address, Method::POST, "/token", &[FORM], &form(&app.id, &right)).await;
        assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()));
    }

    // The same, exactly: after thirty wrong ones the right one is not heard either, so that nobody learns which it is, and
    // it is heard again as soon as the answer has said.
    async fn attack_042_the_right_secret_after_too_many_wrong_ones(keeper: Keeper) {
        let bed = limited(keeper).await;
        let second = bed.second_with(|builder| builder.rate_limit(NonZeroU32::new(300))).await;
        let body = |method: &str| json!({"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": method});
        let app = App::register_as(&bed, &body("client_secret_post")).await;
        let other = App::register_as(&bed, &body("client_secret_post")).await;
        let public = App::register_as(&bed, &body("none")).await;
        let right = app.secret.clone().unwrap();
        let form = |id: &str, secret: Option<&str>| {
            let mut form = vec![("grant_type", "authorization_code"), ("code", "mcpo_ac_x"), ("code_verifier", "x")];
            form.push(("client_id", id));
            form.extend(secret.map(|secret| ("client_secret", secret)));
            encode(&form)
        };
        let asked = async |server: &AuthorizationServer, body: &str| {
            let mut request = request(Method::POST, "/token", &[FORM], body);
            let address = "198.51.100.7".parse::<IpAddr>().unwrap();
            request.extensions_mut().insert(Peer::new(address, Transport::Secure));
            send_to(server, request).await
        };
        let heard = (400, "invalid_grant".to_owned());
        // Right ones count for nothing, however many.
        for _ in 0..60 {
            assert_eq!(asked(&bed.server, &form(&app.id, Some(&right))).await.refusal(), heard);
        }
        for number in 0..30 {
            assert_eq!(asked(&bed.server, &form(&app.id, Some("wrong"))).await.status, 401, "{number}");
        }
        let mut wait = 0;
        for server in [&bed.server, &second] {
            for (id, secret) in [(app.id.as_str(), right.as_str()), (&app.id, "wrong"), ("mcpo_c_nobody", "wrong")] {
                let answer = asked(server, &form(id, Some(secret))).await;
                is_too_often(&answer);
                wait = answer.header("retry-after").parse().unwrap();
            }
            // Who has no secret guesses none, and another's is another.
            assert_eq!(asked(server, &form(&public.id, None)).await.refusal(), heard);
            assert_eq!(asked(server, &form(&other.id, other.secret.as_deref())).await.refusal(), heard);
        }
        bed.advance(wait - 1);
        is_too_often(&asked(&bed.server, &form(&app.id, Some(&right))).await);
        bed.advance(1);
        assert_eq!(asked(&second, &form(&app.id, Some(&right))).await.refusal(), heard);
    }

    // Whoever sends junk keeps no resource server waiting that is behind the same address.
    async fn attack_042_junk_at_the_address_of_a_client(keeper: Keeper) {
        let bed = limited(keeper).await;
        let mut reader = confidential(READER, ClientAuthMethod::ClientSecretBasic, &[]);
        reader.serves = vec![ResourceId::parse(RESOURCE).unwrap()];
        bed.add(reader).await;
        let mut refused = 0;
        for number in 0..60 {
            let named = format!("nobody{number}");
            let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", named.as_str())];
            form.extend((number % 2 == 0).then_some(("client_secret", "wrong")));
            let answer = from(&bed, "198.51.100.7", Method::POST, "/token", &[FORM], &encode(&form)).await;
            if answer.status == 401 { refused += 1 } else { is_too_often(&answer) }
        }
        assert_eq!(refused, 30);
        let secret = basic(READER);
        let headers = [FORM, ("authorization", secret.as_str())];
        assert_eq!(from(&bed, "198.51.100.7", Method::POST, "/introspect", &headers, "token=x").await.status, 200);
    }

    // The same for the tokens that manage registrations. Passwords are in `sign_ins`.
    async fn attack_042_management_tokens(keeper: Keeper) {
        let bed = limited(keeper).await;
        let app = App::register(&bed).await;
        let mut refused = 0;
        for number in 0..100 {
            let token = format!("Bearer mcpo_rat_{number}");
            let headers = [("authorization", token.as_str())];
            let answer = from(&bed, "198.51.100.7", Method::GET, &app.management(), &headers, "").await;
            if answer.status == 401 { refused += 1 } else { is_too_often(&answer) }
        }
        assert_eq!(refused, 30);
        let right = format!("Bearer {}", app.management_token());
        let right = [("authorization", right.as_str())];
        is_too_often(&from(&bed, "198.51.100.7", Method::GET, &app.management(), &right, "").await);
        bed.advance(2);
        assert_eq!(from(&bed, "198.51.100.7", Method::GET, &app.management(), &right, "").await.status, 200);
    }

    // RFC 7591 section 5: registration is open, and not for everything that anybody sends. All addresses of a /64 are
    // one, because whoever has one has them all.
    async fn attack_082_ten_thousand_registrations(keeper: Keeper) {
        let bed = limited(keeper).await;
        let before = bed.held();
        let mut made = 0;
        for number in 0_u32..10_000 {
            let address = format!("2001:db8:1:2:{:x}::{number:x}", number % 7);
            let body = json!({
                "client_name": format!("App {number}"), "redirect_uris": ["https://app.example/cb"],
                "token_endpoint_auth_method": "none",
            });
            let headers = [("content-type", "application/json"), ("x-forwarded-for", "203.0.113.77")];
            let answer = from(&bed, &address, Method::POST, "/register", &headers, &body.to_string()).await;
            if answer.status == 201 { made += 1 } else { is_too_often(&answer) }
        }
        assert_eq!((made, bed.clients().await), (30, 30));
        // Nothing has grown by more than what was made: clients, their fingerprints, and 16 parts of the list of all, each
        // with its ends.
        let held = bed.held();
        assert_eq!(held.clients(), 30, "{held:?}");
        assert!(held.most_growth(&before) <= 32, "{held:?}");
        assert!(held.all() <= before.all() + 30 + 30 + 32 + 2, "{held:?}");
        // Bad ones count too: judging them is work.
        let headers = [("content-type", "application/json")];
        let answers = (0..60).map(|_| from(&bed, "198.51.100.9", Method::POST, "/register", &headers, "{}"));
        let mut refused = 0;
        for answer in answers {
            if answer.await.status == 400 {
                refused += 1
            }
        }
        assert_eq!(refused, 30);
        // The next network is not held to account.
        let body =
            json!({"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none"}).to_string();
        assert_eq!(from(&bed, "2001:db8:1:3::1", Method::POST, "/register", &headers, &body).await.status, 201);
    }

    // Whoever has a /48 has 65536 networks, and whoever has many machines has their addresses: both are bounded.
    async fn attack_082_registrations_from_everywhere(keeper: Keeper) {
        let bed = Bed::with(keeper, |builder| builder.rate_limit(NonZeroU32::new(30))).await;
        let headers = [("content-type", "application/json")];
        let register = async |address: String, number: u32| {
            let body = json!({
                "client_name": format!("App {number}"), "redirect_uris": ["https://app.example/cb"],
                "token_endpoint_auth_method": "none",
            });
            let answer = from(&bed, &address, Method::POST, "/register", &headers, &body.to_string()).await;
            if answer.status != 201 {
                is_too_often(&answer);
            }
            u32::from(answer.status == 201)
        };
        let mut made = 0;
        for number in 0..40 {
            made += register(format!("2001:db8:7:{number:x}::1"), number).await;
        }
        assert_eq!(made, 12, "four times what one network has");
        assert_eq!(register("2001:db8:8::1".to_owned(), 50).await, 1, "the next site is not held to account");
        for number in 100..200 {
            made += register(format!("198.51.100.{number}"), number).await;
        }
        assert_eq!((made, bed.clients().await), (29, 30), "ten times what one address has");
        bed.advance(60);
        assert_eq!(register("2001:db8:7:1::1".to_owned(), 300).await, 1);
    }

    // The same client over and over is one client, with a token for each who registered it, as far as there is room.
    async fn attack_082_the_same_client_over_and_over(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut tokens = Vec::new();
        for _ in 0..100 {
            tokens.push(App::register(&bed).await.management_token());
        }
        assert_eq!((bed.clients().await, bed.held().clients()), (1, 1));
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len(), 100);
        let kept = bed.stores.clients.page(None, 10).await.unwrap().items.remove(0).value;
        assert_eq!(kept.management.len(), mcp_oauth::types::Client::MOST_REGISTRANTS);
        // A secret is nobody else's: a client that has one is a client of its own.
        let body =
            json!({"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "client_secret_basic"});
        let (one, two) = (App::register_as(&bed, &body).await, App::register_as(&bed, &body).await);
        assert!(one.id != two.id && one.secret != two.secret, "{one:?} {two:?}");
    }

    // RFC 7591 section 3: the endpoint is open where the operator says so. Who is registered already is not shut out.
    async fn attack_082_registration_that_is_off(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let server = bed.builder_again().await.registration(Registration::Off).build().await.unwrap();
        let body = json!({"redirect_uris": ["https://app.example/cb"], "client_name": "New"}).to_string();
        let headers = [("content-type", "application/json")];
        let answer = send_to(&server, request(Method::POST, "/register", &headers, &body)).await;
        assert_eq!((answer.status, answer.text.as_str()), (404, ""));
        let metadata = send_to(&server, request(Method::GET, "/.well-known/oauth-authorization-server", &[], "")).await;
        assert!(metadata.json().get("registration_endpoint").is_none(), "{metadata:?}");
        assert_eq!(bed.clients().await, 1);
        let bearer = format!("Bearer {}", app.management_token());
        let read = request(Method::GET, &app.management(), &[("authorization", bearer.as_str())], "");
        assert_eq!(send_to(&server, read).await.status, 200);
    }
}
