//! The language of MongoDB, as far as starting servers takes it: one document out, one back.

use std::io::{self, Read};

const MESSAGE: i32 = 2013;
const LARGEST: u32 = 1 << 20;
const BOOLEAN: u8 = 0x08;
const FLOAT: u8 = 0x01;

/// A document of BSON.
pub(crate) struct Document(Vec<u8>);

impl Document {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn number(self, name: &str, value: i32) -> Self {
        self.element(0x10, name, &value.to_le_bytes())
    }

    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        let length = (value.len() as i32 + 1).to_le_bytes();
        self.element(0x02, name, &[&length, value.as_bytes(), &[0]].concat())
    }

    pub(crate) fn switch(self, name: &str, value: bool) -> Self {
        self.element(BOOLEAN, name, &[u8::from(value)])
    }

    pub(crate) fn array(self, name: &str, items: Self) -> Self {
        self.element(0x04, name, &items.bytes())
    }

    pub(crate) fn document(self, name: &str, inner: Self) -> Self {
        self.element(0x03, name, &inner.bytes())
    }

    fn element(mut self, kind: u8, name: &str, value: &[u8]) -> Self {
        self.0.push(kind);
        self.0.extend(name.as_bytes());
        self.0.push(0);
        self.0.extend(value);
        self
    }

    fn bytes(self) -> Vec<u8> {
        let length = (self.0.len() as i32 + 5).to_le_bytes();
        [&length[..], &self.0, &[0]].concat()
    }
}

/// The bytes that ask for a command.
pub(crate) fn message(command: Document, database: &str) -> Vec<u8> {
    let body = command.text("$db", database).bytes();
    let header = [body.len() as i32 + 21, 1, 0, MESSAGE, 0].map(i32::to_le_bytes).concat();
    [&header[..], &[0], &body].concat()
}

/// The next answer, without its length.
///
/// # Errors
/// When the connection fails.
pub(crate) fn answer(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = Vec::new();
    let rest = u32::from_le_bytes(length).saturating_sub(4).min(LARGEST);
    stream.take(rest.into()).read_to_end(&mut answer)?;
    Ok(answer)
}

/// Whether the server did what it was asked.
pub(crate) fn is_ok(answer: &[u8]) -> bool {
    holds(answer, &Document::new().element(FLOAT, "ok", &1f64.to_le_bytes()).0)
}

/// Whether an answer holds an element of that name that is true.
pub(crate) fn is_true(answer: &[u8], name: &str) -> bool {
    holds(answer, &Document::new().element(BOOLEAN, name, &[1]).0)
}

/// Whether bytes occur in an answer.
pub(crate) fn holds(answer: &[u8], element: &[u8]) -> bool {
    answer.windows(element.len()).any(|window| window == element)
}
