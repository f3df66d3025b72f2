//! `corsAnalysis`: what a browser would be told about reading the answers of this server. The header fields shown are
//! made by the policy that answers requests, not recited.

use http::{HeaderMap, HeaderValue, Method, Request, Response, header};

use crate::{
    facts::{Facts, no_headers},
    redact,
    report::{Report, or_not},
};

pub(super) const NAME: &str = "corsAnalysis";
pub(super) const DESCRIPTION: &str =
    "Shows the CORS side of this request: its origin, and what this server lets that origin do.";

/// Web clients that people often want to let in.
const KNOWN: [(&str, &str); 2] =
    [("https://claude.ai", "the Claude web client"), ("https://console.anthropic.com", "the Anthropic console")];

pub(super) fn report(facts: &Facts<'_>) -> String {
    let mut report = Report::titled("CORS Configuration Analysis");
    let Some(parts) = facts.http else {
        report.line(no_headers(facts)).line("CORS is a matter between browsers and HTTP servers.");
        return report.finish();
    };
    report.line("This server answers CORS by itself, from the list of --allow-origin.");
    report.line(
        "If a proxy (Traefik, say) adds CORS headers as well, browsers see them twice and refuse: let one do it.",
    );
    report.section("Request Headers:");
    report.item("method", redact::shown("", parts.method.as_str()));
    for name in ["origin", "access-control-request-method", "access-control-request-headers"] {
        report.item(name, or_not(facts.shown(name)));
    }
    let origin = facts.header("origin");
    report.section("Response CORS Headers (set by this server):");
    let mut headers = HeaderMap::new();
    match facts.program.access.check(&parts.uri, &parts.headers) {
        Ok(admitted) => {
            admitted.apply(&mut headers);
            fields(&mut report, &headers);
        }
        Err(refused) => {
            report.item("refused", refused);
        }
    }
    if let Some(preflight) = origin.as_ref().and_then(|_| preflight(facts)) {
        report.section("A preflight of this origin would be answered:");
        report.item("status", preflight.status());
        fields(&mut report, preflight.headers());
    }
    report.section("CORS Requirements:");
    match origin.as_deref() {
        None => {
            report.line("This request has no Origin: it was not sent by a web page, and CORS does not apply to it.")
        }
        Some(origin) => match KNOWN.iter().find(|(known, _)| *known == origin) {
            Some((_, who)) => report.item("Origin recognised", who),
            None => report.line("The origin is none of the web clients that this tool knows."),
        },
    };
    report.line("A web page needs Access-Control-Allow-Origin with its own origin,");
    report.line("Access-Control-Expose-Headers to read Mcp-Session-Id and WWW-Authenticate,");
    report.line("and a preflight that allows its method and header fields.");
    report.section("Common CORS Issues:");
    report.line("- The origin is not on the list: start the server with --allow-origin ORIGIN (scheme, host, port).");
    report.line("- The preflight asks for a token: OPTIONS must be answered before any authentication.");
    report.line("- Two Access-Control-Allow-Origin headers: the proxy and the server both add one.");
    report.line("- Allow-Origin is * while credentials are sent: browsers want the origin itself.");
    report.finish()
}

fn fields(report: &mut Report, headers: &HeaderMap) {
    if headers.is_empty() {
        report.line("(none)");
    }
    for (name, value) in headers {
        report.item(name, redact::shown(name.as_str(), &String::from_utf8_lossy(value.as_bytes())));
    }
}

/// What this server would answer to a preflight of the same origin.
fn preflight(facts: &Facts<'_>) -> Option<Response<()>> {
    let parts = facts.http?;
    let mut request = Request::new(());
    *request.method_mut() = Method::OPTIONS;
    *request.uri_mut() = parts.uri.clone();
    for name in [header::HOST, header::ORIGIN] {
        if let Some(value) = parts.headers.get(&name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    request.headers_mut().insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
    facts.program.access.preflight(&request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::Given;

    #[test]
    fn an_allowed_origin_sees_what_it_is_given() {
        let text = Given::http().header("Origin", "https://claude.ai").allow_origin("https://claude.ai").report(report);
        assert!(text.contains("Response CORS Headers (set by this server):\n"), "{text}");
        assert!(text.contains("  access-control-allow-origin: https://claude.ai"), "{text}");
        assert!(text.contains("Origin recognised: the Claude web client"), "{text}");
        assert!(text.contains("A preflight of this origin would be answered:\n  status: 204"), "{text}");
        assert!(text.contains("CORS Requirements:") && text.contains("Common CORS Issues:"), "{text}");
    }

    #[test]
    fn only_the_very_origin_is_recognised() {
        let text = Given::http().header("Origin", "https://claude.ai.evil.test").report(report);
        assert!(!text.contains("recognised"), "{text}");
        assert!(text.contains("  refused: the request's origin is not on the allow-list"), "{text}");
    }

    #[test]
    fn without_an_origin_cors_does_not_apply() {
        let text = Given::http().report(report);
        assert!(text.contains("  origin: not present") && text.contains("has no Origin"), "{text}");
        assert!(text.contains("Response CORS Headers (set by this server):\n  (none)"), "{text}");
        assert!(Given::stdio().report(report).contains("No HTTP headers"));
    }
}
