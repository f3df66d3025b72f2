//! From request head to principal: where credentials may stand, and what they have to look like.

use std::sync::Arc;
use std::time::SystemTime;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{Extensions, HeaderMap, Method, Uri};

use super::challenge::is_token68;
use super::principal::{Ended, Principal};
use super::refusal::Refusal;
use super::resource::ProtectedResource;
use super::verify::{Presented, Rejection, Scheme, Verifier};
use crate::uri::{Octet, octets};

/// The header of a DPoP proof (RFC 9449 section 4.1).
pub(super) const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Verifies the caller of one request.
///
/// This is the guard without tower: forward authentication calls it with the method and target of
/// the request that a proxy describes. `extensions` are for the verifier: what whoever accepted the connection knows of it,
/// such as the certificate of a client. In order: credentials in the wrong place, the
/// `Authorization` header, the verifier, the end of the token's time, its binding, the scopes that
/// every request needs. So a token that is expired and lacks a scope is a 401.
///
/// # Errors
///
/// A [`Refusal`]; [`Refusal::MissingCredentials`] when there are none.
///
/// # Cancel safety
///
/// That of the verifier: see [`Verifier::verify`].
pub async fn authenticate(
    verifier: &dyn Verifier,
    resource: &ProtectedResource,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    extensions: &Extensions,
    now: SystemTime,
) -> Result<Arc<Principal>, Refusal> {
    refuse_misplaced(uri, headers)?;
    let (scheme, token) = presented(headers)?.ok_or(Refusal::MissingCredentials)?;
    if !resource.accepts(scheme) {
        return Err(Refusal::MissingCredentials);
    }
    let rejected = |rejection| Refusal::rejected(scheme, rejection);

    let mut presented = Presented::new(scheme, token, resource, method, uri, now).with_extensions(extensions);
    if scheme == Scheme::Dpop {
        presented.dpop = Some(single_proof(headers).map_err(rejected)?);
    }
    let principal = verifier.verify(presented).await.map_err(rejected)?;

    // A cached verdict may have been overtaken by the clock or by a revocation.
    match principal.ended(now) {
        None => {}
        Some(Ended::Expired) => return Err(rejected(Rejection::Expired)),
        Some(Ended::Revoked) => return Err(rejected(Rejection::Revoked)),
    }
    // RFC 9449 section 7.2: a bound token MUST NOT be accepted as a bearer token; and section 7.1:
    // a proof is worth nothing unless the token is bound to its key.
    if principal.scheme() != scheme {
        return Err(rejected(Rejection::invalid("the token's binding does not fit the scheme")));
    }
    if !principal.scopes().is_superset(resource.required_scopes()) {
        return Err(Refusal::InsufficientScope { scheme, needed: resource.required_scopes().clone() });
    }
    Ok(principal)
}

/// The scheme and token of the `Authorization` header; `None` without one.
///
/// The scheme's name is case-insensitive, and white space around both is tolerated (RFC 9110
/// sections 5.6.3 and 11.4).
///
/// # Errors
///
/// - Two headers, two credentials in one, or a scheme without a token:
///   [`Refusal::InvalidRequest`].
/// - A scheme that is none of ours: [`Refusal::MissingCredentials`] (RFC 6750 section 3.1 counts
///   "an unsupported authentication method" as no authentication information).
/// - Something that cannot be a token: [`Refusal::Rejected`], as "malformed" is invalid_token in
///   RFC 6750 section 3.1.
pub fn presented(headers: &HeaderMap) -> Result<Option<(Scheme, &str)>, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Refusal::invalid_request("send exactly one Authorization header"));
    }
    let credentials = value.as_bytes().trim_ascii();
    let name_length = credentials.iter().position(u8::is_ascii_whitespace).unwrap_or(credentials.len());
    let (name, token) = credentials.split_at(name_length);
    let scheme = Scheme::from_name(name).ok_or(Refusal::MissingCredentials)?;
    let token = token.trim_ascii_start();
    if token.is_empty() {
        return Err(Refusal::invalid_request("the Authorization header has no token"));
    }
    if token.contains(&b',') {
        // No token holds a comma: an intermediary has joined two headers.
        return Err(Refusal::invalid_request("the Authorization header has more than one value"));
    }
    let malformed = || Refusal::rejected(scheme, Rejection::invalid("not in token68 grammar"));
    // RFC 6750 section 2.1: b64token, which is the token68 of RFC 9110.
    let body = token.iter().take_while(|byte| is_token68(**byte)).count();
    let padding = token.get(body..).unwrap_or_default();
    if body == 0 || padding.iter().any(|byte| *byte != b'=') {
        return Err(malformed());
    }
    let token = std::str::from_utf8(token).map_err(|_| malformed())?;
    Ok(Some((scheme, token)))
}

/// Refuses credentials where they must not be: in the query, or in a form.
///
/// "Access tokens MUST NOT be included in the URI query string" (MCP authorization, "Token
/// Requirements"). A form's content is not looked at: no MCP request is a form, and the body is not
/// to be read before the caller is known.
///
/// # Errors
///
/// [`Refusal::InvalidRequest`].
pub fn refuse_misplaced(uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    if uri.query().is_some_and(has_access_token) {
        return Err(Refusal::invalid_request("send the access token in the Authorization header, not in the URL"));
    }
    if headers.get_all(CONTENT_TYPE).iter().any(|value| is_form(value.as_bytes())) {
        return Err(Refusal::invalid_request(
            "forms are not accepted; send the access token in the Authorization header",
        ));
    }
    Ok(())
}

