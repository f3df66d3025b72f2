//! Reading one value out of a JSON text by its path.

use super::{
    Limits,
    scan::{Broken, Scanner},
    span::Span,
};

/// The JSON text of the value at `path`, a chain of member names from the root; `None` where there is none.
///
/// `json` must be well-formed and at most 512 levels deep, as the text of a [`Raw`](super::Raw) is; anything else gives `None`.
#[must_use]
pub fn lookup<'a, S: AsRef<str>>(json: &'a str, path: &[S]) -> Option<&'a str> {
    let Some((first, rest)) = path.split_first() else {
        return Some(json);
    };
    let limits = Limits { depth: 512, ..Limits::default() };
    let mut found: Option<Span> = None;
    let mut scanner = Scanner::new(json, &limits);
    if scanner.peek() != Some(b'{') {
        return None;
    }
    let walked: Result<(), Broken> = scanner.object(|scanner, name| {
        let value = scanner.value()?;
        if name.is(json, first.as_ref()) {
            found = Some(value);
        }
        Ok(())
    });
    walked.ok()?;
    lookup(found?.of(json), rest)
}

#[cfg(test)]
mod tests {
    use super::lookup;

    #[test]
    fn a_path_leads_through_objects_only() {
        let json = r#"{"a":{"b\u0062":[1,{"c":2}],"d":"x"},"e":null}"#;
        assert_eq!(lookup(json, &["a", "d"]), Some(r#""x""#));
        assert_eq!(lookup(json, &["a", "bb"]), Some(r#"[1,{"c":2}]"#));
        assert_eq!(lookup(json, &["a", "bb", "c"]), None);
        assert_eq!(lookup(json, &["e"]), Some("null"));
        assert_eq!(lookup(json, &["f"]), None);
        assert_eq!(lookup::<&str>(json, &[]), Some(json));
    }
}
