//! Pages of one's own: `custom_pages [ADDR:PORT]`.
//!
//! They are made from templates in this file, in the place of those that come with the server. The headers stay the
//! server's: nothing is loaded but the style sheet that [`Pages::policy`] names, and nothing runs. What comes from
//! strangers is a `Text`, which is escaped when it is written; everything else goes through `Escaped`.

use std::{path::PathBuf, sync::Arc};

use mcp_oauth::{
    identity::{Console, Fields, Owner},
    pages::{Consent, ContentPolicy, DeviceEntry, Done, ErrorPage, Escaped, Outcome, Pages, SignIn, Target, Way},
    server::{AuthorizationServer, Peer},
};
use mcp_transport::{
    auth::{Issuer, ResourceId},
    http::serve::{self, Server},
    signal,
};

const STYLE: &str = "body { font: 1.2rem serif; margin: 3rem auto; max-width: 30rem; background: #fdf6e3 }\n";

/// The pages of the library.
#[derive(Debug)]
struct Library;

fn document(title: &str, content: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1>{content}</body></html>\n"
    )
}

/// A form with its hidden fields: they find the flow again, and prove that the form is the server's.
fn form(target: &Target, content: &str) -> String {
    let hidden = target.hidden.iter().map(|(name, value)| {
        format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", Escaped::new(name), Escaped::new(value))
    });
    let hidden: String = hidden.collect();
    format!("<form method=\"post\" action=\"{}\">{hidden}{content}</form>", Escaped::new(&target.action))
}

impl Pages for Library {
    fn policy(&self) -> ContentPolicy {
        ContentPolicy::strict().style(STYLE)
    }

    fn sign_in(&self, view: &SignIn) -> String {
        let fault = if view.fault.is_some() { "<p role=\"alert\">That did not work.</p>" } else { "" };
        let Some(asked) = &view.form else { return document("The library is closed", fault) };
        let fields = match asked.fields {
            Fields::Password => format!(
                "<input name=\"username\" value=\"{}\" required> <input name=\"password\" type=\"password\" required>",
                view.username
            ),
            _ => "<input name=\"code\" autocomplete=\"one-time-code\" required>".to_owned(),
        };
        let fields = form(&view.target, &format!("{fields} <button>Come in</button>"));
        let sentence = Escaped::new(&asked.sentence);
        document("The library", &format!("<p>{} would like to read. {sentence}</p>{fault}{fields}", view.client))
    }

    fn consent(&self, view: &Consent) -> String {
        // Who is behind the address gets the access, whatever the client calls itself: it is to be shown.
        let place = match &view.way {
            Way::Redirect { place, .. } => place,
            Way::Device { user_code } => user_code,
            _ => return document("The library", "<p>This page does not know who asks.</p>"),
        };
        let scopes: String = view.scopes.iter().map(|scope| format!("<li>{}</li>", scope.name)).collect();
        let buttons = "<button name=\"decision\" value=\"approve\">Lend it</button> \
                       <button name=\"decision\" value=\"deny\">Do not</button>";
        let asked = format!(
            "<p>{}, somebody who calls themselves <bdi>{}</bdi> and is at <strong>{place}</strong> asks for {}:</p>\
             <ul>{scopes}</ul>",
            view.user, view.client.name, view.resource,
        );
        document("Lend it?", &(asked + &form(&view.target, buttons)))
    }

    fn device(&self, view: &DeviceEntry) -> String {
        let field = format!("<input name=\"user_code\" value=\"{}\" required> <button>Go on</button>", view.user_code);
        document("Which reader?", &form(&view.target, &field))
    }

    fn done(&self, view: &Done) -> String {
        document(if view.outcome == Outcome::Approved { "It may read" } else { "It may not read" }, "")
    }

    fn error(&self, view: &ErrorPage) -> String {
        document("The library regrets", &format!("<h2>{}</h2><p>{}</p>", view.heading, view.message))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let listener = Server::bind(address).await?;
    let public = format!("http://{}", listener.local_addr()?);
    let server = AuthorizationServer::builder(Issuer::parse(&public)?)
        .resource(ResourceId::parse(&format!("{public}/mcp"))?)
        .identity(Arc::new(Owner::new(Arc::new(Console::or_file(PathBuf::from("owner-code"))))))
        .pages(Arc::new(Library))
        .build()
        .await?;
    let maintained = server.clone();
    tokio::spawn(async move { maintained.maintain().await });
    // It is told who asks by what the accept loop knows: its limits are by address.
    let service = server.service();
    let connected = move |ends: serve::ConnectInfo| {
        let peer = Peer::direct(ends.remote.ip());
        service.clone().peer(move |_| Some(peer))
    };
    eprintln!("listening on {public}");
    listener.serve_with(connected, signal::asked_to_stop()?).await;
    Ok(())
}
