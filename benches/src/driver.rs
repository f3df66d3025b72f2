//! The smallest handler there can be: what is measured with it is the driver alone.

use std::sync::Arc;

use async_trait::async_trait;
use mcp_transport::exchange::Exchange;
use mcp_transport::handler::{Handler, Outcome};
use mcp_transport::jsonrpc::{ErrorObject, Raw, Request};
use mcp_transport::protocol::{Method, Revisions};
use serde_json::json;

/// Answers `initialize`, and `tools/call` with the text that it was sent.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Echo;

#[async_trait]
impl Handler for Echo {
    fn revisions(&self) -> Revisions {
        Revisions::all()
    }

    async fn call(self: Arc<Self>, cx: Exchange, request: Request) -> Outcome {
        match request.method {
            Method::Initialize => {
                let result = json!({
                    "protocolVersion": cx.revision().as_str(),
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "echo", "version": "0"},
                });
                Raw::write(&result).map_or_else(|_| ErrorObject::internal().into(), Outcome::complete)
            }
            Method::CallTool => {
                let arguments = request.params.get("arguments").unwrap_or("{}");
                let message = mcp_transport::jsonrpc::lookup(arguments, &["message"]).unwrap_or("null");
                let body = if cx.revision().has_result_type() {
                    format!(r#"{{"resultType":"complete","content":[{{"type":"text","text":{message}}}]}}"#)
                } else {
                    format!(r#"{{"content":[{{"type":"text","text":{message}}}]}}"#)
                };
                Raw::parse(body).map_or_else(|_| ErrorObject::internal().into(), Outcome::complete)
            }
            _ => ErrorObject::method_not_found(request.method.as_str()).into(),
        }
    }
}
