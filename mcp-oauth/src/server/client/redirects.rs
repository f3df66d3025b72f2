//! The member `redirect_uris`.
//!
//! Clients register URIs for all the places that they run in, and one that is of no use here must not cost them the
//! others. So there are two kinds of bad ones:
//!
//! | what | examples | effect |
//! |---|---|---|
//! | dangerous | a scheme that runs code or reads files, user information, a wildcard, an address in disguise, characters that are in no URI | the whole request is refused |
//! | unusable | `http` to a host that is not loopback, a fragment, a parameter of an answer, no host, too long, `urn:ietf:wg:oauth:2.0:oob`, a scheme that belongs to something else (`schemes`) | left out; the answer shows what was registered |
//!
//! If nothing but unusable ones are left, the request is refused as well.

use serde_json::{Map, Value};

use super::error::{MetadataError, RedirectUrisFault};
use super::policy::PrivateUseSchemes;
use super::schemes::foreign;
use crate::types::{RedirectKind, RedirectUri, RedirectUriError};

/// Schemes that [`RedirectUri`] refuses and that can do no harm: nothing happens, or nothing of ours.
const HARMLESS: &[&str] = &["ftp", "ldap", "mailto", "sftp", "sms", "ssh", "tel", "urn", "ws", "wss"];

/// The redirect URIs that can be used, each once, in their order; empty if there is no such member.
pub(super) fn read(
    members: &Map<String, Value>,
    most: usize,
    schemes: PrivateUseSchemes,
) -> Result<Vec<RedirectUri>, MetadataError> {
    let refused = |fault| Err(MetadataError::RedirectUris(fault));
    let list = match members.get("redirect_uris") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return refused(RedirectUrisFault::Type),
    };
    if list.len() > most {
        return refused(RedirectUrisFault::Count);
    }
    let mut usable: Vec<RedirectUri> = Vec::with_capacity(list.len());
    let mut first_fault = None;
    for item in list {
        let Value::String(text) = item else {
            return refused(RedirectUrisFault::Type);
        };
        if is_dangerous(text) {
            return refused(RedirectUrisFault::Dangerous);
        }
        match RedirectUri::parse(text) {
            Ok(uri) => {
                if let Some(whose) = foreign_to(&uri, schemes) {
                    tracing::debug!(
                        scheme = uri.shown(),
                        whose,
                        "a redirect URI is left out: its scheme is no app's own"
                    );
                    first_fault.get_or_insert(RedirectUriError::Scheme);
                } else if !usable.contains(&uri) {
                    usable.push(uri);
                }
            }
            Err(RedirectUriError::Address) => return refused(RedirectUrisFault::Address),
            Err(RedirectUriError::Character | RedirectUriError::UserInformation | RedirectUriError::Wildcard) => {
                return refused(RedirectUrisFault::Dangerous);
            }
            Err(fault) => {
                first_fault.get_or_insert(fault);
            }
        }
    }
    match first_fault {
        Some(fault) if usable.is_empty() => refused(RedirectUrisFault::Unusable(fault)),
        _ => Ok(usable),
    }
}

/// Whose its scheme is, where that is known to be nobody's who may have it.
fn foreign_to(uri: &RedirectUri, schemes: PrivateUseSchemes) -> Option<&'static str> {
    match (uri.kind(), schemes) {
        (RedirectKind::PrivateUse, PrivateUseSchemes::OfApps) => foreign(uri.shown()),
        _ => None,
    }
}

/// Whether the text has, for any reader, a scheme that is neither harmless nor one that could be registered.
fn is_dangerous(text: &str) -> bool {
    // Browsers skip leading spaces and controls, and tabs and line ends anywhere (WHATWG URL, "basic URL parser").
    let Some((scheme, _)) = text.split_once(':') else { return false };
    let scheme: String = scheme.chars().filter(|character| !character.is_control() && *character != ' ').collect();
    let is = |other: &&str| scheme.eq_ignore_ascii_case(other);
    if ["https", "http"].iter().chain(HARMLESS).any(is) {
        return false;
    }
    // What is left is a scheme of an app's own, or one that `RedirectUri` lists: asked without what else may be wrong.
    RedirectUri::parse(&format!("{scheme}:x")).is_err()
}

