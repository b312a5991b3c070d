//! The listening socket, and how serving ends.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use dancecard::axum::Sweeper;
use tokio::net::TcpListener;

use crate::app::Shop;

/// How long requests may take that are under way when the shop closes.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often expired sessions are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// A server that has its address, and does not serve yet.
#[derive(Debug)]
pub struct Server(TcpListener);

impl Server {
    /// Takes a port of the loopback interface; 0 for any that is free.
    ///
    /// # Errors
    /// When the port is taken, or not allowed.
    pub async fn bind(port: u16) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(address).await;
        listener.map(Self).with_context(|| format!("can't listen at {address}; PORT sets another port"))
    }

    /// The address, with the port that it really has.
    ///
    /// # Errors
    /// When the system can't say.
    pub fn address(&self) -> Result<SocketAddr> {
        self.0.local_addr().context("the socket has no address")
    }

    /// Serves until `stop` is done, and then lets the requests end that are under way.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn run(self, shop: Shop, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let _sweeper = Sweeper::start(shop.sessions().clone(), SWEEP_EVERY);
        // The address of the client is for the device list.
        let app = shop.router().into_make_service_with_connect_info::<SocketAddr>();
        let closing = shop.closing.clone();
        let stop = async move {
            stop.await;
            closing.begin();
        };
        let serving = axum::serve(self.0, app).with_graceful_shutdown(stop);
        tokio::select! {
            ended = serving => ended.context("the server failed"),
            () = out_of_patience(&shop) => Ok(()),
        }
    }
}

async fn out_of_patience(shop: &Shop) {
    shop.closing.begun().await;
    tokio::time::sleep(PATIENCE).await;
}
