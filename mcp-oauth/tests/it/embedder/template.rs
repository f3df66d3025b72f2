//! Pages of an embedder's own, from templates with `{{NAME}}` in them.

use std::fmt::Display;

use mcp_oauth::identity::Fields;
use mcp_oauth::pages::{
    Consent, ContentPolicy, DeviceEntry, Done, ErrorPage, Escaped, Link, Outcome, Pages, SignIn, Target, Way,
};

pub(super) const STYLE: &str = "body { font-family: serif }\n";

const DOCUMENT: &str = "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8><title>Chess club</title>\n\
                        <style>{{style}}</style></head>\n<body class=\"{{page}}\">{{body}}</body></html>\n";
const SIGN_IN: &str = "<p>{{client}} wants something{{fault}}</p>{{form}}{{fields}}<button>In</button></form>{{links}}";
const NAME: &str = "<input name='username' value='{{username}}'><input name='password' type='password'>";
const CONSENT: &str = "<h1 title='{{client}}'>{{client}}</h1><p id={{id}}>{{user}}: {{resource}} at {{place}}</p>\
                       <ul>{{scopes}}</ul>{{form}}<button name='decision' value='approve'>Yes</button>\
                       <button name='decision' value='deny'>No</button></form>{{switch}}";
const DEVICE: &str = "{{form}}<input name='user_code' value='{{code}}'><button>Next</button></form>";

/// Puts values, which are HTML already, in the place of their names. What a value says of names stays as it is.
fn fill(template: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut html = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap();
        let (_, value) = values.iter().find(|(own, _)| *own == name).unwrap_or_else(|| panic!("no {name}"));
        html += before;
        html += &value.to_string();
        rest = after;
    }
    html + rest
}

/// The pages of a chess club.
#[derive(Debug)]
pub(super) struct Club;

impl Club {
    fn document(page: &str, body: &str) -> String {
        fill(DOCUMENT, &[("style", &STYLE), ("page", &page), ("body", &body)])
    }
}

fn form(target: &Target) -> String {
    let hidden = target.hidden.iter().map(|(name, value)| {
        format!("<input type='hidden' name='{}' value='{}'>", Escaped::new(name), Escaped::new(value))
    });
    format!("<form method='post' action='{}'>{}", Escaped::new(&target.action), hidden.collect::<String>())
}

fn links(links: &[Link]) -> String {
    let link = |link: &Link| format!("<a href='{}'>{}</a>", Escaped::new(link.href()), link.label());
    links.iter().map(link).collect()
}

impl Pages for Club {
    fn policy(&self) -> ContentPolicy {
        ContentPolicy::strict().style(STYLE).own_images()
    }

    fn sign_in(&self, view: &SignIn) -> String {
        let fields = match view.form.as_ref().map(|form| form.fields) {
            Some(Fields::Password) => fill(NAME, &[("username", &view.username)]),
            Some(Fields::Code) => "<input name='code'>".to_owned(),
            _ => String::new(),
        };
        let values: [(&str, &dyn Display); 5] = [
            ("client", &view.client),
            ("fault", &if view.fault.is_some() { ", but no" } else { "" }),
            ("form", &form(&view.target)),
            ("fields", &fields),
            ("links", &links(&view.others)),
        ];
        Self::document("sign-in", &fill(SIGN_IN, &values))
    }

    fn consent(&self, view: &Consent) -> String {
        let place = match &view.way {
            Way::Redirect { place, uri, .. } => format!("{place} ({uri})"),
            Way::Device { user_code } => format!("the device {user_code}"),
            _ => String::new(),
        };
        let scopes = view.scopes.iter().map(|scope| format!("<li>{}: {}</li>", scope.name, scope.description));
        let switch = view.switch_user.as_ref().map(|target| form(target) + "<button>Not me</button></form>");
        let values: [(&str, &dyn Display); 8] = [
            ("client", &view.client.name),
            ("id", &format!("'{}'", view.client.id)),
            ("user", &view.user),
            ("resource", &view.resource),
            ("place", &place),
            ("scopes", &scopes.collect::<String>()),
            ("form", &form(&view.target)),
            ("switch", &switch.unwrap_or_default()),
        ];
        Self::document("consent", &fill(CONSENT, &values))
    }

    fn device(&self, view: &DeviceEntry) -> String {
        Self::document("device", &fill(DEVICE, &[("form", &form(&view.target)), ("code", &view.user_code)]))
    }

    fn done(&self, view: &Done) -> String {
        let outcome = if view.outcome == Outcome::Approved { "may play" } else { "may not play" };
        Self::document("done", &format!("<p>{} {outcome}</p>", view.client))
    }

    fn error(&self, view: &ErrorPage) -> String {
        let body = format!("<h1>{}</h1><p>{} ({})</p>{}", view.heading, view.message, view.code, links(&view.links));
        Self::document("error", &body)
    }
}
