//! Batches, which only revision 2025-03-26 has.

use bytes::Bytes;

use super::{
    Defect, DefectKind, Limits, lookup,
    message::{Envelope, Message},
    scan::{Scanner, text},
    span::Span,
};

/// What one POST body or one line holds.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "JSON-RPC 2.0 knows single messages and batches")]
pub enum Incoming {
    /// One message.
    Single(Message),
    /// An array of messages (JSON-RPC 2.0 section 6). Whether the revision has batches is for the driver to judge.
    Batch(Batch),
}

/// The entries of a batch, in their order. An entry that is no message is answered on its own; a notification whose params
/// are refused is none of them, because nobody may answer it.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a batch is its entries")]
pub struct Batch {
    /// The messages, and what was wrong with those that are none.
    pub entries: Vec<Result<Message, Defect>>,
}

impl Incoming {
    /// Reads one message or one batch. What is wrong with a response is told without its id, which is one of ours.
    ///
    /// # Errors
    /// What is wrong with the text as a whole, or with the single message.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Self, Defect> {
        let text = text(bytes, limits)?;
        let mut scanner = Scanner::new(&text, limits);
        if scanner.peek() != Some(b'[') {
            let envelope = Envelope::scan(&mut scanner)?;
            scanner.finish()?;
            return envelope.classify(&text).map(Self::Single).map_err(|defect| without_our_id(defect, &text));
        }
        let mut envelopes = Vec::new();
        scanner.array(|scanner| {
            if envelopes.len() >= limits.batch {
                return Err(DefectKind::BatchSize { limit: limits.batch }.into());
            }
            scanner.peek();
            let start = scanner.at();
            let envelope = Envelope::scan(scanner)?;
            envelopes.push((envelope, Span::new(start, scanner.at())));
            Ok(())
        })?;
        scanner.finish()?;
        if envelopes.is_empty() {
            return Err(DefectKind::BatchSize { limit: limits.batch }.into());
        }
        let entries = envelopes.into_iter().filter_map(|(envelope, place)| {
            let written = place.of(&text);
            match envelope.classify(&text) {
                Err(defect) if defect.is_of_notification(written) => None,
                Err(defect) => Some(Err(without_our_id(defect, written))),
                Ok(message) => Some(Ok(message)),
            }
        });
        let entries = entries.collect();
        Ok(Self::Batch(Batch { entries }))
    }
}

impl Defect {
    /// Whether what was refused, written as `text`, is a notification: "The Server MUST NOT reply to a Notification,
    /// including those that are within a batch request" (JSON-RPC 2.0 section 4.1). What has an id, however bad, is none,
    /// and neither is what has no method that could be called.
    pub(crate) fn is_of_notification(&self, text: &str) -> bool {
        matches!(self.kind, DefectKind::BadParams(_)) && lookup(text, &["id"]).is_none()
    }
}

/// The id of a response is that of a request of ours: an error that carried it would answer one of the sender's.
fn without_our_id(defect: Defect, text: &str) -> Defect {
    let has = |member| lookup(text, &[member]).is_some();
    let is_response = !has("method") && (has("result") || has("error"));
    if is_response { defect.kind.into() } else { defect }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &'static str) -> Result<Incoming, Defect> {
        let limits = Limits { batch: 3, ..Limits::default() };
        Incoming::parse(text.into(), &limits)
    }

    #[test]
    fn an_entry_that_is_no_message_is_refused_alone() {
        let Incoming::Batch(batch) =
            parse(r#" [1, {"jsonrpc":"2.0","id":1,"method":"ping"}, {"jsonrpc":"2.0","method":"x"}]"#).unwrap()
        else {
            panic!("a batch")
        };
        assert!(matches!(&batch.entries[0], Err(defect) if matches!(defect.kind, DefectKind::NotAMessage(_))));
        assert!(matches!(&batch.entries[1], Ok(Message::Request(_))));
        assert!(matches!(&batch.entries[2], Ok(Message::Notification(_))));
    }

    // JSON-RPC 2.0 section 6: an empty array is an invalid request.
    #[test]
    fn a_batch_has_between_one_and_the_limit() {
        assert!(matches!(parse("[]").unwrap_err().kind, DefectKind::BatchSize { limit: 3 }));
        assert!(matches!(parse("[1,2,3,4]").unwrap_err().kind, DefectKind::BatchSize { limit: 3 }));
        assert!(matches!(parse("[1,2").unwrap_err().kind, DefectKind::Malformed { .. }));
        assert!(matches!(parse("[1] ]").unwrap_err().kind, DefectKind::Malformed { .. }));
        assert!(matches!(parse("1 x").unwrap_err().kind, DefectKind::Malformed { .. }));
    }

    // RFC 8259 section 2: white space is the blank, the tab, the line feed and the carriage return, and nothing else. What
    // stands in the place of the bracket must not be taken for it.
    #[test]
    fn a_batch_begins_with_its_bracket() {
        let rest = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}]"#;
        for first in ["\u{c}", "\u{b}", "\u{a0}", "\u{feff}", "\u{0}"] {
            for text in [format!("{first}[],{rest}"), format!("{first}[{rest}"), format!("[{first}{rest}")] {
                let defect = Incoming::parse(text.clone().into(), &Limits::default()).unwrap_err();
                assert!(matches!(defect.kind, DefectKind::Malformed { .. }), "{text:?}");
            }
        }
        assert!(matches!(
            Incoming::parse(format!(" \t\r\n[{rest}").into(), &Limits::default()),
            Ok(Incoming::Batch(_))
        ));
    }

    // An error that carried its id would answer a request of the sender's.
    #[test]
    fn a_broken_response_is_refused_without_its_id() {
        let broken = [r#"{"jsonrpc":"2.0","id":1,"error":7}"#, r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#];
        let refused = |defect: &Defect| matches!(defect.kind, DefectKind::NotAMessage(_)) && defect.id.is_none();
        for text in broken {
            assert!(refused(&Incoming::parse(text.into(), &Limits::default()).unwrap_err()), "{text}");
            let Ok(Incoming::Batch(batch)) = Incoming::parse(format!("[ {text} ]").into(), &Limits::default()) else {
                panic!("a batch")
            };
            assert!(batch.entries[0].as_ref().is_err_and(refused), "{text}");
        }
        let request = parse(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#).unwrap_err();
        assert!(request.id.is_some());
    }

    // JSON-RPC 2.0 section 4.1: "The Server MUST NOT reply to a Notification, including those that are within a batch
    // request." What cannot be answered is not an entry.
    #[test]
    fn a_notification_with_params_that_are_refused_is_no_entry() {
        let Incoming::Batch(batch) = parse(
            r#"[{"jsonrpc":"2.0","method":"x","params":[1]},{"jsonrpc":"2.0","id":null,"method":"x","params":[1]}]"#,
        )
        .unwrap() else {
            panic!("a batch")
        };
        assert_eq!(batch.entries.len(), 1);
        assert!(batch.entries[0].is_err(), "what has an id, however bad, is no notification");
    }

    #[test]
    fn duplicate_members_inside_a_batch_are_refused() {
        let defect = parse(r#"[{"jsonrpc":"2.0","id":1,"method":"a","\u006dethod":"b"}]"#).unwrap_err();
        assert!(matches!(defect.kind, DefectKind::DuplicateMember { .. }));
    }
}