/// Whether one of them is that of a native application (RFC 8252 section 7).
pub(super) fn any_native(uris: &[RedirectUri]) -> bool {
    uris.iter().any(|uri| uri.kind() != RedirectKind::Https)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_json(uris: Value) -> Result<Vec<String>, MetadataError> {
        read_json_with(uris, PrivateUseSchemes::default())
    }

    fn read_json_with(uris: Value, schemes: PrivateUseSchemes) -> Result<Vec<String>, MetadataError> {
        let mut members = Map::new();
        members.insert("redirect_uris".to_owned(), uris);
        read(&members, 32, schemes).map(|uris| uris.iter().map(|uri| uri.as_str().to_owned()).collect())
    }

    #[test]
    fn attack_005_schemes_of_others_are_left_out() {
        let others = ["search-ms:query=x&crumb=location:evil", "MS-MSDT:/id", "steam://run/1", "smb://evil.test/x"];
        let uris = json!([others[0], "cursor://x/cb", others[1], others[2], others[3], "com.example.app:/cb"]);
        assert_eq!(read_json(uris.clone()).unwrap(), ["cursor://x/cb", "com.example.app:/cb"]);
        assert_eq!(read_json_with(uris, PrivateUseSchemes::Any).unwrap().len(), 6);
        for uri in others {
            assert_eq!(fault(json!([uri])), RedirectUrisFault::Unusable(RedirectUriError::Scheme), "{uri}");
        }
        // What runs code is for nobody.
        assert!(read_json_with(json!(["javascript:alert(1)"]), PrivateUseSchemes::Any).is_err());
    }

    fn fault(uris: Value) -> RedirectUrisFault {
        match read_json(uris) {
            Err(MetadataError::RedirectUris(fault)) => fault,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn attack_005_one_dangerous_uri_refuses_all() {
        for text in [
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)#x",
            " javascript:alert(1)",
            "java\tscript:alert(1)",
            "java\nscript:alert(1)",
            "\u{1}javascript:alert(1)",
            "data:text/html,<script>",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://h/x",
            "about:blank",
            "view-source:https://h",
            "filesystem:https://h/x",
            "chrome-extension://x/y",
            "intent://x#Intent;end",
            "1a:x",
            ":x",
            "https://*.example/cb",
            "https://user:pw@h/cb",
            "https://good.example@evil.test/",
            "https://h/\r\nLocation: x",
            "https://h\\@evil.test/",
        ] {
            let uris = json!(["https://h/cb", text]);
            assert_eq!(fault(uris), RedirectUrisFault::Dangerous, "{text:?}");
        }
    }

    #[test]
    fn attack_078_an_address_in_disguise_refuses_all() {
        for text in ["https://127.1/", "http://0x7f.1/", "http://2130706433/", "http://[::ffff:127.0.0.1]/"] {
            assert_eq!(fault(json!(["https://h/cb", text])), RedirectUrisFault::Address, "{text}");
        }
        let said = MetadataError::RedirectUris(RedirectUrisFault::Address);
        assert_eq!(said.code().as_str(), "invalid_redirect_uri");
        assert!(said.to_string().starts_with("redirect_uris holds an address"), "{said}");
    }

    #[test]
    fn unusable_ones_are_left_out() {
        let uris = json!([
            "http://192.168.1.5:6274/oauth/callback",
            "https://h/cb#fragment",
            "urn:ietf:wg:oauth:2.0:oob",
            "nothing",
            "https:///cb",
            "https://h/cb",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://h/cb"
        ]);
        assert_eq!(read_json(uris).unwrap(), ["https://h/cb", "cursor://anysphere.cursor-mcp/oauth/callback"]);
    }

    #[test]
    fn attack_078_nothing_usable_is_refused() {
        for (text, why) in [
            ("http://evil.test/cb", RedirectUriError::Insecure),
            ("https://h/cb#f", RedirectUriError::Fragment),
            ("urn:ietf:wg:oauth:2.0:oob", RedirectUriError::Scheme),
            ("", RedirectUriError::Scheme),
        ] {
            assert_eq!(fault(json!([text])), RedirectUrisFault::Unusable(why), "{text}");
        }
        assert_eq!(
            fault(json!([format!("https://h/{}", "a".repeat(3000))])),
            RedirectUrisFault::Unusable(RedirectUriError::Length)
        );
        let many: Vec<String> = (0..500).map(|number| format!("https://h/{number}")).collect();
        assert_eq!(fault(json!(many)), RedirectUrisFault::Count);
        assert_eq!(fault(json!("https://h/cb")), RedirectUrisFault::Type);
        assert_eq!(fault(json!([{}])), RedirectUrisFault::Type);
        assert_eq!(read_json(json!([])).unwrap(), [""; 0]);
        assert_eq!(read_json(json!(null)).unwrap(), [""; 0]);
    }
}
