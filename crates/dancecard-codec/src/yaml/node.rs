//! Values as the YAML library takes and gives them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::json;
use crate::node::Node;

/// The single key of a mapping that stands for the JSON text under it.
const JSON_KEY: &str = "$json";

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => output.serialize_unit(),
            Self::Bool(value) => output.serialize_bool(*value),
            Self::Signed(value) => output.serialize_i64(*value),
            Self::Unsigned(value) => output.serialize_u64(*value),
            Self::Float(value) => output.serialize_f64(*value),
            Self::Text(value) => output.serialize_str(value),
            Self::List(items) => output.collect_seq(items),
            Self::Map(members) if looks_like_json(members) => as_json(&self.to_json(), output),
            Self::Map(members) => {
                let mut map = output.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
            Self::Json(text) => as_json(text, output),
        }
    }
}

fn looks_like_json(members: &[(Cow<'_, str>, Node<'_>)]) -> bool {
    matches!(members, [(key, _)] if key == JSON_KEY)
}

fn as_json<S: Serializer>(text: &str, output: S) -> Result<S::Ok, S::Error> {
    let mut map = output.serialize_map(Some(1))?;
    map.serialize_entry(JSON_KEY, text)?;
    map.end()
}

impl Node<'_> {
    fn to_json(&self) -> String {
        let mut text = Vec::new();
        json::write(self, &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Node<'static> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ReadNode)
    }
}

struct ReadNode;

impl<'de> Visitor<'de> for ReadNode {
    type Value = Node<'static>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what JSON can say")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        Node::deserialize(input)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Node::Signed(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Node::Unsigned(value))
    }

    /// JSON has no name for what is not finite; silently it would become null.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        if value.is_finite() { Ok(Node::Float(value)) } else { Err(E::custom("not a number of JSON")) }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Node::Text(value.to_owned().into()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Self::Value, E> {
        Ok(Node::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = input.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut input: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = input.next_entry::<String, Node<'static>>()? {
            members.push((Cow::Owned(key), value));
        }
        match members.as_slice() {
            [(key, Node::Text(text))] if key == JSON_KEY => match json::is_value(text) {
                true => Ok(Node::Json(text.clone())),
                false => Err(A::Error::custom("not JSON")),
            },
            _ => Ok(Node::Map(members)),
        }
    }
}
