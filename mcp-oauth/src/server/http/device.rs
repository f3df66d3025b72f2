//! Device authorization (RFC 8628): the endpoint for devices, and the page for their users.

use http::{Method, StatusCode};
use serde_json::json;

use super::page::{FLOW, html, is_own_form, local, session, sign_in_page, stale};
use super::request::Incoming;
use super::respond::{Answer, json as answer};
use crate::identity::{Occasion, Reason};
use crate::pages::{Consent, DeviceEntry, DeviceFault, Done, Outcome, ScopeView, Target as FormTarget, Way};
use crate::server::audit::EventKind;
use crate::server::authorize::{ConsentForm, Session, Target, Verdict, Wanted};
use crate::server::engine::Engine;
use crate::server::error::{ErrorCode, OAuthError};
use crate::server::form::Form;
use crate::server::grant::DEVICE_CODE;
use crate::server::limits::Limit;
use crate::store::{Decided, Decision, DeviceCreated, DeviceRecord};
use crate::types::{Client, ClientSnapshot, Digest, EndReason, Secret, random, token};

/// RFC 8628 section 6.1: consonants, so that no code spells a word and none is mistaken for a digit.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Eight of them are 34 bits. With the limit on wrong ones, and ten minutes, that is enough (RFC 8628 section 5.1).
const LENGTH: usize = 8;
/// How often another code is tried where one is taken.
const ATTEMPTS: usize = 5;

/// A device asks for a code (RFC 8628 section 3.1).
pub(crate) async fn begin(engine: &Engine, request: &Incoming) -> Result<Answer, OAuthError> {
    engine.limit(Limit::Device, request.address()).await?;
    let form = request.form()?;
    let client = engine.authenticate(&request.head.headers, &form, request.address()).await?;
    if !client.metadata.may_use(DEVICE_CODE) {
        let text = "the client is not registered for device codes";
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, text));
    }
    let (resource, scopes) = (engine.resource(&form)?, engine.scopes(form.get("scope"), &client)?);
    let (now, lifetimes) = (engine.now(), &engine.config.lifetimes);
    let device_code = Secret::random(token::DEVICE_CODE)?;
    for _ in 0..ATTEMPTS {
        let user_code = user_code()?;
        let record = DeviceRecord::new(
            (device_code.digest(), user_code_digest(&user_code)),
            ClientSnapshot::of(&client),
            resource.clone(),
            scopes.clone(),
            now.after(lifetimes.device),
            lifetimes.device_interval,
        );
        if engine.stores.devices.create(record, now).await? == DeviceCreated::Done {
            let page = engine.config.url("/device");
            // RFC 8628 section 3.2.
            let document = json!({
                "device_code": device_code.expose(),
                "user_code": user_code,
                "verification_uri": page,
                "verification_uri_complete": format!("{page}?user_code={user_code}"),
                "expires_in": lifetimes.device.as_secs(),
                "interval": lifetimes.device_interval.as_secs(),
            });
            return Ok(answer(StatusCode::OK, &document));
        }
    }
    Err(OAuthError::server_error("no free user code was found"))
}

fn user_code() -> Result<String, OAuthError> {
    let mut code = String::with_capacity(LENGTH + 1);
    while code.len() <= LENGTH {
        for byte in random::<16>()? {
            if code.len() == LENGTH / 2 {
                code.push('-');
            }
            // 240 is a multiple of 20: without the rest every letter is as likely as any other.
            if byte < 240
                && code.len() <= LENGTH
                && let Some(letter) = LETTERS.get(usize::from(byte) % LETTERS.len())
            {
                code.push(char::from(*letter));
            }
        }
    }
    Ok(code)
}

/// Case, spaces and dashes make no difference (RFC 8628 section 6.1).
fn user_code_digest(code: &str) -> Digest {
    let letters: String =
        code.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase()).collect();
    Digest::of("user code", &[letters.as_bytes()])
}

