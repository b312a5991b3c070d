//! YAML files, with their lines.

use std::fmt;

use config::ValueKind;
use dancecard_core::Result;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::fault::fault;
use crate::limits::{BYTES, LEVELS, NODES};
use crate::node::{Kind, Node};
use crate::place::Place;

/// Reads a file's text. `file` is its name.
pub(crate) fn read(file: &str, text: &str) -> Result<Node> {
    if text.lines().all(|line| matches!(line.trim_start().bytes().next(), None | Some(b'#'))) {
        return Ok(Node::empty());
    }
    let tree = parse(text).map_err(|error| refused(file, &error))?;
    let node = Source { file, text }.node(tree);
    match node.kind {
        Kind::Table(_) => Ok(node),
        _ => Err(crate::fault::fault(format!("{}: a configuration is a mapping of keys", node.place))),
    }
}

fn parse(text: &str) -> Result<Spanned<Tree>, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 4 * NODES,
            max_nodes: NODES,
            max_total_scalar_bytes: BYTES,
            max_aliases: 256,
            max_anchors: 256,
            max_recorded_anchor_events: 4096,
            max_recorded_anchor_bytes: BYTES,
            max_merge_keys: 64,
            max_depth: LEVELS,
            max_documents: 1,
        },
        with_snippet: false,
        strict_booleans: true,
    };
    serde_saphyr::from_str_with_options(text, options)
}

/// The parser's own message could repeat a value, so it is not passed on.
fn refused(file: &str, error: &serde_saphyr::Error) -> dancecard_core::Error {
    let place = error.location().map_or_else(String::new, |place| format!(":{}", place.line()));
    fault(format!(
        "{file}{place}: this is not the YAML that a configuration can be written in: a mapping of keys, each once"
    ))
}

struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn node(&self, tree: Spanned<Tree>) -> Node {
        let place = self.place(&tree);
        let kind = match tree.value {
            Tree::Nil => Kind::Scalar(ValueKind::Nil),
            Tree::Switch(on) => Kind::Scalar(ValueKind::Boolean(on)),
            Tree::Text(text) => Kind::Scalar(ValueKind::String(text)),
            // As it was written: `0123` may be a password.
            Tree::Number(ref number) => Kind::Scalar(written(self.raw(&tree).unwrap_or(number))),
            Tree::List(items) => Kind::List(items.into_iter().map(|item| self.node(item)).collect()),
            Tree::Table(entries) => Kind::Table(entries.into_iter().map(|entry| self.entry(entry)).collect()),
        };
        Node { place, kind }
    }

    /// A key is where its value is looked for.
    fn entry(&self, (name, tree): (Spanned<String>, Spanned<Tree>)) -> (String, Node) {
        let place = self.place(&name);
        (name.value, Node { place, ..self.node(tree) })
    }

    fn place<T>(&self, spanned: &Spanned<T>) -> Place {
        let line = usize::try_from(spanned.referenced.line()).unwrap_or_default();
        Place::File { file: self.file.to_owned(), line }
    }

    fn raw<T>(&self, spanned: &Spanned<T>) -> Option<&str> {
        let span = spanned.defined.span();
        let start = usize::try_from(span.byte_offset()?).ok()?;
        let length = usize::try_from(span.byte_len()?).ok()?;
        let text = self.text.get(start..start.checked_add(length)?)?.trim();
        text.bytes().next().filter(|byte| byte.is_ascii_digit() || b"+-.".contains(byte)).map(|_| text)
    }
}

/// A number, unless that would be written in another way.
fn written(text: &str) -> ValueKind {
    let whole = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    let real = || text.parse::<f64>().ok().filter(|number| number.to_string() == text);
    match whole {
        Some(number) => ValueKind::I64(number),
        None => real().map_or_else(|| ValueKind::String(text.to_owned()), ValueKind::Float),
    }
}

