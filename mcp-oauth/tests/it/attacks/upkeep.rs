//! What goes by itself, and what stays: check 82, and the end of everything that has one.

use std::num::NonZeroU32;
use std::time::Duration;

use mcp_oauth::server::Lifetimes;
use mcp_oauth::store::ReplayKind;
use mcp_oauth::types::{ClientAuthMethod, Digest};
use serde_json::json;

use super::device::Device;
use crate::support::{App, Bed, Keeper, Tokens, basic, confidential, on_every_store};

const DAEMON: (&str, &str) = ("daemon", "the-secret-of-the-daemon");
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

async fn app(bed: &Bed, name: &str) -> App {
    let body = json!({
        "client_name": name, "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
    });
    App::register_as(bed, &body).await
}

/// A server that looks after itself until this is so.
async fn maintained(bed: &Bed, is_so: impl AsyncFn() -> bool) {
    let until = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    let either = async {
        tokio::select! {
            () = bed.server.maintain() => {}
            () = until => {}
        }
    };
    let over = tokio::time::timeout(Duration::from_secs(60), either).await;
    assert!(over.is_ok(), "it does not come to pass: {:?}", bed.held());
}

/// Whether Redis sweeps by itself; the others are swept.
const fn sweeps_itself(bed: &Bed) -> bool {
    matches!(bed.keeper, Keeper::Redis { .. })
}

on_every_store! {
    // RFC 7591 section 5: a registration that nobody uses is not kept for ever; one that somebody relies on is.
    async fn attack_082_what_nobody_uses_goes_and_the_rest_stays(keeper: Keeper) {
        let mut lifetimes = Lifetimes::default();
        // Longer than a client may be unused.
        lifetimes.refresh_token = Duration::from_secs(200 * DAY);
        let bed = Bed::with(keeper, |builder| builder.lifetimes(lifetimes).rate_limit(NonZeroU32::new(300))).await;
        bed.add(confidential(DAEMON, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        let empty = bed.held();

        let unclaimed = app(&bed, "Unclaimed").await;
        let (used, granted) = (app(&bed, "Used").await, app(&bed, "Granted").await);
        // A use within an hour of the registration need not be noted.
        bed.advance(2 * HOUR);
        let (over, live) = (used.tokens(&bed).await, granted.tokens(&bed).await);
        assert_eq!(bed.post("/revoke", &[("client_id", &used.id), ("token", &over.refresh)]).await.status, 200);
        let device = Device::new(&bed).await;
        let headers = [("authorization", basic(DAEMON))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let own = Tokens::of(&bed.post_with("/token", &headers, &[("grant_type", "client_credentials")]).await);
        assert_eq!(bed.post_with("/revoke", &headers, &[("token", &own.access)]).await.status, 200);
        // As after an assertion of a client (RFC 7523 section 3), which is attacked elsewhere.
        let (jti, until) = (Digest::of("jti", &[b"1"]), bed.now().after(Duration::from_secs(60)));
        let replays = bed.keeper.open().await.replays;
        assert!(replays.first_use(ReplayKind::ClientAssertion, &jti, until, bed.now()).await.unwrap());
        let full = bed.held();
        assert_eq!((full.clients(), full.grants()), (5, 2), "{full:?}");
        let small = |bed: &Bed| {
            let held = bed.held();
            let kinds = [("devices of memory", "devices", "d"), ("flows of memory", "flows", "f.revoked"),
                ("replays of memory", "replays", "j.client")];
            kinds.map(|(memory, table, key)| held.of(memory, table, key))
        };
        if !sweeps_itself(&bed) {
            assert!(small(&bed).iter().all(|count| *count > 0), "{full:?}");
        }
        bed.assert_swept_within(Duration::from_secs(365 * DAY + DAY));

        // The small things go; neither clients nor what was allowed them.
        bed.advance(2 * HOUR);
        maintained(&bed, async || sweeps_itself(&bed) || small(&bed) == [0; 3]).await;
        assert_eq!((bed.clients().await, bed.held().grants(), bed.grants().await), (5, 2, 1));

        // Who registered and never came back is gone after a day.
        bed.advance(DAY);
        maintained(&bed, async || bed.clients().await == 3).await;
        for gone in [&unclaimed, &device.app] {
            bed.get(&gone.link()).await.is_refused_here(400, "invalid_client");
        }
        assert_eq!(bed.get(&used.link()).await.status, 200);

        // Who was used goes when that is long ago, unless somebody still relies on it.
        bed.advance(100 * DAY);
        maintained(&bed, async || bed.clients().await == 2).await;
        assert_eq!(bed.grants().await, 1);
        Tokens::of(&granted.refresh(&bed, &live.refresh).await);

        // Everything has an end.
        bed.advance(400 * DAY);
        maintained(&bed, async || {
            let swept = sweeps_itself(&bed) || bed.held().without_buckets() == empty.clone().without_buckets();
            bed.clients().await == 1 && swept
        }).await;
        assert_eq!(bed.grants().await, 0);
        bed.assert_clients_swept().await;
    }
}
