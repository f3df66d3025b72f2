//! The authorization endpoint (RFC 6749 section 3.1): sign-in, consent, and the way back to the client.

use http::{Method, StatusCode};

use super::page::{FLOW, html, is_own_form, local, session, sign_in, sign_in_page, stale};
use super::request::Incoming;
use super::respond::{Answer, log};
use crate::chain::Chain;
use crate::identity::Occasion;
use crate::pages::{Consent, ScopeView, Target as FormTarget, Way};
use crate::server::audit::{Event, EventKind};
use crate::server::authorize::{
    Again, Approved, Asked, ConsentForm, Cookies, Refused, Session, Target, Verdict, Wanted, add_cookie,
};
use crate::server::engine::Engine;
use crate::server::error::{ErrorCode, OAuthError};
use crate::server::form::Form;
use crate::store::{ConsentRecord, ReplayKind};
use crate::types::token::AuthorizationCode;
use crate::types::{ClientSnapshot, EndReason, GrantId, RedirectKind};

/// A browser comes from a client, or sends one of our forms.
pub(crate) async fn authorize(engine: &Engine, request: &Incoming) -> Result<Answer, OAuthError> {
    if request.head.method == Method::POST {
        return post(engine, request).await;
    }
    let target = Target::Authorize(request.head.uri.query().unwrap_or_default().to_owned());
    let asked = match judge(engine, &request.query()?).await {
        Ok(asked) => asked,
        Err(answer) => return Ok(*answer),
    };
    let session = if asked.again == Again::SignIn { None } else { session(engine, request).await? };
    match session {
        Some(session) => consent(engine, request, &asked, target, session).await,
        None => sign_in_page(engine, request, target, asked.client.metadata.client_name.as_deref()).await,
    }
}

/// Judges a request; what is refused has its answer.
async fn judge(engine: &Engine, form: &Form) -> Result<Asked, Box<Answer>> {
    Asked::judge(engine, form).await.map_err(|refused| {
        Box::new(match refused {
            Refused::Local(error) => local(engine, &error),
            Refused::Client(redirect, error) => {
                log(&error);
                redirect.error(&error)
            }
        })
    })
}

impl Asked {
    fn wanted(&self) -> Wanted<'_> {
        Wanted { client: &self.client, redirect: Some(&self.redirect), resource: &self.resource, scopes: &self.scopes }
    }

    /// What is remembered of a consent to this.
    fn consent(&self, engine: &Engine, session: &Session, approved: &Approved) -> ConsentRecord {
        let now = engine.now();
        ConsentRecord {
            subject: session.identity.subject.clone(),
            client_id: self.client.id.as_str().to_owned(),
            client_name: self.client.metadata.client_name.clone(),
            redirect_uri: self.redirect.uri().as_str().to_owned(),
            resource: self.resource.as_str().to_owned(),
            scopes: approved.scopes().clone(),
            given_at: now,
            expires_at: now.after(engine.config.lifetimes.consent),
        }
    }
}

/// Somebody is signed in: the policy is asked, then the user, unless they have said it before.
async fn consent(
    engine: &Engine,
    request: &Incoming,
    asked: &Asked,
    target: Target,
    session: Session,
) -> Result<Answer, OAuthError> {
    let now = engine.now();
    let approved = match asked.wanted().approved(engine, &session, Occasion::Consent, now).await? {
        Verdict::Approved(approved) => approved,
        Verdict::Denied(reason) => {
            asked.wanted().record(engine, EventKind::Denied, &session, request.address());
            let error = OAuthError::new(ErrorCode::AccessDenied, reason.as_str().to_owned());
            return Ok(asked.redirect.error(&error));
        }
    };
    // RFC 8252 section 8.6: where anybody on the machine could stand behind the redirect, the user is asked each time. The
    // page knows that loopback is that over TLS too.
    let way = Way::redirect(asked.redirect.uri());
    let assured = matches!(way, Way::Redirect { kind: RedirectKind::Https, .. });
    if assured && asked.again == Again::Nothing {
        let key = asked.consent(engine, &session, &approved).key();
        let before = engine.stores.consents.consent(&key, now).await?;
        if before.is_some_and(|before| before.scopes.is_superset(approved.scopes())) {
            return answer(engine, request, asked, approved, &session).await;
        }
    }
    let flow = ConsentForm::seal(engine, target, (asked.shown(), approved.scopes()), &session, now)?;
    let action = format!("{}/authorize", engine.config.path());
    let scopes = ScopeView::all(approved.scopes(), |name| {
        let known = engine.config.scopes.iter().find(|scope| scope.name.as_str() == name);
        known.and_then(|scope| scope.description.as_deref())
    });
    let client = ClientSnapshot::of(&asked.client);
    let form = FormTarget::new(&action).hidden(FLOW, &flow);
    let switch = FormTarget::new(&action).hidden(FLOW, &flow).hidden("switch_user", "yes");
    let page = Consent::new(&session.identity, &client, way, &asked.resource, scopes, form).switch_user(switch);
    Ok(html(engine, StatusCode::OK, engine.parts.pages.consent(&page)))
}

/// One of our forms was sent.
async fn post(engine: &Engine, request: &Incoming) -> Result<Answer, OAuthError> {
    if !is_own_form(engine, &request.head.headers) {
        return Ok(stale(engine));
    }
    let form = request.form()?;
    if form.get("switch_user").is_some() {
        return switch_user(engine, request, &form).await;
    }
    match form.get("decision") {
        Some(decision) => decide(engine, request, &form, decision).await,
        None => sign_in(engine, request, &form).await,
    }
}

