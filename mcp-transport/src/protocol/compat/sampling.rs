//! Sampling, in both directions.

use crate::protocol::{
    Content, CreateMessageParams, CreateMessageResult, Downgrade, Revision, SamplingContent, SamplingMessage,
};

use super::content::as_text;
use super::{drop_experimental_task, drop_unless};

impl Downgrade for CreateMessageParams {
    fn downgrade(&mut self, to: Revision) {
        drop_experimental_task(&mut self.extra, "task", to);
        drop_unless(&mut self.tools, to.has_sampling_tools());
        drop_unless(&mut self.tool_choice, to.has_sampling_tools());
        self.tools.downgrade(to);
        if !to.has_sampling_tools() {
            let messages = std::mem::take(&mut self.messages);
            self.messages = messages.into_iter().flat_map(one_block_each).collect();
        }
        self.messages.downgrade(to);
        self.meta.downgrade(to);
    }
}

/// Several blocks become one. [`CreateMessageParams`] makes several messages of them instead, which loses no picture.
impl Downgrade for SamplingMessage {
    fn downgrade(&mut self, to: Revision) {
        self.content.downgrade(to);
    }
}

/// A message of several blocks as several messages of the same speaker.
fn one_block_each(message: SamplingMessage) -> Vec<SamplingMessage> {
    let SamplingContent::Many(blocks) = message.content else {
        return vec![message];
    };
    let single = |block| SamplingMessage {
        role: message.role,
        content: SamplingContent::One(Box::new(block)),
        meta: message.meta.clone(),
        extra: message.extra.clone(),
    };
    blocks.into_iter().map(single).collect()
}

impl Downgrade for CreateMessageResult {
    fn downgrade(&mut self, to: Revision) {
        self.content.downgrade(to);
        self.meta.downgrade(to);
    }
}

impl Downgrade for SamplingContent {
    fn downgrade(&mut self, to: Revision) {
        match self {
            Self::One(block) => block.downgrade(to),
            Self::Many(blocks) => {
                blocks.downgrade(to);
                if !to.has_sampling_tools() {
                    *self = Self::One(Box::new(joined(std::mem::take(blocks))));
                }
            }
        }
    }
}

/// Several blocks as one: the only one, or the text of all.
fn joined(mut blocks: Vec<Content>) -> Content {
    match (blocks.pop(), blocks.is_empty()) {
        (Some(only), true) => only,
        (None, _) => Content::text(""),
        (Some(last), false) => {
            blocks.push(last);
            let texts: Vec<_> = blocks.iter().map(as_text).collect();
            Content::text(texts.join("\n"))
        }
    }
}
