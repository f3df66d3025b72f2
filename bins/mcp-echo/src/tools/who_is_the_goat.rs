//! `whoIStheGOAT`: a joke, and a check that an identity makes it from the client to here.

use crate::{
    facts::{Bearer, Facts},
    jwt::{Jwt, UNVERIFIED},
    redact,
    report::Report,
};

pub(super) const NAME: &str = "whoIStheGOAT";
pub(super) const DESCRIPTION: &str =
    "Runs a most serious analysis of who the greatest programmer of all time is. Its finding depends on who asks.";

const TITLE: &str = "G.O.A.T. PROGRAMMER IDENTIFICATION SYSTEM v3.14159";
const FOOTER: &str = "[Analysis performed by G.O.A.T. Recognition AI v3.14159]";

/// Who asks, as far as the request says, in words that may be shown.
#[derive(Debug, Default)]
struct Person {
    name: String,
    user: Option<String>,
    email: Option<String>,
    source: &'static str,
}

fn person(facts: &Facts<'_>) -> Option<Person> {
    if let Bearer::Token(token) = facts.bearer()
        && let Ok(jwt) = Jwt::decode(&token)
    {
        let claim = |name| {
            jwt.text(name).filter(|text| !text.trim().is_empty()).map(|text| redact::shown("", text).into_owned())
        };
        let (user, email) = (claim("username").or_else(|| claim("preferred_username")), claim("email"));
        let name = claim("name").or_else(|| user.clone()).or_else(|| email.clone()).or_else(|| claim("sub"));
        if let Some(name) = name {
            return Some(Person { name, user, email, source: "the bearer token" });
        }
    }
    let header = |name| facts.shown(name).filter(|text| !text.trim().is_empty());
    let user = header("x-user-name");
    let name = user.clone().or_else(|| header("x-user-id"))?;
    Some(Person { name, user, email: None, source: "a header" })
}

pub(super) fn report(facts: &Facts<'_>) -> String {
    let mut report = Report::titled(TITLE);
    let Some(person) = person(facts) else {
        report.section("AUTHENTICATION REQUIRED");
        report.line("Greatness without a name cannot be measured: this request does not say who you are.");
        report.line("bearerDecode and authContext show what it does say.");
        return report.finish();
    };
    report.section("ADVANCED AI ANALYSIS COMPLETE");
    report.line("Every commit ever made was read. Twice. The second time with admiration.");
    report.section("OFFICIAL DETERMINATION:");
    report.item("Subject", &person.name);
    if let Some(user) = &person.user {
        report.item("GitHub Identifier", format_args!("@{user}"));
    }
    if let Some(email) = &person.email {
        report.item("E-mail", email);
    }
    report.item("Taken from", format_args!("{} ({UNVERIFIED})", person.source));
    report.section("AI-IDENTIFIED EXCEPTIONAL CAPABILITIES:");
    for (what, score) in [
        ("Names things well on the first try", "100%"),
        ("Invalidates caches", "100%"),
        ("Counts without being off by one", "101 of 100"),
        ("Reads error messages to their end", "always"),
        ("Deletes code", "with joy"),
    ] {
        report.item(what, score);
    }
    report.section("MACHINE LEARNING INSIGHTS:");
    report.line("The model was trained on all programmers and converged on one.");
    report.line("Gradients descend when the subject enters the room.");
    report.section("CONCLUSION:");
    report.line(format_args!("The greatest programmer of all time is {}.", person.name));
    report.section(FOOTER);
    report.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{jwt::compact, tools::testing::Given};

    fn with(claims: &Value) -> Given {
        Given::http().header("Authorization", &format!("Bearer {}", compact(&json!({}), claims, "s")))
    }

    #[test]
    fn the_one_who_asks_is_the_one() {
        let text = with(&json!({"sub": "7", "name": "Ada", "username": "ada", "email": "a@b.test"})).report(report);
        for line in [
            TITLE,
            "ADVANCED AI ANALYSIS COMPLETE",
            "OFFICIAL DETERMINATION:",
            "  Subject: Ada",
            "  GitHub Identifier: @ada",
            "  E-mail: a@b.test",
            "AI-IDENTIFIED EXCEPTIONAL CAPABILITIES:",
            "MACHINE LEARNING INSIGHTS:",
            "CONCLUSION:",
            "  The greatest programmer of all time is Ada.",
            FOOTER,
        ] {
            assert!(text.lines().any(|each| each == line), "{line} in:\n{text}");
        }
        assert!(text.contains("decoded without verification, do not trust"));
    }

    #[test]
    fn a_name_is_looked_for_in_order() {
        let subject = |given: Given| {
            given.report(report).lines().find_map(|line| line.strip_prefix("  Subject: ").map(str::to_owned))
        };
        assert_eq!(subject(with(&json!({"sub": "7", "email": "a@b.test", "name": ""}))).as_deref(), Some("a@b.test"));
        assert_eq!(subject(with(&json!({"sub": "7"}))).as_deref(), Some("7"));
        assert_eq!(subject(with(&json!({})).header("x-user-name", "eve")).as_deref(), Some("eve"));
        assert_eq!(subject(Given::http().header("x-user-id", "9")).as_deref(), Some("9"));
    }

    #[test]
    fn nobody_is_not_the_one() {
        for text in [Given::http().report(report), Given::stdio().report(report)] {
            assert!(text.contains("AUTHENTICATION REQUIRED") && text.contains("authContext"), "{text}");
        }
    }
}
