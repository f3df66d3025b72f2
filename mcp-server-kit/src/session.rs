//! What legacy clients set for their session: subscriptions to resources, the level of log messages.

use mcp_transport::{
    exchange::Exchange,
    handler::Outcome,
    jsonrpc::{ErrorObject, Params},
    protocol::{SetLevelParams, SubscribeParams},
    session::Session,
};

use crate::{
    call,
    notify::{LONGEST_URI, MOST_SUBSCRIPTIONS, Subscribed},
    server::Server,
};

/// Answers `resources/subscribe`.
pub(crate) fn subscribe(server: &Server, exchange: &Exchange, params: &Params) -> Outcome {
    change(server, exchange, params, |session, uri| {
        if uri.len() > LONGEST_URI {
            return Err(ErrorObject::invalid_params("the uri is too long to subscribe to"));
        }
        if !server.has_resource(&uri) {
            return Err(call::no_resource(exchange.revision(), &uri));
        }
        let subscribed = session.state(Subscribed::default);
        let mut uris = subscribed.lock();
        if uris.len() >= MOST_SUBSCRIPTIONS && !uris.contains(&uri) {
            return Err(ErrorObject::invalid_params("the session has too many subscriptions"));
        }
        uris.insert(uri);
        Ok(())
    })
}

/// Answers `resources/unsubscribe`.
pub(crate) fn unsubscribe(server: &Server, exchange: &Exchange, params: &Params) -> Outcome {
    change(server, exchange, params, |session, uri| {
        session.state(Subscribed::default).lock().remove(&uri);
        Ok(())
    })
}

fn change(
    server: &Server,
    exchange: &Exchange,
    params: &Params,
    change: impl FnOnce(&Session, String) -> Result<(), ErrorObject>,
) -> Outcome {
    let Some(session) = exchange.session() else {
        return ErrorObject::invalid_params("there is no session to subscribe in").into();
    };
    let Ok(SubscribeParams { uri, .. }) = params.decode() else {
        return ErrorObject::invalid_params("uri must be a text").into();
    };
    match change(session, uri) {
        Ok(()) => done(server, exchange),
        Err(error) => error.into(),
    }
}

/// Answers `logging/setLevel`.
pub(crate) fn set_level(server: &Server, exchange: &Exchange, params: &Params) -> Outcome {
    let Ok(SetLevelParams { level, .. }) = params.decode() else {
        return ErrorObject::invalid_params("level must be one of RFC 5424").into();
    };
    if let Some(session) = exchange.session() {
        session.set_log_level(level);
    }
    done(server, exchange)
}

fn done(server: &Server, exchange: &Exchange) -> Outcome {
    Outcome::complete(server.heads.complete(exchange.revision(), None, 0).end())
}