/// The page for users.
pub(crate) async fn page(engine: &Engine, request: &Incoming) -> Result<Answer, OAuthError> {
    let post = request.head.method == Method::POST;
    if post && !is_own_form(engine, &request.head.headers) {
        return Ok(stale(engine));
    }
    let Some(session) = session(engine, request).await? else {
        if post {
            return Ok(stale(engine));
        }
        let target = Target::Device(request.head.uri.query().unwrap_or_default().to_owned());
        return sign_in_page(engine, request, target, None).await;
    };
    if !post {
        let query = request.query()?;
        let code = query.get("user_code").unwrap_or_default();
        return Ok(entry(engine, code, None));
    }
    let form = request.form()?;
    match (form.get("decision"), form.get("user_code")) {
        (Some(decision), _) => decide(engine, request, &form, decision, &session).await,
        (None, Some(code)) => look_up(engine, request, code, &session).await,
        (None, None) => Ok(entry(engine, "", Some(DeviceFault::Unknown))),
    }
}

fn entry(engine: &Engine, code: &str, fault: Option<DeviceFault>) -> Answer {
    let mut view = DeviceEntry::new(FormTarget::new(&format!("{}/device", engine.config.path()))).user_code(code);
    let mut status = StatusCode::OK;
    if let Some(fault) = fault {
        status = match fault {
            DeviceFault::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            DeviceFault::Unknown => StatusCode::BAD_REQUEST,
        };
        view = view.fault(fault);
    }
    html(engine, status, engine.parts.pages.device(&view))
}

/// The user has typed a code: they are shown what it is for. RFC 8628 section 5.1: tries are counted.
async fn look_up(engine: &Engine, request: &Incoming, code: &str, session: &Session) -> Result<Answer, OAuthError> {
    let now = engine.now();
    let whose = session.identity.subject.as_str().as_bytes();
    let limits = engine.stores.limits.as_ref();
    let counted = match engine.begin(&[(Limit::UserCode, &[whose])], request.address()).await {
        Ok(counted) => counted,
        Err(error) => {
            let Some(retry_after) = error.retry_after().filter(|_| !error.is_ours()) else { return Err(error) };
            return Ok(entry(engine, code, Some(DeviceFault::TooMany { retry_after })));
        }
    };
    let digest = user_code_digest(code);
    let record = match engine.stores.devices.by_user_code(&digest, now).await {
        Ok(None) => {
            counted.fail();
            return Ok(entry(engine, code, Some(DeviceFault::Unknown)));
        }
        found => {
            // A right one is no guess, and neither is one that nobody could look up.
            counted.forgive(limits, now).await;
            found?
        }
    };
    let Some(record) = record else { return Ok(entry(engine, code, Some(DeviceFault::Unknown))) };
    let Some(client) = engine.resolve(&record.client.id, request.address(), now).await? else {
        return Ok(entry(engine, code, Some(DeviceFault::Unknown)));
    };
    let wanted = wanted(&client, &record);
    let approved = match wanted.approved(engine, session, Occasion::Device, now).await? {
        Verdict::Approved(approved) => approved,
        Verdict::Denied(reason) => {
            wanted.record(engine, EventKind::Denied, session, request.address());
            engine.stores.devices.decide(&digest, Decision::Denied, now).await?;
            return Ok(denied(engine, &reason));
        }
    };
    let shown = pretty(code);
    let target = Target::Device(format!("user_code={shown}"));
    let flow = ConsentForm::seal(engine, target, (seen(&record), approved.scopes()), session, now)?;
    let scopes = ScopeView::all(approved.scopes(), |name| {
        let known = engine.config.scopes.iter().find(|scope| scope.name.as_str() == name);
        known.and_then(|scope| scope.description.as_deref())
    });
    let form = FormTarget::new(&format!("{}/device", engine.config.path())).hidden(FLOW, &flow);
    let page = Consent::new(&session.identity, &record.client, Way::device(&shown), &record.resource, scopes, form);
    Ok(html(engine, StatusCode::OK, engine.parts.pages.consent(&page)))
}

