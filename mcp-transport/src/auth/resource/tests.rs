use serde_json::{Value, json};

use super::*;

fn builder(id: &str) -> ProtectedResourceBuilder {
    ProtectedResource::builder(ResourceId::parse(id).unwrap())
        .authorization_server(Issuer::parse("https://as.example/tenant").unwrap())
}

#[test]
fn document_has_what_was_configured_and_no_more() {
    let resource = builder("https://H.example/mcp").build().unwrap();
    let document: Value = serde_json::from_slice(resource.metadata_json()).unwrap();
    assert_eq!(
        document,
        json!({
            "resource": "https://H.example/mcp",
            "authorization_servers": ["https://as.example/tenant"],
            "bearer_methods_supported": ["header"],
        })
    );
}

#[test]
fn document_has_every_member() {
    let resource = builder("https://h.example/mcp")
        .scopes_supported("write read".parse().unwrap())
        .required_scopes("read".parse().unwrap())
        .name("Files")
        .documentation("https://h.example/docs#auth")
        .dpop(DpopPolicy::Required, ["ES256", "EdDSA"])
        .build()
        .unwrap();
    let document: Value = serde_json::from_slice(resource.metadata_json()).unwrap();
    assert_eq!(
        document,
        json!({
            "resource": "https://h.example/mcp",
            "authorization_servers": ["https://as.example/tenant"],
            "scopes_supported": ["read", "write"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Files",
            "resource_documentation": "https://h.example/docs#auth",
            "dpop_signing_alg_values_supported": ["ES256", "EdDSA"],
            "dpop_bound_access_tokens_required": true,
        })
    );
    let read: ResourceMetadata = serde_json::from_slice(resource.metadata_json()).unwrap();
    assert_eq!(&read, resource.metadata());
}

#[test]
fn mcp_document_must_name_an_authorization_server() {
    let id = ResourceId::parse("https://h.example").unwrap();
    assert_eq!(ProtectedResource::builder(id).build().unwrap_err(), ResourceError::NoAuthorizationServer);
}

#[test]
fn mcp_offline_access_is_not_a_resource_scope() {
    let scopes: ScopeSet = "mcp offline_access".parse().unwrap();
    for builder in [builder("https://h").scopes_supported(scopes.clone()), builder("https://h").required_scopes(scopes)]
    {
        assert_eq!(builder.build().unwrap_err(), ResourceError::OfflineAccess);
    }
}

#[test]
fn dpop_algorithms_are_asymmetric() {
    for algorithms in [&[][..], &["HS256"], &["none"], &["ES256", ""], &["ES256 \"x"]] {
        assert_eq!(
            builder("https://h").dpop(DpopPolicy::Accepted, algorithms.iter().copied()).build().unwrap_err(),
            ResourceError::DpopAlgorithms,
            "{algorithms:?}"
        );
    }
}

#[test]
fn documentation_is_a_url() {
    assert!(matches!(
        builder("https://h").documentation("javascript:alert(1)").build(),
        Err(ResourceError::Documentation(UrlError::Scheme))
    ));
}

#[test]
fn first_challenges_follow_the_dpop_policy() {
    let challenges = |policy| -> Vec<String> {
        builder("https://h/mcp")
            .dpop(policy, ["ES256", "EdDSA"])
            .build()
            .unwrap()
            .first_challenges()
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    };
    let url = "https://h/.well-known/oauth-protected-resource/mcp";
    let bearer = format!(r#"Bearer resource_metadata="{url}""#);
    let dpop = format!(r#"DPoP resource_metadata="{url}", algs="ES256 EdDSA""#);
    assert_eq!(challenges(DpopPolicy::Off).join("|"), bearer);
    assert_eq!(challenges(DpopPolicy::Accepted), [bearer, dpop.clone()]);
    assert_eq!(challenges(DpopPolicy::Required), [dpop]);
}
