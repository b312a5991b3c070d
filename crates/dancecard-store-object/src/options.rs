//! Which options a service has: the fields of OpenDAL's own type for them, which passes over others in silence.

use std::cell::Cell;

use dancecard_core::{Result, Setting};
use serde::de::{Deserialize, Deserializer, Error as _, Visitor, value};

use crate::config::NAMES;
use crate::error::ENGINE;

/// Sees that the service has these options.
///
/// # Errors
/// `Config`, with the nearest name that there is, for one that it lacks. Services that no feature of this crate brings
/// are not known well enough, and take what they are given.
pub(crate) fn check<'a>(scheme: &str, options: impl IntoIterator<Item = &'a String>) -> Result<()> {
    let known = known(scheme);
    let mut unknown = options.into_iter().filter(|name| !known.contains(&&*name.to_ascii_lowercase()));
    match unknown.next() {
        // Settings of the engine are put among the options when they are misspelt.
        Some(name) if !known.is_empty() => {
            Err(Setting::new(ENGINE, name, "").unknown(&[known, NAMES].concat()))
        }
        _ => Ok(()),
    }
}

fn known(scheme: &str) -> &'static [&'static str] {
    match scheme {
        #[cfg(feature = "azblob")]
        "azblob" => fields::<opendal::services::AzblobConfig>(),
        #[cfg(feature = "fs")]
        "fs" => fields::<opendal::services::FsConfig>(),
        #[cfg(feature = "gcs")]
        "gcs" => fields::<opendal::services::GcsConfig>(),
        #[cfg(feature = "s3")]
        "s3" => fields::<opendal::services::S3Config>(),
        "memory" => fields::<opendal::services::MemoryConfig>(),
        _ => &[],
    }
}

/// The names that a type can be read from, other names for the same thing included.
fn fields<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let seen = Cell::default();
    // It ends with an error once the names are known.
    let _ = T::deserialize(Names(&seen));
    seen.get()
}

/// Reads nothing, but notes what it is asked for.
struct Names<'a>(&'a Cell<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, value::Error> {
        Err(value::Error::custom("there is nothing to be read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, value::Error> {
        self.0.set(fields);
        Err(value::Error::custom("the names are known"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(scheme: &str, name: &str) -> String {
        check(scheme, [&name.to_owned()]).unwrap_err().to_string()
    }

    #[test]
    fn a_misspelt_option_is_refused_with_the_nearest_name() {
        assert!(refusal("memory", "rooot").contains("did you mean `root`"));
        #[cfg(feature = "s3")]
        assert!(refusal("s3", "endpont").contains("did you mean `endpoint`"));
        #[cfg(feature = "gcs")]
        assert!(refusal("gcs", "buckets").contains("did you mean `bucket`"));
        #[cfg(feature = "azblob")]
        assert!(refusal("azblob", "containr").contains("did you mean `container`"));
        #[cfg(feature = "fs")]
        assert!(refusal("fs", "roots").contains("did you mean `root`"));
    }

    #[test]
    fn a_misspelt_setting_of_the_engine_is_recognised_among_them() {
        assert!(refusal("memory", "timout_ms").contains("did you mean `timeout_ms`"));
    }

    #[test]
    fn names_that_the_service_has_pass_and_so_do_those_of_unknown_services() {
        assert!(check("memory", [&"root".to_owned(), &"ROOT".to_owned()]).is_ok());
        assert!(check("webdav", [&"anything".to_owned()]).is_ok());
        #[cfg(feature = "s3")]
        assert!(check("s3", [&"bucket".to_owned(), &"aws_bucket".to_owned()]).is_ok());
    }
}
