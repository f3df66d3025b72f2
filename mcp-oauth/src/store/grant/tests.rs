use mcp_transport::auth::{ResourceId, ScopeSet};

use super::*;
use crate::types::{Client, ClientAuthMethod, ClientMetadata, ClientSnapshot, ClientSource, Identity};

const START: Timestamp = Timestamp::from_secs(1_000_000);
const RULES: Rotation =
    Rotation { grace: Duration::from_secs(120), most_replays: 3, idle: Duration::from_secs(3600), rotate: true };

fn seconds(after: u64) -> Timestamp {
    START.after(Duration::from_secs(after))
}

fn code() -> CodeRecord {
    let redirect = "http://localhost/cb".parse().unwrap();
    CodeRecord::new(Digest::sha256(b"code"), seconds(60), redirect, Digest::sha256(b"challenge"))
}

fn view(code: Option<CodeRecord>) -> GrantView {
    let metadata = ClientMetadata::new(ClientAuthMethod::None, Vec::new());
    let client = Client::new(ClientId::parse("c").unwrap(), ClientSource::Registered, metadata, START);
    let grant = Grant {
        id: GrantId::from_bytes([1; 16]),
        client: ClientSnapshot::of(&client),
        identity: Identity::new("users", Subject::parse("ada").unwrap()),
        resource: ResourceId::parse("https://h/mcp").unwrap(),
        scopes: ScopeSet::EMPTY,
        claims: serde_json::Map::new(),
        refreshable: true,
        salt: Digest::sha256(b"salt"),
        refresh_key: "k".to_owned(),
        authenticated_at: START,
        created_at: START,
        expires_at: seconds(10_000),
    };
    created(grant, code, Duration::from_secs(3600))
}

#[test]
fn a_code_is_redeemed_once_and_its_replay_ends_the_grant() {
    // RFC 6749 section 4.1.2: "If an authorization code is used more than once, the authorization server MUST deny the
    // request and SHOULD revoke [..] all tokens previously issued based on that authorization code."
    let mut view = view(Some(code()));
    assert_eq!(view.generation, 0);
    let (answer, write) = redeem(&mut view, &Digest::sha256(b"code"), seconds(59));
    assert!(matches!(answer, Redeem::Won(won) if won.generation == 1) && write);
    assert_eq!(redeem(&mut view, &Digest::sha256(b"code"), seconds(59)), (Redeem::Replayed, true));
    assert_eq!(view.ended, Some(EndReason::CodeReplayed));
    assert_eq!(redeem(&mut view, &Digest::sha256(b"code"), seconds(59)), (Redeem::Replayed, false));
    assert_eq!(advance(&mut view, 1, seconds(60), RULES), (Advance::Ended(EndReason::CodeReplayed), false));
}

#[test]
fn a_wrong_or_late_code_changes_nothing() {
    let mut waiting = view(Some(code()));
    assert_eq!(redeem(&mut waiting, &Digest::sha256(b"other"), seconds(1)), (Redeem::Absent, false));
    assert_eq!(redeem(&mut waiting, &Digest::sha256(b"code"), seconds(60)), (Redeem::Expired, false));
    assert_eq!(waiting, view(Some(code())));
    assert_eq!(redeem(&mut view(None), &Digest::sha256(b"code"), seconds(1)), (Redeem::Absent, false));
    assert_eq!(advance(&mut waiting, 1, seconds(1), RULES), (Advance::Absent, false), "not redeemed yet");
}

#[test]
fn a_grant_is_over_with_a_code_that_nobody_redeems() {
    let mut waiting = view(Some(code()));
    assert_eq!(
        (waiting.over_at(), waiting.is_live(seconds(59)), waiting.is_live(seconds(60))),
        (seconds(60), true, false)
    );
    let mut withdrawn = waiting.clone();
    assert!(end(&mut withdrawn, EndReason::Withdrawn, seconds(60)), "another clock may be behind");
    assert_eq!(redeem(&mut withdrawn, &Digest::sha256(b"code"), seconds(59)), (Redeem::Absent, false));
    assert!(!end(&mut waiting.clone(), EndReason::Withdrawn, waiting.idle_until));
    let _ = redeem(&mut waiting, &Digest::sha256(b"code"), seconds(59));
    assert_eq!((waiting.over_at(), waiting.is_live(seconds(3599))), (seconds(3600), true));
    // A grant that idles before its code is over is not made longer by it.
    let mut short = view(Some(code()));
    short.idle_until = seconds(30);
    assert_eq!(short.over_at(), seconds(30));
}

