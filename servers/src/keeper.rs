//! The thread that starts the servers.
//!
//! The kernel ends a server with the *thread* that started it. A test's thread ends with the test, so one thread that
//! lives as long as the process starts them all. Nothing has to be dropped or caught: also `kill -9` of the process
//! leaves no server.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

struct Order {
    command: Command,
    reply: Sender<io::Result<Child>>,
}

/// Starts a command from the thread that stays.
///
/// # Errors
/// When the command can't be started.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    static ORDERS: OnceLock<Sender<Order>> = OnceLock::new();
    let (reply, answer) = channel();
    let sent = ORDERS.get_or_init(start).send(Order { command, reply });
    let gone = || io::Error::other("the thread that starts servers is gone");
    sent.map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

fn start() -> Sender<Order> {
    let (orders, received) = channel::<Order>();
    // Not joined: the sender is a static, so the thread ends with the process.
    thread::spawn(move || {
        for mut order in received {
            let child = order.command.spawn();
            // Nobody waits any more: then the child has no owner and must not stay.
            if let Err(unsent) = order.reply.send(child)
                && let Ok(mut child) = unsent.0
            {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    });
    orders
}
