//! Cursors of paged lists.
//!
//! A cursor names the last entry of its page, so that a list that changes between two pages goes on where it stopped.
//! It is opaque to clients; one that we did not make, or whose entry is gone, is -32602 (MCP 2026-07-28, pagination,
//! "Error Handling").

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use mcp_transport::jsonrpc::{ErrorObject, Params};

/// The cursor after the entry `key` of the list `kind`.
pub(crate) fn after(kind: &str, key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{kind}:{key}"))
}

/// The key that the request's cursor names; `None` for the first page.
pub(crate) fn cursor(kind: &str, params: &Params) -> Result<Option<String>, ErrorObject> {
    let Some(cursor) = params.get("cursor") else {
        return Ok(None);
    };
    let text = serde_json::from_str::<String>(cursor).map_err(|_| bad())?;
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
    let named = String::from_utf8(bytes).map_err(|_| bad())?;
    let key = named.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':')).ok_or_else(bad)?;
    Ok(Some(key.to_owned()))
}

pub(crate) fn bad() -> ErrorObject {
    ErrorObject::invalid_params("the cursor is not one of this list")
}
