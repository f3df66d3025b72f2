//! `tools/call`: the way that most requests go.

use std::{
    borrow::Cow,
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
use pin_project_lite::pin_project;

use super::{Call, panicked, shown};
use crate::{
    ask::Ability,
    cx::Cx,
    drive::{self, Drive, Ended},
    error::ToolError,
    server::Server,
    tool::{Entry, ToolOutput, Unfit, plain, write_error},
};

/// The answer to a request that is being made.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Answers `tools/call`. Everything up to the tool's own code is done at once.
pub(crate) fn tool(server: Arc<Server>, exchange: Exchange, params: Params) -> Answering {
    match begin(server, exchange, params) {
        Ok(answering) => answering,
        Err(outcome) => Box::pin(ready(outcome)),
    }
}

/// A call that was judged, before its tool runs.
pub(crate) struct ToolCall {
    cx: Cx,
    entry: Arc<Entry>,
    params: Params,
}

fn begin(server: Arc<Server>, exchange: Exchange, params: Params) -> Result<Answering, Outcome> {
    if !server.tools.is_declared() {
        return Err(ErrorObject::method_not_found(Method::CallTool.as_str()).into());
    }
    let Some(name) = params.get_str("name") else {
        return Err(ErrorObject::invalid_params("name must be a text").into());
    };
    let Some(entry) = server.tools.registry.find(&name, Arc::clone) else {
        return Err(ErrorObject::invalid_params(format!("unknown tool: {}", shown(&name))).into());
    };
    if !params.get("arguments").is_none_or(|arguments| arguments.starts_with('{')) {
        return Err(ErrorObject::invalid_params("arguments must be an object").into());
    }
    let rounds = of(&server, &exchange, &name, &params).rounds().map_err(Outcome::Error)?;
    drop(name);
    ToolCall { cx: Cx::new(exchange, server, rounds), entry, params }.start()
}

impl ToolCall {
    fn start(self) -> Result<Answering, Outcome> {
        self.judge()?;
        let entry = Arc::clone(&self.entry);
        entry.run.start(self)
    }

    /// Whether the client can do what the tool needs, and the arguments fit its schema.
    fn judge(&self) -> Result<(), Outcome> {
        if let Err(missing) = Ability::check_all(&self.entry.abilities, &self.cx) {
            return Err(self.failed(missing));
        }
        let Some(checker) = &self.entry.input_checker else {
            return Ok(());
        };
        let check = || serde_json::from_str(self.arguments()).map_err(|error| plain(&error));
        match drive::start(|| check().and_then(|arguments| checker.check(&arguments))) {
            Some(Ok(())) => Ok(()),
            Some(Err(why)) => Err(self.refused(&why)),
            None => Err(self.failed(panicked(&self.name()))),
        }
    }

    /// Runs what `begin` makes of the arguments, JSON text of an object. The tool's code and all around it become one
    /// future, in one box.
    pub(crate) fn run<F>(
        self,
        begin: impl FnOnce(Cx, &str) -> Result<F, serde_json::Error>,
    ) -> Result<Answering, Outcome>
    where
        F: Future<Output = Result<ToolOutput, ToolError>> + Send + 'static,
    {
        match drive::start(|| begin(self.cx.clone(), self.arguments())) {
            Some(Ok(running)) => {
                let Self { cx, entry, params } = self;
                Ok(Box::pin(RunningTool { drive: Drive::new(cx, running, entry.timeout), entry, params }))
            }
            Some(Err(error)) => Err(self.refused(&plain(&error))),
            None => Err(self.failed(panicked(&self.name()))),
        }
    }

    fn arguments(&self) -> &str {
        self.params.get("arguments").unwrap_or("{}")
    }

    #[cold]
    fn refused(&self, why: &str) -> Outcome {
        let why = format!("the arguments do not fit: {why}");
        // SEP-1303: the model can mend its arguments, so it is told; before, this was an error of the protocol.
        if self.cx.revision().input_validation_is_tool_error() {
            Outcome::complete(write_error(&self.cx.server().heads, self.cx.revision(), &why))
        } else {
            ErrorObject::invalid_params(why).into()
        }
    }

    #[cold]
    fn failed(&self, error: ToolError) -> Outcome {
        of(self.cx.server(), self.cx.exchange(), &self.name(), &self.params).tool_failed(error)
    }

    fn name(&self) -> Cow<'_, str> {
        self.params.get_str("name").unwrap_or_default()
    }
}

const fn of<'a>(server: &'a Arc<Server>, exchange: &'a Exchange, name: &'a str, params: &'a Params) -> Call<'a> {
    Call { server, exchange, method: &Method::CallTool, name, params }
}

pin_project! {
    /// A tool that runs.
    struct RunningTool<F> {
        #[pin]
        drive: Drive<F>,
        entry: Arc<Entry>,
        params: Params,
    }
}

impl<F> Future for RunningTool<F>
where
    F: Future<Output = Result<ToolOutput, ToolError>>,
{
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Outcome> {
        let mut this = self.project();
        let ended = ready!(this.drive.as_mut().poll(task));
        Poll::Ready(outcome(this.drive.cx(), this.entry, this.params, ended))
    }
}

fn outcome(cx: &Cx, entry: &Entry, params: &Params, ended: Ended<ToolOutput>) -> Outcome {
    match ended {
        Ended::Done(Ok(output)) => match output.write(&cx.server().heads, cx.revision(), entry.output_checker.as_ref())
        {
            Ok(body) => Outcome::complete(body),
            Err(unfit) => otherwise(cx, params, Otherwise::Unfit(unfit)),
        },
        Ended::Done(Err(error)) => otherwise(cx, params, Otherwise::Failed(error)),
        Ended::Panicked => otherwise(cx, params, Otherwise::Panicked),
        Ended::Asks => otherwise(cx, params, Otherwise::Asks),
    }
}

/// How a call ends that gives no answer of its own.
enum Otherwise {
    Failed(ToolError),
    Unfit(Unfit),
    Panicked,
    Asks,
}

#[cold]
fn otherwise(cx: &Cx, params: &Params, ended: Otherwise) -> Outcome {
    let name = params.get_str("name").unwrap_or_default();
    let call = of(cx.server(), cx.exchange(), &name, params);
    match ended {
        Otherwise::Failed(error) => call.tool_failed(error),
        Otherwise::Panicked => call.tool_failed(panicked(&name)),
        Otherwise::Asks => call.asks(cx),
        Otherwise::Unfit(unfit) => {
            tracing::error!(tool = %name, why = %unfit.0, "the answer of a tool does not fit its output schema");
            ErrorObject::internal().into()
        }
    }
}
