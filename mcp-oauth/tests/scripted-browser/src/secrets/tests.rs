use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;

use super::*;

fn one(kind: Kind, secret: &str) -> Secrets {
    let mut secrets = Secrets::default();
    secrets.add(kind, secret);
    secrets
}

#[track_caller]
fn is_found(secrets: &Secrets, places: &[Vec<u8>]) {
    let search = secrets.search();
    for place in places {
        let bytes = [b"before ", &place[..], b" after"].concat();
        assert!(search.first_in(&bytes).is_some(), "{}", bytes.escape_ascii());
        // What is found is the secret and not what stands around it.
        assert!(search.first_in(&bytes[..13]).is_none(), "{}", bytes[..13].escape_ascii());
    }
}

#[test]
fn every_spelling_is_found() {
    let secret = "mcpo_cs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let raw: Vec<u8> = (0..32).collect();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let percent = |bytes: &[u8]| bytes.iter().map(|byte| format!("%{byte:02x}")).collect::<String>();
    is_found(
        &one(Kind::ClientSecret, secret),
        &[
            secret.as_bytes().to_vec(),
            raw.clone(),
            hex(secret.as_bytes()).into_bytes(),
            hex(&raw).to_ascii_lowercase().into_bytes(),
            percent(secret.as_bytes()).into_bytes(),
            format!("{raw:?}").into_bytes(),
            format!("{raw:#?}").into_bytes(),
            format!("{raw:x?}").into_bytes(),
            format!("{raw:X?}").into_bytes(),
            format!("{raw:#x?}").into_bytes(),
            format!("{:?}", secret.as_bytes()).into_bytes(),
            STANDARD.encode(&raw).into_bytes(),
            STANDARD.encode(format!("a{secret}")).into_bytes(),
            // RFC 6749 section 2.3.1.
            STANDARD.encode(format!("a client's id:{secret}")).into_bytes(),
            URL_SAFE.encode(format!("ab{secret}cd")).into_bytes(),
            URL_SAFE_NO_PAD.encode([&[255, 254], &raw[..], &[253]].concat()).into_bytes(),
            // Broken over lines, and cut off before its end or after its beginning.
            secret.as_bytes().chunks(30).collect::<Vec<_>>().join(&b'\n'),
            secret.as_bytes()[..24].to_vec(),
            secret.as_bytes()[20..].to_vec(),
        ],
    );
}

#[test]
fn what_has_other_characters_is_found_however_they_are_written() {
    let secret = "cor\"rect+horse <& ba'tt";
    is_found(
        &one(Kind::Password, secret),
        &[
            b"cor%22rect%2Bhorse%20%3C%26%20ba%27tt".to_vec(),
            b"cor%22rect%2Bhorse+%3C%26+ba%27tt".to_vec(),
            serde_json::to_vec(&json!({ "password": secret })).unwrap(),
            format!("{secret:?}").into_bytes(),
            b"cor&quot;rect+horse &lt;&amp; ba&#39;tt".to_vec(),
        ],
    );
    is_found(&one(Kind::UserCode, "BCDF-GHJK"), &[b"BCDFGHJK".to_vec(), b"bcdf-ghjk".to_vec(), b"bcdfghjk".to_vec()]);
}

#[test]
fn of_a_token_that_says_something_the_rest_is_secret() {
    let header_and_claims = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZGEiLCJhdWQiOiJodHRwczovL2EifQ";
    let signature = "q0GvQ2wPbJ7tOkX1yR8uZ3sLhN5mTcVfEiWdKaBjYpo";
    let secrets = one(Kind::AccessToken, &format!("{header_and_claims}.{signature}"));
    secrets.search().assert_not_in("what anybody may know", header_and_claims);
    is_found(&secrets, &[signature.as_bytes().to_vec(), signature.as_bytes()[..20].to_vec()]);
    let secrets = one(Kind::RefreshToken, &format!("mcpo_rt_a-grant-of-somebody.7.{signature}"));
    secrets.search().assert_not_in("what anybody may know", "mcpo_rt_a-grant-of-somebody.7.");
    is_found(&secrets, &[signature.as_bytes().to_vec()]);
    let head = "AQ".repeat(22);
    let secrets = one(Kind::FormToken, &format!("{head}{}", signature.repeat(3)));
    secrets.search().assert_not_in("what anybody may know", head);
    is_found(&secrets, &[signature.repeat(2).into_bytes()]);
}

#[test]
fn of_a_key_the_public_half_is_no_secret() {
    let (scalar, public) = ([9; 32], [7; 65]);
    for mark in [&[0x30, 0x6b, 2, 1, 1, 4, 32][..], &[0x30, 0x2e, 4, 34, 4, 32]] {
        let mut secrets = Secrets::default();
        secrets.add_key(&[mark, &scalar, &public].concat());
        secrets.search().assert_not_in("what anybody may know", public);
        is_found(&secrets, &[scalar.to_vec(), URL_SAFE_NO_PAD.encode(scalar).into_bytes()]);
    }
    let number = |byte: u8| [&[2, 0x81, 129, 0][..], &[byte; 128]].concat();
    let mut secrets = Secrets::default();
    let modulus = [&[2, 0x82, 1, 1, 0][..], &[7; 256]].concat();
    let private = [number(1), number(2), number(3), number(4), number(5), number(6)];
    secrets.add_key(&[&modulus, &[2, 3, 1, 0, 1][..], &private.concat()].concat());
    secrets.search().assert_not_in("what anybody may know", modulus);
    is_found(&secrets, &private.map(|number| number[4..].to_vec()));
}

#[test]
fn secrets_are_noted_where_they_come_by() {
    let mut secrets = Secrets::default();
    secrets.answered(&json!({"access_token": "a.b.cdefgh", "user_code": "BCDF-GHJK", "token_type": "Bearer"}));
    secrets.sent(&[("code", "mcpo_ac_x.y"), ("grant_type", "authorization_code"), ("password", "incorrect")]);
    secrets.shown(
        "<form><input type=hidden name=flow value=sealed-text><input type=hidden name=switch_user value=yes></form>",
    );
    let mut jar = Jar::default();
    jar.keep("mcp_session=sealed-too; Path=/");
    secrets.kept(&jar);
    let kinds = [Kind::AccessToken, Kind::UserCode, Kind::Code, Kind::Password, Kind::FormToken, Kind::Cookie];
    secrets.assert_has(&kinds);
    secrets.answered(&json!({"user_code": "BCDF-GHJK"}));
    assert_eq!((secrets.0.len(), secrets.of(Kind::Cookie).collect::<Vec<_>>()), (kinds.len(), vec!["sealed-too"]));
    let read: Secrets = serde_json::from_str(&serde_json::to_string(&secrets).unwrap()).unwrap();
    assert_eq!(read.0, secrets.0);
}

#[test]
#[should_panic(expected = "there is no OwnerCode")]
fn a_flow_that_ends_early_is_noticed() {
    one(Kind::Password, "correct horse").assert_has(&[Kind::Password, Kind::OwnerCode]);
}

#[test]
#[should_panic(expected = "the log has Password, form-encoded: correct horse")]
fn what_is_found_is_named() {
    one(Kind::Password, "correct horse").search().assert_not_in("the log", "password=correct+horse");
}
