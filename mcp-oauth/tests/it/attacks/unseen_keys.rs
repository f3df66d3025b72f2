//! Keys that a node has not heard of: check 105. It asks the store before it says anything about a client's token.

use std::sync::Arc;

use http::Method;
use mcp_oauth::server::AuthorizationServer;
use mcp_oauth::types::GrantId;
use tokio::task::JoinSet;

use super::device::Device;
use crate::support::{
    App, Bed, FORM, Fault, Keeper, READER, Reply, Tokens, Watch, basic, encode, on_every_store, request, send_to,
};

const DAY: u64 = 24 * 3600;

/// A node that nobody looks after.
struct Stale {
    server: AuthorizationServer,
    watch: Arc<Watch>,
}

impl Stale {
    async fn new(bed: &Bed) -> Self {
        let watch = Watch::over(bed.keeper.open().await);
        let stores = watch.stores();
        Self { server: bed.second_with(|builder| builder.stores(stores)).await, watch }
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Reply {
        let headers: Vec<_> = [FORM].iter().chain(headers).copied().collect();
        send_to(&self.server, request(Method::POST, path, &headers, &encode(form))).await
    }

    async fn refresh(&self, app: &App, token: &str) -> Reply {
        self.post("/token", &[], &refresh(app, token)).await
    }

    fn looks(&self) -> usize {
        self.watch.calls().iter().filter(|call| **call == "keys.load").count()
    }
}

fn refresh<'a>(app: &'a App, token: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("grant_type", "refresh_token"), ("client_id", &app.id), ("refresh_token", token)]
}

/// A server that makes refresh tokens with a key that came after so many nodes had loaded theirs.
async fn rotated(keeper: Keeper, stale: usize) -> (Bed, Vec<Stale>) {
    let watch = Watch::over(keeper.open().await);
    let stores = watch.stores();
    let bed = Bed::with(keeper, |builder| builder.stores(stores)).await;
    let mut nodes = Vec::new();
    for _ in 0..stale {
        nodes.push(Stale::new(&bed).await);
    }
    bed.advance(90 * DAY);
    watch.round(&bed.server).await;
    bed.advance(120);
    assert!(!bed.is_active("nothing").await, "the reader is there");
    for node in &nodes {
        node.watch.begin(None);
    }
    (bed, nodes)
}

