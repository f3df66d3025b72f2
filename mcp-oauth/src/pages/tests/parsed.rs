//! A page as a browser reads it: the tokens of an HTML5 tokenizer, and who stands inside whom.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};

#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    /// All text inside it, white space folded.
    pub(super) text: String,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
pub(super) struct Page(pub(super) Vec<Element>);

/// Elements without an end tag.
const VOID: [&str; 3] = ["meta", "input", "link"];

impl Page {
    /// Parses a page. Panics at anything that a browser would have to mend.
    pub(super) fn parse(html: &str) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        let (mut elements, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
        assert!(html.starts_with("<!DOCTYPE html>"));
        for token in Tokenizer::new_with_emitter(html, emitter) {
            match token.unwrap() {
                Token::StartTag(tag) => {
                    assert!(!tag.self_closing);
                    let attributes = tag.attributes.iter().map(|(name, value)| (text(name), text(value))).collect();
                    elements.push(Element { name: text(&tag.name), attributes, text: String::new() });
                    if !VOID.contains(&text(&tag.name).as_str()) {
                        open.push(elements.len() - 1);
                    }
                }
                Token::EndTag(tag) => assert_eq!(elements[open.pop().unwrap()].name, text(&tag.name)),
                Token::String(string) => open.iter().for_each(|index| elements[*index].text += &text(&string)),
                Token::Doctype(_) => assert!(elements.is_empty()),
                other => panic!("{other:?} in {html}"),
            }
        }
        assert!(open.is_empty());
        Self(elements)
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.0.iter().filter(move |element| element.name == name)
    }

    pub(super) fn one(&self, name: &str) -> &Element {
        let found: Vec<&Element> = self.0.iter().filter(|element| element.name == name).collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0]
    }

    /// What a person reads.
    pub(super) fn text(&self) -> String {
        self.one("body").text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The control of this name.
    pub(super) fn input(&self, name: &str) -> &Element {
        self.all("input").find(|input| input.attribute("name") == Some(name)).unwrap()
    }

    /// Names and values of the buttons that decide.
    pub(super) fn decisions(&self) -> Vec<(&str, &str)> {
        self.all("button").filter_map(|button| Some((button.attribute("name")?, button.attribute("value")?))).collect()
    }

    pub(super) fn hidden(&self) -> Vec<(&str, &str)> {
        let hidden = self.all("input").filter(|input| input.attribute("type") == Some("hidden"));
        hidden.map(|input| (input.attribute("name").unwrap(), input.attribute("value").unwrap())).collect()
    }
}
