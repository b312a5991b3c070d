//! Opens the shop, and closes it when the terminal or the system asks for that.

use std::process::ExitCode;

use anyhow::{Context, Error, Result};
use dancecard::Store as _;
use shop::{Arguments, Config, Server, Shop, USAGE};

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    match Arguments::parse(std::env::args_os().skip(1))? {
        Arguments::Open(sessions) => open(Config { sessions, ..Config::from_env()? }).await,
        Arguments::Help => {
            println!("{USAGE}");
            Ok(())
        }
    }
}

/// For the one who started the shop: what is wrong, and what that comes from.
fn tell(error: &Error) {
    eprintln!("shop: {error}");
    error.chain().skip(1).for_each(|cause| eprintln!("  because: {cause}"));
}

async fn open(config: Config) -> Result<()> {
    let shop = Shop::open(&config)?;
    shop.limits().sentences().for_each(|sentence| tracing::warn!("{sentence}"));
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
