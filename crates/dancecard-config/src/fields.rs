//! The keys that a type knows, also those that it never writes out.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// The names of a structure's fields. `None` for what is no structure, and takes any key or none.
pub(crate) fn of<'de, C: Deserialize<'de>>() -> Option<&'static [&'static str]> {
    let mut found = None;
    // Always an error: nothing is really read.
    let _ = C::deserialize(Probe(&mut found));
    found
}

struct Probe<'a>(&'a mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Asked;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        *self.0 = Some(fields);
        Err(Asked)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The type has said what it is.
#[derive(Debug)]
struct Asked;

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("asked")
    }
}

impl std::error::Error for Asked {}

impl Error for Asked {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    #![allow(dead_code)]

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        prefix: String,
        #[serde(rename = "pass")]
        password: Option<String>,
    }

    #[test]
    fn fields_are_known_by_their_names_outside() {
        assert_eq!(of::<Sample>(), Some(&["prefix", "pass"][..]));
        assert_eq!(of::<std::collections::BTreeMap<String, String>>(), None);
        assert_eq!(of::<()>(), None);
    }
}