/// The user has decided.
async fn decide(
    engine: &Engine,
    request: &Incoming,
    form: &Form,
    decision: &str,
    session: &Session,
) -> Result<Answer, OAuthError> {
    let now = engine.now();
    let sent = form.get(FLOW).and_then(|flow| ConsentForm::open(engine, flow, session, now));
    let Some(sent) = sent else { return Ok(stale(engine)) };
    let Target::Device(query) = &sent.target else { return Ok(stale(engine)) };
    let code = query.strip_prefix("user_code=").unwrap_or_default();
    let digest = user_code_digest(code);
    let Some(record) = engine.stores.devices.by_user_code(&digest, now).await? else {
        return Ok(entry(engine, code, Some(DeviceFault::Unknown)));
    };
    let client = engine.resolve(&record.client.id, request.address(), now).await?;
    // The code may belong to another device by now.
    let Some(client) = client.filter(|_| seen(&record).matches(&sent.shown)) else { return Ok(stale(engine)) };
    let wanted = wanted(&client, &record);
    let verdict = wanted.approved(engine, session, Occasion::Device, now).await?;
    if !verdict.is_within(&sent.scopes) {
        return Ok(stale(engine));
    }
    // The device is told once, by whoever decides first: that is what makes this form one for a single use, and until then it
    // can be sent again.
    let approved = match (decision, verdict) {
        ("approve", Verdict::Approved(approved)) => approved,
        (decision, verdict) => {
            if engine.stores.devices.decide(&digest, Decision::Denied, now).await? == Decided::TooLate {
                return Ok(entry(engine, code, Some(DeviceFault::Unknown)));
            }
            if let ("approve", Verdict::Denied(reason)) = (decision, verdict) {
                wanted.record(engine, EventKind::Denied, session, request.address());
                return Ok(denied(engine, &reason));
            }
            wanted.record(engine, EventKind::Declined, session, request.address());
            return Ok(done(engine, Outcome::Denied, &record.client));
        }
    };
    let (grant, _) = wanted.grant(engine, approved, session, None, now).await?;
    // If nobody knows whether it was decided, the grant stays: a device may be given it.
    if engine.stores.devices.decide(&digest, Decision::Approved(grant), now).await? == Decided::TooLate {
        // Nobody will ever be given it.
        engine.stores.grants.end(grant, EndReason::Withdrawn, now).await?;
        return Ok(entry(engine, code, Some(DeviceFault::Unknown)));
    }
    wanted.record(engine, EventKind::Consented, session, request.address());
    Ok(done(engine, Outcome::Approved, &record.client))
}

/// The access policy has said no: the user is told here, and the device when it asks.
fn denied(engine: &Engine, reason: &Reason) -> Answer {
    let error = OAuthError::new(ErrorCode::AccessDenied, reason.as_str().to_owned());
    local(engine, &error.with_status(StatusCode::FORBIDDEN))
}

fn done(engine: &Engine, outcome: Outcome, client: &ClientSnapshot) -> Answer {
    html(engine, StatusCode::OK, engine.parts.pages.done(&Done::new(outcome, client.name.as_deref())))
}

const fn wanted<'a>(client: &'a Client, record: &'a DeviceRecord) -> Wanted<'a> {
    Wanted { client, redirect: None, resource: &record.resource, scopes: &record.scopes }
}

/// What of a device's request the user sees, and which device it is.
fn seen(record: &DeviceRecord) -> Digest {
    let scopes = record.scopes.to_string();
    let parts = [
        record.device_code.as_bytes().as_slice(),
        record.client.id.as_str().as_bytes(),
        record.resource.as_str().as_bytes(),
        scopes.as_bytes(),
    ];
    Digest::of("device consent", &parts)
}

/// A code as the device shows it.
fn pretty(code: &str) -> String {
    let letters: String = code.chars().filter(char::is_ascii_alphabetic).take(LENGTH).collect();
    let letters = letters.to_ascii_uppercase();
    match letters.split_at_checked(LENGTH / 2) {
        Some((front, back)) if !back.is_empty() => format!("{front}-{back}"),
        _ => letters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc8628_6_1_codes_that_people_can_type() {
        for _ in 0..200 {
            let code = user_code().unwrap();
            assert_eq!(code.len(), 9, "{code}");
            let shaped = |(index, byte): (usize, u8)| if index == 4 { byte == b'-' } else { LETTERS.contains(&byte) };
            assert!(code.bytes().enumerate().all(shaped), "{code}");
            assert_eq!(pretty(&code), code);
        }
        let digest = user_code_digest("BCDF-GHJK");
        for same in ["bcdf-ghjk", "BCDFGHJK", " bcdf ghjk "] {
            assert_eq!(user_code_digest(same), digest);
        }
        assert_ne!(user_code_digest("BCDF-GHJL"), digest);
    }
}
