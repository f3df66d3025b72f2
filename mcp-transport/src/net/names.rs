//! Names that only mean something nearby.

use super::policy::Refusal;
use super::target::Host;

/// Suffixes that no public name has: the special-use names of RFC 6761, RFC 6762 (`local`), RFC 7686 (`onion`), RFC 8375
/// (`home.arpa`) and RFC 9476 (`alt`), `internal` (set aside by ICANN), and `localdomain`, which many systems add.
const LOCAL: &[&str] = &[
    "localhost",
    "local",
    "localdomain",
    "internal",
    "home.arpa",
    "onion",
    "alt",
    "invalid",
    "in-addr.arpa",
    "ip6.arpa",
];

/// RFC 6761 section 6.3: `localhost` and every name under it.
pub(super) fn is_localhost(name: &str) -> bool {
    is_under(name, "localhost")
}

/// Refuses what is no public name. An address is not judged here.
pub(super) fn judge(host: Host<'_>) -> Result<(), Refusal> {
    let Host::Name(name) = host else {
        return Ok(());
    };
    if !name.contains('.') || LOCAL.iter().any(|suffix| is_under(name, suffix)) {
        return Err(Refusal::LocalName);
    }
    Ok(())
}

/// Whether `name` is `suffix` or ends in a dot and `suffix`.
pub(super) fn is_under(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names_are_no_public_names() {
        for name in ["localhost", "a.localhost", "printer", "printer.local", "metadata.google.internal", "x.onion"] {
            assert_eq!(judge(Host::Name(name)), Err(Refusal::LocalName), "{name}");
        }
        for name in ["example.com", "notlocalhost.com", "localhost.example.com", "thelocal.se", "xlocal.example"] {
            assert_eq!(judge(Host::Name(name)), Ok(()), "{name}");
        }
        assert!(is_localhost("x.localhost") && !is_localhost("xlocalhost"));
    }
}
