//! Finding out from the sentinels which server is the master.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::timeout;

use crate::address::Address;
use crate::dial::Dialer;
use crate::error::Trouble;
use crate::wire::{Command, Reply};

/// Sentinels, and what they are asked for.
#[derive(Debug)]
pub(crate) struct Sentinels {
    addresses: Vec<Address>,
    service: String,
    /// The one that answered last.
    first: AtomicUsize,
}

impl Sentinels {
    pub(crate) fn new(addresses: Vec<Address>, service: String) -> Self {
        Self { addresses, service, first: AtomicUsize::new(0) }
    }

    /// Where the master is, by the first sentinel that answers.
    ///
    /// # Errors
    /// When none answers, or none of those that do knows the service.
    pub(crate) async fn master(&self, dialer: &Dialer) -> Result<Address, Trouble> {
        let first = self.first.load(Ordering::Relaxed);
        // All of them together have as long as one attempt to connect.
        let share =
            dialer.config.connect_timeout() / 2 / u32::try_from(self.addresses.len()).unwrap_or(1).max(1);
        let mut trouble = None;
        for step in 0..self.addresses.len() {
            let number = (first + step) % self.addresses.len();
            let Some(sentinel) = self.addresses.get(number) else { continue };
            match timeout(share, self.ask(sentinel, dialer)).await {
                Ok(Ok(master)) => {
                    self.first.store(number, Ordering::Relaxed);
                    return Ok(master);
                }
                // What one of them says about the settings is worth more than that another is down.
                Ok(Err(met)) if met.is_lasting() || trouble.is_none() => trouble = Some(met),
                _ => {}
            }
        }
        Err(trouble.unwrap_or_else(|| Trouble::unavailable("no sentinel answers")))
    }

    async fn ask(&self, sentinel: &Address, dialer: &Dialer) -> Result<Address, Trouble> {
        let connection = dialer.sentinel(sentinel).await?;
        let question = Command::new("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.service);
        match connection.call(&question).await? {
            Reply::Refused(refusal) => Err(refusal.trouble()),
            reply => self.read(&reply, sentinel),
        }
    }

    fn read(&self, reply: &Reply, asked: &Address) -> Result<Address, Trouble> {
        let unknown = || {
            Trouble::config(
                "the sentinels know no service of the name in `service`; correct it, or watch one",
            )
        };
        let [host, port] = reply.as_many().ok_or_else(unknown)? else { return Err(unknown()) };
        let port = port.as_number().and_then(|port| u16::try_from(port).ok());
        let address = host.as_text().zip(port).and_then(|(host, port)| Address::of_node(host, port, asked));
        address.ok_or_else(|| Trouble::unavailable("a sentinel's answer is not readable"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dancecard_core::ErrorKind;

    #[test]
    fn answers_are_read() {
        let sentinels = Sentinels::new(Vec::new(), "shop".into());
        let asked = Address::Tcp("s".into(), 26379);
        let text = |text: &str| Reply::Bytes(text.into());
        let answer = Reply::Many(vec![text("10.0.0.1"), text("6379")]);
        assert_eq!(sentinels.read(&answer, &asked).unwrap(), Address::Tcp("10.0.0.1".into(), 6379));
        assert_eq!(sentinels.read(&Reply::Nil, &asked).unwrap_err().kind, ErrorKind::Config);
        let odd = Reply::Many(vec![text("10.0.0.1"), text("x")]);
        assert_eq!(sentinels.read(&odd, &asked).unwrap_err().kind, ErrorKind::Unavailable);
    }
}
