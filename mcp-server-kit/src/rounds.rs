//! The rounds of a modern call that asks the client: what was asked, what was answered, what was done.
//!
//! The kit keeps nothing between two rounds. What the next one needs goes out as `requestState`, sealed: the answers
//! so far, the results of steps, the round and its end. The seal is bound to the principal, the resource, the method,
//! the name and the arguments, so state opens only for the same call of the same caller (MCP 2026-07-28, multi
//! round-trip requests, "Server Requirements").

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mcp_transport::{
    auth::ProtectedResource,
    exchange::Exchange,
    jsonrpc::{ErrorObject, Params},
    protocol::{InputRequest, Method},
    seal::Seal,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How request state is made and judged.
#[derive(Clone)]
pub(crate) struct StatePolicy {
    pub(crate) seal: Seal,
    /// How long the client has for one round.
    pub(crate) lifetime: Duration,
    /// How many bytes the answers and steps of a call may be.
    pub(crate) most: usize,
    /// How many rounds a call may take.
    pub(crate) rounds: u32,
    pub(crate) clock: fn() -> SystemTime,
}

/// The asks of one call.
pub(crate) struct Rounds(Option<OnceLock<Option<Box<Mutex<State>>>>>);

#[derive(Default)]
struct State {
    kept: Kept,
    /// Answers that came with this request and that nobody has looked at.
    given: BTreeMap<String, Value>,
    asked: BTreeMap<String, InputRequest>,
    steps_running: usize,
    waker: Option<Waker>,
    /// The call is over; whoever still waits for an answer waits in vain.
    over: bool,
    askers: Vec<Waker>,
}

/// What the state carries from round to round.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    round: u32,
    /// Seconds since 1970.
    expires: u64,
    answers: BTreeMap<String, Value>,
    steps: BTreeMap<String, Value>,
}

impl Rounds {
    /// A call in which nothing can be asked this way.
    pub(crate) const NONE: Self = Self(None);

    /// A modern call: its first round, or a later one.
    pub(crate) fn begin(origin: &Origin<'_>, policy: &StatePolicy) -> Result<Self, ErrorObject> {
        let (sealed, given) = (origin.params.get("requestState"), origin.params.get("inputResponses"));
        if sealed.is_none() && given.is_none() {
            return Ok(Self(Some(OnceLock::new())));
        }
        let mut state = State::default();
        if let Some(sealed) = sealed {
            state.kept = open(sealed, origin, policy).ok_or_else(|| {
                ErrorObject::invalid_params("requestState is not valid for this request, or no longer; start again")
            })?;
        }
        if let Some(given) = given {
            let given: BTreeMap<String, Value> = serde_json::from_str(given)
                .map_err(|_| ErrorObject::invalid_params("inputResponses must be an object"))?;
            // What was answered stays answered: a step may have been done because of it.
            state.given = given.into_iter().filter(|(key, _)| !state.kept.answers.contains_key(key)).collect();
        }
        Ok(Self(Some(OnceLock::from(Some(Box::new(Mutex::new(state)))))))
    }

    /// The answer under `key`: of an earlier round, else of this one. It is gone from among those of this round.
    pub(crate) fn answer(&self, key: &str) -> Option<Value> {
        let mut state = self.kept()?;
        state.given.remove(key).or_else(|| state.kept.answers.get(key).cloned())
    }

    /// Keeps an answer that was found good.
    pub(crate) fn keep_answer(&self, key: &str, answer: Value) {
        if let Some(mut state) = self.lock() {
            state.asked.remove(key);
            state.kept.answers.insert(key.to_owned(), answer);
        }
    }

    /// Puts an ask among those of this round, for as long as somebody waits for its answer. `None` if this call cannot
    /// ask.
    pub(crate) fn register<'a>(&'a self, key: &'a str, request: InputRequest) -> Option<Ask<'a>> {
        let mut state = self.lock()?;
        if state.over {
            return None;
        }
        state.kept.answers.remove(key);
        state.asked.insert(key.to_owned(), request);
        // The ask may come from a task of the tool's own; the call must look again.
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Some(Ask { rounds: self, key })
    }

