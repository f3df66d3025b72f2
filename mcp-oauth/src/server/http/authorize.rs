//! The authorization endpoint (RFC 6749 section 3.1): sign-in, consent, and the way back to the client.

use bytes::Bytes;
use http::{Method, StatusCode};
use mcp_transport::auth::ScopeSet;

use super::page::{FLOW, html, is_own_form, local, session, sign_in, sign_in_page, stale};
use super::request::Incoming;
use super::respond::{Answer, log};
use crate::identity::Occasion;
use crate::pages::{Consent, ScopeView, Target as FormTarget, Way};
use crate::server::audit::{Event, EventKind};
use crate::server::authorize::{
    Again, Approved, Asked, Bound, ConsentForm, Cookies, Refused, Session, Target, Verdict, Wanted, add_cookie,
};
use crate::server::engine::Engine;
use crate::server::error::{ErrorCode, OAuthError};
use crate::server::form::Form;
use crate::store::{ConsentRecord, FlowKind, Stored};
use crate::types::token::AuthorizationCode;
use crate::types::{ClientSnapshot, Digest, EndReason, GrantId, RedirectKind, Timestamp};
use mcp_transport::Chain;

/// A browser comes from a client, or sends one of our forms.
pub(crate) async fn authorize(engine: &Engine, request: &Incoming) -> Result<Answer, OAuthError> {
    if request.head.method == Method::POST {
        return post(engine, request).await;
    }
    let target = Target::Authorize(request.head.uri.query().unwrap_or_default().to_owned());
    let asked = match judge(engine, request, &request.query()?).await {
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
async fn judge(engine: &Engine, request: &Incoming, form: &Form) -> Result<Asked, Box<Answer>> {
    Asked::judge(engine, form, request.address()).await.map_err(|refused| {
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

    /// Whether nobody but the client can stand behind the redirect. Otherwise the user is asked each time (RFC 8252 section
    /// 8.6), and nothing is remembered of what they said. The page knows that loopback is that over TLS too.
    fn is_assured(&self) -> bool {
        matches!(Way::redirect(self.redirect.uri()), Way::Redirect { kind: RedirectKind::Https, .. })
    }

    /// What is remembered of a consent to this.
    fn consent(&self, engine: &Engine, session: &Session, approved: &Approved) -> ConsentRecord {
        self.remembered(engine, session, approved.scopes().clone())
    }

    fn remembered(&self, engine: &Engine, session: &Session, scopes: ScopeSet) -> ConsentRecord {
        let now = engine.now();
        ConsentRecord {
            subject: session.identity.subject.clone(),
            client_id: self.client.id.as_str().to_owned(),
            client_name: self.client.metadata.client_name.clone(),
            redirect_uri: self.redirect.uri().as_str().to_owned(),
            resource: self.resource.as_str().to_owned(),
            scopes,
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
    if asked.is_assured() && asked.again == Again::Nothing {
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
    let way = Way::redirect(asked.redirect.uri());
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
    let asked = match judge(engine, request, &parameters).await {
        Ok(asked) => asked,
        Err(answer) => return Ok(*answer),
    };
    let now = engine.now();
    let verdict = asked.wanted().approved(engine, &session, Occasion::Consent, now).await?;
    // Who says no is not asked again because something has changed.
    let changed = !asked.shown().matches(&sent.shown) || !verdict.is_within(&sent.scopes);
    if decision == "approve" && changed {
        return consent(engine, request, &asked, sent.target, session).await;
    }
    let kept = Sent::of(engine, &sent);
    // Who has said no may say so again, where the answer was lost.
    let decided = kept.decision(now).await?;
    let again = decision != "approve" && decided.as_deref() == Some(REFUSED);
    if decided.is_some() && !again {
        return Ok(stale(engine));
    }
    let refused = match (decision, verdict) {
        ("approve", Verdict::Approved(approved)) => {
            return allowed(engine, request, &asked, approved, &session, &kept).await;
        }
        ("approve", Verdict::Denied(reason)) => (EventKind::Denied, reason.as_str().to_owned()),
        _ => (EventKind::Declined, "the user has refused".to_owned()),
    };
    if !again && !kept.is_first(REFUSED, now).await? {
        return Ok(stale(engine));
    }
    // The last word counts: an earlier yes may have been remembered, and its answer lost.
    engine.stores.consents.forget(&asked.remembered(engine, &session, ScopeSet::EMPTY).key()).await?;
    let (kind, text) = refused;
    asked.wanted().record(engine, kind, &session, request.address());
    Ok(asked.redirect.error(&OAuthError::new(ErrorCode::AccessDenied, text)))
}

/// The user allows what is asked, and the policy does.
///
/// The form is used up by the last step that can fail: whoever is told to try again sends the same form. Until then nobody has
/// been given the code, and the grant is good for nothing.
async fn allowed(
    engine: &Engine,
    request: &Incoming,
    asked: &Asked,
    approved: Approved,
    session: &Session,
    sent: &Sent<'_>,
) -> Result<Answer, OAuthError> {
    let (now, consent) = (engine.now(), asked.consent(engine, session, &approved));
    let (grant, code) = match granted(engine, request, asked, approved, session).await? {
        Ok(granted) => granted,
        Err(answer) => return Ok(answer),
    };
    let key = consent.key();
    let remembered = if asked.is_assured() { engine.stores.consents.remember(consent).await } else { Ok(()) };
    let first = match remembered.map_err(OAuthError::from) {
        Ok(()) => sent.is_first(ALLOWED, now).await,
        Err(error) => Err(error),
    };
    if !matches!(first, Ok(true)) {
        discard(engine, grant).await;
    }
    if first? {
        asked.wanted().record(engine, EventKind::Consented, session, request.address());
        return Ok(asked.redirect.code(&code));
    }
    // Sent at the same time by the same user: a refusal that came first counts for the next time too.
    if sent.decision(now).await?.is_some_and(|decision| decision == REFUSED) {
        engine.stores.consents.forget(&key).await?;
    }
    Ok(stale(engine))
}

/// A form of consent that was sent: it counts once, for whoever comes first.
struct Sent<'a> {
    engine: &'a Engine,
    id: Digest,
    until: Timestamp,
}

/// What the user has decided, as it is kept.
const ALLOWED: &[u8] = b"allowed";
const REFUSED: &[u8] = b"refused";

impl<'a> Sent<'a> {
    fn of(engine: &'a Engine, form: &ConsentForm) -> Self {
        Self { engine, id: form.id(), until: form.expires_at }
    }

    /// What was decided with it already.
    async fn decision(&self, now: Timestamp) -> Result<Option<Bytes>, OAuthError> {
        Ok(self.engine.stores.flows.peek(FlowKind::ConsentForm, &self.id, now).await?)
    }

    /// Uses it up. Exactly one caller is the first.
    async fn is_first(&self, decision: &'static [u8], now: Timestamp) -> Result<bool, OAuthError> {
        let decision = Bytes::from_static(decision);
        let kept = self.engine.stores.flows.put(FlowKind::ConsentForm, &self.id, decision, self.until, now).await?;
        Ok(kept == Stored::New)
    }
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
    let bound = Bound { challenge: asked.challenge, dpop_jkt: asked.dpop_jkt.clone() };
    let granted = asked.wanted().grant(engine, approved, session, Some(bound), engine.now()).await;
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
