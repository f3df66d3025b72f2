//! Which methods a revision defines, against the unions of its schema.

use std::collections::BTreeSet;

use mcp_transport::protocol::{Direction, Method, Revision};

use super::document::Document;

/// The tasks extension has a schema of its own.
const EXTENSION: [Method; 4] = [Method::GetTask, Method::UpdateTask, Method::CancelTask, Method::Tasks];

fn in_schema(revision: Revision, unions: [&str; 2]) -> BTreeSet<String> {
    let document = Document::of(revision);
    let mut methods = BTreeSet::new();
    for union in unions {
        // The modern schema has no requests of the server's.
        let Some(union) = document.definition(union) else {
            continue;
        };
        let alone = vec![union.clone()];
        for member in union["anyOf"].as_array().unwrap_or(&alone) {
            let method = &document.resolve(member)["properties"]["method"]["const"];
            methods.insert(method.as_str().unwrap().to_owned());
        }
    }
    methods
}

fn in_rules(revision: Revision, direction: Direction) -> BTreeSet<String> {
    Method::KNOWN
        .iter()
        .filter(|method| revision.defines_method(method, direction))
        .filter(|method| !(revision.is_modern() && EXTENSION.contains(method)))
        .map(|method| method.as_str().to_owned())
        .collect()
}

#[test]
fn the_rules_define_the_methods_of_the_schemas_and_no_others() {
    for revision in Revision::ALL {
        assert_eq!(
            in_rules(revision, Direction::ClientToServer),
            in_schema(revision, ["ClientRequest", "ClientNotification"]),
            "{revision}, to the server"
        );
        assert_eq!(
            in_rules(revision, Direction::ServerToClient),
            in_schema(revision, ["ServerRequest", "ServerNotification"]),
            "{revision}, to the client"
        );
    }
}

#[test]
fn the_tasks_extension_is_defined_in_the_modern_era() {
    let modern = Revision::LATEST;
    for method in [Method::GetTask, Method::UpdateTask, Method::CancelTask] {
        assert!(modern.defines_method(&method, Direction::ClientToServer));
        assert!(!modern.defines_method(&method, Direction::ServerToClient));
    }
    assert!(modern.defines_method(&Method::Tasks, Direction::ServerToClient));
    // SEP-2663 takes these two away.
    assert!(!modern.defines_method(&Method::ListTasks, Direction::ClientToServer));
    assert!(!modern.defines_method(&Method::GetTaskPayload, Direction::ClientToServer));
}
