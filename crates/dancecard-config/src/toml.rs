//! TOML files, with their lines.

use config::ValueKind;
use dancecard_core::Result;
use toml_edit::{Document, Item, Key, TableLike, Value};

use crate::fault::fault;
use crate::node::{Kind, Node};
use crate::place::Place;

/// Reads a file's text. `file` is its name.
pub(crate) fn read(file: &str, text: &str) -> Result<Node> {
    let source = Source { file, text };
    let document = Document::parse(text).map_err(|error| source.refused(error.span()))?;
    Ok(Node { place: Place::Default, kind: source.table(document.as_table()) })
}

struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    /// The parser's own message could repeat a value, so it is not passed on.
    fn refused(&self, span: Option<std::ops::Range<usize>>) -> dancecard_core::Error {
        fault(format!("{}: this is not TOML, or a key is there twice", self.place(span)))
    }

    fn place(&self, span: Option<std::ops::Range<usize>>) -> Place {
        let before = span.and_then(|span| self.text.get(..span.start)).unwrap_or_default();
        Place::File { file: self.file.to_owned(), line: 1 + before.matches('\n').count() }
    }

    fn table(&self, table: &dyn TableLike) -> Kind {
        let entries = table.iter().map(|(name, item)| (name.to_owned(), self.item(table.key(name), item)));
        Kind::Table(entries.collect())
    }

    fn item(&self, key: Option<&Key>, item: &Item) -> Node {
        let place = self.place(key.and_then(Key::span).or_else(|| item.span()));
        let kind = match item {
            Item::Value(value) => self.value(value),
            Item::Table(table) => self.table(table),
            Item::ArrayOfTables(tables) => Kind::List(
                tables.iter().map(|table| Node { place: place.clone(), kind: self.table(table) }).collect(),
            ),
            Item::None => Kind::Scalar(ValueKind::Nil),
        };
        Node { place, kind }
    }

    fn value(&self, value: &Value) -> Kind {
        Kind::Scalar(match value {
            Value::String(text) => ValueKind::String(text.value().clone()),
            Value::Integer(number) => ValueKind::I64(*number.value()),
            Value::Float(number) => ValueKind::Float(*number.value()),
            Value::Boolean(on) => ValueKind::Boolean(*on.value()),
            Value::Datetime(moment) => ValueKind::String(moment.value().to_string()),
            Value::Array(items) => return Kind::List(items.iter().map(|item| self.element(item)).collect()),
            Value::InlineTable(table) => return self.table(table),
        })
    }

    fn element(&self, value: &Value) -> Node {
        Node { place: self.place(value.span()), kind: self.value(value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        read("c.toml", text).unwrap().places("", &mut |path, place| found.push((path, place.to_string())));
        found
    }

    #[test]
    fn every_key_has_its_line() {
        let text = "# first\nsession = 'redis'\n\n[engines.session.redis]\nprefix = 'p'\noptions = { a = 1, b = [2] }\n";
        let found = places(text);
        for (path, place) in [
            ("session", "c.toml:2"),
            ("engines.session.redis", "c.toml:4"),
            ("engines.session.redis.prefix", "c.toml:5"),
            ("engines.session.redis.options.b", "c.toml:6"),
        ] {
            assert!(found.contains(&(path.to_owned(), place.to_owned())), "{path}: {found:?}");
        }
    }

    #[test]
    fn faults_have_a_line_and_no_value() {
        for text in ["a = 1\nb = secret\n", "a = 1\na = 'secret'\n", "a = 1\n= 'secret'"] {
            let error = read("c.toml", text).unwrap_err().to_string();
            assert!(error.contains("c.toml:2: this is not TOML") && !error.contains("secret"), "{error}");
        }
    }
}
