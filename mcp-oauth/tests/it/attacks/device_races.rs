//! Devices and users that race: check 99.

use std::sync::Arc;

use async_trait::async_trait;
use http::Method;
use mcp_oauth::store::{By, Decided, Decision, DeviceCreated, DeviceRecord, DeviceStore, Poll, StoreError};
use mcp_oauth::types::{Digest, EndReason, Timestamp};
use mcp_transport::auth::ClientId;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::device::Device;
use crate::support::{
    Bed, Browser, FORM, Keeper, Tokens, encode, on_every_store, on_every_store_at_once, request, send_to,
};

/// A store in which somebody else is always a moment faster, and refuses.
struct Outrun(Arc<dyn DeviceStore>);

#[async_trait]
impl DeviceStore for Outrun {
    async fn create(&self, record: DeviceRecord, now: Timestamp) -> Result<DeviceCreated, StoreError> {
        self.0.create(record, now).await
    }

    async fn by_user_code(&self, user_code: &Digest, now: Timestamp) -> Result<Option<DeviceRecord>, StoreError> {
        self.0.by_user_code(user_code, now).await
    }

    async fn decide(&self, user_code: &Digest, decision: Decision, now: Timestamp) -> Result<Decided, StoreError> {
        self.0.decide(user_code, Decision::Denied, now).await?;
        self.0.decide(user_code, decision, now).await
    }

    async fn poll(&self, device_code: &Digest, client: &ClientId, now: Timestamp) -> Result<Poll, StoreError> {
        self.0.poll(device_code, client, now).await
    }

    async fn redeem(
        &self,
        device_code: &Digest,
        client: &ClientId,
        attempt: &Digest,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.0.redeem(device_code, client, attempt, now).await
    }
}

on_every_store! {
    async fn attack_099_a_decision_that_comes_too_late(keeper: Keeper) {
        // Whatever it is, the user is not told that it holds.
        let bed = Bed::new(keeper).await;
        let mut stores = bed.keeper.open().await;
        stores.devices = Arc::new(Outrun(stores.devices));
        let server = bed.builder_again().await.stores(stores).build().await.unwrap();
        for decision in ["approve", "deny"] {
            let device = Device::new(&bed).await;
            let mut browser = Browser::default();
            let page = device.page(&bed, &mut browser, "ada").await;
            let told = browser.submit(&server, &page, &[("decision", decision)]).await;
            assert!(told.status == 400 && told.text.contains("user_code"), "{decision}: {told:?}");
            device.poll(&bed).await.assert_refused(400, "access_denied");
            assert_eq!(bed.grants().await, 0, "{decision}");
        }
    }
}

on_every_store_at_once! {
    async fn attack_099_two_decisions_in_a_race(keeper: Keeper) {
        // Whoever is told that a device has access has given it, and nobody has given it twice.
        let bed = Bed::new(keeper).await;
        let second = bed.second().await;
        for _ in 0..8 {
            let device = Device::new(&bed).await;
            let (mut ada, mut bob) = (Browser::default(), Browser::default());
            let pages = (device.page(&bed, &mut ada, "ada").await, device.page(&bed, &mut bob, "bob").await);
            let barrier = Arc::new(Barrier::new(2));
            let mut tasks = JoinSet::new();
            for (server, mut browser, page) in [(bed.server.clone(), ada, pages.0), (second.clone(), bob, pages.1)] {
                let barrier = Arc::clone(&barrier);
                tasks.spawn(async move {
                    barrier.wait().await;
                    browser.submit(&server, &page, &[("decision", "approve")]).await.status
                });
            }
            let mut told = tasks.join_all().await;
            told.sort_unstable();
            assert_eq!(told[0], 200);
            assert_ne!(told[1], 200);
            let by = By::Client(ClientId::parse(&device.app.id).unwrap());
            let live = bed.stores.grants.page(Some(&by), None, 10, bed.now()).await.unwrap().items;
            assert_eq!(live.len(), 1);
            let tokens = Tokens::of(&device.poll(&bed).await);
            assert_eq!(tokens.claims()["sub"], live[0].grant.identity.subject.as_str());
            assert_eq!(bed.stores.grants.end_all(&by, EndReason::Withdrawn, bed.now()).await.unwrap(), 1);
        }
    }

    async fn attack_099_a_device_code_in_a_race(keeper: Keeper) {
        const TASKS: usize = 64;
        let bed = Bed::new(keeper).await;
        let second = bed.second().await;
        let device = Device::new(&bed).await;
        device.decide(&bed, "approve").await;
        let form = encode(&device.form());
        let barrier = Arc::new(Barrier::new(TASKS));
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let server = if task % 2 == 0 { bed.server.clone() } else { second.clone() };
            let (form, barrier) = (form.clone(), Arc::clone(&barrier));
            tasks.spawn(async move {
                barrier.wait().await;
                send_to(&server, request(Method::POST, "/token", &[FORM], &form)).await
            });
        }
        let replies = tasks.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
        assert_eq!(won.len(), 1);
        for reply in lost {
            reply.assert_refused(400, "invalid_grant");
        }
        // Whoever polls twice is impatient, and no thief.
        assert!(bed.is_active(&Tokens::of(&won[0]).access).await);
    }
}
