//! The errors of this engine.

use dancecard_core::{Error, ErrorKind, Retry};

pub(crate) const ENGINE: &str = "cookie";

pub(crate) fn new(kind: ErrorKind, operation: &'static str) -> Error {
    Error::new(kind, operation).with_engine(ENGINE)
}

pub(crate) fn too_large(bytes: usize, limit: usize) -> Error {
    new(ErrorKind::TooLarge, "write").with_detail(format!(
        "sealed, the session is {bytes} bytes, and the cookie has room for {limit}; store less, allow it more parts, or use an \
         engine on the server"
    ))
}

pub(crate) fn sent() -> Error {
    new(ErrorKind::Sealed, "write").with_detail("the response is on its way, and with it the client's data")
}

pub(crate) fn renewed() -> Error {
    new(ErrorKind::Unavailable, "write").with_retry(Retry::Safe).with_detail(
        "the session's id is being renewed by another request; the client may send this one again",
    )
}

pub(crate) fn nowhere() -> Error {
    new(ErrorKind::Unsupported, "write")
        .with_detail("sessions of this engine lie with the client: open them through an HTTP adapter")
}

/// The registry's error as this engine's, which names the registry.
pub(crate) fn in_registry(cause: Error) -> Error {
    let told = Error::new(cause.kind(), cause.operation()).with_engine(ENGINE).with_retry(cause.retry());
    told.with_detail(format!("the registry said: {cause}")).with_source(cause)
}
