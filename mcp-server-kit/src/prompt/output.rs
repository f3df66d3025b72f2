//! What prompts answer.

use mcp_transport::protocol::{Content, GetPromptResult, PromptMessage, Role};

use crate::error::ToolError;

/// What a prompt may answer: a text of the user's, content, messages, a whole [`GetPromptResult`], or a `Result` of
/// these.
#[diagnostic::on_unimplemented(
    message = "a prompt cannot answer with `{Self}`",
    note = "it can with String, Content, PromptMessage, Vec<PromptMessage>, GetPromptResult, and Result<_, ToolError> of these"
)]
pub trait IntoPromptOutput {
    /// The result.
    ///
    /// # Errors
    /// There is none; the client is told why.
    fn into_prompt_output(self) -> Result<GetPromptResult, ToolError>;
}

macro_rules! into_prompt_output {
    ($($from:ty: $value:ident => $messages:expr,)*) => {$(
        impl IntoPromptOutput for $from {
            fn into_prompt_output(self) -> Result<GetPromptResult, ToolError> {
                let $value = self;
                Ok(GetPromptResult::new($messages))
            }
        }
    )*};
}

into_prompt_output! {
    String: text => [PromptMessage::new(Role::User, text)],
    &'static str: text => [PromptMessage::new(Role::User, text)],
    Content: content => [PromptMessage::new(Role::User, content)],
    PromptMessage: message => [message],
    Vec<PromptMessage>: messages => messages,
}

impl IntoPromptOutput for GetPromptResult {
    fn into_prompt_output(self) -> Result<GetPromptResult, ToolError> {
        Ok(self)
    }
}

impl<T: IntoPromptOutput> IntoPromptOutput for Result<T, ToolError> {
    fn into_prompt_output(self) -> Result<GetPromptResult, ToolError> {
        self.and_then(T::into_prompt_output)
    }
}
