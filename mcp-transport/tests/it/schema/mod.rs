//! Our types against the official JSON schemas of all revisions.
//!
//! Instances are made from the schemas ([`generate`]), with every union branch, enum value and optional member:
//! - read and written again, each is what it was, unknown members included;
//! - a downgrade to the revision that an instance is of changes nothing;
//! - a downgrade to an older revision gives an instance of that revision, without members that it does not define.
//!
//! What the framing and the drivers write around them is held against the envelopes ([`envelopes`]).

mod cases;
mod document;
pub(crate) mod envelopes;
mod generate;
mod methods;
mod written;

use mcp_transport::protocol::Revision;
use serde_json::Value;

use cases::{CASES, NOT_OURS};
use document::{Document, Members};
use generate::Unknown;

/// Calls `check` with every generated instance of every definition that is a type of ours.
fn each_instance(unknown: Unknown, mut check: impl FnMut(&Document, &cases::Case, &str, Value)) {
    for from in Revision::ALL {
        let document = Document::of(from);
        for case in CASES {
            for name in case.definitions {
                let Some(node) = document.node(name) else {
                    continue;
                };
                let instances = generate::instances(&document, node, unknown);
                assert!(!instances.is_empty(), "no instance of {name} of {from}");
                for instance in instances {
                    check(&document, case, name, instance);
                }
            }
        }
    }
}

/// The instance without the kind of a result, which our types leave to the framing.
fn unframed(document: &Document, name: &str, mut instance: Value) -> Value {
    let node = document.node(name).unwrap();
    if node.pointer("/properties/resultType").is_some() {
        instance.as_object_mut().unwrap().remove("resultType");
    }
    instance
}

/// Messages that only the revision itself has; `rules.rs` says so before one is made.
fn cannot_be_said(name: &str, instance: &Value, to: Revision) -> bool {
    let url = instance["mode"] == "url" && !to.has_url_elicitation();
    // 2025-11-25 cancels tasks with another request and leaves the id out here.
    let nothing_cancelled =
        name.starts_with("CancelledNotification") && instance.get("requestId").is_none() && !to.has_execution_tasks();
    // A multiple choice becomes a text field, so it is tried as a `PrimitiveSchemaDefinition` only.
    let no_enum = name == "EnumSchema" && instance["type"] == "array" && !to.has_enum_titles();
    url || nothing_cancelled || no_enum
}

#[test]
fn every_instance_of_the_schemas_survives_reading_and_writing() {
    let mut count = 0;
    each_instance(Unknown::Added, |document, case, name, instance| {
        count += 1;
        let written = (case.run)(&instance.to_string(), None);
        let expected = unframed(document, name, instance);
        assert_eq!(written.as_ref(), Ok(&expected), "{name} of {}", document.revision);
    });
    assert!(count > 2000, "only {count} instances");
}

#[test]
fn a_downgrade_to_its_own_revision_changes_nothing() {
    each_instance(Unknown::Added, |document, case, name, instance| {
        let written = (case.run)(&instance.to_string(), Some(document.revision));
        let expected = unframed(document, name, instance);
        assert_eq!(written.as_ref(), Ok(&expected), "{name} of {}", document.revision);
    });
}

#[test]
fn a_downgraded_instance_is_one_of_the_older_revision_and_has_nothing_undefined() {
    for to in Revision::ALL {
        let document = Document::of(to);
        let mut validators = std::collections::HashMap::new();
        each_instance(Unknown::None, |document_of_instance, case, name, instance| {
            let from = document_of_instance.revision;
            if from < to {
                return;
            }
            if cannot_be_said(name, &instance, to) {
                return;
            }
            // Any definition of the type's serves: older revisions have the params within the request only.
            for name_there in case.definitions {
                let Some(node) = document.node(name_there) else {
                    continue;
                };
                let mut written = (case.run)(&instance.to_string(), Some(to)).unwrap();
                if document.requires(node, "resultType") {
                    written["resultType"] = "complete".into();
                }
                let validator = validators
                    .entry(*name_there)
                    .or_insert_with(|| document.validator(name_there, Members::DefinedOnly));
                if let Err(error) = validator.validate(&written) {
                    panic!(
                        "{name} of {from} as {name_there} of {to}: {error}\nat {}\nfrom {instance}\nto {written}",
                        error.instance_path()
                    );
                }
            }
        });
    }
}

#[test]
fn every_definition_is_a_type_of_ours_or_has_a_reason_not_to_be() {
    for revision in Revision::ALL {
        for name in Document::of(revision).names() {
            let ours = CASES.iter().any(|case| case.definitions.contains(&name));
            let reason = NOT_OURS.iter().any(|(names, _)| names.contains(&name));
            assert!(ours != reason, "{name} of {revision}: ours {ours}, reason {reason}");
        }
    }
}

#[test]
fn no_case_and_no_reason_is_about_a_definition_that_does_not_exist() {
    let documents: Vec<_> = Revision::ALL.into_iter().map(Document::of).collect();
    let of_cases = CASES.iter().flat_map(|case| case.definitions);
    for name in of_cases.chain(NOT_OURS.iter().flat_map(|(names, _)| *names)) {
        let found = documents.iter().any(|document| document.names().any(|n| n == *name));
        assert!(found, "{name}");
    }
}
