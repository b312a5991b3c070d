//! Codecs by name, for configuration.

use std::sync::Arc;

use dancecard_core::{Codec, Error, ErrorKind, JsonCodec, Result};

/// A codec that was chosen at run time.
pub type SharedCodec = Arc<dyn Codec>;

/// The codec of a name: `json`, `messagepack` or `msgpack`, `yaml` or `yml`, in letters of either case.
///
/// ```
/// use dancecard_core::{Codec, CodecTag};
///
/// assert_eq!(dancecard_codec::by_name("YAML")?.tag(), CodecTag::YAML);
/// let error = dancecard_codec::by_name("storable").unwrap_err();
/// assert!(error.to_string().contains("json, messagepack, yaml"));
/// # Ok::<(), dancecard_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Config`] for another name, and for one whose codec is not in this build; the message names the feature
/// that brings it.
pub fn by_name(name: &str) -> Result<SharedCodec> {
    match name.to_ascii_lowercase().as_str() {
        "json" => Ok(Arc::new(JsonCodec)),
        "messagepack" | "msgpack" => message_pack(),
        "yaml" | "yml" => yaml(),
        _ => Err(refused("there is no serializer of that name; there are json, messagepack, yaml")),
    }
}

#[cfg(feature = "message-pack")]
fn message_pack() -> Result<SharedCodec> {
    Ok(Arc::new(crate::MessagePackCodec))
}

#[cfg(not(feature = "message-pack"))]
fn message_pack() -> Result<SharedCodec> {
    Err(refused("this build has no MessagePack: the feature `message-pack` of dancecard-codec brings it"))
}

#[cfg(feature = "yaml")]
fn yaml() -> Result<SharedCodec> {
    Ok(Arc::new(crate::YamlCodec))
}

#[cfg(not(feature = "yaml"))]
fn yaml() -> Result<SharedCodec> {
    Err(refused("this build has no YAML: the feature `yaml` of dancecard-codec brings it"))
}

fn refused(detail: &'static str) -> Error {
    Error::new(ErrorKind::Config, "choose serializer").with_detail(detail)
}