enum Tree {
    Nil,
    Switch(bool),
    Number(String),
    Text(String),
    List(Vec<Spanned<Tree>>),
    Table(Vec<(Spanned<String>, Spanned<Tree>)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyTree)
    }
}

struct AnyTree;

impl<'de> Visitor<'de> for AnyTree {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, on: bool) -> Result<Tree, E> {
        Ok(Tree::Switch(on))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number.to_string()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Tree, E> {
        Ok(Tree::Number(number.to_string()))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Tree, E> {
        Ok(Tree::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Nil)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut table = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            table.push(entry);
        }
        Ok(Tree::Table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `path@line=value` of every scalar.
    fn flat(path: &str, node: &Node, found: &mut Vec<String>) {
        match &node.kind {
            Kind::Scalar(value) => {
                let value = config::Value::new(None, value.clone());
                found.push(format!("{path}@{}={}", node.place, value.into_string().unwrap_or_default()));
            }
            Kind::List(items) => items.iter().for_each(|item| flat(path, item, found)),
            Kind::Table(entries) => {
                entries.iter().for_each(|(name, node)| flat(&crate::node::join(path, name), node, found));
            }
        }
    }

    fn lines(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        flat("", &read("c.yml", text).unwrap(), &mut found);
        found
    }

    #[test]
    fn every_value_has_its_line() {
        let text = "# first\nsession: redis\nengines:\n  session:\n    redis:\n      nodes:\n        - a\n        - b\n      prefix: 'x: y'\n";
        assert_eq!(
            lines(text),
            [
                "session@c.yml:2=redis",
                "engines.session.redis.nodes@c.yml:7=a",
                "engines.session.redis.nodes@c.yml:8=b",
                "engines.session.redis.prefix@c.yml:9=x: y",
            ]
        );
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        let text = "a: 0123\nb: 1e3\nc: 1:30\nd: 5\ne: '0123'\nf: 1_000\ng: 0x1f\nh: true\ni: yes\nj: ~\nk: +5\nl: -1.50\n";
        assert_eq!(
            lines(text),
            [
                "a@c.yml:1=0123",
                "b@c.yml:2=1e3",
                "c@c.yml:3=1:30",
                "d@c.yml:4=5",
                "e@c.yml:5=0123",
                "f@c.yml:6=1_000",
                "g@c.yml:7=0x1f",
                "h@c.yml:8=true",
                "i@c.yml:9=yes",
                "j@c.yml:10=",
                "k@c.yml:11=+5",
                "l@c.yml:12=-1.50",
            ]
        );
    }

    #[test]
    fn anchors_and_merges_are_followed() {
        let text = "common: &c\n  prefix: p\na: *c\nb:\n  <<: *c\n  other: 1\n";
        assert!(lines(text).contains(&"b.prefix@c.yml:5=p".to_owned()), "{:?}", lines(text));
    }

    #[test]
    fn an_empty_file_says_nothing() {
        assert_eq!(lines(""), Vec::<String>::new());
        assert_eq!(lines("# only\n\n  # comments\n"), Vec::<String>::new());
    }

    #[test]
    fn faults_have_a_line_and_no_value() {
        for text in
            ["a: 1\nsecret: [\n", "a: 1\na: secret\n", "x: *secret\n", "a: secret\n  b: c: d\n", "\u{0}"]
        {
            let error = read("c.yml", text).unwrap_err().to_string();
            assert!(error.contains("(c.yml:") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_makes_yaml_dangerous_is_refused_quickly() {
        let bomb = (0..40).fold(String::from("a0: &a0 [x]\n"), |text, n| {
            text + &format!("a{}: &a{} [*a{n}, *a{n}]\n", n + 1, n + 1)
        });
        assert!(read("c.yml", &bomb).is_err());
        assert!(read("c.yml", &format!("a: {}{}", "[".repeat(20_000), "]".repeat(20_000))).is_err());
    }
}
