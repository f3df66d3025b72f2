//! Content blocks, and the results that are made of them.

use serde_json::Value;

use crate::protocol::{
    Annotations, AudioContent, CallToolResult, Content, Downgrade, GetPromptResult, Meta, PromptMessage, Resource,
    Revision, TextContent, ToolResultContent, ToolUseContent,
};

impl Downgrade for Content {
    fn downgrade(&mut self, to: Revision) {
        match self {
            Self::Text(block) => block.annotations.downgrade(to),
            Self::Image(block) => block.annotations.downgrade(to),
            Self::Resource(block) => block.annotations.downgrade(to),
            Self::Audio(block) if to.has_audio() => block.annotations.downgrade(to),
            Self::Audio(block) => *self = audio_note(block, to),
            Self::ResourceLink(resource) if to.has_resource_links() => resource.downgrade(to),
            Self::ResourceLink(resource) => *self = link_note(resource, to),
            Self::ToolResult(block) if to.has_sampling_tools() => block.downgrade(to),
            Self::ToolResult(block) => *self = tool_result_note(block, to),
            Self::ToolUse(_) if to.has_sampling_tools() => {}
            Self::ToolUse(block) => *self = tool_use_note(block),
            // Whatever it is, both ends may know it.
            Self::Other(_) => {}
        }
    }
}

impl Downgrade for PromptMessage {
    fn downgrade(&mut self, to: Revision) {
        self.content.downgrade(to);
    }
}

impl Downgrade for GetPromptResult {
    fn downgrade(&mut self, to: Revision) {
        self.messages.downgrade(to);
        self.meta.downgrade(to);
    }
}

impl Downgrade for CallToolResult {
    fn downgrade(&mut self, to: Revision) {
        self.content.downgrade(to);
        drop_structured(&mut self.structured_content, &mut self.content, to);
        self.meta.downgrade(to);
    }
}

impl Downgrade for ToolResultContent {
    fn downgrade(&mut self, to: Revision) {
        self.content.downgrade(to);
        drop_structured(&mut self.structured_content, &mut self.content, to);
    }
}

/// Takes out structured content that the revision does not have, and sees to it that a block of text says the same.
fn drop_structured(structured: &mut Option<Value>, content: &mut Vec<Content>, to: Revision) {
    let fits =
        |value: &Value| to.has_structured_content() && (value.is_object() || to.structured_content_is_any_json());
    let Some(value) = structured.take_if(|value| !fits(value)) else {
        return;
    };
    let said = content.iter().filter_map(Content::as_text).any(|text| {
        // The text of a JSON string is often the string itself.
        value.as_str() == Some(text) || serde_json::from_str::<Value>(text).is_ok_and(|said| said == value)
    });
    if !said {
        content.push(Content::text(value.to_string()));
    }
}

fn note(text: String, annotations: Option<Annotations>, meta: Option<Meta>, to: Revision) -> Content {
    let mut note = TextContent::new(text);
    note.annotations = annotations;
    note.annotations.downgrade(to);
    note.meta = meta;
    Content::Text(note)
}

/// Sound cannot be said; that there was some can.
fn audio_note(audio: &mut AudioContent, to: Revision) -> Content {
    let text = format!("[audio, {}, {} characters of base64, not shown]", audio.mime_type, audio.data.len());
    note(text, audio.annotations.take(), audio.meta.take(), to)
}

fn link_note(resource: &mut Resource, to: Revision) -> Content {
    let name = resource.title.as_deref().unwrap_or(&resource.name);
    let mut text = format!("{name}: {}", resource.uri);
    if let Some(mime_type) = &resource.mime_type {
        text = format!("{text} ({mime_type})");
    }
    if let Some(description) = &resource.description {
        text = format!("{text}\n{description}");
    }
    note(text, resource.annotations.take(), resource.meta.take(), to)
}

fn tool_use_note(call: &mut ToolUseContent) -> Content {
    let input = Value::Object(std::mem::take(&mut call.input));
    let mut note = TextContent::new(format!("[tool use {}] {} {input}", call.id, call.name));
    note.meta = call.meta.take();
    Content::Text(note)
}

fn tool_result_note(answer: &mut ToolResultContent, to: Revision) -> Content {
    answer.downgrade(to);
    let failed = if answer.is_error == Some(true) { ", failed" } else { "" };
    let mut text = format!("[tool result {}{failed}]", answer.tool_use_id);
    for block in &answer.content {
        text.push('\n');
        text.push_str(&as_text(block));
    }
    note(text, None, answer.meta.take(), to)
}

/// A block as text: itself, or its JSON.
pub(super) fn as_text(block: &Content) -> String {
    match block.as_text() {
        Some(text) => text.to_owned(),
        None => serde_json::to_string(block).unwrap_or_default(),
    }
}
