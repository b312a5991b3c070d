//! From the values of a section to an engine's own type. Errors have the key and never the value.

use std::fmt;

use config::{Value, ValueKind};
use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};

use crate::entry::{scalar, split, switch};
use crate::fault::quoted;
use crate::node::join;

/// What is wrong, and with which key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) key: String,
    pub(crate) message: String,
    /// Whether the words are those of a type that may repeat the value.
    is_foreign: bool,
    /// Nothing is wrong with what is there.
    pub(crate) is_missing: bool,
}

impl Wrong {
    fn new(message: impl Into<String>) -> Self {
        Self { key: String::new(), message: message.into(), is_foreign: false, is_missing: false }
    }

    /// The same in the table whose entry it was found in. A message that repeats the value does so no longer.
    fn within(mut self, name: &str, value: &Value) -> Self {
        if let Some(text) = scalar(value).filter(|text| self.is_foreign && !text.is_empty()) {
            self.message = self.message.replace(&text, "…");
        }
        self.is_missing = false;
        self.key = if self.key.is_empty() { name.to_owned() } else { join(name, &self.key) };
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Wrong {}

impl Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { is_foreign: true, ..Self::new(message.to_string()) }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(must_be(expected))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(must_be(expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { key: field.to_owned(), is_missing: true, ..Self::new("must be set") }
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("must be one of {}", quoted(expected)))
    }
}

fn must_be(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    let is_integer =
        expected.strip_prefix(['u', 'i']).is_some_and(|size| size == "size" || size.parse::<u8>().is_ok());
    match is_integer {
        true if expected.starts_with('u') => {
            "must be a whole number that is not negative, and not too large".to_owned()
        }
        true => "must be a whole number that is not too large".to_owned(),
        false => format!("must be {expected}"),
    }
}

/// The entries of a table.
pub(crate) struct Table {
    rest: std::vec::IntoIter<(String, Value)>,
    next: Option<(String, Value)>,
}

impl Table {
    pub(crate) fn new(entries: impl IntoIterator<Item = (String, Value)>) -> Self {
        let mut entries: Vec<_> =
            entries.into_iter().filter(|(_, value)| value.kind != ValueKind::Nil).collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Self { rest: entries.into_iter(), next: None }
    }

    pub(crate) fn into_deserializer(self) -> MapAccessDeserializer<Self> {
        MapAccessDeserializer::new(self)
    }
}

impl<'de> MapAccess<'de> for Table {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        self.next = self.rest.next();
        let Some((name, _)) = &self.next else { return Ok(None) };
        let name: StringDeserializer<Wrong> = name.clone().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let (name, value) = self.next.take().ok_or_else(|| Wrong::new("has no value"))?;
        seed.deserialize(One(&value)).map_err(|wrong| wrong.within(&name, &value))
    }
}

/// One value.
pub(crate) struct One<'a>(pub(crate) &'a Value);

impl One<'_> {
    fn text(&self, expected: &str) -> Result<String, Wrong> {
        scalar(self.0).ok_or_else(|| Wrong::new(format!("must be {expected}")))
    }

    /// A whole number, as the widest type that has it.
    fn whole<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Wrong> {
        let text = self.text("a whole number")?;
        match (text.trim().parse::<u64>(), text.trim().parse::<i64>()) {
            (Ok(number), _) => visitor.visit_u64(number),
            (_, Ok(number)) => visitor.visit_i64(number),
            _ => Err(Wrong::invalid_type(Unexpected::Other("text"), &visitor)),
        }
    }

    fn real<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Wrong> {
        let number = self.text("a number")?.trim().parse();
        visitor.visit_f64(number.map_err(|_| Wrong::new("must be a number"))?)
    }
}

macro_rules! all_as {
    ($way:ident: $($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            self.$way(visitor)
        })+
    };
}

