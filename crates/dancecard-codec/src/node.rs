//! Values between JSON and another form, member by member in their order.

use std::borrow::Cow;

/// How deep lists and maps are taken apart. What lies deeper is kept as JSON text.
pub(crate) const DEPTH: usize = 48;

/// A value. Members of one name are all kept: it is not for this type to choose.
#[derive(Debug, Clone)]
pub(crate) enum Node<'a> {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Map(Vec<(Cow<'a, str>, Node<'a>)>),
    /// What the other form has no word for, as JSON text: a number beyond 64 bits for example.
    Json(Cow<'a, str>),
}