/// The form that was sent, if it is one of this sign-in.
async fn opened(
    engine: &Engine,
    request: &Incoming,
    form: &Form,
) -> Result<Option<(Session, ConsentForm)>, OAuthError> {
    let Some(session) = session(engine, request).await? else { return Ok(None) };
    let now = engine.now();
    let opened = form.get(FLOW).and_then(|flow| ConsentForm::open(engine, flow, &session, now));
    Ok(opened.map(|opened| (session, opened)))
}

/// The user has decided.
async fn decide(engine: &Engine, request: &Incoming, form: &Form, decision: &str) -> Result<Answer, OAuthError> {
    let Some((session, sent)) = opened(engine, request, form).await? else { return Ok(stale(engine)) };
    let Target::Authorize(query) = &sent.target else { return Ok(stale(engine)) };
    // Judged again: the client may have changed, or gone, since the page was shown.
    let parameters = Form::parse(query.as_bytes()).map_err(|_| OAuthError::invalid_request("the form is damaged"))?;
    let asked = match judge(engine, &parameters).await {
        Ok(asked) => asked,
        Err(answer) => return Ok(*answer),
    };
    let now = engine.now();
    let verdict = asked.wanted().approved(engine, &session, Occasion::Consent, now).await?;
    if !asked.shown().matches(&sent.shown) || !verdict.is_within(&sent.scopes) {
        return consent(engine, request, &asked, sent.target, session).await;
    }
    let outcome = match (decision, verdict) {
        ("approve", Verdict::Approved(approved)) => {
            let consent = asked.consent(engine, &session, &approved);
            match granted(engine, request, &asked, approved, &session).await? {
                Ok((grant, code)) => Outcome::Allowed(grant, code, consent),
                Err(answer) => return Ok(answer),
            }
        }
        ("approve", Verdict::Denied(reason)) => Outcome::Refused(EventKind::Denied, reason.as_str().to_owned()),
        _ => Outcome::Refused(EventKind::Declined, "the user has refused".to_owned()),
    };
    // A form is sent once, by whoever comes first. It is used up when nothing else can fail: whoever is told to try again sends
    // the same form. Until then nobody has been given the code, and the grant is good for nothing.
    let first = engine.stores.replays.first_use(ReplayKind::ConsentForm, &sent.id(), sent.expires_at, now).await;
    if let (Outcome::Allowed(grant, ..), Ok(false) | Err(_)) = (&outcome, &first) {
        discard(engine, *grant).await;
    }
    if !first? {
        return Ok(stale(engine));
    }
    match outcome {
        Outcome::Allowed(_, code, consent) => {
            asked.wanted().record(engine, EventKind::Consented, &session, request.address());
            if let Err(error) = engine.stores.consents.remember(consent).await {
                // The user has consented all the same, and is asked again the next time.
                tracing::warn!(error = %Chain(&error), "a consent cannot be remembered");
            }
            Ok(asked.redirect.code(&code))
        }
        Outcome::Refused(kind, text) => {
            asked.wanted().record(engine, kind, &session, request.address());
            Ok(asked.redirect.error(&OAuthError::new(ErrorCode::AccessDenied, text)))
        }
    }
}

/// What a form of consent comes to, if it is the first that is sent.
enum Outcome {
    /// A grant with its code, and what is remembered.
    Allowed(GrantId, AuthorizationCode, ConsentRecord),
    /// What is taken down, and what the client is told.
    Refused(EventKind, String),
}

/// Ends a grant whose code nobody was given.
async fn discard(engine: &Engine, grant: GrantId) {
    if let Err(error) = engine.stores.grants.end(grant, EndReason::Withdrawn, engine.now()).await {
        tracing::warn!(error = %Chain(&error), %grant, "a grant that nobody holds stays until it is over");
    }
}

/// Makes the grant, and sends its code.
async fn answer(
    engine: &Engine,
    request: &Incoming,
    asked: &Asked,
    approved: Approved,
    session: &Session,
) -> Result<Answer, OAuthError> {
    let granted = granted(engine, request, asked, approved, session).await?;
    Ok(granted.map_or_else(|answer| answer, |(_, code)| asked.redirect.code(&code)))
}

/// Makes the grant with its code; an answer for the user if its client is gone.
async fn granted(
    engine: &Engine,
    request: &Incoming,
    asked: &Asked,
    approved: Approved,
    session: &Session,
) -> Result<Result<(GrantId, AuthorizationCode), Answer>, OAuthError> {
    let granted = asked.wanted().grant(engine, approved, session, Some(asked.challenge), engine.now()).await;
    match granted {
        Ok((grant, Some(code))) => Ok(Ok((grant, code))),
        Ok((_, None)) => Err(OAuthError::server_error("a grant with a redirect has a code")),
        Err(error) if error.code() == ErrorCode::InvalidClient => {
            asked.wanted().record(engine, EventKind::Denied, session, request.address());
            Ok(Err(local(engine, &error)))
        }
        Err(error) => Err(error),
    }
}

/// The user wants to be somebody else: signed out, here and wherever they are signed in, and back to where they were.
async fn switch_user(engine: &Engine, request: &Incoming, form: &Form) -> Result<Answer, OAuthError> {
    let Some((session, sent)) = opened(engine, request, form).await? else { return Ok(stale(engine)) };
    let now = engine.now();
    engine.sign_out(&session, now).await?;
    let subject = &session.identity.subject;
    engine.record(Event::new(EventKind::SignedOut, now).from(request.address()).subject(subject));
    let mut answer = super::page::see_other(engine, &sent.target.path(engine.config.path()));
    add_cookie(answer.headers_mut(), Cookies::of(engine, &request.head.headers).sign_out()?);
    Ok(answer)
}
