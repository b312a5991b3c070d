//! JSON text to values, and back, without loss.
//!
//! The text comes from a serializer, so it is well-formed; what is not is refused all the same. Numbers are compared with
//! how they would be written again: one that would change its spelling is kept as text.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::node::{DEPTH, Node};

/// The value that a JSON text says. `None` when it is not JSON.
pub(crate) fn parse(text: &str) -> Option<Node<'_>> {
    let mut input = Input { text, at: 0 };
    let node = input.value(DEPTH)?;
    input.pass_space();
    (input.at == text.len()).then_some(node)
}

/// Writes a value as JSON text, with nothing between its parts.
#[cfg(any(feature = "yaml", test))]
pub(crate) fn write(node: &Node<'_>, out: &mut Vec<u8>) {
    match node {
        Node::Null => out.extend_from_slice(b"null"),
        Node::Bool(true) => out.extend_from_slice(b"true"),
        Node::Bool(false) => out.extend_from_slice(b"false"),
        Node::Signed(value) => write_scalar(value, out),
        Node::Unsigned(value) => write_scalar(value, out),
        Node::Float(value) => write_scalar(value, out),
        Node::Text(value) => write_scalar(value, out),
        Node::Json(text) => out.extend_from_slice(text.as_bytes()),
        Node::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                separate(index, out);
                write(item, out);
            }
            out.push(b']');
        }
        Node::Map(members) => {
            out.push(b'{');
            for (index, (key, value)) in members.iter().enumerate() {
                separate(index, out);
                write_scalar(key, out);
                out.push(b':');
                write(value, out);
            }
            out.push(b'}');
        }
    }
}

#[cfg(any(feature = "yaml", test))]
fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

/// Writes a number or a text as JSON.
pub(crate) fn write_scalar(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    // Writing into memory has no way to fail.
    serde_json::to_writer(out, value).unwrap_or_default();
}

/// Whether a text is one JSON value, however deep.
pub(crate) fn is_value(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok_and(|value| value.get().len() == text.len())
}

struct Input<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Input<'a> {
    fn value(&mut self, depth: usize) -> Option<Node<'a>> {
        self.pass_space();
        let begin = self.at;
        match self.peek()? {
            b'{' | b'[' if depth == 0 => self.raw_from(begin),
            b'{' => match self.map(depth - 1) {
                Some(map) => Some(map),
                // A key that is no Unicode text, half of a surrogate pair: the text itself is all there is.
                None => self.raw_from(begin),
            },
            b'[' => self.list(depth - 1),
            b'"' => {
                let quoted = self.quoted()?;
                let raw = || is_value(quoted).then_some(Node::Json(Cow::Borrowed(quoted)));
                unquoted(quoted).map(Node::Text).or_else(raw)
            }
            b't' => self.word("true", Node::Bool(true)),
            b'f' => self.word("false", Node::Bool(false)),
            b'n' => self.word("null", Node::Null),
            _ => self.number(),
        }
    }

    fn list(&mut self, depth: usize) -> Option<Node<'a>> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        if self.ends(b']') {
            return Some(Node::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.ends(b']') {
                return Some(Node::List(items));
            }
            self.expect(b',')?;
        }
    }

    fn map(&mut self, depth: usize) -> Option<Node<'a>> {
        self.expect(b'{')?;
        let mut members = Vec::new();
        if self.ends(b'}') {
            return Some(Node::Map(members));
        }
        loop {
            self.pass_space();
            let key = unquoted(self.quoted()?)?;
            self.pass_space();
            self.expect(b':')?;
            members.push((key, self.value(depth)?));
            if self.ends(b'}') {
                return Some(Node::Map(members));
            }
            self.expect(b',')?;
        }
    }

    fn number(&mut self) -> Option<Node<'a>> {
        let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
        let length = self.rest().iter().take_while(|byte| is_part(byte)).count();
        let text = self.take(length)?;
        number(text).or_else(|| is_value(text).then_some(Node::Json(Cow::Borrowed(text))))
    }

    fn word(&mut self, word: &str, node: Node<'a>) -> Option<Node<'a>> {
        (self.take(word.len())? == word).then_some(node)
    }

    /// A string with its quotes.
    fn quoted(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let mut escaped = false;
        for (index, byte) in rest.iter().enumerate() {
            match byte {
                _ if index == 0 => (*byte == b'"').then_some(())?,
                b'"' if !escaped => return self.take(index + 1),
                b'\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        None
    }

    /// The text of the list or map that begins there, however deep.
    fn raw_from(&mut self, begin: usize) -> Option<Node<'a>> {
        self.at = begin;
        let mut open = 0usize;
        loop {
            match self.peek()? {
                b'"' => drop(self.quoted()?),
                byte => {
                    self.at += 1;
                    open += usize::from(matches!(byte, b'{' | b'['));
                    open -= usize::from(matches!(byte, b'}' | b']'));
                }
            }
            if open == 0 {
                let text = self.text.get(begin..self.at)?;
                return is_value(text).then_some(Node::Json(Cow::Borrowed(text)));
            }
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn take(&mut self, length: usize) -> Option<&'a str> {
        let taken = self.text.get(self.at..self.at + length)?;
        self.at += length;
        Some(taken)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.pass_space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Whether this closes what is open; passes it then.
    fn ends(&mut self, byte: u8) -> bool {
        self.expect(byte).is_some()
    }

    fn pass_space(&mut self) {
        self.at += self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }
}

/// The text of a JSON string, unless it has none.
fn unquoted(quoted: &str) -> Option<Cow<'_, str>> {
    match quoted.strip_prefix('"')?.strip_suffix('"')? {
        plain if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        _ => serde_json::from_str(quoted).ok().map(Cow::Owned),
    }
}

/// The number that is written exactly so.
fn number<'a>(text: &str) -> Option<Node<'a>> {
    if let Ok(value) = text.parse::<i64>() {
        return (value.to_string() == text).then_some(Node::Signed(value));
    }
    if let Ok(value) = text.parse::<u64>() {
        return (value.to_string() == text).then_some(Node::Unsigned(value));
    }
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
    (serde_json::to_string(&value).ok()? == text).then_some(Node::Float(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> Option<String> {
        let mut out = Vec::new();
        write(&parse(text)?, &mut out);
        String::from_utf8(out).ok()
    }

    #[test]
    fn every_value_comes_back_as_it_was_written() {
        let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
        for text in [
            "null",
            "[true,false,[],{}]",
            r#"{"b":1,"a":-2,"a":3,"":{"":""}}"#,
            "[-9223372036854775808,18446744073709551615,18446744073709551616,-9223372036854775809]",
            "[-0.0,0.0,-0,1.0,1,1e+300,5e-324,1.7976931348623157e308,1e400,1.0e2,0.1,1E5]",
            r#"["\u0000\u001f\"\\ é 🎉","\ud800",{"\udc00":1}]"#,
            deep.as_str(),
        ] {
            assert_eq!(again(text).as_deref(), Some(text));
        }
        assert_eq!(again(" [ 1 , { \"a\" : \"\\u0041\" } ] ").as_deref(), Some(r#"[1,{"a":"A"}]"#));
    }

    #[test]
    fn what_is_not_json_is_nothing() {
        for text in [
            "",
            "[",
            "[1,]",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "tru",
            "nul",
            "\"",
            "01",
            "1 2",
            "+1",
            "-",
            "[1]]",
            "{1:2}",
            "\"\\u00'0\"",
            "{\"\\x\":1}",
        ] {
            assert!(again(text).is_none(), "{text}");
        }
    }
}
