//! What the endpoints that people use have in common: pages, sign-in, and who may send a form.

use http::header::ORIGIN;
use http::{HeaderMap, StatusCode};
use http_body_util::Full;

use super::request::Incoming;
use super::respond::{Answer, log, retry};
use crate::identity::{Attempt, Begin, SignInError, Standing, Step};
use crate::pages::{ErrorPage, Link, SignIn, SignInFault, Target as FormTarget};
use crate::server::audit::{Event, EventKind};
use crate::server::authorize::{Browser, Cookies, Session, SignInForm, Target, add_cookie};
use crate::server::engine::Engine;
use crate::server::error::{ErrorCode, OAuthError};
use crate::server::form::Form;
use crate::server::limits::{Limit, Try};
use crate::types::{Secret, Timestamp, customer};

/// The name of the hidden field that carries what a page has to carry.
pub(crate) const FLOW: &str = "flow";
/// The parameter with which a user chooses another identity provider.
const PROVIDER: &str = "identity_provider";

/// A page.
pub(crate) fn html(engine: &Engine, status: StatusCode, html: String) -> Answer {
    engine.parts.page_headers.page(status, html).map(Full::new)
}

/// Sends a browser on within this server.
pub(crate) fn see_other(engine: &Engine, path: &str) -> Answer {
    match engine.parts.page_headers.see_other(path) {
        Some(answer) => answer.map(Full::new),
        None => local(engine, &OAuthError::invalid_request("the address cannot be written")),
    }
}

/// Tells the user what cannot be told to a client.
pub(crate) fn local(engine: &Engine, error: &OAuthError) -> Answer {
    log(error);
    let (heading, message) = match error.code() {
        ErrorCode::InvalidClient => (
            "This app is not known here",
            "It may have been registered long ago, or its description cannot be read at the moment. Remove the server from \
             the app, add it again, and sign in once more.",
        ),
        ErrorCode::TemporarilyUnavailable if error.status() == StatusCode::TOO_MANY_REQUESTS => {
            ("Too many requests", "Wait a little, and try again.")
        }
        ErrorCode::TemporarilyUnavailable => ("Not available at the moment", "Wait a little, and reload this page."),
        ErrorCode::ServerError => {
            ("Something went wrong here", "The operator of this server finds the cause in its log.")
        }
        ErrorCode::AccessDenied => ("You may not allow this", error.description()),
        _ => ("This request cannot be answered", error.description()),
    };
    let page = ErrorPage::new(heading, message).code(error.code().as_str());
    // For a browser 401 would mean that it has to authenticate.
    let status = if error.status() == StatusCode::UNAUTHORIZED { StatusCode::BAD_REQUEST } else { error.status() };
    let mut answer = html(engine, status, engine.parts.pages.error(&page));
    retry(&mut answer, error);
    answer
}

/// The page for a form that is no longer good, or never was.
pub(crate) fn stale(engine: &Engine) -> Answer {
    let page = ErrorPage::new(
        "This page is no longer good",
        "It was open for too long, was sent already, or belongs to another sign-in. Go back to the app and begin again.",
    );
    html(engine, StatusCode::FORBIDDEN, engine.parts.pages.error(&page))
}

/// Whether a form may have been sent by one of our pages.
///
/// Browsers say where it comes from (Fetch Metadata). Those that do not are held off by the sealed field and by
/// `SameSite=Lax`. `Origin` is `null` from our own pages, because they have `Referrer-Policy: no-referrer`.
pub(crate) fn is_own_form(engine: &Engine, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes);
    let origin = headers.get(ORIGIN).map(http::HeaderValue::as_bytes);
    matches!(site, None | Some(b"same-origin" | b"none"))
        && origin.is_none_or(|origin| origin == b"null" || origin == engine.config.origin().as_bytes())
}

/// Who is signed in on the browser, if the provider still stands by them.
pub(crate) async fn session(engine: &Engine, request: &Incoming) -> Result<Option<Session>, OAuthError> {
    let now = engine.now();
    let Some(session) = Cookies::of(engine, &request.head.headers).session(now) else { return Ok(None) };
    if engine.is_ended(&session, now).await? {
        return Ok(None);
    }
    match engine.parts.providers.standing(&session.identity, now).await {
        Ok(Standing::Good(identity)) => Ok(session.with(*identity)),
        Ok(Standing::Ended) => Ok(None),
        Err(cause) => Err(OAuthError::unavailable(cause)),
    }
}

