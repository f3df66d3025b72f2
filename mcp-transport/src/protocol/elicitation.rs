//! Elicitation: a server asks the client's user.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Meta;
use super::form::FormSchema;
use super::object::object;

/// The params of `elicitation/create`, told apart by their `mode`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ElicitParams {
    /// A form that the client shows. No `mode` means this one.
    Form(ElicitFormParams),
    /// A URL to which the client sends the user (since 2025-11-25).
    Url(ElicitUrlParams),
}

object! {
    /// A form for the user.
    pub struct ElicitFormParams {
        required {
            /// Why the user is asked.
            message: String,
            /// The form's fields.
            requested_schema: FormSchema,
        }
        optional {
            /// The mode, if said outright (since 2025-11-25).
            mode: FormMode => with_mode,
            /// Metadata of the request.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

/// The mode of a form: `form`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FormMode {
    /// `form`
    Form,
}

object! {
    /// A URL for the user: for what the client and the model must not see.
    pub struct ElicitUrlParams {
        required {
            /// Why the user is sent there.
            message: String,
            /// Where to.
            url: String,
        }
        optional {
            /// The id by which 2025-11-25 tells that the user is done; required there and unknown elsewhere.
            elicitation_id: String => with_elicitation_id,
            /// Metadata of the request.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The params of `notifications/elicitation/complete` (2025-11-25).
    pub struct ElicitationCompleteParams {
        required {
            /// The id of the elicitation that is over.
            elicitation_id: String,
        }
        optional {
            /// Metadata of the notification.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

impl From<ElicitFormParams> for ElicitParams {
    fn from(params: ElicitFormParams) -> Self {
        Self::Form(params)
    }
}

impl From<ElicitUrlParams> for ElicitParams {
    fn from(params: ElicitUrlParams) -> Self {
        Self::Url(params)
    }
}

impl Serialize for ElicitParams {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(tag = "mode", rename_all = "lowercase")]
        enum Known<'a> {
            Url(&'a ElicitUrlParams),
        }
        match self {
            Self::Form(params) => params.serialize(serializer),
            Self::Url(params) => Known::Url(params).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ElicitParams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        #[derive(Deserialize)]
        struct Mode {
            mode: Option<String>,
        }
        // Read from the raw text, so that the fields of a form keep their order.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let mode = serde_json::from_str::<Mode>(raw.get()).map_err(D::Error::custom)?;
        match mode.mode.as_deref() {
            None | Some("form") => serde_json::from_str(raw.get()).map(Self::Form),
            Some("url") => serde_json::from_str(raw.get()).map(|mut params: ElicitUrlParams| {
                params.extra.remove("mode");
                Self::Url(params)
            }),
            Some(_) => return Err(D::Error::custom("the mode is form or url")),
        }
        .map_err(D::Error::custom)
    }
}

/// What the user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ElicitAction {
    /// Sent the form, or agreed to open the URL.
    Accept,
    /// Said no.
    Decline,
    /// Went away without an answer.
    Cancel,
}

object! {
    /// The result of `elicitation/create`, which a client gives.
    pub result ElicitResult {
        required {
            /// What the user did.
            action: ElicitAction,
        }
        optional {
            /// The fields that were filled in: texts, numbers, booleans and lists of texts.
            content: Map<String, Value> => with_content,
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}