fn single_proof(headers: &HeaderMap) -> Result<&str, Rejection> {
    let mut proofs = headers.get_all(DPOP).iter();
    // RFC 9449 section 4.3, check 1: "There is not more than one DPoP HTTP request header field".
    match (proofs.next(), proofs.next()) {
        (Some(proof), None) => proof.to_str().map_err(|_| Rejection::invalid_dpop_proof("not visible ASCII")),
        (None, _) => Err(Rejection::invalid_dpop_proof("no DPoP header")),
        (Some(_), Some(_)) => Err(Rejection::invalid_dpop_proof("more than one DPoP header")),
    }
}

fn is_form(content_type: &[u8]) -> bool {
    content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii()
        .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

fn has_access_token(query: &str) -> bool {
    query
        .split(['&', ';'])
        .map(|pair| pair.split('=').next().unwrap_or_default())
        .any(|name| decoded(name.as_bytes()).eq("access_token".bytes()))
}

/// The bytes of a query's name with percent escapes resolved, so that `access%5Ftoken` is seen too.
fn decoded(name: &[u8]) -> impl Iterator<Item = u8> {
    octets(name).map(|octet| match octet {
        Octet::Plain(byte) | Octet::Escaped(byte) => byte,
        Octet::Broken => b'%',
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    fn status(values: &[&[u8]]) -> u16 {
        presented(&headers(values)).unwrap_err().status().as_u16()
    }

    #[test]
    fn attack_068_scheme_in_any_case_and_spaces_around() {
        for value in [
            "Bearer abc.def",
            "bearer abc.def",
            "BEARER abc.def",
            "Bearer    abc.def",
            "Bearer\tabc.def",
            "  Bearer abc.def  ",
            "Bearer abc.def\t",
        ] {
            let headers = headers(&[value.as_bytes()]);
            assert_eq!(presented(&headers).unwrap(), Some((Scheme::Bearer, "abc.def")), "{value:?}");
        }
        let headers = headers(&[b"DPOP x=="]);
        assert_eq!(presented(&headers).unwrap(), Some((Scheme::Dpop, "x==")));
    }

    #[test]
    fn attack_068_more_than_one_credential_is_400() {
        for values in [
            &[&b"Bearer a"[..], b"Bearer a"][..],
            &[b"Bearer a", b"Basic a"],
            &[b"Basic a", b"Bearer a"],
            &[b"", b""],
            &[b"Bearer a, Bearer b"],
            &[b"Bearer a,Bearer b"],
        ] {
            assert_eq!(status(values), 400, "{values:?}");
        }
    }

    #[test]
    fn scheme_without_token_is_400() {
        for value in [&b"Bearer"[..], b"Bearer ", b" bearer\t"] {
            assert_eq!(status(&[value]), 400, "{value:?}");
        }
    }

    #[test]
    fn other_schemes_are_no_credentials() {
        for value in [&b"Basic YTpi"[..], b"Bearerabc", b"", b"abc.def", b"\xff\xfe abc"] {
            assert_eq!(presented(&headers(&[value])), Err(Refusal::MissingCredentials), "{value:?}");
        }
    }

    #[test]
    fn rfc6750_2_1_malformed_tokens_are_401() {
        for value in [
            &b"Bearer a b"[..],
            b"Bearer \"a\"",
            b"Bearer =",
            b"Bearer a=b",
            b"Bearer a!",
            b"Bearer \xff\xfe",
            b"Bearer a\xc3\xa4",
            b"DPoP a\x80",
        ] {
            assert_eq!(status(&[value]), 401, "{value:?}");
        }
    }

    #[test]
    fn attack_068_token_in_the_query_is_400() {
        for query in [
            "access_token=x",
            "a=b&access_token=x",
            "access_token",
            "access%5ftoken=x",
            "%61%63cess_token=x",
            "a;access_token=x",
        ] {
            let uri: Uri = format!("/mcp?{query}").parse().unwrap();
            let refusal = refuse_misplaced(&uri, &HeaderMap::new()).unwrap_err();
            assert_eq!(refusal.status(), 400, "{query}");
        }
        for query in ["", "a=access_token", "xaccess_token=1", "access_token2=1", "%", "%5", "%zz=1"] {
            let uri: Uri = format!("/mcp?{query}").parse().unwrap();
            assert_eq!(refuse_misplaced(&uri, &HeaderMap::new()), Ok(()), "{query}");
        }
    }

    #[test]
    fn attack_068_forms_are_400() {
        let uri = Uri::from_static("/mcp");
        for (content_type, refused) in [
            ("application/x-www-form-urlencoded", true),
            ("Application/X-WWW-Form-Urlencoded; charset=utf-8", true),
            (" application/x-www-form-urlencoded ;x", true),
            ("application/json", false),
            ("multipart/form-data", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.append(CONTENT_TYPE, HeaderValue::from_static(content_type));
            let refusal = refuse_misplaced(&uri, &headers).err().map(|no| no.status().as_u16());
            assert_eq!(refusal, refused.then_some(400), "{content_type}");
        }
    }
}
