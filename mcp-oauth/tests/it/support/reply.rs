//! What a server answered.

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) async fn read(answer: Response<Full<Bytes>>) -> Self {
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Self { status: head.status.as_u16(), headers: head.headers, text }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Status and `error` of a refusal.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    /// A parameter of the query that the browser is sent on with; `None` where it is not sent on.
    pub(crate) fn redirected(&self, name: &str) -> Option<String> {
        let location = self.headers.get("location")?.to_str().unwrap();
        let query = location.split_once('?')?.1;
        let mut found = url::form_urlencoded::parse(query.as_bytes()).filter(|(own, _)| own == name);
        let value = found.next()?.1.into_owned();
        assert!(found.next().is_none(), "{name} is there twice: {location}");
        Some(value)
    }

    /// That it is this refusal, in the form of RFC 6749 section 5.2, and that nobody may keep it.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16, error: &str) {
        assert_eq!(self.refusal(), (status, error.to_owned()), "{self:?}");
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        let body = self.json();
        let members: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["error", "error_description"], "{self:?}");
    }
}
