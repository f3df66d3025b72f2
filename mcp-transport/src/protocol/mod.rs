//! STUB
#![expect(missing_docs, clippy::exhaustive_enums, clippy::exhaustive_structs, reason = "stub")]
use serde::{Deserialize, Serialize};
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    V2024_11_05,
    V2025_03_26,
    V2025_06_18,
    V2025_11_25,
    V2026_07_28,
}
impl Revision {
    pub const LATEST: Self = Self::V2026_07_28;
    pub const ALL: [Self; 5] =
        [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }
}
impl std::str::FromStr for Revision {
    type Err = ();
    fn from_str(s: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|r| r.as_str() == s).ok_or(())
    }
}
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revisions(u8);
impl Revisions {
    pub fn all() -> Self {
        Self(31)
    }
    pub fn contains(self, r: Revision) -> bool {
        self.0 & (1 << r as u8) != 0
    }
    pub fn legacy() -> Self {
        Self(15)
    }
    pub fn iter(self) -> impl Iterator<Item = Revision> {
        Revision::ALL.into_iter().rev().filter(move |r| self.contains(*r))
    }
}
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    Initialize,
    Initialized,
    Ping,
    ServerDiscover,
    SubscriptionsListen,
    SubscriptionsAcknowledged,
    Cancelled,
    Progress,
    LoggingMessage,
    ToolsListChanged,
    PromptsListChanged,
    ResourcesListChanged,
    ResourcesUpdated,
    ToolsCall,
    ToolsList,
    ResourcesRead,
    PromptsGet,
    Other(Box<str>),
}
impl Method {
    pub fn parse(s: &str) -> Self {
        match s {
            "initialize" => Self::Initialize,
            "notifications/initialized" => Self::Initialized,
            "ping" => Self::Ping,
            "server/discover" => Self::ServerDiscover,
            "tools/call" => Self::ToolsCall,
            "notifications/cancelled" => Self::Cancelled,
            "notifications/progress" => Self::Progress,
            "subscriptions/listen" => Self::SubscriptionsListen,
            o => Self::Other(o.into()),
        }
    }
    pub fn as_str(&self) -> &str {
        match self {
            Self::Initialize => "initialize",
            Self::Initialized => "notifications/initialized",
            Self::Ping => "ping",
            Self::ServerDiscover => "server/discover",
            Self::SubscriptionsListen => "subscriptions/listen",
            Self::SubscriptionsAcknowledged => "notifications/subscriptions/acknowledged",
            Self::Cancelled => "notifications/cancelled",
            Self::Progress => "notifications/progress",
            Self::LoggingMessage => "notifications/message",
            Self::ToolsListChanged => "notifications/tools/list_changed",
            Self::PromptsListChanged => "notifications/prompts/list_changed",
            Self::ResourcesListChanged => "notifications/resources/list_changed",
            Self::ResourcesUpdated => "notifications/resources/updated",
            Self::ToolsCall => "tools/call",
            Self::ToolsList => "tools/list",
            Self::ResourcesRead => "resources/read",
            Self::PromptsGet => "prompts/get",
            Self::Other(o) => o,
        }
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoggingLevel {
    Debug,
    Info,
    Error,
}
impl LoggingLevel {
    pub const ALL: [Self; 3] = [Self::Debug, Self::Info, Self::Error];
}
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ClientCapabilities {}
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Implementation {
    pub name: String,
}
pub mod rules {
    use super::Revision;
    pub fn log_level_per_request(r: Revision) -> bool {
        r >= Revision::V2026_07_28
    }
    pub fn is_modern(r: Revision) -> bool {
        r >= Revision::V2026_07_28
    }
}
