//! TOML files, with their lines.

use config::ValueKind;
use dancecard_core::Result;
use toml_edit::{Document, Item, Key, TableLike, Value};

use crate::fault::fault;
use crate::limits::{LEVELS, NODES};
use crate::node::{Kind, Node};
use crate::place::Place;

/// Reads a file's text. `file` is its name.
pub(crate) fn read(file: &str, text: &str) -> Result<Node> {
    let mut source = Source { file, lines: starts(text), nodes: 0 };
    let document = Document::parse(text).map_err(|error| source.refused(error.span()))?;
    let kind = source.table(document.as_table(), 1)?;
    Ok(Node { place: Place::Default, kind })
}

/// Where each line but the first begins.
fn starts(text: &str) -> Vec<usize> {
    text.match_indices('\n').map(|(end, _)| end + 1).collect()
}

struct Source<'a> {
    file: &'a str,
    lines: Vec<usize>,
    nodes: usize,
}

impl Source<'_> {
    /// The parser's own message could repeat a value, so it is not passed on.
    fn refused(&self, span: Option<std::ops::Range<usize>>) -> dancecard_core::Error {
        fault(format!("{}: this is not TOML, or a key is there twice", self.place(span)))
    }

    fn place(&self, span: Option<std::ops::Range<usize>>) -> Place {
        let start = span.map_or(0, |span| span.start);
        let line = 1 + self.lines.partition_point(|line| *line <= start);
        Place::File { file: self.file.to_owned(), line }
    }

    /// Counts what stands at a place, at so many levels.
    fn count(&mut self, place: &Place, level: usize) -> Result<()> {
        self.nodes += 1;
        match self.nodes > NODES || level > LEVELS {
            true => Err(fault(format!("{place}: there is more here than a configuration can hold"))),
            false => Ok(()),
        }
    }

    fn table(&mut self, table: &dyn TableLike, level: usize) -> Result<Kind> {
        let entries = table.iter().map(|(name, item)| {
            let place = self.place(table.key(name).and_then(Key::span).or_else(|| item.span()));
            Ok((name.to_owned(), self.item(place, item, level)?))
        });
        entries.collect::<Result<_>>().map(Kind::Table)
    }

    fn item(&mut self, place: Place, item: &Item, level: usize) -> Result<Node> {
        self.count(&place, level)?;
        let kind = match item {
            Item::Value(value) => self.value(value, level)?,
            Item::Table(table) => self.table(table, level + 1)?,
            Item::ArrayOfTables(tables) => {
                let tables = tables.iter().map(|table| {
                    let place = self.place(table.span());
                    self.count(&place, level + 1)?;
                    Ok(Node { place, kind: self.table(table, level + 2)? })
                });
                Kind::List(tables.collect::<Result<_>>()?)
            }
            Item::None => Kind::Scalar(ValueKind::Nil),
        };
        Ok(Node { place, kind })
    }

    fn value(&mut self, value: &Value, level: usize) -> Result<Kind> {
        Ok(Kind::Scalar(match value {
            Value::String(text) => ValueKind::String(text.value().clone()),
            Value::Integer(number) => ValueKind::I64(*number.value()),
            Value::Float(number) => ValueKind::Float(*number.value()),
            Value::Boolean(on) => ValueKind::Boolean(*on.value()),
            Value::Datetime(moment) => ValueKind::String(moment.value().to_string()),
            Value::Array(items) => {
                return items
                    .iter()
                    .map(|item| self.element(item, level + 1))
                    .collect::<Result<_>>()
                    .map(Kind::List);
            }
            Value::InlineTable(table) => return self.table(table, level + 1),
        }))
    }

    fn element(&mut self, value: &Value, level: usize) -> Result<Node> {
        let place = self.place(value.span());
        self.count(&place, level)?;
        Ok(Node { place, kind: self.value(value, level)? })
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
