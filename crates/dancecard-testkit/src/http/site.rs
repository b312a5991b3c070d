//! The application that scripts talk to: one handler that does what the query of a request says.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use dancecard_core::Session;
use dancecard_http::SessionHttp;
use http::{Response, Uri};

use super::body::Body;
use super::gates::Gates;
use super::visit::Visit;

/// Which of two kinds of session an application has side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The one that there always is.
    Main,
    /// Another, with a cookie of its own.
    Second,
}

/// One layer to mount.
#[derive(Debug, Clone)]
pub struct Layer {
    http: SessionHttp,
    kind: Kind,
}

impl Layer {
    pub(super) fn new(http: SessionHttp, kind: Kind) -> Self {
        Self { http, kind }
    }

    /// Sessions over HTTP, set up as the script says.
    pub fn http(&self) -> &SessionHttp {
        &self.http
    }

    /// The kind of session.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

/// The sessions of one request, as the adapter hands them to a handler.
#[derive(Debug)]
pub struct Sessions {
    pub(super) main: Session,
    pub(super) second: Option<Session>,
}

impl Sessions {
    /// The main session alone.
    pub fn one(main: Session) -> Self {
        Self { main, second: None }
    }

    /// The main session, and the second kind where a layer for it is mounted.
    pub fn new(main: Session, second: Option<Session>) -> Self {
        Self { main, second }
    }
}

/// What an adapter mounts: its layers, and the handler within them. A clone is another handle on the same site.
#[derive(Clone)]
pub struct Site {
    layers: Arc<[Layer]>,
    gates: Gates,
}

impl Site {
    pub(super) fn new(layers: Vec<Layer>, gates: Gates) -> Self {
        Self { layers: layers.into(), gates }
    }

    /// The layers to mount, the outermost first. The same [`SessionHttp`] may be among them twice, and two may be of
    /// one kind: then the innermost counts.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Handles a request.
    pub fn respond(
        &self,
        target: &Uri,
        sessions: Sessions,
    ) -> impl Future<Output = Response<Body>> + Send + 'static + use<> {
        let query = target.query().unwrap_or_default().to_owned();
        Visit::new(self.gates.clone(), sessions).run(query)
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("layers", &self.layers).finish_non_exhaustive()
    }
}