on_every_store! {
    async fn attack_105_a_refresh_key_that_a_node_has_not_loaded(keeper: Keeper) {
        let (bed, nodes) = rotated(keeper, 6).await;
        let app = App::register(&bed).await;
        let tokens = app.tokens(&bed).await;
        // Each is the first thing that a node hears of the key.
        let second = Tokens::of(&nodes[0].refresh(&app, &tokens.refresh).await);
        assert_eq!(nodes[0].looks(), 1);
        let third = Tokens::of(&nodes[0].refresh(&app, &second.refresh).await);
        assert_eq!(nodes[0].looks(), 1, "once");
        let code = app.code(&bed).await;
        let redeemed = Tokens::of(&nodes[1].post("/token", &[], &app.redemption(&code)).await);
        Tokens::of(&app.refresh(&bed, &redeemed.refresh).await);
        let form = [("client_id", app.id.as_str()), ("token", third.refresh.as_str())];
        let device = Device::new(&bed).await;
        device.decide(&bed, "approve").await;
        let polled = Tokens::of(&nodes[2].post("/token", &[], &device.form()).await);
        Tokens::of(&nodes[2].refresh(&device.app, &polled.refresh).await);
        assert_eq!(nodes[3].post("/revoke", &[], &form).await.status, 200);
        assert!(!bed.is_active(&third.access).await, "it has had its effect");
        // Nobody hears of another client's key: there is nothing to look for.
        let other = App { id: device.app.id.clone(), ..app.clone() };
        nodes[4].refresh(&other, &redeemed.refresh).await.assert_refused(400, "invalid_grant");
        assert_eq!(nodes[4].looks(), 0);
        let (one, two) =
            tokio::join!(nodes[5].refresh(&app, &redeemed.refresh), nodes[5].refresh(&app, &redeemed.refresh));
        assert_eq!(Tokens::of(&one).refresh, Tokens::of(&two).refresh);
        assert_eq!(nodes[5].looks(), 1, "one looks for both");
    }

    async fn attack_105_an_unseen_key_while_the_store_is_away(keeper: Keeper) {
        let (bed, nodes) = rotated(keeper, 24).await;
        let app = App::register(&bed).await;
        let mut nodes = nodes.iter();
        for fault in [Fault::Before, Fault::After] {
            for number in 0.. {
                bed.advance(60);
                let node = nodes.next().unwrap();
                let code = app.code(&bed).await;
                // The code is still good after the fault, and so is the token.
                let looked = if fault == Fault::Before {
                    node.watch.begin(Some((number, fault)));
                    node.post("/token", &[], &app.redemption(&code)).await
                } else {
                    let tokens = Tokens::of(&app.redeem(&bed, &code).await);
                    node.watch.begin(Some((number, fault)));
                    let reply = node.refresh(&app, &tokens.refresh).await;
                    if reply.status != 200 {
                        reply.assert_refused(503, "temporarily_unavailable");
                        // Within the second nobody asks again, and says so.
                        let calls = node.watch.calls();
                        node.watch.begin(None);
                        if calls.last() == Some(&"keys.load") {
                            let reply = node.refresh(&app, &tokens.refresh).await;
                            reply.assert_refused(503, "temporarily_unavailable");
                            assert_eq!((reply.header("retry-after"), node.looks()), ("1", 0));
                        }
                        bed.advance(5);
                        Tokens::of(&node.refresh(&app, &tokens.refresh).await);
                        continue;
                    }
                    reply
                };
                let calls = node.watch.calls();
                node.watch.begin(None);
                if number == calls.len() {
                    assert_eq!(looked.status, 200);
                    assert!(calls.contains(&"keys.load"), "{calls:?}");
                    break;
                }
                looked.assert_refused(503, "temporarily_unavailable");
                assert!(looked.header("retry-after").parse::<u64>().unwrap() > 0);
                bed.advance(5);
                Tokens::of(&node.post("/token", &[], &app.redemption(&code)).await);
            }
        }
    }

    async fn attack_105_keys_that_nobody_has_made(keeper: Keeper) {
        // Whatever is named: the store is asked once a second, and what has not been looked for is not judged.
        let (bed, nodes) = rotated(keeper, 1).await;
        let (app, node) = (App::register(&bed).await, &nodes[0]);
        let tokens = app.tokens(&bed).await;
        let mut grant = bed.grant_of(&tokens.refresh).await.grant;
        grant.id = GrantId::random().unwrap();
        grant.refresh_key = "madeup00".to_owned();
        bed.stores.grants.create(grant.clone(), None, std::time::Duration::from_secs(DAY)).await.unwrap();
        let mac = tokens.refresh.rsplit('.').next().unwrap();
        let forged = format!("mcpo_rt_{}.1.{mac}", grant.id);
        for _ in 0..3 {
            let mut tasks = JoinSet::new();
            node.watch.begin(None);
            for _ in 0..64 {
                let (server, form) = (node.server.clone(), encode(&refresh(&app, &forged)));
                tasks.spawn(async move { send_to(&server, request(Method::POST, "/token", &[FORM], &form)).await });
            }
            let replies = tasks.join_all().await;
            assert_eq!(node.looks(), 1);
            let (judged, put_off): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 400);
            assert_eq!((judged.len(), put_off.len()), (1, 63));
            judged[0].assert_refused(400, "invalid_grant");
            for reply in put_off {
                reply.assert_refused(503, "temporarily_unavailable");
                assert_eq!(reply.header("retry-after"), "1");
            }
            bed.advance(1);
        }
        let view = bed.stores.grants.peek(grant.id, bed.now()).await.unwrap().unwrap();
        assert_eq!((view.ended, view.generation), (None, 1), "nothing has ended");
        // Meanwhile the others are served.
        Tokens::of(&node.refresh(&app, &tokens.refresh).await);
    }

    async fn attack_105_a_token_of_a_key_that_was_made_in_haste(keeper: Keeper) {
        // Where a key is dropped at once, the next one signs at once; a node that has not heard of it does not call what it
        // has signed inactive.
        let bed = Bed::new(keeper).await;
        let stale = Stale::new(&bed).await;
        let app = App::register(&bed).await;
        let before = app.tokens(&bed).await;
        assert!(bed.is_active(&before.access).await);
        let first = bed.server.keys().keys()[0].key().key_id().to_owned();
        bed.server.revoke_key(&first).await.unwrap();
        let after = Tokens::of(&app.refresh(&bed, &before.refresh).await);
        let is_active = async |token: &str| {
            let reply = stale.post("/introspect", &[("authorization", &basic(READER))], &[("token", token)]).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            reply.json()["active"].as_bool().unwrap()
        };
        stale.watch.begin(None);
        assert!(is_active(&after.access).await);
        assert_eq!(stale.looks(), 1);
        // By the way it hears that the other is good for nothing; and does not look for it again and again.
        for _ in 0..10 {
            assert!(!is_active(&before.access).await);
        }
        assert_eq!(stale.looks(), 1);
    }
}
