//! Calls of user code: resources, prompts, completions, extensions; those of tools are in `tool/call.rs`.

use std::{borrow::Cow, collections::BTreeMap, slice, sync::Arc, time::Duration};

use mcp_transport::{
    exchange::Exchange,
    handler::{Outcome, Reply, ReplyKind},
    jsonrpc::{Code, ErrorObject, Params, Raw},
    protocol::{
        CacheHints, CompleteParams, CompleteResult, Downgrade, GetPromptResult, Method, ReadResourceResult, Reference,
        Revision,
    },
};
use serde_json::json;

use crate::{
    ask::Ability,
    completion::{self, Completing},
    cx::Cx,
    drive::{self, Drive, Ended, Running},
    error::{FAILED, Kind, ToolError},
    rounds::{Origin, Rounds},
    server::Server,
};

/// Answers `resources/read`.
pub(crate) async fn resource(server: &Arc<Server>, exchange: Exchange, params: &Params) -> Outcome {
    let Some(uri) = params.get_str("uri") else {
        return ErrorObject::invalid_params("uri must be a text").into();
    };
    let call = Call { server, exchange: &exchange, method: &Method::ReadResource, name: &uri, params };
    let cx = match call.cx() {
        Ok(cx) => cx,
        Err(error) => return error.into(),
    };
    let (started, timeout, mime_type, cache) = if let Some(entry) = server.resources.registry.now().get(&uri) {
        if let Err(missing) = Ability::check_all(&entry.abilities, &cx) {
            return call.failed(missing);
        }
        let started = drive::start(&cx, || entry.start(cx.clone()));
        (started, entry.timeout, entry.definition.mime_type.clone(), entry.cache)
    } else {
        let templates = server.templates.registry.now();
        let found = templates.iter().find_map(|entry| entry.template.read(&uri).map(|read| (entry, read)));
        let Some((entry, variables)) = found else {
            return no_resource(exchange.revision(), &uri).into();
        };
        if let Err(missing) = Ability::check_all(&entry.abilities, &cx) {
            return call.failed(missing);
        }
        let started = drive::start(&cx, || entry.start(cx.clone(), variables));
        (started, entry.timeout, entry.definition.mime_type.clone(), entry.cache)
    };
    match call.drive(&cx, started, timeout).await {
        Ok(output) => {
            let mut result: ReadResourceResult = output.into_result(&uri, mime_type.as_deref());
            // A result of a call that asked is of this round only (MCP 2026-07-28, caching).
            let asked = params.get("requestState").is_some() || params.get("inputResponses").is_some();
            let cache = if asked { CacheHints::NONE } else { result.cache.unwrap_or(cache) };
            result.cache = Some(cache);
            result.downgrade(exchange.revision());
            let mut out = server.heads.complete(exchange.revision(), result.meta.take(), 512);
            out.splice(&result);
            Outcome::complete(out.end())
        }
        Err(outcome) => outcome,
    }
}

/// Answers `prompts/get`.
pub(crate) async fn prompt(server: &Arc<Server>, exchange: Exchange, params: &Params) -> Outcome {
    let Some(name) = params.get_str("name") else {
        return ErrorObject::invalid_params("name must be a text").into();
    };
    let Some(entry) = server.prompts.registry.now().get(&name).map(Arc::clone) else {
        return ErrorObject::invalid_params(format!("unknown prompt: {}", shown(&name))).into();
    };
    let arguments = params.get("arguments").map_or_else(|| Ok(BTreeMap::new()), serde_json::from_str);
    let Ok(arguments) = arguments else {
        return ErrorObject::invalid_params("arguments must be an object of texts").into();
    };
    let call = Call { server, exchange: &exchange, method: &Method::GetPrompt, name: &name, params };
    let cx = match call.cx() {
        Ok(cx) => cx,
        Err(error) => return error.into(),
    };
    if let Err(missing) = Ability::check_all(&entry.abilities, &cx) {
        return call.failed(missing);
    }
    let started = match drive::start(&cx, || entry.start(cx.clone(), arguments)) {
        Some(Err(why)) => return ErrorObject::invalid_params(why).into(),
        Some(Ok(running)) => Some(running),
        None => None,
    };
    match call.drive(&cx, started, entry.timeout).await {
        Ok(mut result) => {
            GetPromptResult::downgrade(&mut result, exchange.revision());
            let mut out = server.heads.complete(exchange.revision(), result.meta.take(), 512);
            out.splice(&result);
            Outcome::complete(out.end())
        }
        Err(outcome) => outcome,
    }
}