#[test]
fn the_successor_is_the_same_within_the_grace() {
    let mut view = view(None);
    assert_eq!(advance(&mut view, 1, seconds(10), RULES), (Advance::Next(2), true));
    for _ in 0..3 {
        assert_eq!(advance(&mut view, 1, seconds(130), RULES), (Advance::Again(2), true));
    }
    assert_eq!(view.idle_until, seconds(3610), "a replay gives no new lifetime");
    let before = view.clone();
    assert_eq!(advance(&mut view, 1, seconds(130), RULES), (Advance::Crowded, false), "one more than is allowed");
    assert_eq!(view, before, "and nothing has come of it");
    assert_eq!(advance(&mut view, 2, seconds(130), RULES).0, Advance::Next(3));
    assert_eq!(advance(&mut view, 1, seconds(130), RULES), (Advance::Reused, true), "two generations back");
}

#[test]
fn after_the_grace_it_is_reuse() {
    let mut late = view(None);
    let _ = advance(&mut late, 1, seconds(10), RULES);
    assert_eq!(advance(&mut late, 1, seconds(131), RULES).0, Advance::Reused);
    let mut old = view(None);
    let _ = advance(&mut old, 1, seconds(10), RULES);
    let _ = advance(&mut old, 2, seconds(11), RULES);
    assert_eq!(advance(&mut old, 1, seconds(12), RULES).0, Advance::Reused, "two generations back");
    let mut strict = view(None);
    let rules = Rotation { grace: Duration::ZERO, ..RULES };
    let _ = advance(&mut strict, 1, seconds(10), rules);
    assert_eq!(advance(&mut strict, 1, seconds(10), rules).0, Advance::Reused, "no grace at all");
    let mut never = view(None);
    let rules = Rotation { most_replays: 0, ..RULES };
    let _ = advance(&mut never, 1, seconds(10), rules);
    assert_eq!(advance(&mut never, 1, seconds(10), rules).0, Advance::Reused, "no replay at all");
}

#[test]
fn a_lineage_that_the_store_has_lost_goes_on() {
    let mut view = view(None);
    assert_eq!(advance(&mut view, 3, seconds(10), RULES), (Advance::Resynced(4), true));
    assert_eq!(advance(&mut view, 3, seconds(11), RULES), (Advance::Again(4), true));
    assert_eq!(advance(&mut view, 4, seconds(12), RULES), (Advance::Next(5), true));
}

#[test]
fn idle_and_absolute_ends() {
    let mut idle = view(None);
    assert_eq!(advance(&mut idle, 1, seconds(3600), RULES), (Advance::Expired, false));
    let mut used = view(None);
    for (generation, second) in [(1, 3000), (2, 6000), (3, 9000)] {
        assert_eq!(advance(&mut used, generation, seconds(second), RULES).0, Advance::Next(generation + 1));
    }
    assert_eq!(used.idle_until, seconds(10_000), "never beyond the end of the grant");
    assert_eq!(advance(&mut used, 4, seconds(10_000), RULES).0, Advance::Expired);
}

#[test]
fn without_rotation_the_token_stays() {
    let mut view = view(None);
    let rules = Rotation { rotate: false, ..RULES };
    assert_eq!(advance(&mut view, 1, seconds(10), rules), (Advance::Next(1), true));
    assert_eq!(advance(&mut view, 1, seconds(3000), rules), (Advance::Next(1), true));
    assert_eq!(view.idle_until, seconds(6600));
}

#[test]
fn generations_do_not_wrap() {
    let mut view = view(None);
    view.generation = u32::MAX;
    assert_eq!(advance(&mut view, u32::MAX, seconds(10), RULES), (Advance::Next(u32::MAX), true));
    assert_eq!(advance(&mut view, 0, seconds(10), RULES).0, Advance::Absent);
}