    /// Whether a call of this kind can ask at all.
    pub(crate) const fn can_ask(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it has asked something that is not answered.
    pub(crate) fn asks(&self) -> bool {
        self.kept().is_some_and(|state| !state.asked.is_empty())
    }

    pub(crate) fn is_over(&self) -> bool {
        match self.0.as_ref().and_then(OnceLock::get) {
            None => false,
            Some(None) => true,
            Some(Some(state)) => lock(state).over,
        }
    }

    /// The call is over.
    pub(crate) fn close(&self) {
        let Some(Some(state)) = self.0.as_ref().map(|state| state.get_or_init(|| None)) else {
            return;
        };
        let mut state = lock(state);
        state.over = true;
        let askers = std::mem::take(&mut state.askers);
        drop(state);
        for asker in askers {
            asker.wake();
        }
    }

    /// The result of a step that an earlier round has done.
    pub(crate) fn step(&self, key: &str) -> Option<Value> {
        self.kept()?.kept.steps.get(key).cloned()
    }

    /// `None` if the call is over: what the step did could be kept nowhere.
    pub(crate) fn step_begins(&self) -> Option<StepGuard<'_>> {
        if self.0.is_some() {
            let mut state = self.lock()?;
            if state.over {
                return None;
            }
            state.steps_running += 1;
        }
        Some(StepGuard(self))
    }

    pub(crate) fn keep_step(&self, key: &str, value: Value) {
        if let Some(mut state) = self.lock() {
            state.kept.steps.insert(key.to_owned(), value);
        }
    }

    /// For the driver of a call that waits: whether it waits for the client. While a step runs it does not, so that
    /// the step is never cut off and then repeated.
    pub(crate) fn must_ask(&self, task: &Context<'_>) -> bool {
        let Some(mut state) = self.lock() else {
            return false;
        };
        if !state.asked.is_empty() && state.steps_running == 0 {
            return true;
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(task.waker())) {
            state.waker = Some(task.waker().clone());
        }
        false
    }

    /// What is asked and the state for the next round. `None` if that is over a bound.
    pub(crate) fn seal(&self, origin: &Origin<'_>, policy: &StatePolicy) -> Option<Asked> {
        let mut state = self.kept()?;
        let requests = std::mem::take(&mut state.asked);
        let mut kept = std::mem::take(&mut state.kept);
        drop(state);
        kept.round += 1;
        let lifetime = policy.lifetime.as_secs().saturating_add(u64::from(policy.lifetime.subsec_nanos() > 0));
        kept.expires = seconds((policy.clock)()).saturating_add(lifetime);
        let plain = serde_json::to_vec(&kept).ok()?;
        if plain.len() > policy.most || kept.round > policy.rounds {
            tracing::error!(bytes = plain.len(), round = kept.round, "a call asks for more than its bounds allow");
            return None;
        }
        let sealed = policy.seal.seal(&plain, &origin.bound()).map_err(|error| {
            tracing::error!(%error, "request state could not be sealed");
        });
        Some(Asked { requests, state: sealed.ok()? })
    }

    /// The state, made if there is none yet; `None` in a legacy session, and where the call was over before it needed one.
    fn lock(&self) -> Option<MutexGuard<'_, State>> {
        self.0.as_ref()?.get_or_init(|| Some(Box::default())).as_deref().map(lock)
    }

    /// The state, if there is anything in it.
    fn kept(&self) -> Option<MutexGuard<'_, State>> {
        self.0.as_ref()?.get()?.as_deref().map(lock)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An ask that waits for the end of the call: an answer only comes to its next run. Dropped before that end, it is not
/// asked: nobody waits for the answer any more.
pub(crate) struct Ask<'a> {
    rounds: &'a Rounds,
    key: &'a str,
}

