//! `bearerDecode`: what the bearer token of the request says, if it is a JWT. Nothing in it is verified.

use mcp_server_kit::{jsonrpc::Raw, schemars};
use serde_json::{Map, Value};

use crate::{
    clock,
    facts::{Bearer, Facts, no_headers},
    jwt::{self, Jwt, UNVERIFIED},
    redact,
    report::{Report, or_not},
};

pub(super) const NAME: &str = "bearerDecode";
pub(super) const DESCRIPTION: &str =
    "Takes the bearer token of this request apart, if it is a JWT, without verifying it.";

/// How much of a raw part is shown.
const RAW: usize = 50;
/// The claims of RFC 7519 that have a line of their own.
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "jti", "iat", "exp", "nbf"];

/// What `bearerDecode` takes.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Args {
    /// Whether to show the beginning of the header and the payload as they were sent, unless something in them looks
    /// like a secret. The signature is never shown.
    #[serde(default, deserialize_with = "super::flag")]
    pub(super) include_raw: bool,
}

pub(super) fn report(facts: &Facts<'_>, args: &Args) -> String {
    let mut report = Report::titled("Bearer Token Analysis");
    if facts.http.is_none() {
        report.line(no_headers(facts));
        return report.finish();
    }
    match facts.bearer() {
        Bearer::Absent if facts.principal.is_some() => {
            report.line("The guard of this server has verified the token and kept it; authContext shows whose it is.")
        }
        Bearer::Absent => report.line("The Authorization header is not present."),
        Bearer::Several => report.line("There are several Authorization headers; only one is allowed."),
        Bearer::Other(None) => report.line("The Authorization header does not begin with a scheme."),
        Bearer::Other(Some(scheme)) => {
            report.line(format_args!("The Authorization header is not of the scheme Bearer but of {scheme}."))
        }
        Bearer::Token(token) if token.is_empty() => report.line("The Authorization header has no token after Bearer."),
        Bearer::Token(token) => match Jwt::decode(&token) {
            Ok(jwt) => decoded(&mut report, &jwt, clock::unix(facts.now), args),
            Err(why) => report
                .line(format_args!("The token is not a JWT: {why}."))
                .item("Length", format_args!("{} characters", token.chars().count())),
        },
    };
    report.finish()
}

fn decoded<'a>(report: &'a mut Report, jwt: &Jwt<'_>, now: i64, args: &Args) -> &'a mut Report {
    report.line("Valid JWT structure").item("Note", UNVERIFIED);
    report.section("Header:");
    for (title, name) in [("Algorithm", "alg"), ("Type", "typ"), ("Key ID", "kid")] {
        report.item(title, or_not(jwt.header.get(name).map(redact::plain)));
    }
    report.section("Payload:");
    for (title, name) in [("Issuer", "iss"), ("Subject", "sub"), ("Audience", "aud"), ("JWT ID", "jti")] {
        report.item(title, or_not(jwt.claims.get(name).map(redact::plain)));
    }
    report.item("Issued At", or_not(jwt.claims.get("iat").map(|value| moment(value, now, Ahead::Odd))));
    report.item("Expires", or_not(jwt.claims.get("exp").map(|value| expiry(value, now))));
    report.item("Not Before", or_not(jwt.claims.get("nbf").map(|value| moment(value, now, Ahead::NotYet))));
    report.section("Custom Claims:");
    let mut custom: Map<String, Value> = jwt
        .claims
        .iter()
        .filter(|(name, _)| !REGISTERED.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    if custom.is_empty() {
        report.line("(none)");
    } else {
        custom.sort_keys();
        let mut custom = Value::Object(custom);
        redact::json(&mut custom);
        for line in format!("{custom:#}").lines() {
            report.line(line);
        }
    }
    report.section(if jwt.signature.is_empty() { "Signature: Missing" } else { "Signature: Present" });
    report.line("It was not checked.");
    if args.include_raw {
        report.section("Raw Parts:");
        report.item("Header", raw(jwt.raw_header, &jwt.header)).item("Payload", raw(jwt.raw_claims, &jwt.claims));
        // The signature is what makes a token a token: with the decoded parts and it, anyone could use it.
        report.item("Signature", redact::hidden(jwt.signature));
    }
    report
}

/// The beginning of a part as it was sent. It is its JSON in another spelling, so where something in that is hidden,
/// all of it is; also where a member stands there twice, because only one of the two was looked at.
fn raw(part: &str, members: &Map<String, Value>) -> String {
    let mut shown = Value::Object(members.clone());
    redact::json(&mut shown);
    let once = jwt::json(part).is_some_and(|text| Raw::parse(text).is_ok());
    if !once || shown.as_object() != Some(members) {
        return redact::hidden(part);
    }
    match part.get(..RAW) {
        Some(start) if start.len() < part.len() => format!("{start}..."),
        _ => part.to_owned(),
    }
}

/// What a moment that is still to come means.
#[derive(Clone, Copy)]
enum Ahead {
    Odd,
    NotYet,
}

fn moment(value: &Value, now: i64, ahead: Ahead) -> String {
    let Some(seconds) = jwt::numeric_date(value) else { return no_date(value) };
    let relation = match (now.saturating_sub(seconds), ahead) {
        (ago @ 0.., _) => format!("{ago}s ago"),
        (ago, Ahead::Odd) => format!("in {}s: the issuer's clock is ahead", ago.unsigned_abs()),
        (ago, Ahead::NotYet) => format!("in {}s, NOT YET VALID", ago.unsigned_abs()),
    };
    format!("{} ({relation})", clock::utc_seconds(seconds))
}

fn expiry(value: &Value, now: i64) -> String {
    let Some(seconds) = jwt::numeric_date(value) else { return no_date(value) };
    // RFC 7519 section 4.1.4: "on or after" the time the token must not be accepted.
    let relation = match seconds.saturating_sub(now) {
        left @ 1.. => format!("in {left}s"),
        past => format!("EXPIRED {}s ago", past.unsigned_abs()),
    };
    format!("{} ({relation})", clock::utc_seconds(seconds))
}

fn no_date(value: &Value) -> String {
    format!("{} (not a date: it must be a number of seconds)", redact::plain(value))
}

#[cfg(test)]
mod tests;