impl<'de> Deserializer<'de> for One<'_> {
    type Error = Wrong;

    all_as!(whole: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_i8 deserialize_i16
        deserialize_i32 deserialize_i64);
    all_as!(real: deserialize_f32 deserialize_f64);
    all_as!(deserialize_string: deserialize_str deserialize_char deserialize_identifier);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.kind {
            ValueKind::Nil => visitor.visit_unit(),
            ValueKind::Boolean(on) => visitor.visit_bool(*on),
            ValueKind::I64(_) | ValueKind::U64(_) | ValueKind::I128(_) | ValueKind::U128(_) => {
                self.whole(visitor)
            }
            ValueKind::Float(number) => visitor.visit_f64(*number),
            ValueKind::String(text) => visitor.visit_str(text),
            ValueKind::Table(_) => self.deserialize_map(visitor),
            ValueKind::Array(_) => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let on = scalar(self.0).and_then(|text| switch(&text));
        visitor.visit_bool(on.ok_or_else(|| Wrong::new("must be `true` or `false`"))?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_string(self.text("one value, not a list or a table")?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    /// A list, or a text with commas: a variable has no other way to give one.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let items = match &self.0.kind {
            ValueKind::Array(items) => items.clone(),
            _ => split(&self.text("a list")?)
                .into_iter()
                .map(|part| Value::new(None, ValueKind::String(part)))
                .collect(),
        };
        visitor.visit_seq(Items(items.into_iter()))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.kind {
            ValueKind::Table(table) => visitor.visit_map(Table::new(table.clone())),
            _ => Err(Wrong::new("must be a table of keys")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        if let ValueKind::Table(table) = &self.0.kind {
            return Table::new(table.clone()).into_deserializer().deserialize_enum(name, variants, visitor);
        }
        let word: StringDeserializer<Wrong> = self.text("a word")?.into_deserializer();
        visitor.visit_enum(word)
    }

    serde::forward_to_deserialize_any! { i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct ignored_any }
}

struct Items(std::vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        self.0.next().map(|value| seed.deserialize(One(&value))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Default)]
    #[serde(default)]
    struct Sample {
        port: u16,
        nodes: Vec<String>,
        level: Level,
        tls: Option<bool>,
        ca: Option<PathBuf>,
        ratio: f32,
        options: BTreeMap<String, String>,
        password: Option<String>,
    }

    #[derive(Debug, Deserialize, PartialEq, Default)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        #[default]
        Full,
        Normal,
    }

    fn read(entries: &[(&str, ValueKind)]) -> Result<Sample, Wrong> {
        let value = |kind: &ValueKind| Value::new(None, kind.clone());
        let table = Table::new(entries.iter().map(|(name, kind)| ((*name).to_owned(), value(kind))));
        Sample::deserialize(table.into_deserializer())
    }

    fn text(text: &str) -> ValueKind {
        ValueKind::String(text.into())
    }

    #[test]
    fn texts_are_enough_for_everything() {
        let sample = read(&[
            ("port", text("80")),
            ("nodes", text("a, b")),
            ("level", text("normal")),
            ("tls", text("on")),
            ("ca", text("/x")),
            ("ratio", text("0.5")),
            ("password", ValueKind::I64(123)),
        ]);
        let expected = Sample {
            port: 80,
            nodes: vec!["a".into(), "b".into()],
            level: Level::Normal,
            tls: Some(true),
            ca: Some("/x".into()),
            ratio: 0.5,
            password: Some("123".into()),
            ..Sample::default()
        };
        assert_eq!(sample, Ok(expected));
    }

    #[test]
    fn faults_have_the_key_and_no_value() {
        let table = ValueKind::Table(
            [("a".to_owned(), Value::new(None, ValueKind::Array(vec![])))].into_iter().collect(),
        );
        let cases = [
            (
                "port",
                text("secret"),
                "port",
                "must be a whole number that is not negative, and not too large",
            ),
            (
                "port",
                ValueKind::I64(70_000),
                "port",
                "must be a whole number that is not negative, and not too large",
            ),
            (
                "port",
                ValueKind::I64(-1),
                "port",
                "must be a whole number that is not negative, and not too large",
            ),
            ("level", text("secret"), "level", "must be one of `full`, `normal`"),
            ("tls", text("secret"), "tls", "must be `true` or `false`"),
            ("tls", text("t"), "tls", "must be `true` or `false`"),
            ("ratio", text("secret"), "ratio", "must be a number"),
            ("nodes", table.clone(), "nodes", "must be a list"),
            ("options", text("secret"), "options", "must be a table of keys"),
            ("options", table, "options.a", "must be one value, not a list or a table"),
            ("password", ValueKind::Array(vec![]), "password", "must be one value, not a list or a table"),
        ];
        for (name, value, key, message) in cases {
            let wrong = read(&[(name, value)]).unwrap_err();
            assert_eq!((wrong.key.as_str(), wrong.message.as_str()), (key, message));
        }
    }
}
