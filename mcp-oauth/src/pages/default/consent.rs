//! The content of the page of consent.

use super::super::html::Html;
use super::super::text::Text;
use super::super::{ClientProof, ClientView, Consent, ScopeView, Way};
use crate::types::RedirectKind;

/// How many scopes are listed. A request with more is none that a person can judge.
const MOST_SCOPES: usize = 200;

pub(super) fn content(html: &mut Html, view: &Consent) {
    html.markup("<dl>\n<dt>You are signed in as</dt>\n<dd><strong>").text(&view.user).markup("</strong>");
    if view.subject != view.user {
        html.markup(" <span class=\"soft\">(").text(&view.subject).markup(")</span>");
    }
    html.markup("</dd>\n");
    client(html, &view.client);
    html.markup("<dt>It asks for access to</dt>\n<dd><code>").text(&view.resource).markup("</code></dd>\n");
    way(html, &view.way);
    html.markup("</dl>\n");
    warning(html, &view.way);
    scopes(html, &view.scopes);
    html.form(&view.target);
    html.markup("<div class=\"buttons\">\n");
    html.markup("<button type=\"submit\" class=\"go\" name=\"decision\" value=\"approve\">Allow</button>\n");
    html.markup("<button type=\"submit\" name=\"decision\" value=\"deny\">Deny</button>\n</div>\n</form>\n");
    if let Some(target) = &view.switch_user {
        html.form(target);
        html.markup("<p class=\"soft\">Not you? <button type=\"submit\" class=\"switch\">");
        html.markup("Sign in as somebody else</button></p>\n</form>\n");
    }
}

/// Claims and facts apart: the name is the client's own, what follows is known.
fn client(html: &mut Html, client: &ClientView) {
    html.markup("<dt>An application wants access</dt>\n<dd>");
    if client.name.is_empty() {
        html.markup("It gives no name.");
    } else {
        html.markup("It calls itself <strong>").text(&client.name).markup("</strong>.");
    }
    html.markup("</dd>\n<dd>");
    match &client.proof {
        ClientProof::Operator => html.markup("The operator of this server has added it."),
        ClientProof::Host(host) => {
            html.markup("It is published by ").markup("<span class=\"place\">").text(host).markup("</span>.")
        }
        ClientProof::Nobody => html.markup("Nobody has verified that: anybody can register under any name."),
    };
    html.markup("</dd>\n<dd class=\"soft\">Its id is <code>").text(&client.id).markup("</code></dd>\n");
}

fn way(html: &mut Html, way: &Way) {
    let (label, place, detail): (_, &Text, Option<&Text>) = match way {
        Way::Redirect { kind: RedirectKind::PrivateUse, place, uri } => {
            ("Access goes to the app that opens addresses of the kind", place, Some(uri))
        }
        Way::Redirect { place, uri, .. } => ("Access goes to, and you are sent to", place, Some(uri)),
        Way::Device { user_code } => ("Access goes to the device that shows this code", user_code, None),
    };
    html.markup("<dt>").markup(label).markup("</dt>\n<dd class=\"place\">").text(place).markup("</dd>\n");
    if let Some(uri) = detail {
        html.markup("<dd class=\"soft\"><code>").text(uri).markup("</code></dd>\n");
    }
}

fn warning(html: &mut Html, way: &Way) {
    let text = match way {
        // MCP, client registration: "SHOULD display additional warnings for localhost-only redirect URIs".
        Way::Redirect { kind: RedirectKind::Loopback, .. } => {
            "Access goes to a program on this computer, and any program can say that it is this one. Allow it only if you \
             have just started it yourself."
        }
        // RFC 8252 sections 7.1 and 8.1: more than one app may claim a scheme.
        Way::Redirect { kind: RedirectKind::PrivateUse, .. } => {
            "Access goes to an app on this device, and any app can claim addresses of this kind. Allow it only if you \
             have just started it yourself."
        }
        // RFC 8628 section 5.4.
        Way::Device { .. } => {
            "Compare the code with the one on your device. Deny if it is another, or if you hold no such device in \
             your hands."
        }
        Way::Redirect { kind: RedirectKind::Https, .. } => return,
    };
    html.markup("<p class=\"warn\" role=\"note\">").markup(text).markup("</p>\n");
}

fn scopes(html: &mut Html, scopes: &[ScopeView]) {
    html.markup("<h2>It would be allowed to</h2>\n");
    if scopes.is_empty() {
        html.markup("<p>use the server, without any particular permission</p>\n");
        return;
    }
    html.markup("<ul>\n");
    for scope in scopes.iter().take(MOST_SCOPES) {
        html.markup("<li>");
        if scope.description.is_empty() {
            html.markup("<code>").text(&scope.name).markup("</code>");
        } else {
            html.text(&scope.description).markup(" <code class=\"soft\">").text(&scope.name).markup("</code>");
        }
        html.markup("</li>\n");
    }
    html.markup("</ul>\n");
    if let Some(more) = scopes.len().checked_sub(MOST_SCOPES).filter(|more| *more > 0) {
        html.markup("<p class=\"warn\" role=\"note\">and ").escaped(&more.to_string()).markup(" more</p>\n");
    }
}
