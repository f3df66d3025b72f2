//! What differs between the revisions: one question per function. The only file that compares revisions.

use super::method::{Direction, Method};
use super::revision::Revision;

/// How an error answer speaks when the request's id could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a member is there or it is not")]
pub enum ErrorWithoutId {
    /// `"id": null`, as JSON-RPC 2.0 section 5 has it.
    Null,
    /// No `id` member: MCP forbids null ids, and its schema makes the member optional.
    Omit,
}

const V2025_03_26: u8 = Revision::V2025_03_26 as u8;
const V2025_06_18: u8 = Revision::V2025_06_18 as u8;
const V2025_11_25: u8 = Revision::V2025_11_25 as u8;
const V2026_07_28: u8 = Revision::V2026_07_28 as u8;

/// Questions about a revision.
impl Revision {
    const fn since(self, first: u8) -> bool {
        self as u8 >= first
    }

    const fn is(self, revision: u8) -> bool {
        self as u8 == revision
    }

    // ---- Life cycle and transport ----

    /// Whether every request stands alone, carrying its revision and capabilities in `_meta`; else there is a handshake.
    #[must_use]
    pub const fn is_modern(self) -> bool {
        self.since(V2026_07_28)
    }

    /// Whether `initialize` opens a session (`Mcp-Session-Id` on HTTP).
    #[must_use]
    pub const fn has_sessions(self) -> bool {
        !self.is_modern()
    }

    /// Whether an HTTP body may be a JSON-RPC batch.
    #[must_use]
    pub const fn has_batches(self) -> bool {
        self.is(V2025_03_26)
    }

    /// Whether HTTP requests must repeat their method and name in `Mcp-Method` and `Mcp-Name`.
    #[must_use]
    pub const fn wants_standard_headers(self) -> bool {
        self.is_modern()
    }

    /// Whether HTTP requests (legacy: after initialize) must carry `MCP-Protocol-Version`.
    #[must_use]
    pub const fn wants_version_header(self) -> bool {
        self.since(V2025_06_18)
    }

    /// Whether a server begins an SSE stream with an event that has an id and no data, so that the client can resume.
    #[must_use]
    pub const fn has_priming_events(self) -> bool {
        self.is(V2025_11_25)
    }

    /// Whether a broken SSE stream can be resumed with `Last-Event-ID`.
    #[must_use]
    pub const fn has_resumption(self) -> bool {
        self.since(V2025_03_26) && !self.is_modern()
    }

    /// Whether a client may open a stream of server messages with GET.
    #[must_use]
    pub const fn has_get_stream(self) -> bool {
        !self.is_modern()
    }

    /// Whether a server may send requests of its own; else it returns them as input requests.
    #[must_use]
    pub const fn has_server_requests(self) -> bool {
        !self.is_modern()
    }

    /// Whether closing the response stream cancels the request. Before, it "SHOULD NOT be interpreted" so.
    #[must_use]
    pub const fn disconnect_cancels(self) -> bool {
        self.is_modern()
    }

    // ---- Results and errors ----

    /// Whether each result must carry `resultType`.
    #[must_use]
    pub const fn has_result_type(self) -> bool {
        self.is_modern()
    }

    /// Whether lists, reads and discovery carry `ttlMs` and `cacheScope`.
    #[must_use]
    pub const fn has_cache_hints(self) -> bool {
        self.is_modern()
    }

    /// Whether results name the server in `_meta`; before, `initialize` does once.
    #[must_use]
    pub const fn result_carries_server_info(self) -> bool {
        self.is_modern()
    }

    /// The code of the error for a resource that does not exist.
    #[must_use]
    pub const fn resource_not_found_code(self) -> i64 {
        if self.is_modern() { -32602 } else { -32002 }
    }

    /// Whether arguments that do not fit a tool's schema are answered by a result with `isError` (SEP-1303); before,
    /// "invalid arguments" is listed among the protocol errors.
    #[must_use]
    pub const fn input_validation_is_tool_error(self) -> bool {
        self.since(V2025_11_25)
    }

    /// How an error is written whose request has no readable id.
    #[must_use]
    pub const fn error_without_id(self) -> ErrorWithoutId {
        if self.since(V2025_11_25) { ErrorWithoutId::Omit } else { ErrorWithoutId::Null }
    }

