//! Connections that the application lends.

use std::fmt;

use dancecard_core::ErrorKind;
use mysql_async::{Conn, DriverError, Pool};

use crate::config::Config;
use crate::connect;
use crate::connections::Seat;
use crate::error::{Failure, Fate};
use crate::link::Link;
use crate::readiness::Readiness;

pub(crate) struct Lent {
    pool: Pool,
    table: Readiness,
    config: Config,
}

impl Lent {
    pub(crate) fn new(config: &Config, pool: Pool) -> Self {
        Self { pool, table: Readiness::default(), config: config.clone() }
    }

    /// A connection, set up anew each time: nobody knows what the application did with it.
    pub(crate) async fn seat(&self) -> Result<Seat<'static>, Failure> {
        let conn = self.pool.get_conn().await.map_err(|error| refused(&error))?;
        demand(&conn)?;
        let mut link = Link::new(conn);
        connect::demand(link.server_version())?;
        let settings = connect::settings(&self.config);
        link.set_up(settings).await.map_err(|error| Failure::connecting(&error))?;
        self.table.ensure(&mut link, &self.config).await?;
        Ok(Seat::lent(link))
    }

    pub(crate) fn forget_table(&self) {
        self.table.forget();
    }
}

fn refused(error: &mysql_async::Error) -> Failure {
    match error {
        mysql_async::Error::Driver(DriverError::PoolDisconnected) => {
            Failure::new(ErrorKind::Unavailable, Fate::Unsent, "the application has closed its pool")
        }
        _ => Failure::connecting(error),
    }
}

/// What can't be changed once there is a connection, and what keeps the engine's settings from the application.
fn demand(conn: &Conn) -> Result<(), Failure> {
    if !conn.opts().client_found_rows() {
        return Err(Failure::config("the application's pool must have client_found_rows on"));
    }
    if !conn.opts().pool_opts().reset_connection() {
        return Err(Failure::config("the application's pool must have reset_connection on"));
    }
    Ok(())
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}
