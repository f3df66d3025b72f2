//! What the programs of this package share. Each program is one file in `src/bin`; start there.
//!
//! | program | what it shows |
//! |---|---|
//! | `hello_stdio` | the smallest server, on the standard streams |
//! | `hello_http` | the same server over Streamable HTTP, stopped gracefully |
//! | `in_axum` | an endpoint in an axum application, with tokens, and the public documents at the root |
//! | `guarded_by_issuer` | a server that takes access tokens of an OAuth issuer elsewhere |
//! | `in_hyper` | an endpoint beside other routes on bare hyper |
//! | `embed_auth` | the smallest authorization server inside another program, as in the README |
//! | `embed_auth_axum`, `embed_auth_hyper` | the authorization server inside an application, and on this project's accept loop |
//! | `guarded_server` | an MCP server and the authorization server that guards it, in one process |
//! | `custom_identity` | users of one's own, and a policy that says what they get |
//! | `custom_store` | a store of one's own for one kind of record, beside the store in a file |
//! | `custom_grant` | a grant of one's own at the token endpoint |
//! | `custom_pages` | pages of one's own |
//! | `asks_the_user` | questions to the user, the model and the client, and an effect that happens once |
//! | `conformance-server` | every feature at once: the fixture that the official conformance suite is run against |
//!
//! `cargo run -p examples --bin hello_http` starts one. `tests/it` starts each of them and speaks to it.

pub mod conformance;