    /// Whether URL elicitation can be asked for by the error -32042.
    #[must_use]
    pub const fn has_url_elicitation_required_error(self) -> bool {
        self.is(V2025_11_25)
    }

    // ---- Shapes ----

    /// Whether tool results have `structuredContent`.
    #[must_use]
    pub const fn has_structured_content(self) -> bool {
        self.since(V2025_06_18)
    }

    /// Whether `structuredContent` may be any JSON value; before, an object.
    #[must_use]
    pub const fn structured_content_is_any_json(self) -> bool {
        self.is_modern()
    }

    /// Whether tools have an `outputSchema`.
    #[must_use]
    pub const fn has_output_schema(self) -> bool {
        self.since(V2025_06_18)
    }

    /// Whether tool schemas may use any keyword of JSON Schema 2020-12 (SEP-2106); before, `properties` are objects
    /// and the root of an output schema says `type: "object"`.
    #[must_use]
    pub const fn has_any_schema_keyword(self) -> bool {
        self.is_modern()
    }

    /// Whether there are `title`s beside names.
    #[must_use]
    pub const fn has_titles(self) -> bool {
        self.since(V2025_06_18)
    }

    /// Whether annotations have `lastModified`.
    #[must_use]
    pub const fn has_last_modified(self) -> bool {
        self.since(V2025_06_18)
    }

    /// Whether content may be a `resource_link`.
    #[must_use]
    pub const fn has_resource_links(self) -> bool {
        self.since(V2025_06_18)
    }

    /// Whether content may be `audio`.
    #[must_use]
    pub const fn has_audio(self) -> bool {
        self.since(V2025_03_26)
    }

    /// Whether tools, resources, prompts and implementations have `icons` (and implementations `description` and
    /// `websiteUrl`).
    #[must_use]
    pub const fn has_icons(self) -> bool {
        self.since(V2025_11_25)
    }

    /// Whether tools have `annotations`.
    #[must_use]
    pub const fn has_tool_annotations(self) -> bool {
        self.since(V2025_03_26)
    }

    /// Whether tools have `execution`, and the experimental `tasks` of 2025-11-25 exist.
    #[must_use]
    pub const fn has_execution_tasks(self) -> bool {
        self.is(V2025_11_25)
    }

    /// Whether progress notifications have a `message`.
    #[must_use]
    pub const fn has_progress_message(self) -> bool {
        self.since(V2025_03_26)
    }

    /// Whether completion requests have a `context`.
    #[must_use]
    pub const fn has_completion_context(self) -> bool {
        self.since(V2025_06_18)
    }

    /// Whether a request says at what level it wants log messages; before, `logging/setLevel` says it for the session.
    #[must_use]
    pub const fn log_level_per_request(self) -> bool {
        self.is_modern()
    }

    // ---- Capabilities ----

    /// Whether servers declare `completions`. The method itself is as old as the protocol.
    #[must_use]
    pub const fn has_completions_capability(self) -> bool {
        self.since(V2025_03_26)
    }

    /// Whether capabilities have `extensions`.
    #[must_use]
    pub const fn has_extensions(self) -> bool {
        self.is_modern()
    }

    /// Whether the roots capability has `listChanged`, and the notification exists.
    #[must_use]
    pub const fn has_roots_list_changed(self) -> bool {
        !self.is_modern()
    }

    // ---- What a server asks of a client ----

    /// Whether there is elicitation.
    #[must_use]
    pub const fn has_elicitation(self) -> bool {
        self.since(V2025_06_18)
    }

    /// Whether elicitation has the URL mode, and the capability its modes.
    #[must_use]
    pub const fn has_url_elicitation(self) -> bool {
        self.since(V2025_11_25)
    }

    /// Whether URL elicitation carries an `elicitationId`.
    #[must_use]
    pub const fn has_elicitation_id(self) -> bool {
        self.is(V2025_11_25)
    }

    /// Whether every kind of form field has a `default` (SEP-1034); before, only booleans have.
    #[must_use]
    pub const fn has_elicitation_defaults(self) -> bool {
        self.since(V2025_11_25)
    }

    /// Whether form fields can be titled choices (`oneOf`) and multiple choices (SEP-1330).
    #[must_use]
    pub const fn has_enum_titles(self) -> bool {
        self.since(V2025_11_25)
    }

