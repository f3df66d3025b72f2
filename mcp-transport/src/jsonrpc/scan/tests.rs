use super::*;
use crate::jsonrpc::{Raw, escape::unescape};

fn judge(text: &str) -> Result<(), DefectKind> {
    Raw::parse(text.to_owned()).map(drop)
}

#[test]
fn the_grammar_is_that_of_serde_json() {
    let cases = [
        "0",
        "-0",
        "1.5e-3",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "Infinity",
        "NaN",
        "true",
        "tru",
        "nul",
        "null",
        r#""a""#,
        r#""\u00e9""#,
        r#""\u00g9""#,
        r#""\x""#,
        "\"\u{1}\"",
        "\"a",
        "[]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{}",
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
        r#"{a:1}"#,
        r#"{"a":1 "b":2}"#,
        "{\"a\":\t1}\n",
        "[1]]",
        "",
        " ",
        "[\u{a0}1]",
        "{\"a\":[{\"b\":[null,false,{}]}]}",
    ];
    for text in cases {
        let theirs = serde_json::from_str::<serde_json::Value>(text).is_ok();
        assert_eq!(judge(text).is_ok(), theirs, "{text:?}");
    }
}

#[test]
fn members_named_twice_are_refused_at_every_level_and_after_unescaping() {
    for text in [r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":[{"a":1,"b":2,"a":3}]}"#, r#"{"":1,"":2}"#] {
        assert!(matches!(judge(text), Err(DefectKind::DuplicateMember { .. })), "{text}");
    }
    for text in [r#"{"a":{"a":1},"b":{"a":2}}"#, r#"[{"a":1},{"a":1}]"#, r#"{"a":1,"A":2}"#] {
        assert_eq!(judge(text), Ok(()), "{text}");
    }
}

#[test]
fn many_members_are_judged_too() {
    let mut many: Vec<String> = (0..5000).map(|n| format!(r#""m{n}":{n}"#)).collect();
    assert_eq!(judge(&format!("{{{}}}", many.join(","))), Ok(()));
    many.push(r#""m17":0"#.into());
    let text = format!("{{{}}}", many.join(","));
    assert!(matches!(judge(&text), Err(DefectKind::DuplicateMember { .. })));
}

#[test]
fn many_members_with_escapes_are_judged_too() {
    let mut many: Vec<String> = (0..100).map(|n| format!(r#""\u006d\ud83d\udc4b{n}":{n}"#)).collect();
    many.extend((0..100).map(|n| format!(r#""m{n}\n":{n}"#)));
    assert_eq!(judge(&format!("{{{}}}", many.join(","))), Ok(()));
    for twice in [r#""m\ud83d\udc4b17""#, "\"m\u{1f44b}17\"", r#""m17\u000a""#] {
        let text = format!("{{{},{twice}:0}}", many.join(","));
        let at = text.rfind(twice).unwrap() + 1;
        assert_eq!(judge(&text), Err(DefectKind::DuplicateMember { at }), "{twice}");
    }
}

// The shortest names that differ take 9 bytes of a body with their quotes, value and comma, once there are 10,000 of them.
#[test]
fn what_is_kept_of_names_is_not_much_larger_than_the_body() {
    assert!(size_of::<Option<Span>>() <= 8);
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(judge(&deep(128)), Ok(()));
    assert_eq!(judge(&deep(129)), Err(DefectKind::TooDeep { limit: 128 }));
    assert_eq!(judge(&"[".repeat(1_000_000)), Err(DefectKind::TooDeep { limit: 128 }));
    let limits = Limits { bytes: 4, ..Limits::default() };
    assert_eq!(Raw::parse_within("12345".into(), &limits), Err(DefectKind::TooLarge { limit: 4 }));
    assert_eq!(Raw::parse(&b"\xff"[..]), Err(DefectKind::NotUtf8));
}

#[test]
fn escapes_are_undone_as_serde_json_does() {
    for inside in [r"plain", r"\n\t\r\b\f\/\\\u0041", r#"\""#, r"\ud83d\udc4b end", r"x\u00e9"] {
        let theirs: String = serde_json::from_str(&format!("\"{inside}\"")).unwrap();
        assert_eq!(unescape(inside), theirs);
    }
    assert_eq!(unescape(r"\ud83d!"), "\u{fffd}!");
    assert_eq!(unescape(r"\ud83dA"), "\u{fffd}A");
}

/// Every prefix and every single-byte change of a message is either judged as serde_json judges it, or refused for a
/// rule of our own; none makes the scanner panic.
#[test]
fn mutations_are_judged_as_serde_json_judges_them() {
    let seed = r#"{"jsonrpc":"2.0","id":"a\"","method":"tools/call","params":{"name":"x","arguments":{"n":-1.5e3,"l":[true,null]},"_meta":{"k":""}}}"#;
    let judge_both = |bytes: &[u8]| {
        let ours = Raw::parse(bytes.to_vec());
        let theirs = serde_json::from_slice::<serde_json::Value>(bytes);
        match ours {
            Ok(_) => {
                assert!(theirs.as_ref().err().is_none_or(|error| error.to_string().contains("surrogate")), "{bytes:?}")
            }
            Err(DefectKind::DuplicateMember { .. }) => {}
            Err(_) => assert!(theirs.is_err(), "{}", String::from_utf8_lossy(bytes)),
        }
    };
    for cut in 0..seed.len() {
        judge_both(&seed.as_bytes()[..cut]);
    }
    for at in 0..seed.len() {
        for byte in [b'"', b'\\', b'{', b'}', b'[', b',', b':', b'0', b'e', b' ', 0, 0x80, 0xff] {
            let mut bytes = seed.as_bytes().to_vec();
            bytes[at] = byte;
            judge_both(&bytes);
        }
    }
}

#[test]
fn the_end_of_a_string_is_found_wherever_it_stands() {
    for length in 0..40 {
        for stop in ['"', '\\', '\u{1f}', '\0', '\n'] {
            for filler in ["a", "\u{7f}", "é", "!", "#", "[", "]", " "] {
                let text = format!("{}{stop}\"\\\u{1}", filler.repeat(length));
                assert_eq!(plain(text.as_bytes()), length * filler.len(), "{text:?}");
            }
        }
        let text = "é".repeat(length);
        assert_eq!(plain(text.as_bytes()), text.len());
    }
}
