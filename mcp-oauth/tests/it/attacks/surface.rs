//! What every endpoint has in common: methods, media types, metadata, and who may come from where.

use std::net::{IpAddr, Ipv4Addr};

use http::Method;
use mcp_oauth::server::{Peer, Registration, Transport};
use mcp_oauth::types::ClientAuthMethod;
use serde_json::json;

use crate::support::{App, Bed, Browser, FORM, ISSUER, Keeper, confidential, encode, on_every_store, request, send_to};

/// Every endpoint, and the methods that it has beside OPTIONS.
pub(super) const ENDPOINTS: [(&str, &[&str]); 12] = [
    ("/.well-known/oauth-authorization-server", &["GET", "HEAD"]),
    ("/.well-known/openid-configuration", &["GET", "HEAD"]),
    ("/.well-known/jwks.json", &["GET", "HEAD"]),
    ("/jwks", &["GET", "HEAD"]),
    ("/token", &["POST"]),
    ("/revoke", &["POST"]),
    ("/introspect", &["POST"]),
    ("/register", &["POST"]),
    ("/register/mcpo_c_x", &["GET", "PUT", "DELETE"]),
    ("/device_authorization", &["POST"]),
    ("/authorize", &["GET", "POST"]),
    ("/device", &["GET", "POST"]),
];

/// Those that read a form and answer with JSON.
pub(super) const FORMS: [&str; 4] = ["/token", "/revoke", "/introspect", "/device_authorization"];

pub(super) const PAGES: [&str; 2] = ["/authorize", "/device"];

fn peer(transport: Transport) -> Peer {
    Peer::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), transport)
}

