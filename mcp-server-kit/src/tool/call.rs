//! `tools/call`: the way that most requests go.

use std::{
    borrow::Cow,
    future::{Future, ready},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use mcp_transport::{
    exchange::Exchange,
    handler::Outcome,
    jsonrpc::{ErrorObject, Params, Raw},
    protocol::Method,
};
use pin_project_lite::pin_project;
use serde::de::DeserializeOwned;

use super::{
    IntoToolOutput, RawArgs, Tool, ToolOutput,
    entry::{Entry, plain},
    output::{Unfit, write_error},
};
use crate::{
    ask::Ability,
    call::{Call, panicked, shown},
    cx::Cx,
    drive::{self, Drive, Ended},
    error::{Kind, ToolError},
    server::Server,
};

/// The answer to a request that is being made.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Answers `tools/call`. Everything up to the tool's own code is done at once.
pub(crate) fn answer(server: Arc<Server>, exchange: Exchange, params: Params) -> Answering {
    let answering = begin(server, exchange, params).and_then(|call| {
        let entry = Arc::clone(&call.entry);
        entry.code.start(call)
    });
    answering.unwrap_or_else(|outcome| Box::pin(ready(outcome)))
}

/// A call that was judged, before its tool's code is started.
pub(crate) struct ToolCall {
    cx: Cx,
    entry: Arc<Entry>,
    params: Params,
}

/// Judges a call: the tool is there, the client can do what it needs, the arguments fit its schema.
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
    if !params.get("arguments").is_none_or(|arguments| arguments.starts_with('{')) {
        return Err(ErrorObject::invalid_params("arguments must be an object").into());
    }
    let rounds = of(&server, &exchange, &name, &params).rounds().map_err(Outcome::Error)?;
    drop(name);
    let call = ToolCall { cx: Cx::new(exchange, server, rounds), entry, params };
    if let Err(missing) = Ability::check_all(&call.entry.abilities, &call.cx) {
        return Err(call.failed(missing));
    }
    if let Some(checker) = &call.entry.input_checker {
        let read = || serde_json::from_str(call.arguments()).map_err(|error| plain(&error));
        match drive::start(&call.cx, || read().and_then(|arguments| checker.check(&arguments))) {
            Some(Ok(())) => {}
            Some(Err(why)) => return Err(call.unfit(&why)),
            None => return Err(call.panicked()),
        }
    }
    Ok(call)
}

/// Code that answers a tool's calls.
pub(super) trait Code: Send + Sync {
    /// Makes the call's future, which has not run yet.
    ///
    /// # Errors
    /// The answer to a call whose arguments do not fit, or in which the code panicked.
    fn start(&self, call: ToolCall) -> Result<Answering, Outcome>;
}

/// An async function, and what it takes.
pub(super) struct Function<F, A> {
    function: F,
    args: PhantomData<fn() -> A>,
}

impl<F, A> Function<F, A> {
    pub(super) const fn new(function: F) -> Self {
        Self { function, args: PhantomData }
    }
}

impl<F, A, Fut> Code for Function<F, A>
where
    F: Fn(Cx, A) -> Fut + Send + Sync + 'static,
    A: DeserializeOwned + 'static,
    Fut: Future<Output: IntoToolOutput> + Send + 'static,
{
    fn start(&self, call: ToolCall) -> Result<Answering, Outcome> {
        call.run(|cx, arguments| {
            let running = (self.function)(cx, serde_json::from_str(arguments)?);
            Ok(Converted { running })
        })
    }
}

/// A type with the trait [`Tool`].
pub(super) struct Object<T>(pub(super) Arc<T>);

impl<T: Tool> Code for Object<T> {
    fn start(&self, call: ToolCall) -> Result<Answering, Outcome> {
        call.run(|cx, arguments| {
            let tool = Arc::clone(&self.0);
            let args = RawArgs::from_raw(Raw::trusted(arguments.to_owned().into()));
            Ok(async move { tool.call(cx, args).await })
        })
    }
}