/// The page on which a user signs in, to go on to `target`.
pub(crate) async fn sign_in_page(
    engine: &Engine,
    request: &Incoming,
    target: Target,
    client: Option<&str>,
) -> Result<Answer, OAuthError> {
    let chosen = request.query()?.get(PROVIDER).map(str::to_owned);
    let chosen = chosen.as_deref().and_then(|id| engine.parts.providers.find(id));
    let provider = chosen.or_else(|| engine.parts.providers.iter().next());
    let provider = provider.ok_or_else(|| OAuthError::server_error("there is no identity provider"))?;
    let id = provider.id().as_str().to_owned();
    sign_in_again(engine, request, &id, target, client, None).await
}

/// The same page, after a try that failed.
async fn sign_in_again(
    engine: &Engine,
    request: &Incoming,
    provider: &str,
    target: Target,
    client: Option<&str>,
    failed: Option<(SignInFault, Option<&str>)>,
) -> Result<Answer, OAuthError> {
    let now = engine.now();
    let found = engine.parts.providers.find(provider);
    let found = found.ok_or_else(|| OAuthError::server_error("there is no such identity provider"))?;
    let (browser, cookie) = Cookies::of(engine, &request.head.headers).browser_or_new()?;
    let mut begin = Begin::at(now).browser(browser.binding());
    if let Some(address) = request.address() {
        begin = begin.peer(address);
    }
    let mut view = match found.begin(&begin).await {
        Ok(Step::Form(form)) => {
            let flow = SignInForm::seal(engine, provider, target.clone(), &browser, now)?;
            let action = format!("{}/authorize", engine.config.path());
            SignIn::new(form, FormTarget::new(&action).hidden(FLOW, &flow))
        }
        Err(error) => {
            failed_to_ask(engine, request, &error);
            SignIn::unavailable(SignInFault::from(&error))
        }
    };
    if let Some(client) = client {
        view = view.client(client);
    }
    let mut status = StatusCode::OK;
    if let Some((fault, username)) = failed {
        view = view.fault(fault).username(username.unwrap_or_default());
        status = match fault {
            SignInFault::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            SignInFault::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            SignInFault::Refused => StatusCode::FORBIDDEN,
        };
    }
    for other in engine.parts.providers.iter().filter(|other| other.id() != found.id()) {
        view = other_provider(view, engine, &target, other.id().as_str(), other.label());
    }
    let mut answer = html(engine, status, engine.parts.pages.sign_in(&view));
    if let Some(cookie) = cookie {
        add_cookie(answer.headers_mut(), cookie);
    }
    Ok(answer)
}

fn other_provider(view: SignIn, engine: &Engine, target: &Target, id: &str, label: &str) -> SignIn {
    let path = target.without(PROVIDER).path(engine.config.path());
    let separator = if path.contains('?') { '&' } else { '?' };
    match Link::new(label, &format!("{path}{separator}{PROVIDER}={id}")) {
        Some(link) => view.other(link),
        None => view,
    }
}