/// Answers `completion/complete`.
pub(crate) async fn complete(server: &Arc<Server>, exchange: Exchange, params: &Params) -> Outcome {
    let revision = exchange.revision();
    let Ok(mut asked) = params.decode::<CompleteParams>() else {
        return ErrorObject::invalid_params("ref and argument must say what is completed").into();
    };
    asked.downgrade(revision);
    let settled = asked.context.and_then(|context| context.arguments).unwrap_or_default();
    let typed = Completing::new(asked.argument.value, settled);
    let cx = Cx::new(exchange.clone(), Arc::clone(server), Rounds::NONE);
    let argument = asked.argument.name.as_str();
    let started = match &asked.reference {
        Reference::Prompt(prompt) => server.prompts.registry.now().get(&prompt.name).map(|entry| {
            let completer = entry.completer(argument);
            completer.map(|completer| drive::start(&cx, || completer(cx.clone(), typed)))
        }),
        Reference::Resource(template) => server.templates.registry.now().get(&template.uri).map(|entry| {
            let completer = entry.completer(argument);
            completer.map(|completer| drive::start(&cx, || completer(cx.clone(), typed)))
        }),
        _ => None,
    };
    let values = match started {
        None => return ErrorObject::invalid_params("there is nothing of that name to complete").into(),
        Some(None) => Vec::new(),
        Some(Some(started)) => {
            let call = Call { server, exchange: &exchange, method: &Method::Complete, name: argument, params };
            match call.drive(&cx, started, None).await {
                Ok(values) => values,
                Err(outcome) => return outcome,
            }
        }
    };
    let mut out = server.heads.complete(revision, None, 128);
    out.splice(&CompleteResult::new(completion::completion(values)));
    Outcome::complete(out.end())
}

/// Answers a method of an extension, or says that there is none.
pub(crate) async fn extension(server: &Arc<Server>, exchange: Exchange, method: &Method, params: Params) -> Outcome {
    let revision = exchange.revision();
    let found = server.extensions.methods.get(method.as_str()).filter(|_| revision.has_extensions());
    let Some(found) = found else {
        return ErrorObject::method_not_found(method.as_str()).into();
    };
    let cx = Cx::new(exchange.clone(), Arc::clone(server), Rounds::NONE);
    let call = Call { server, exchange: &exchange, method, name: method.as_str(), params: &params };
    if let Err(missing) = Ability::check_all(slice::from_ref(&found.of), &cx) {
        return call.failed(missing);
    }
    let started = drive::start(&cx, || (found.run)(cx.clone(), params.clone()));
    match call.drive(&cx, started, None).await {
        Ok(result) => {
            let Ok(mut members) = result.decode::<serde_json::Map<_, _>>() else {
                tracing::error!(%method, "the result of a method is no object");
                return ErrorObject::internal().into();
            };
            let meta = members.remove("_meta").and_then(|meta| serde_json::from_value(meta).ok());
            let kind = match members.remove("resultType") {
                Some(serde_json::Value::String(kind)) if kind != "complete" => Some(kind),
                _ => None,
            };
            let mut out = match &kind {
                None => server.heads.complete(revision, meta, 256),
                Some(kind) => server.heads.kind(kind, meta, 256),
            };
            out.splice(&members);
            let kind = kind.map_or(ReplyKind::Complete, |kind| ReplyKind::Other(Cow::Owned(kind)));
            Outcome::Reply(Reply { kind, body: out.end() })
        }
        Err(outcome) => outcome,
    }
}