pin_project! {
    /// A tool's code with its answer made into an output. An async block would have room for the code twice.
    struct Converted<F> {
        #[pin]
        running: F,
    }
}

impl<F: Future<Output: IntoToolOutput>> Future for Converted<F> {
    type Output = Result<ToolOutput, ToolError>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().running.poll(task).map(IntoToolOutput::into_tool_output)
    }
}

impl ToolCall {
    /// Runs what `begin` makes of the arguments, JSON text of an object. The tool's code and all around it become one
    /// future, in one box.
    fn run<F>(self, begin: impl FnOnce(Cx, &str) -> Result<F, serde_json::Error>) -> Result<Answering, Outcome>
    where
        F: Future<Output = Result<ToolOutput, ToolError>> + Send + 'static,
    {
        match drive::start(&self.cx, || begin(self.cx.clone(), self.arguments())) {
            Some(Ok(running)) => {
                let Self { cx, entry, params } = self;
                Ok(Box::pin(RunningTool { drive: Drive::new(cx, running, entry.timeout), entry, params }))
            }
            Some(Err(error)) => Err(self.unfit(&plain(&error))),
            None => Err(self.panicked()),
        }
    }

    fn arguments(&self) -> &str {
        self.params.get("arguments").unwrap_or("{}")
    }

    fn name(&self) -> Cow<'_, str> {
        self.params.get_str("name").unwrap_or_default()
    }

    #[cold]
    fn unfit(&self, why: &str) -> Outcome {
        let why = format!("the arguments do not fit: {why}");
        // SEP-1303: the model can mend its arguments, so it is told; before, this was an error of the protocol.
        if self.cx.revision().input_validation_is_tool_error() {
            Outcome::complete(write_error(&self.cx.server().heads, self.cx.revision(), &why))
        } else {
            ErrorObject::invalid_params(why).into()
        }
    }

    #[cold]
    fn panicked(&self) -> Outcome {
        self.failed(panicked(&self.name()))
    }

    #[cold]
    fn failed(&self, error: ToolError) -> Outcome {
        of(self.cx.server(), self.cx.exchange(), &self.name(), &self.params).tool_failed(error)
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
    let Ended::Done(Ok(output)) = ended else {
        return without_output(cx, params, ended);
    };
    match output.write(&cx.server().heads, cx.revision(), entry.output_checker.as_ref()) {
        Ok(body) => Outcome::complete(body),
        Err(unfit) => unfit_output(params, &unfit),
    }
}

#[cold]
fn without_output(cx: &Cx, params: &Params, ended: Ended<ToolOutput>) -> Outcome {
    let name = params.get_str("name").unwrap_or_default();
    let call = of(cx.server(), cx.exchange(), &name, params);
    match ended {
        Ended::Done(Ok(_)) => ErrorObject::internal().into(),
        Ended::Done(Err(error)) => call.tool_failed(error),
        Ended::Panicked => call.tool_failed(panicked(&name)),
        Ended::Asks => call.asks(cx),
    }
}

#[cold]
fn unfit_output(params: &Params, unfit: &Unfit) -> Outcome {
    let name = params.get_str("name").unwrap_or_default();
    tracing::error!(tool = %shown(&name), why = %unfit.0, "the answer of a tool does not fit its output schema");
    ErrorObject::internal().into()
}

impl Call<'_> {
    /// A tool's error: the model sees it, unless it is one of the protocol.
    #[cold]
    fn tool_failed(&self, error: ToolError) -> Outcome {
        self.log(&error);
        let text = error.text().to_owned();
        match error.into_kind() {
            Kind::Protocol(error) => error.into(),
            Kind::Forbidden(scopes) => Outcome::Forbidden(scopes),
            Kind::Told { .. } | Kind::NotFound => {
                Outcome::complete(write_error(&self.server.heads, self.exchange.revision(), &text))
            }
        }
    }
}
