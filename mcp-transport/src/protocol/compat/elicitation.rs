//! Forms and URLs for the user, and the answers.

use serde_json::Value;

use crate::protocol::{
    Downgrade, ElicitFormParams, ElicitParams, ElicitResult, ElicitUrlParams, EnumOption, EnumSchema, FieldSchema,
    FormSchema, Revision, StringSchema,
};

use super::{drop_experimental_task, drop_unless};

/// Between the texts of a multiple choice, where a revision has only single texts.
const SEPARATOR: &str = ", ";

impl Downgrade for ElicitParams {
    fn downgrade(&mut self, to: Revision) {
        match self {
            Self::Form(params) => params.downgrade(to),
            Self::Url(params) => params.downgrade(to),
        }
    }
}

impl Downgrade for ElicitFormParams {
    fn downgrade(&mut self, to: Revision) {
        drop_experimental_task(&mut self.extra, "task", to);
        drop_unless(&mut self.mode, to.has_url_elicitation());
        self.requested_schema.downgrade(to);
        self.meta.downgrade(to);
    }
}

/// Before 2025-11-25 there is no URL mode, and nothing that could stand in: ask the rules before asking the user.
impl Downgrade for ElicitUrlParams {
    fn downgrade(&mut self, to: Revision) {
        drop_experimental_task(&mut self.extra, "task", to);
        drop_unless(&mut self.elicitation_id, to.has_elicitation_id());
        if to.has_elicitation_id() && self.elicitation_id.is_none() {
            // The id is required there. Who gave none will not tell that it is over, so the URL names it well enough.
            self.elicitation_id = Some(self.url.clone());
        }
        self.meta.downgrade(to);
    }
}

impl Downgrade for FormSchema {
    fn downgrade(&mut self, to: Revision) {
        drop_unless(&mut self.schema, to.has_form_dialect());
        for (_, field) in &mut self.properties.0 {
            field.downgrade(to);
        }
    }
}

impl Downgrade for FieldSchema {
    fn downgrade(&mut self, to: Revision) {
        if !to.has_enum_titles() {
            match self {
                Self::TitledEnum(choice) => {
                    let options = std::mem::take(&mut choice.options);
                    let (values, names): (Vec<_>, Vec<_>) = options.into_iter().map(|o| (o.value, o.title)).unzip();
                    let mut plain = EnumSchema::new(values);
                    plain.enum_names = Some(names);
                    plain.title = choice.title.take();
                    plain.description = choice.description.take();
                    plain.extra = std::mem::take(&mut choice.extra);
                    *self = Self::Enum(plain);
                }
                Self::MultiSelect(choice) => {
                    let listed = choice.items.values.join(SEPARATOR);
                    *self = some_of(choice.title.take(), choice.description.take(), &listed);
                }
                Self::TitledMultiSelect(choice) => {
                    let show = |o: &EnumOption| format!("{} ({})", o.value, o.title);
                    let listed: Vec<_> = choice.items.options.iter().map(show).collect();
                    let listed = listed.join(SEPARATOR);
                    *self = some_of(choice.title.take(), choice.description.take(), &listed);
                }
                _ => {}
            }
        }
        if !to.has_elicitation_defaults() {
            match self {
                Self::String(field) => field.default = None,
                Self::Number(field) => field.default = None,
                Self::Enum(field) => field.default = None,
                _ => {}
            }
        }
    }
}

/// A text field in place of a multiple choice. [`FormSchema::read_answer`] makes a list of its answer again.
fn some_of(title: Option<String>, description: Option<String>, listed: &str) -> FieldSchema {
    let hint = format!("Any of these, separated by commas: {listed}");
    let mut text = StringSchema::new();
    text.title = title;
    text.description = Some(match description {
        Some(description) => format!("{description}\n{hint}"),
        None => hint,
    });
    FieldSchema::String(text)
}

/// Lists of texts become one text where the revision has no lists.
impl Downgrade for ElicitResult {
    fn downgrade(&mut self, to: Revision) {
        if !to.has_enum_titles()
            && let Some(content) = &mut self.content
        {
            for value in content.values_mut() {
                if let Value::Array(items) = value {
                    let texts: Vec<_> = items.iter().filter_map(Value::as_str).collect();
                    *value = Value::String(texts.join(SEPARATOR));
                }
            }
        }
        self.meta.downgrade(to);
    }
}

impl FormSchema {
    /// Reads the answer to this form from a client whose revision had no multiple choice: where the form has one and
    /// the answer a text, the text is split at its commas.
    ///
    /// `self` is the form before it was downgraded. Answers that need no change are left alone.
    pub fn read_answer(&self, answer: &mut ElicitResult) {
        let Some(content) = &mut answer.content else {
            return;
        };
        for (name, field) in &self.properties.0 {
            let multiple = matches!(field, FieldSchema::MultiSelect(_) | FieldSchema::TitledMultiSelect(_));
            if multiple && let Some(Value::String(text)) = content.get(name) {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                let list = parts.map(|part| Value::String(part.to_owned())).collect();
                content.insert(name.clone(), Value::Array(list));
            }
        }
    }
}
