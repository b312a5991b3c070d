//! Values as MessagePack, each in its shortest form.

use rmp::encode::{self, ValueWriteError};

use super::JSON_TEXT;
use crate::node::Node;

/// Writes a value. Recurses as deep as the value is, which is bounded.
pub(super) fn node(node: &Node<'_>, out: &mut Vec<u8>) {
    match node {
        Node::Null => written(encode::write_nil(out).map_err(ValueWriteError::InvalidMarkerWrite)),
        Node::Bool(value) => {
            written(encode::write_bool(out, *value).map_err(ValueWriteError::InvalidMarkerWrite));
        }
        Node::Signed(value) => written(encode::write_sint(out, *value)),
        Node::Unsigned(value) => written(encode::write_uint(out, *value)),
        Node::Float(value) => float(*value, out),
        Node::Text(value) => text(value, out),
        Node::Json(value) => {
            written(encode::write_ext_meta(out, length(value.len()), JSON_TEXT));
            out.extend_from_slice(value.as_bytes());
        }
        Node::List(items) => {
            written(encode::write_array_len(out, length(items.len())));
            items.iter().for_each(|item| self::node(item, out));
        }
        Node::Map(members) => {
            map(members.len(), out);
            members.iter().for_each(|(key, value)| {
                text(key, out);
                self::node(value, out);
            });
        }
    }
}

/// Writes the head of a map.
pub(super) fn map(members: usize, out: &mut Vec<u8>) {
    written(encode::write_map_len(out, length(members)));
}

/// Writes a text.
pub(super) fn text(value: &str, out: &mut Vec<u8>) {
    written(encode::write_str_len(out, length(value.len())));
    out.extend_from_slice(value.as_bytes());
}

/// In four bytes where they hold the same number.
fn float(value: f64, out: &mut Vec<u8>) {
    #[allow(clippy::cast_possible_truncation)]
    let short = value as f32;
    match f64::from(short).to_bits() == value.to_bits() {
        true => written(encode::write_f32(out, short)),
        false => written(encode::write_f64(out, value)),
    }
}

/// Data that came through a request's changes is shorter than four gigabytes.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Writing into memory has no way to fail.
fn written<T>(_: Result<T, ValueWriteError<std::io::Error>>) {}