on_every_store! {
    // RFC 9110 sections 9.1 and 15.5.6: 405 with `Allow` for what an endpoint does not do. RFC 6749 section 3.2: the
    // token endpoint takes POST alone.
    async fn attack_039_a_method_that_an_endpoint_does_not_have(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        for (path, methods) in ENDPOINTS {
            for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "post", "GET ", "X"] {
                let Ok(method) = Method::from_bytes(method.as_bytes()) else { continue };
                let answer = bed.send(request(method.clone(), path, &[FORM], "")).await;
                let known = methods.contains(&method.as_str());
                assert_eq!(answer.status == 405, !known, "{method} {path}: {answer:?}");
                if !known {
                    assert!(methods.iter().all(|method| answer.header("allow").contains(method)), "{answer:?}");
                    assert!(answer.text.is_empty() && answer.headers.get("location").is_none(), "{answer:?}");
                }
                assert!(method != Method::HEAD || answer.text.is_empty(), "{path}: {answer:?}");
            }
        }
        // What lies beside them is nothing, for whatever method.
        for path in [
            "/",
            "/token/",
            "/token/x",
            "//token",
            "/Token",
            "/%74oken",
            "/token%00",
            "/register/",
            "/authorize/../token",
            "/.well-known/oauth-authorization-server/mcp",
            "/.well-known/oauth-protected-resource",
            "/admin",
            "/metrics",
            "/verify",
        ] {
            for method in [Method::GET, Method::POST, Method::OPTIONS] {
                let answer = bed.send(request(method, path, &[FORM], "")).await;
                assert_eq!((answer.status, answer.text.as_str()), (404, ""), "{path}: {answer:?}");
            }
        }
    }

    // RFC 6749 section 3.2 and appendix B: parameters come as a form in the body, once; section 2.3.1: never in the
    // URI.
    async fn attack_039_parameters_in_another_form(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let tokens = app.tokens(&bed).await;
        let code = app.code(&bed).await;
        let good = encode(&app.redemption(&code));
        let as_json = json!({"grant_type": "authorization_code", "client_id": app.id, "code": code}).to_string();
        for path in FORMS {
            for (headers, body) in [
                (&[("content-type", "application/json")][..], as_json.as_str()),
                (&[("content-type", "application/json, application/x-www-form-urlencoded")], &good),
                (&[("content-type", "application/json"), FORM], &good),
                (&[FORM, FORM], &good),
                (&[("content-type", "application/x-www-form-urlencoded, application/json")], &good),
                (&[("content-type", "application/x-www-form-urlencodedx")], &good),
                (&[("content-type", "multipart/form-data; boundary=x")], &good),
                (&[("content-type", "text/plain")], &good),
                (&[("content-type", "")], &good),
                (&[], &good),
                (&[FORM], "grant_type=authorization_code&grant_type=refresh_token"),
                (&[FORM], "client_id=%ff"),
                (&[FORM], "client_id=%zz"),
                (&[FORM], "client_id=%"),
                (&[FORM], &format!("{good}&code=x")),
                (&[FORM], &format!("{good}&client%5fid=x")),
                (&[FORM], &"a=b&".repeat(65)),
            ] {
                let answer = bed.send(request(Method::POST, path, headers, body)).await;
                assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()), "{path} {headers:?} {body:.80}");
                assert_eq!(answer.header("cache-control"), "no-store");
            }
            // In the query, all of it, a part, or beside a good body.
            for (query, body) in [(good.as_str(), ""), ("client_secret=x", good.as_str()), ("x", &good), (&good, &good)]
            {
                let answer = bed.send(request(Method::POST, &format!("{path}?{query}"), &[FORM], body)).await;
                assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()), "{path}?{query}");
            }
        }
        // None of it used up the code, or ended what was there.
        assert_eq!(app.redeem(&bed, &code).await.status, 200);
        assert_eq!(app.refresh(&bed, &tokens.refresh).await.status, 200);
        let headers = [("content-type", "Application/X-WWW-Form-URLEncoded ; charset=utf-8")];
        let answer = bed.send(request(Method::POST, "/token", &headers, "grant_type=x")).await;
        assert_eq!(answer.refusal(), (400, "unsupported_grant_type".to_owned()));
    }

    // RFC 8414 sections 3.1 and 3.3: the issuer of the document is the one that the URL was made of. OpenID Connect
    // Discovery section 4. MCP: clients try all three.
    async fn attack_073_metadata_of_an_issuer_with_a_path(keeper: Keeper) {
        let bed = Bed::with(keeper, |builder| builder).await;
        for (issuer, paths) in [
            (
                ISSUER,
                [
                    "/.well-known/oauth-authorization-server",
                    "/.well-known/openid-configuration",
                    "/.well-known/oauth-authorization-server/",
                ],
            ),
            (
                "https://as.example/tenants/one",
                [
                    "/.well-known/oauth-authorization-server/tenants/one",
                    "/.well-known/openid-configuration/tenants/one",
                    "/tenants/one/.well-known/openid-configuration",
                ],
            ),
        ] {
            let server = bed.builder_for(issuer).await.build().await.unwrap();
            for path in paths {
                // Whatever a request says of who is asked, the document says what was configured (RFC 9207, RFC 8414).
                for headers in [
                    &[][..],
                    &[("x-forwarded-host", "evil.test")],
                    &[("x-forwarded-proto", "http")],
                    &[("forwarded", "host=evil.test")],
                    &[("x-original-url", "/evil")],
                    &[("x-forwarded-prefix", "/evil")],
                    &[("origin", "https://evil.test")],
                ] {
                    let mut request = request(Method::GET, path, headers, "");
                    request.headers_mut().insert("host", "evil.test".parse().unwrap());
                    let answer = send_to(&server, request).await;
                    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{path}");
                    let document = answer.json();
                    assert_eq!(document["issuer"], issuer);
                    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
                    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
                    assert_eq!(document["response_types_supported"], json!(["code"]));
                    let mut endpoints = 0;
                    for (name, value) in document.as_object().unwrap() {
                        if name.ends_with("_endpoint") || name.ends_with("_uri") {
                            endpoints += 1;
                            assert!(value.as_str().unwrap().starts_with(&format!("{issuer}/")), "{name}: {value}");
                        }
                    }
                    assert!(endpoints >= 7 && !answer.text.contains("evil"), "{document}");
                }
            }
            for path in [
                "/.well-known/oauth-authorization-server/tenants",
                "/.well-known/openid-configuration/tenants/one/x",
                "/.well-known/oauth-authorization-server/tenants/oneX",
                "/tenants/two/.well-known/openid-configuration",
            ] {
                assert_eq!(send_to(&server, request(Method::GET, path, &[], "")).await.status, 404, "{path}");
            }
        }
    }

    // RFC 8414 section 2: whoever reads the document may use what is in it, and what is not in it is not there.
    async fn attack_073_metadata_says_what_is_served(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let client = confidential(("c", "s"), ClientAuthMethod::ClientSecretPost, &["client_credentials"]);
        bed.add(client).await;
        let closed = bed.builder_again().await.registration(Registration::Off).without_metadata_documents();
        let public = bed.builder_again().await.client_auth_methods([ClientAuthMethod::None]);
        let tenant = bed.builder_for("https://as.example/tenants/one").await;
        let all = bed.builder_again().await;
        for (builder, all_of, methods) in [(all, true, 4), (closed, false, 4), (public, false, 1), (tenant, true, 4)] {
            let server = builder.build().await.unwrap();
            let issuer = server.issuer().as_str().to_owned();
            let path = issuer.strip_prefix("https://as.example").unwrap();
            let well_known = format!("/.well-known/oauth-authorization-server{path}");
            let document = send_to(&server, request(Method::GET, &well_known, &[], "")).await.json();
            let told = |name: &str| document[name].as_str().map(|url| url.strip_prefix("https://as.example").unwrap());
            for (name, method, otherwise) in [
                ("authorization_endpoint", Method::GET, "/authorize"), ("jwks_uri", Method::GET, "/jwks"),
                ("token_endpoint", Method::POST, "/token"), ("revocation_endpoint", Method::POST, "/revoke"),
                ("introspection_endpoint", Method::POST, "/introspect"),
                ("registration_endpoint", Method::POST, "/register"),
                ("device_authorization_endpoint", Method::POST, "/device_authorization"),
            ] {
                let at = told(name).map_or_else(|| format!("{path}{otherwise}"), str::to_owned);
                let answer = send_to(&server, request(method, &at, &[FORM], "")).await;
                // Where no client can authenticate, nobody is told of introspection: it refuses everybody.
                let there = told(name).is_some() || name == "introspection_endpoint";
                assert_eq!(answer.status != 404, there, "{issuer} {name}: {answer:?}");
                assert!(!all_of || told(name).is_some(), "{issuer} {name}");
            }
            let grants = document["grant_types_supported"].as_array().unwrap();
            for grant in grants.iter().filter_map(|grant| grant.as_str()).chain(["password"]) {
                let form = encode(&[("grant_type", grant), ("client_id", "c"), ("client_secret", "s")]);
                let answer = send_to(&server, request(Method::POST, told("token_endpoint").unwrap(), &[FORM], &form)).await;
                let unsupported = answer.json()["error"] == "unsupported_grant_type";
                // Whoever cannot authenticate at all is told that first.
                let heard = answer.status != 401;
                assert_eq!(unsupported, grant == "password" && heard, "{issuer} {grant}: {answer:?}");
            }
            let told = document["token_endpoint_auth_methods_supported"].as_array().unwrap();
            assert_eq!(told.len(), methods, "{document}");
        }
    }

    // Fetch standard, "CORS protocol": what machines use is open to every page, without credentials; what people use is
    // open to none. MCP: `WWW-Authenticate` is exposed.
    async fn attack_108_pages_of_other_sites(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        for (path, methods) in ENDPOINTS {
            for origin in ["https://evil.test", "null", "https://as.example"] {
                let headers = [
                    ("origin", origin),
                    ("access-control-request-method", methods[0]),
                    ("access-control-request-headers", "authorization, content-type, x-evil"),
                    ("access-control-request-private-network", "true"),
                    ("cookie", "__Host-mcp_session=x"),
                ];
                let preflight = bed.send(request(Method::OPTIONS, path, &headers, "")).await;
                let method = Method::from_bytes(methods[0].as_bytes()).unwrap();
                let answer = bed.send(request(method, path, &[("origin", origin), FORM], "")).await;
                for answer in [&preflight, &answer] {
                    for never in ["access-control-allow-credentials", "access-control-allow-private-network"] {
                        assert!(answer.headers.get(never).is_none(), "{path}: {answer:?}");
                    }
                    assert!(!answer.header("access-control-allow-origin").contains("evil"), "{answer:?}");
                }
                if PAGES.contains(&path) {
                    assert_eq!(preflight.status, 405, "{path}: {preflight:?}");
                    for answer in [&preflight, &answer] {
                        let open = answer.headers.keys().any(|name| name.as_str().starts_with("access-control-"));
                        assert!(!open, "{path}: {answer:?}");
                    }
                    continue;
                }
                assert_eq!(preflight.status, 204, "{path}: {preflight:?}");
                for method in methods {
                    assert!(preflight.header("access-control-allow-methods").contains(method), "{path}: {preflight:?}");
                }
                let allowed = preflight.header("access-control-allow-headers").to_ascii_lowercase();
                assert!(
                    allowed.contains("authorization") && allowed.contains("content-type") && !allowed.contains("evil")
                );
                for answer in [&preflight, &answer] {
                    assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}: {answer:?}");
                    let exposed = answer.header("access-control-expose-headers");
                    assert!(exposed.contains("WWW-Authenticate") && exposed.contains("DPoP-Nonce"), "{answer:?}");
                }
            }
        }
        // Nothing behind an open endpoint goes by a cookie.
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        browser.consent_page(&bed.server, &app.link(), "ada").await;
        let cookies: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = [("cookie", cookies.join("; "))];
        let headers = [("cookie", headers[0].1.as_str()), FORM];
        for path in FORMS {
            let answer = bed.send(request(Method::POST, path, &headers, "")).await;
            assert!([400, 401].contains(&answer.status) && answer.headers.get("set-cookie").is_none(), "{answer:?}");
        }
    }

    // OAuth 2.1 section 1.5: everything goes through TLS. A redirect to https would come too late for what was sent.
    // RFC 6797 section 7.2: "MUST NOT include the STS header field in HTTP responses conveyed over non-secure
    // transport".
    async fn attack_110_plain_http(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let tokens = app.tokens(&bed).await;
        let code = app.code(&bed).await;
        let before = bed.grants().await;
        for (path, methods) in ENDPOINTS {
            for method in methods {
                let link = if path == "/authorize" { app.link() } else { path.to_owned() };
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let mut asked = request(method.clone(), &link, &[FORM, ("x-forwarded-proto", "https")], "");
                asked.extensions_mut().insert(peer(Transport::Plain));
                let answer = bed.send(asked).await;
                assert_eq!(answer.status, 400, "{method} {path}: {answer:?}");
                assert!(
                    answer.headers.get("location").is_none() && answer.headers.get("set-cookie").is_none(),
                    "{answer:?}"
                );
                assert!(answer.headers.get("strict-transport-security").is_none(), "{method} {path}: {answer:?}");
                assert!(method == Method::HEAD || answer.text.contains("use https"), "{answer:?}");
            }
        }
        let mut asked = request(Method::POST, "/token", &[FORM], &encode(&app.redemption(&code)));
        asked.extensions_mut().insert(peer(Transport::Plain));
        assert_eq!(bed.send(asked).await.refusal(), (400, "invalid_request".to_owned()));
        assert_eq!(bed.grants().await, before);
        // It was not used up, and from this machine, where a proxy may stand, nothing is refused.
        let mut asked = request(Method::POST, "/token", &[FORM], &encode(&app.redemption(&code)));
        asked.extensions_mut().insert(peer(Transport::Local));
        assert_eq!(bed.send(asked).await.status, 200);
        assert_eq!(app.refresh(&bed, &tokens.refresh).await.status, 200);
    }

    // RFC 9112 section 3.2: no host in HTTP/1.1, or two, is 400, whatever else is wrong: whoever stands in front may have gone
    // by the other one.
    async fn attack_110_no_host_and_two(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut asked: Vec<(&str, Method)> = vec![("/nowhere", Method::GET), (&app.redirect, Method::GET)];
        for (path, methods) in ENDPOINTS {
            asked.extend(methods.iter().map(|method| (path, method.parse().unwrap())));
            asked.extend([(path, Method::OPTIONS), (path, Method::PATCH)]);
        }
        for (path, method) in asked {
            let two = bed.send(request(method.clone(), path, &[("host", "evil.test")], "")).await;
            let mut none = request(method.clone(), path, &[], "");
            none.headers_mut().clear();
            for reply in [two, bed.send(none).await] {
                assert_eq!(reply.status, 400, "{method} {path}: {reply:?}");
            }
        }
        let two = bed.send(request(Method::GET, &app.link(), &[("host", "evil.test")], "")).await;
        two.is_refused_here(400, "invalid_request");
        // HTTP/2 says it in the target (RFC 9113 section 8.3.1), and HTTP/1.0 had no such field.
        for version in [http::Version::HTTP_2, http::Version::HTTP_10] {
            let mut asked = request(Method::GET, "/jwks", &[], "");
            asked.headers_mut().clear();
            *asked.version_mut() = version;
            assert_eq!(bed.send(asked).await.status, 200, "{version:?}");
        }
    }

    // A server for this machine alone, without TLS: no prefix, no `Secure` and no HSTS, which browsers refuse there.
    async fn attack_110_an_issuer_on_loopback(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let server = bed.builder_for("http://127.0.0.1:8000").await.build().await.unwrap();
        let mut asked = request(Method::GET, &app.link(), &[], "");
        asked.extensions_mut().insert(peer(Transport::Plain));
        let page = send_to(&server, asked).await;
        assert_eq!(page.status, 200, "{page:?}");
        let cookie = page.header("set-cookie");
        assert!(
            cookie.starts_with("mcp_browser=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
            "{cookie}"
        );
        assert!(!cookie.contains("Secure") && page.headers.get("strict-transport-security").is_none(), "{page:?}");
    }
}
