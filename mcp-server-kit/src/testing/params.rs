//! What a client in memory sends: what each request carries, and the answers to what was asked.

use mcp_transport::{exchange::meta, jsonrpc::Params};
use serde_json::{Map, Value, json};

use super::TestClient;

impl TestClient {
    /// Adds what each modern request carries.
    pub(super) fn params(&self, mut params: Value) -> Params {
        if self.revision.is_modern() {
            let members = params.as_object_mut();
            let meta = members.map(|members| members.entry("_meta").or_insert_with(|| json!({})));
            if let Some(meta) = meta.and_then(Value::as_object_mut) {
                meta.insert(meta::PROTOCOL_VERSION.to_owned(), self.revision.as_str().into());
                meta.insert(meta::CLIENT_CAPABILITIES.to_owned(), json!(self.capabilities));
                if let Some(level) = self.log_level {
                    meta.insert(meta::LOG_LEVEL.to_owned(), json!(level));
                }
            }
        }
        if let Some(members) = params.as_object_mut() {
            let meta = members.entry("_meta").or_insert_with(|| json!({}));
            if let Some(meta) = meta.as_object_mut() {
                meta.entry("progressToken").or_insert_with(|| json!("test"));
            }
        }
        Params::write(&params).unwrap_or_default()
    }

    pub(super) fn answer_all(&self, result: &Value, params: &mut Value) {
        let mut answers = Map::new();
        for (key, request) in result.get("inputRequests").and_then(Value::as_object).into_iter().flatten() {
            let method = request.get("method").and_then(Value::as_str).unwrap_or_default();
            let asked = request.get("params").unwrap_or(&Value::Null);
            if let Some(answer) = &self.answer {
                answers.insert(key.clone(), answer(key, method, asked));
            }
        }
        if let Some(members) = params.as_object_mut() {
            members.insert("inputResponses".to_owned(), Value::Object(answers));
            if let Some(state) = result.get("requestState") {
                members.insert("requestState".to_owned(), state.clone());
            }
        }
    }
}
