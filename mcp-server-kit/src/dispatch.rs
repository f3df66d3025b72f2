//! The only match over methods.

use std::sync::Arc;

use mcp_transport::{
    exchange::Exchange,
    handler::Outcome,
    jsonrpc::{ErrorObject, Request},
    protocol::{Direction, Method},
};

use crate::{
    call, lifecycle, listen,
    registry::Item,
    server::{Part, Server},
    session,
    tool::{self, Answering},
};

/// Answers one request. The call of a tool, the way that most go, is one small future and not a part of one that can hold
/// any method.
pub(crate) fn request(server: Arc<Server>, exchange: Exchange, request: Request) -> Answering {
    match request.method {
        Method::CallTool => tool::answer(server, exchange, request.params),
        _ => Box::pin(other(server, exchange, request)),
    }
}

async fn other(server: Arc<Server>, exchange: Exchange, request: Request) -> Outcome {
    let Request { id, method, params } = request;
    let defined = exchange.revision().defines_method(&method, Direction::ClientToServer);
    match method {
        // Methods that this revision removed, or does not have yet, are unknown to it.
        method if !defined => Box::pin(call::extension(&server, exchange, &method, params)).await,
        Method::Initialize => lifecycle::initialize(&server, &exchange),
        Method::Discover => lifecycle::discover(&server, &exchange),
        Method::Ping => Outcome::complete(server.heads.complete(exchange.revision(), None, 0).end()),
        Method::ListTools => list(&server, &server.tools, &exchange, &method, &params),
        Method::ListResources => list(&server, &server.resources, &exchange, &method, &params),
        Method::ListResourceTemplates => list(&server, &server.templates, &exchange, &method, &params),
        Method::ListPrompts => list(&server, &server.prompts, &exchange, &method, &params),
        Method::ReadResource if server.resources.is_declared() => {
            Box::pin(call::resource(&server, exchange, &params)).await
        }
        Method::GetPrompt if server.prompts.is_declared() => Box::pin(call::prompt(&server, exchange, &params)).await,
        Method::Complete if server.completes() => Box::pin(call::complete(&server, exchange, &params)).await,
        Method::Subscribe if server.resources.is_declared() => session::subscribe(&server, &exchange, &params),
        Method::Unsubscribe if server.resources.is_declared() => session::unsubscribe(&server, &exchange, &params),
        Method::SetLevel if server.logs() => session::set_level(&server, &exchange, &params),
        Method::Listen => Box::pin(listen::listen(&server, exchange, id, &params)).await,
        method => Box::pin(call::extension(&server, exchange, &method, params)).await,
    }
}

fn list<I: Item>(
    server: &Server,
    part: &Part<I>,
    exchange: &Exchange,
    method: &Method,
    params: &mcp_transport::jsonrpc::Params,
) -> Outcome {
    if !part.is_declared() {
        return ErrorObject::method_not_found(method.as_str()).into();
    }
    let page = crate::page::cursor(I::KIND, params).and_then(|after| {
        part.registry.now().page(after.as_deref(), exchange.revision(), server.listing, &server.heads)
    });
    page.map_or_else(Outcome::Error, Outcome::complete)
}
