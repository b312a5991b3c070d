//! Opens the shop, and closes it when the terminal or the system asks for that.

use anyhow::{Context, Result};
use dancecard::Store as _;
use shop::{Config, Server, Shop};

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let config = Config::from_env()?;
    let shop = Shop::open(&config)?;
    // Engines open at their first use. Whoever starts the shop is told at once if that fails.
    shop.sessions().store().health().await.context("sessions can't be stored")?;
    let server = Server::bind(config.port).await?;
    let asked = asked_to_close()?;
    println!("The shop is open: http://{}", server.address()?);
    server.run(shop, asked).await
}

/// Listens from now on, and is done when Ctrl-C was pressed or SIGTERM came.
#[cfg(unix)]
fn asked_to_close() -> Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

/// Is done when Ctrl-C was pressed.
#[cfg(not(unix))]
fn asked_to_close() -> Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