/// One call of user code.
pub(crate) struct Call<'a> {
    pub(crate) server: &'a Arc<Server>,
    pub(crate) exchange: &'a Exchange,
    pub(crate) method: &'a Method,
    pub(crate) name: &'a str,
    pub(crate) params: &'a Params,
}

impl Call<'_> {
    fn origin(&self) -> Origin<'_> {
        Origin {
            server: &self.server.info.name,
            exchange: self.exchange,
            method: self.method,
            name: self.name,
            params: self.params,
        }
    }

    /// What the code gets, with the answers of earlier rounds.
    fn cx(&self) -> Result<Cx, ErrorObject> {
        Ok(Cx::new(self.exchange.clone(), Arc::clone(self.server), self.rounds()?))
    }

    /// The answers of earlier rounds.
    pub(crate) fn rounds(&self) -> Result<Rounds, ErrorObject> {
        if self.exchange.revision().has_server_requests() {
            Ok(Rounds::NONE)
        } else {
            Rounds::begin(&self.origin(), &self.server.state)
        }
    }

    /// Runs code that is no tool: what it fails with is an error of the protocol.
    async fn drive<T>(&self, cx: &Cx, started: Option<Running<T>>, limit: Option<Duration>) -> Result<T, Outcome> {
        let Some(running) = started else {
            return Err(self.failed(panicked(self.name)));
        };
        match Drive::new(cx.clone(), running, limit).await {
            Ended::Done(Ok(done)) => Ok(done),
            Ended::Done(Err(error)) => Err(self.failed(error)),
            Ended::Panicked => Err(self.failed(panicked(self.name))),
            Ended::Asks => Err(self.asks(cx)),
        }
    }

    /// The client must answer first.
    #[cold]
    pub(crate) fn asks(&self, cx: &Cx) -> Outcome {
        if let Err(missing) = Ability::check_all(&cx.ask_keys().undeclared(), cx) {
            return self.failed(missing);
        }
        let Some(asked) = cx.rounds().seal(&self.origin(), &self.server.state) else {
            return ErrorObject::internal().into();
        };
        let mut out = self.server.heads.kind("input_required", None, asked.state.len() + 512);
        out.member("inputRequests", &asked.requests);
        out.member("requestState", &asked.state);
        Outcome::Reply(Reply { kind: ReplyKind::InputRequired, body: out.end() })
    }

    /// The error of anything else.
    #[cold]
    fn failed(&self, error: ToolError) -> Outcome {
        self.log(&error);
        match error.into_kind() {
            Kind::Protocol(error) => error.into(),
            Kind::Forbidden(scopes) => Outcome::Forbidden(scopes),
            Kind::NotFound if *self.method == Method::ReadResource => {
                no_resource(self.exchange.revision(), self.name).into()
            }
            Kind::NotFound => ErrorObject::invalid_params("not found").into(),
            Kind::Told { text, .. } if text == FAILED => ErrorObject::internal().into(),
            Kind::Told { text, .. } => ErrorObject::new(Code::INTERNAL_ERROR, text).into(),
        }
    }

    pub(crate) fn log(&self, error: &ToolError) {
        if let Some(cause) = error.cause() {
            tracing::warn!(method = %self.method, name = %shown(self.name), cause, "a call failed");
        }
    }
}

#[cold]
pub(crate) fn panicked(name: &str) -> ToolError {
    tracing::error!(name = %shown(name), "a call panicked");
    ToolError::new(FAILED)
}

/// The error for a resource that does not exist, with its URI (MCP 2026-07-28, resources, "Error Handling").
#[cold]
pub(crate) fn no_resource(revision: Revision, uri: &str) -> ErrorObject {
    let error = ErrorObject::new(Code::new(revision.resource_not_found_code()), "resource not found");
    match Raw::write(&json!({ "uri": uri })) {
        Ok(data) => error.with_data(data),
        Err(_) => error,
    }
}

/// What a peer wrote, short and clean enough to be said back or logged.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(100).collect()
}