/// A form of sign-in was sent.
pub(crate) async fn sign_in(engine: &Engine, request: &Incoming, form: &Form) -> Result<Answer, OAuthError> {
    let now = engine.now();
    let cookies = Cookies::of(engine, &request.head.headers);
    let browser = cookies.browser();
    let sent = form.get(FLOW).and_then(|flow| SignInForm::open(engine, flow, browser.as_ref(), now));
    let Some(SignInForm { provider, target, .. }) = sent else { return Ok(stale(engine)) };
    let username = form.get("username");
    let (counted, work) = match begin_try(engine, request, &provider, username).await {
        Ok(begun) => begun,
        Err(error) => {
            let Some(retry_after) = error.retry_after().filter(|_| !error.is_ours()) else { return Err(error) };
            let fault = SignInFault::TooMany { retry_after };
            return sign_in_again(engine, request, &provider, target, None, Some((fault, username))).await;
        }
    };
    let mut attempt = attempt(request, form, now);
    attempt.browser = browser.as_ref().map(Browser::binding);
    let judged = engine.parts.providers.sign_in(&provider, &attempt).await;
    let limits = engine.stores.limits.as_ref();
    // Whoever is who they say has not guessed; where nobody has judged, it was no work either.
    match &judged {
        Err(SignInError::Refused) => {
            counted.fail();
            work.fail();
        }
        Ok(_) => {
            counted.forgive(limits, engine.now()).await;
            work.fail();
        }
        Err(_) => {
            counted.forgive(limits, engine.now()).await;
            work.forgive(limits, engine.now()).await;
        }
    }
    match judged {
        Ok(identity) => {
            // A code of single use is used up by now. What is not known here matters only where clocks differ, and each page
            // asks again.
            let earlier_over = engine.sessions_over(&identity.subject, now).await.unwrap_or_else(|error| {
                tracing::warn!(error = %mcp_transport::Chain(&error), "nobody knows until when sessions have ended");
                None
            });
            let session = Session::begin(identity, earlier_over, now, engine.config.lifetimes.session)?;
            let subject = &session.identity.subject;
            engine.record(Event::new(EventKind::SignedIn, now).from(request.address()).subject(subject));
            let mut answer = see_other(engine, &target.after_sign_in().path(engine.config.path()));
            add_cookie(answer.headers_mut(), cookies.sign_in(&session, now)?);
            Ok(answer)
        }
        Err(error) => {
            failed_to_ask(engine, request, &error);
            engine.record(Event::new(EventKind::SignInRefused, now).from(request.address()));
            let failed = Some((SignInFault::from(&error), username));
            sign_in_again(engine, request, &provider, target, None, failed).await
        }
    }
}

/// Takes down that an identity provider has judged nothing, where it has not.
fn failed_to_ask(engine: &Engine, request: &Incoming, error: &SignInError) {
    match error {
        SignInError::Unavailable(_) => {
            tracing::error!(error = %mcp_transport::Chain(error), "an identity provider cannot be asked");
        }
        SignInError::TooMany { .. } => engine.refused(Limit::Provider, request.address()),
        _ => {}
    }
}

fn attempt(request: &Incoming, form: &Form, now: Timestamp) -> Attempt {
    let mut attempt = Attempt::at(now);
    if let (Some(username), Some(password)) = (form.get("username"), form.get("password")) {
        attempt = attempt.password(username.to_owned(), Secret::new(password.to_owned()));
    }
    if let Some(code) = form.get("code") {
        attempt = attempt.code(Secret::new(code.to_owned()));
    }
    match request.address() {
        Some(address) => attempt.peer(address),
        None => attempt,
    }
}

/// Counts a sign-in as one that fails, before anybody judges it: of an account from an address, of the address, and of the
/// account. And, in the second, as one that is work.
async fn begin_try(
    engine: &Engine,
    request: &Incoming,
    provider: &str,
    username: Option<&str>,
) -> Result<(Try, Try), OAuthError> {
    let address = request.address().map(customer).unwrap_or_default();
    // However it is spelled: providers may take no notice of case, and of spaces around it.
    let account = username.map(|username| username.trim().to_lowercase());
    let from_address: (Limit, &[&[u8]]) = (Limit::SignIn, &[&address]);
    match &account {
        Some(account) => {
            let account = [provider.as_bytes(), account.as_bytes()];
            let account_from = [account[0], account[1], &address];
            let buckets = [(Limit::AccountFrom, &account_from[..]), from_address, (Limit::Account, &account[..])];
            let counted = engine.begin(&buckets, request.address()).await?;
            match engine.begin(&[(Limit::Work, &account)], request.address()).await {
                Ok(work) => Ok((counted, work)),
                Err(error) => {
                    counted.forgive(engine.stores.limits.as_ref(), engine.now()).await;
                    Err(error)
                }
            }
        }
        None => Ok((engine.begin(&[from_address], request.address()).await?, Try::NONE)),
    }
}
