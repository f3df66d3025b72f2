//! What resources answer.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use mcp_transport::protocol::{BlobResourceContents, ReadResourceResult, ResourceContents, TextResourceContents};

use crate::error::ToolError;

/// What was read, before it is told under which URI.
#[derive(Clone, Debug)]
pub struct ResourceOutput(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Text(String),
    Bytes(Bytes),
    Result(Box<ReadResourceResult>),
}

impl ResourceOutput {
    /// The result, for the URI and media type that the resource is registered with.
    pub(crate) fn into_result(self, uri: &str, mime_type: Option<&str>) -> ReadResourceResult {
        let contents = match self.0 {
            Kind::Result(result) => return *result,
            Kind::Text(text) => {
                let mut contents = TextResourceContents::new(uri, text);
                contents.mime_type = mime_type.map(str::to_owned);
                ResourceContents::Text(contents)
            }
            Kind::Bytes(bytes) => {
                let mut contents = BlobResourceContents::new(uri, STANDARD.encode(bytes));
                contents.mime_type = mime_type.map(str::to_owned);
                ResourceContents::Blob(contents)
            }
        };
        ReadResourceResult::new([contents])
    }
}

macro_rules! output_from {
    ($($from:ty: $value:ident => $kind:expr,)*) => {$(
        impl From<$from> for ResourceOutput {
            fn from($value: $from) -> Self {
                Self($kind)
            }
        }
    )*};
}

output_from! {
    String: text => Kind::Text(text),
    &str: text => Kind::Text(text.to_owned()),
    Vec<u8>: bytes => Kind::Bytes(bytes.into()),
    Bytes: bytes => Kind::Bytes(bytes),
    ResourceContents: contents => Kind::Result(Box::new(ReadResourceResult::new([contents]))),
    Vec<ResourceContents>: contents => Kind::Result(Box::new(ReadResourceResult::new(contents))),
    ReadResourceResult: result => Kind::Result(Box::new(result)),
}

/// What a resource may answer: text, bytes, contents, a whole [`ReadResourceResult`], or a `Result` of these.
#[diagnostic::on_unimplemented(
    message = "a resource cannot answer with `{Self}`",
    note = "it can with String, Vec<u8>, Bytes, ResourceContents, Vec<ResourceContents>, ReadResourceResult, and Result<_, ToolError> of these"
)]
pub trait IntoResourceOutput {
    /// The contents.
    ///
    /// # Errors
    /// There are none; the client is told why.
    fn into_resource_output(self) -> Result<ResourceOutput, ToolError>;
}

impl<T: Into<ResourceOutput>> IntoResourceOutput for T {
    fn into_resource_output(self) -> Result<ResourceOutput, ToolError> {
        Ok(self.into())
    }
}

impl<T: IntoResourceOutput> IntoResourceOutput for Result<T, ToolError> {
    fn into_resource_output(self) -> Result<ResourceOutput, ToolError> {
        self.and_then(T::into_resource_output)
    }
}
