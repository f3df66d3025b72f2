//! `tools/call`: the way that most requests go.

use std::{
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use mcp_transport::{
    exchange::Exchange,
    handler::Outcome,
    jsonrpc::{ErrorObject, Params},
    protocol::Method,
};

use super::{Call, panicked, shown};
use crate::{
    ask::Ability,
    cx::Cx,
    drive::{self, Drive, Ended, Running},
    server::Server,
    tool::{Entry, ToolOutput, Unfit, write_error},
};

/// The answer to a request that is being made.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Answers `tools/call`. Everything up to the tool's own code is done at once.
pub(crate) fn tool(server: Arc<Server>, exchange: Exchange, params: Params) -> Answering {
    match begin(server, exchange, params) {
        Ok(call) => Box::pin(call),
        Err(outcome) => Box::pin(ready(outcome)),
    }
}

/// A tool that runs.
struct ToolCall {
    drive: Drive<ToolOutput>,
    entry: Arc<Entry>,
    params: Params,
}

fn begin(server: Arc<Server>, exchange: Exchange, params: Params) -> Result<ToolCall, Outcome> {
    if !server.tools.is_declared() {
        return Err(ErrorObject::method_not_found(Method::CallTool.as_str()).into());
    }
    let Some(name) = params.get_str("name") else {
        return Err(ErrorObject::invalid_params("name must be a text").into());
    };
    let Some(entry) = server.tools.registry.find(&name, Arc::clone) else {
        return Err(ErrorObject::invalid_params(format!("unknown tool: {}", shown(&name))).into());
    };
    let arguments = params.get("arguments").unwrap_or("{}");
    if !arguments.starts_with('{') {
        return Err(ErrorObject::invalid_params("arguments must be an object").into());
    }
    let rounds = of(&server, &exchange, &name, &params).rounds().map_err(Outcome::Error)?;
    let cx = Cx::new(exchange, server, rounds);
    let running = start(&cx, &entry, &name, arguments, &params)?;
    drop(name);
    Ok(ToolCall { drive: Drive::new(cx, running, entry.timeout), entry, params })
}

/// Starts the tool's code, if the client can do what it needs and its arguments fit.
fn start(cx: &Cx, entry: &Entry, name: &str, arguments: &str, params: &Params) -> Result<Running<ToolOutput>, Outcome> {
    let call = of(cx.server(), cx.exchange(), name, params);
    if let Err(missing) = Ability::check_all(&entry.abilities, cx) {
        return Err(call.tool_failed(missing));
    }
    match drive::start(|| entry.start(cx.clone(), arguments)) {
        Some(Ok(running)) => Ok(running),
        Some(Err(why)) => Err(unfit(cx, &why)),
        None => Err(call.tool_failed(panicked(name))),
    }
}

#[cold]
fn unfit(cx: &Cx, why: &str) -> Outcome {
    let why = format!("the arguments do not fit: {why}");
    // SEP-1303: the model can mend its arguments, so it is told; before, this was an error of the protocol.
    if cx.revision().input_validation_is_tool_error() {
        Outcome::complete(write_error(&cx.server().heads, cx.revision(), &why))
    } else {
        ErrorObject::invalid_params(why).into()
    }
}

const fn of<'a>(server: &'a Arc<Server>, exchange: &'a Exchange, name: &'a str, params: &'a Params) -> Call<'a> {
    Call { server, exchange, method: &Method::CallTool, name, params }
}

impl Future for ToolCall {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Outcome> {
        let ended = ready!(Pin::new(&mut self.drive).poll(task));
        Poll::Ready(self.outcome(ended))
    }
}

impl ToolCall {
    fn outcome(&self, ended: Ended<ToolOutput>) -> Outcome {
        match ended {
            Ended::Done(Ok(output)) => self.written(output),
            Ended::Done(Err(error)) => self.call(|call| call.tool_failed(error)),
            Ended::Panicked => self.call(|call| call.tool_failed(panicked(call.name))),
            Ended::Asks => self.call(|call| call.asks(self.drive.cx())),
        }
    }

    fn written(&self, output: ToolOutput) -> Outcome {
        let cx = self.drive.cx();
        match output.write(&cx.server().heads, cx.revision(), self.entry.output_checker.as_ref()) {
            Ok(body) => Outcome::complete(body),
            Err(unfit) => self.unfit(&unfit),
        }
    }

    #[cold]
    fn unfit(&self, unfit: &Unfit) -> Outcome {
        self.call(|call| {
            tracing::error!(tool = call.name, why = %unfit.0, "the answer of a tool does not fit its output schema");
            ErrorObject::internal().into()
        })
    }

    fn call(&self, then: impl FnOnce(&Call<'_>) -> Outcome) -> Outcome {
        let (cx, name) = (self.drive.cx(), self.params.get_str("name").unwrap_or_default());
        then(&of(cx.server(), cx.exchange(), &name, &self.params))
    }
}
