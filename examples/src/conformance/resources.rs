//! Resources: text, bytes, a template, and one to subscribe to.

use mcp_server_kit::{
    Cx, ServerBuilder,
    protocol::{BlobResourceContents, ResourceContents},
    resource, resource_template, text_resource,
};
use serde::Deserialize;

use super::samples::PNG;

pub(super) fn add(server: ServerBuilder) -> ServerBuilder {
    let text = "This is the content of the static text resource.";
    server
        .resource(text_resource("test://static-text", "static-text", text).description("A text that never changes."))
        .resource(
            resource("test://static-binary", "static-binary", picture)
                .description("Bytes that never change.")
                .mime_type("image/png"),
        )
        .resource(
            text_resource("test://watched-resource", "watched-resource", "This resource can be watched.")
                .description("A resource to subscribe to."),
        )
        .resource_template(
            resource_template("test://template/{id}/data", "template", data)
                .description("Data by its id.")
                .mime_type("application/json"),
        )
}

async fn picture(_cx: Cx) -> ResourceContents {
    // In base64 already, so it does not go through the bytes.
    BlobResourceContents::new("test://static-binary", PNG).with_mime_type("image/png").into()
}

#[derive(Deserialize)]
struct Which {
    id: String,
}

async fn data(_cx: Cx, Which { id }: Which) -> String {
    let data = format!("Data for ID: {id}");
    serde_json::json!({ "id": id, "templateTest": true, "data": data }).to_string()
}
