//! The body of a response of the site.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

/// A body that is made when it is asked for. A future of all of it, and a stream of one piece, whichever suits the
/// framework.
pub struct Body(Option<Pin<Box<dyn Future<Output = Vec<u8>> + Send>>>);

impl Body {
    /// A body that is there already.
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::later(std::future::ready(text.into()))
    }

    /// A body that is made after the head was sent.
    pub fn later(body: impl Future<Output = Vec<u8>> + Send + 'static) -> Self {
        Self(Some(Box::pin(body)))
    }

    fn poll_whole(&mut self, context: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let whole = std::task::ready!(body.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(Some(whole))
    }
}

/// An empty one.
impl Default for Body {
    fn default() -> Self {
        Self::text("")
    }
}

impl Future for Body {
    type Output = Vec<u8>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<u8>> {
        self.poll_whole(context).map(Option::unwrap_or_default)
    }
}

impl Stream for Body {
    type Item = Result<Vec<u8>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_whole(context).map(|whole| whole.map(Ok))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body(..)")
    }
}
