//! `subscriptions/listen`: a call that stays pending (MCP 2026-07-28, subscriptions).

use mcp_transport::{
    exchange::{Exchange, meta::SUBSCRIPTION_ID},
    handler::Outcome,
    jsonrpc::{ErrorObject, Params, Raw, RequestId},
    protocol::{AcknowledgedParams, ListenParams, Meta, RawId, SubscriptionFilter},
};

use crate::{
    notify::{LONGEST_URI, MOST_SUBSCRIPTIONS},
    server::Server,
};

/// Acknowledges what is honoured, and tells of changes until the client goes or the server stops. The driver stamps
/// each message with the subscription's id.
pub(crate) async fn listen(server: &Server, exchange: Exchange, id: RequestId, params: &Params) -> Outcome {
    let Ok(asked) = params.decode::<ListenParams>() else {
        return ErrorObject::invalid_params("notifications must be a filter").into();
    };
    let honoured = server.honoured(asked.notifications);
    let Ok(acknowledged) = Raw::write(&AcknowledgedParams::new(honoured.clone())) else {
        return ErrorObject::internal().into();
    };
    let listening = server.hub.listen(exchange.clone(), honoured, &acknowledged);
    exchange.stop().given().await;
    drop(listening);
    let mut meta = Meta::new();
    if let Ok(id) = RawId::from_json(id.as_json()) {
        meta = meta.with_typed(SUBSCRIPTION_ID, &id);
    }
    Outcome::complete(server.heads.complete(exchange.revision(), Some(meta), 0).end())
}

impl Server {
    /// The part of the filter that the server has something to say about.
    fn honoured(&self, asked: SubscriptionFilter) -> SubscriptionFilter {
        let wanted = |flag: Option<bool>, declared: bool| (flag == Some(true) && declared).then_some(true);
        let mut honoured = SubscriptionFilter::default();
        honoured.tools_list_changed = wanted(asked.tools_list_changed, self.tools.is_declared());
        honoured.prompts_list_changed = wanted(asked.prompts_list_changed, self.prompts.is_declared());
        honoured.resources_list_changed = wanted(asked.resources_list_changed, self.resources.is_declared());
        if self.resources.is_declared() {
            honoured.resource_subscriptions = asked.resource_subscriptions.map(|mut uris| {
                uris.truncate(MOST_SUBSCRIPTIONS);
                // They are kept, and said back, as long as the stream is open.
                uris.retain(|uri| uri.len() <= LONGEST_URI);
                uris
            });
        }
        honoured
    }
}
