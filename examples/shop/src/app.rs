//! The shop as a whole: what its pages share, and which page answers what.

use std::fs::DirBuilder;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, map_response};
use axum::routing::{get, post};
use dancecard::http::SessionHttp;
use dancecard::sqlite::SqliteStore;
use dancecard::{SessionManager, Store};

use crate::closing::Closing;
use crate::config::Config;
use crate::gate::Gate;
use crate::limits::Limits;
use crate::pages::{about, assets, cart, devices, failure, front, live, password, sign_in, sign_up, slow};
use crate::users::Users;
use crate::{forgery, headers, sessions};

/// The largest form that is read, in bytes.
const LARGEST_FORM: usize = 16 * 1024;

/// What the pages share. A clone is another handle on the same shop.
#[derive(Debug, Clone)]
pub struct Shop {
    pub(crate) users: Users,
    pub(crate) gate: Gate,
    pub(crate) closing: Closing,
    pub(crate) live_every: Duration,
    pub(crate) limits: Limits,
    sessions: SessionHttp,
}

impl Shop {
    /// Opens the shop on two SQLite files, one of users and one of sessions, unless a file says where to keep these.
    ///
    /// # Errors
    /// When the files can't be made or opened, and for what a configuration has that can't be used.
    pub fn open(config: &Config) -> Result<Self> {
        match &config.sessions {
            Some(file) => Self::with(sessions::from_file(file)?, config),
            None => Self::over(SqliteStore::open(config.data_dir.join("sessions.db"))?, config),
        }
    }

    /// Opens the shop with its sessions in another engine.
    ///
    /// # Errors
    /// When the file of users can't be made or opened, or the cookie is one that browsers refuse.
    pub fn over(store: impl Store, config: &Config) -> Result<Self> {
        Self::with(sessions::own(store, config.security)?, config)
    }

    fn with(sessions: SessionHttp, config: &Config) -> Result<Self> {
        make_folder(&config.data_dir)?;
        Ok(Self {
            users: Users::open(&config.data_dir.join("users.db"))?,
            gate: Gate::default(),
            closing: Closing::default(),
            live_every: config.live_every,
            limits: Limits::of(sessions.manager()),
            sessions,
        })
    }

    /// All pages, inside the layers that every request goes through.
    pub fn router(&self) -> Router {
        // The last one is the outermost: a forged request never gets to the session.
        let router = pages()
            .layer(sessions::layer(self.sessions.clone()))
            .layer(DefaultBodyLimit::max(LARGEST_FORM))
            .layer(from_fn(forgery::refuse))
            .layer(map_response(headers::add));
        router.with_state(self.clone())
    }

    /// The sessions.
    pub fn sessions(&self) -> &SessionManager {
        self.sessions.manager()
    }

    /// What their engine can't do.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where slow requests wait.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }
}

fn pages() -> Router<Shop> {
    Router::new()
        .route("/", get(front::show))
        .route("/cart", get(cart::show))
        .route("/cart/add", post(cart::add))
        .route("/cart/remove", post(cart::remove))
        .route("/sign-up", get(sign_up::show).post(sign_up::sign_up))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/signed-out", get(sign_in::signed_out))
        .route("/devices", get(devices::show))
        .route("/devices/end", post(devices::end_one))
        .route("/devices/end-others", post(devices::end_others))
        .route("/password", get(password::show).post(password::change))
        .route("/slow", get(slow::show).post(slow::wait))
        .route("/slow/finish", post(slow::finish))
        .route("/live", get(live::show))
        .route("/live/events", get(live::events))
        .route("/about", get(about::show))
        .route("/assets/{name}", get(assets::send))
        .fallback(failure::not_found)
}

/// Makes the folder, for nobody else to look into: it will hold password hashes.
fn make_folder(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).with_context(|| format!("can't make the folder {}", path.display()))
}