    /// Whether a form names its dialect of JSON Schema (SEP-1613).
    #[must_use]
    pub const fn has_form_dialect(self) -> bool {
        self.since(V2025_11_25)
    }

    /// Whether sampling has tools, messages of several blocks, and the capability its parts (SEP-1577).
    #[must_use]
    pub const fn has_sampling_tools(self) -> bool {
        self.since(V2025_11_25)
    }

    // ---- Methods ----

    /// Whether the revision, or an extension that it can carry, defines `method` in this direction.
    ///
    /// The input requests of the modern era are parts of a result and no messages, so they are not defined there.
    #[must_use]
    pub const fn defines_method(self, method: &Method, direction: Direction) -> bool {
        let to_server = matches!(direction, Direction::ClientToServer);
        match method {
            Method::ListTools
            | Method::CallTool
            | Method::ListResources
            | Method::ListResourceTemplates
            | Method::ReadResource
            | Method::ListPrompts
            | Method::GetPrompt
            | Method::Complete => to_server,
            Method::Initialize
            | Method::Initialized
            | Method::Subscribe
            | Method::Unsubscribe
            | Method::SetLevel
            | Method::RootsListChanged => to_server && !self.is_modern(),
            Method::Discover | Method::Listen | Method::UpdateTask => to_server && self.is_modern(),
            Method::Ping => !self.is_modern(),
            Method::CreateMessage | Method::ListRoots => !to_server && self.has_server_requests(),
            Method::Elicit => !to_server && self.has_server_requests() && self.has_elicitation(),
            // Either side can hold tasks in 2025-11-25; in the extension only the server does.
            Method::GetTask | Method::CancelTask => self.has_execution_tasks() || (to_server && self.is_modern()),
            Method::GetTaskPayload | Method::ListTasks | Method::TaskStatus => self.has_execution_tasks(),
            Method::Cancelled => true,
            Method::Progress => !(to_server && self.is_modern()),
            Method::LoggingMessage
            | Method::ToolListChanged
            | Method::PromptListChanged
            | Method::ResourceListChanged
            | Method::ResourceUpdated => !to_server,
            Method::ElicitationComplete => !to_server && self.has_elicitation_id(),
            Method::SubscriptionsAcknowledged | Method::Tasks => !to_server && self.is_modern(),
            Method::Other(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The revisions for which the question is answered yes.
    fn yes(question: impl Fn(Revision) -> bool) -> Vec<&'static str> {
        let revisions = Revision::ALL.into_iter().filter(|r| question(*r));
        revisions.map(Revision::as_str).collect()
    }

    #[test]
    fn what_only_one_revision_has() {
        assert_eq!(yes(Revision::has_batches), ["2025-03-26"]);
        assert_eq!(yes(Revision::has_priming_events), ["2025-11-25"]);
        assert_eq!(yes(Revision::has_execution_tasks), ["2025-11-25"]);
        assert_eq!(yes(Revision::has_elicitation_id), ["2025-11-25"]);
        assert_eq!(yes(Revision::is_modern), ["2026-07-28"]);
    }

    #[test]
    fn resumption_is_from_streamable_http_to_the_last_legacy_revision() {
        assert_eq!(yes(Revision::has_resumption), ["2025-03-26", "2025-06-18", "2025-11-25"]);
    }

    #[test]
    fn the_version_header_is_wanted_since_2025_06_18() {
        // 2025-06-18 basic/transports: "the client MUST include the MCP-Protocol-Version header".
        assert_eq!(yes(Revision::wants_version_header), ["2025-06-18", "2025-11-25", "2026-07-28"]);
    }

    #[test]
    fn codes_and_ids_of_errors() {
        assert_eq!(Revision::V2025_11_25.resource_not_found_code(), -32002);
        assert_eq!(Revision::V2026_07_28.resource_not_found_code(), -32602);
        assert_eq!(Revision::V2025_06_18.error_without_id(), ErrorWithoutId::Null);
        assert_eq!(Revision::V2025_11_25.error_without_id(), ErrorWithoutId::Omit);
        assert_eq!(yes(Revision::input_validation_is_tool_error), ["2025-11-25", "2026-07-28"]);
    }

    #[test]
    fn no_revision_defines_an_unknown_method() {
        for revision in Revision::ALL {
            for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                assert!(!revision.defines_method(&Method::parse("x/y"), direction));
            }
        }
    }
}