impl Ask<'_> {
    /// Ready when the call is over. What asks in the tool itself is dropped before; this is for tasks that outlive it.
    pub(crate) fn poll_over(&self, task: &Context<'_>) -> Poll<()> {
        let Some(mut state) = self.rounds.lock() else {
            return Poll::Ready(());
        };
        if state.over {
            return Poll::Ready(());
        }
        if !state.askers.iter().any(|waker| waker.will_wake(task.waker())) {
            state.askers.push(task.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Ask<'_> {
    fn drop(&mut self) {
        if let Some(mut state) = self.rounds.kept()
            && !state.over
        {
            state.asked.remove(self.key);
        }
    }
}

/// Counts a step as running until it is dropped.
pub(crate) struct StepGuard<'a>(&'a Rounds);

impl Drop for StepGuard<'_> {
    fn drop(&mut self) {
        let Some(mut state) = self.0.kept() else {
            return;
        };
        state.steps_running = state.steps_running.saturating_sub(1);
        // The step may have run in a task of the tool's own, and the call waited for its end to ask.
        let waker = (state.steps_running == 0 && !state.asked.is_empty()).then(|| state.waker.take()).flatten();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What an input-required result says.
pub(crate) struct Asked {
    pub(crate) requests: BTreeMap<String, InputRequest>,
    pub(crate) state: String,
}

/// Which call the state belongs to.
pub(crate) struct Origin<'a> {
    pub(crate) server: &'a str,
    pub(crate) exchange: &'a Exchange,
    pub(crate) method: &'a Method,
    /// The tool, prompt or resource.
    pub(crate) name: &'a str,
    pub(crate) params: &'a Params,
}

impl Origin<'_> {
    /// The parts of the call, each with its length in front, so that no two calls look alike.
    fn bound(&self) -> Vec<u8> {
        // None, and an empty object of them, are the same call.
        let arguments = canonical(self.params.get("arguments").unwrap_or("{}"));
        let (issuer, subject) = self
            .exchange
            .principal()
            .map(|principal| (principal.issuer().as_str(), principal.subject().as_str()))
            .unwrap_or_default();
        let resource = self
            .exchange
            .extension::<Arc<ProtectedResource>>()
            .map(|resource| resource.id().as_str())
            .unwrap_or_default();
        let known = if self.exchange.principal().is_some() { "principal" } else { "anybody" };
        let mut bound = b"mcp-server-kit 1".to_vec();
        let parts: [&str; 8] =
            [self.server, known, issuer, subject, resource, self.method.as_str(), self.name, &arguments];
        for part in parts {
            bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bound.extend_from_slice(part.as_bytes());
        }
        bound
    }
}

/// The JSON text with members in one order, whatever the order in which the client wrote them this time.
fn canonical(json: &str) -> String {
    fn write(value: &Value, out: &mut String) {
        match value {
            Value::Object(members) => {
                let sorted: BTreeMap<_, _> = members.iter().collect();
                out.push('{');
                for (name, value) in sorted {
                    out.push_str(&Value::from(name.as_str()).to_string());
                    out.push(':');
                    write(value, out);
                    out.push(',');
                }
                out.push('}');
            }
            Value::Array(items) => {
                out.push('[');
                for item in items {
                    write(item, out);
                    out.push(',');
                }
                out.push(']');
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
        }
    }
    let mut out = String::with_capacity(json.len());
    match serde_json::from_str(json) {
        Ok(value) => write(&value, &mut out),
        Err(_) => out.push_str(json),
    }
    out
}

fn open(sealed: &str, origin: &Origin<'_>, policy: &StatePolicy) -> Option<Kept> {
    let sealed = serde_json::from_str::<String>(sealed).ok()?;
    let plain = policy.seal.open(&sealed, &origin.bound());
    let plain = plain.map_err(|why| tracing::debug!(%why, "request state was refused")).ok()?;
    let kept = serde_json::from_slice::<Kept>(&plain).ok()?;
    (seconds((policy.clock)()) < kept.expires).then_some(kept)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::canonical;

    // Written as texts: a `serde_json::Value` may have sorted its members before they are sent.
    #[test]
    fn arguments_are_the_same_in_any_order_and_no_other_way() {
        let text = canonical(r#"{"b":{"y":1,"x":[1,{"q":1,"p":2}]},"a":"\u0061"}"#);
        assert_eq!(text, canonical(r#" { "a":"a", "b": {"x":[1,{"p":2,"q":1}],"y":1}}"#));
        for other in
            [r#"{"a":"a","b":{"x":[{"p":2,"q":1},1],"y":1}}"#, r#"{"a":"a","b":{"x":[1,{"p":2,"q":"1"}],"y":1}}"#]
        {
            assert_ne!(text, canonical(other), "{other}");
        }
        // Text cannot pass for structure.
        assert_ne!(canonical(r#"{"a":"b\",\"c\":\"d"}"#), canonical(r#"{"a":"b","c":"d"}"#));
    }
}
