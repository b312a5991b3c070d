//! Opens the shop, and closes it when the terminal or the system asks for that.

use anyhow::Result;
use shop::{Config, Server, Shop};
use tokio::signal;

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().init();
    let config = Config::from_env()?;
    let shop = Shop::open(&config)?;
    let server = Server::bind(config.port).await?;
    println!("The shop is open: http://{}", server.address()?);
    server.run(shop, asked_to_close()).await
}

/// Ctrl-C everywhere, and SIGTERM where there are such signals.
async fn asked_to_close() {
    tokio::select! {
        _ = signal::ctrl_c() => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    match signal::unix::signal(signal::unix::SignalKind::terminate()) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
