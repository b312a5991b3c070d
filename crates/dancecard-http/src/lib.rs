//! Sessions over HTTP, for any framework: an adapter is [`SessionHttp::begin`] and [`Exchange::finish`].
//!
//! ```text
//!   Cookie: ...  ──► SessionHttp::begin ──► Exchange ──► handler uses exchange.session()
//!   Set-Cookie, Vary, Cache-Control ◄── Exchange::finish ◄── status and headers of the response
//! ```
//!
//! What goes over the wire is specified in `docs/spec/cookies.md`. Rules that adapters need not think about:
//!
//! 1. A response whose request did not use the session is left as it is.
//! 2. One that did gets `Vary: Cookie`, and `Cache-Control: no-store` unless the application decided otherwise.
//! 3. `Set-Cookie` is sent only when the id or the lifetime changes; then `no-store` is not up to the application.
//! 4. Removing a cookie repeats every attribute of setting it.
//! 5. A response with a status of 500 or above stores nothing, but a session that was to be destroyed is destroyed.
//!
//! ```
//! use dancecard_core::{MemoryStore, SessionManager};
//! use dancecard_http::SessionHttp;
//! use http::HeaderMap;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
//! let http = SessionHttp::new(SessionManager::new(MemoryStore::new()));
//!
//! let exchange = http.begin(&HeaderMap::new());
//! exchange.session().sign_in("ada")?;
//! let mut response = HeaderMap::new();
//! exchange.finish(200, &mut response).await?;
//!
//! let cookie = response["set-cookie"].to_str().expect("plain text");
//! assert!(cookie.starts_with("__Host-session="));
//! assert!(cookie.ends_with("; Path=/; HttpOnly; Secure; SameSite=Lax"));
//! # Ok(()) }
//! ```

mod carried;
mod cookie;
mod exchange;
mod failure;
mod fields;
mod transport;

pub use cookie::{CookieConfig, CookieLifetime, SameSite, Security};
pub use exchange::{Exchange, SessionHttp};
pub use failure::status_of;
pub use fields::{Field, RequestHeaders, ResponseHeaders};
pub use transport::{HeaderConfig, Transport};
