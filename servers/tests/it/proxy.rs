//! The proxy, before a server that echoes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use dancecard_servers::{Mode, Proxy, Way};
use libtest_mimic::{Failed, Trial};

use crate::ensure;

/// Longer than anything takes that is to succeed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long silence has to last to count as such. A wrong proxy would answer within microseconds.
const SILENCE: Duration = Duration::from_millis(60);

type Case = fn(&Proxy) -> Result<(), Failed>;

pub(crate) fn trials() -> Vec<Trial> {
    let cases: [(&str, Case); 13] = [
        ("passes_and_counts", passes_and_counts),
        ("pipelined_requests_are_one_round_trip", pipelined_requests_are_one_round_trip),
        ("half_of_a_connection_may_end", half_of_a_connection_may_end),
        ("is_down_and_comes_back", is_down_and_comes_back),
        ("is_down_while_others_start_programs", is_down_while_others_start_programs),
        ("refuses_new_connections_only", refuses_new_connections_only),
        ("black_hole_keeps_and_gives_back", black_hole_keeps_and_gives_back),
        ("delays_each_way", delays_each_way),
        ("slow_takes_its_time", slow_takes_its_time),
        ("cuts_replies_at_the_byte", cuts_replies_at_the_byte),
        ("cuts_requests_once", cuts_requests_once),
        ("resets_what_is_open", resets_what_is_open),
        ("a_dead_server_is_a_closed_connection", a_dead_server_is_a_closed_connection),
    ];
    cases.into_iter().map(|(name, case)| Trial::test(format!("proxy::{name}"), move || run(case))).collect()
}

fn run(case: Case) -> Result<(), Failed> {
    case(&Proxy::start(echo()?)?)
}

/// A server that says what it hears.
fn echo() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || io::copy(&mut &client, &mut &client));
        }
    });
    Ok(address)
}

fn connect(proxy: &Proxy) -> io::Result<TcpStream> {
    let client = TcpStream::connect(proxy.address())?;
    client.set_read_timeout(Some(PATIENCE))?;
    Ok(client)
}

fn say(client: &mut TcpStream, text: &str) -> io::Result<String> {
    client.write_all(text.as_bytes())?;
    hear(client, text.len())
}

fn hear(client: &mut TcpStream, length: usize) -> io::Result<String> {
    let mut heard = vec![0; length];
    client.read_exact(&mut heard)?;
    String::from_utf8(heard).map_err(io::Error::other)
}

/// What still comes before the end, and whether that is a reset.
fn rest(client: &mut TcpStream) -> (String, bool) {
    let mut heard = Vec::new();
    let end = client.read_to_end(&mut heard);
    let reset = end.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset);
    (String::from_utf8_lossy(&heard).into_owned(), reset)
}

fn is_silent(client: &mut TcpStream) -> io::Result<bool> {
    client.set_read_timeout(Some(SILENCE))?;
    let silent = client.read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
    client.set_read_timeout(Some(PATIENCE))?;
    Ok(silent)
}

fn passes_and_counts(proxy: &Proxy) -> Result<(), Failed> {
    let (mut one, mut two) = (connect(proxy)?, connect(proxy)?);
    for text in ["a", "bc", "def"] {
        ensure(say(&mut one, text)? == text, "another text")?;
    }
    say(&mut two, "x")?;
    let counts = proxy.counts();
    ensure((counts.connections, counts.round_trips) == (2, 4), format!("{counts:?}"))?;
    ensure((counts.to_server, counts.to_client) == (7, 7), format!("{counts:?}"))?;
    proxy.forget();
    say(&mut two, "y")?;
    let counts = proxy.counts();
    ensure((counts.connections, counts.round_trips, counts.to_server) == (0, 1, 1), format!("{counts:?}"))
}

fn pipelined_requests_are_one_round_trip(proxy: &Proxy) -> Result<(), Failed> {
    let server = TcpListener::bind("127.0.0.1:0")?;
    proxy.retarget(server.local_addr()?);
    let mut client = connect(proxy)?;
    (0..5).try_for_each(|_| client.write_all(b"ab"))?;
    // It hears everything before it answers.
    let mut peer = server.accept()?.0;
    hear(&mut peer, 10)?;
    peer.write_all(b"x")?;
    hear(&mut client, 1)?;
    ensure(proxy.round_trips() == 1, format!("{}", proxy.round_trips()))
}

fn half_of_a_connection_may_end(proxy: &Proxy) -> Result<(), Failed> {
    let mut client = connect(proxy)?;
    client.write_all(b"last words")?;
    client.shutdown(std::net::Shutdown::Write)?;
    ensure(rest(&mut client) == ("last words".to_owned(), false), "the answer to the last words is lost")
}

fn is_down_and_comes_back(proxy: &Proxy) -> Result<(), Failed> {
    let mut open = connect(proxy)?;
    say(&mut open, "before")?;
    proxy.set(Mode::Down);
    ensure(is_refused(proxy), "somebody listens")?;
    ensure(say(&mut open, "still")? == "still", "an open connection ended")?;
    proxy.set(Mode::Pass);
    ensure(say(&mut connect(proxy)?, "again")? == "again", "it did not come back")
}

fn is_refused(proxy: &Proxy) -> bool {
    TcpStream::connect(proxy.address()).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// A copy of the listener, as a process has it that is just being started, does not keep the port open.
fn is_down_while_others_start_programs(proxy: &Proxy) -> Result<(), Failed> {
    let (started, ended) = (Instant::now(), std::sync::atomic::AtomicBool::new(false));
    let order = std::sync::atomic::Ordering::Relaxed;
    thread::scope(|scope| {
        let starter = scope.spawn(|| {
            while !ended.load(order) && started.elapsed() < PATIENCE {
                std::process::Command::new("true").status()?;
            }
            io::Result::Ok(())
        });
        let refused = (0..200).all(|_| {
            proxy.set(Mode::Down);
            let refused = is_refused(proxy);
            proxy.set(Mode::Pass);
            refused
        });
        ended.store(true, order);
        starter.join().map_err(|_| "the other thread panicked")??;
        ensure(refused, "somebody listens")
    })
}

fn refuses_new_connections_only(proxy: &Proxy) -> Result<(), Failed> {
    let mut open = connect(proxy)?;
    say(&mut open, "before")?;
    proxy.set(Mode::Refuse);
    ensure(rest(&mut connect(proxy)?).0.is_empty(), "it was let in")?;
    ensure(say(&mut open, "still")? == "still", "an open connection ended")?;
    ensure(proxy.counts().connections == 1, "a refused connection was counted")
}

fn black_hole_keeps_and_gives_back(proxy: &Proxy) -> Result<(), Failed> {
    let mut open = connect(proxy)?;
    say(&mut open, "before")?;
    proxy.set(Mode::BlackHole);
    let mut new = connect(proxy)?;
    for client in [&mut open, &mut new] {
        client.write_all(b"held")?;
        ensure(is_silent(client)?, "it came through")?;
    }
    proxy.set(Mode::Pass);
    ensure(hear(&mut open, 4)? == "held" && hear(&mut new, 4)? == "held", "it was lost")
}

fn delays_each_way(proxy: &Proxy) -> Result<(), Failed> {
    let mut client = connect(proxy)?;
    say(&mut client, "connected")?;
    let delay = Duration::from_millis(40);
    proxy.set(Mode::Delay(delay));
    let began = Instant::now();
    say(&mut client, "x")?;
    ensure(began.elapsed() >= 2 * delay, format!("{:?}", began.elapsed()))?;
    // A delay that nobody waits for any more ends with its mode.
    proxy.set(Mode::Delay(Duration::from_secs(3600)));
    client.write_all(b"y")?;
    ensure(is_silent(&mut client)?, "it came through")?;
    proxy.set(Mode::Pass);
    ensure(hear(&mut client, 1)? == "y", "it was lost")
}

fn slow_takes_its_time(proxy: &Proxy) -> Result<(), Failed> {
    let mut client = connect(proxy)?;
    let tick = Duration::from_millis(10);
    proxy.set(Mode::Slow { bytes: 10, tick });
    let (began, text) = (Instant::now(), "0123456789".repeat(6));
    ensure(say(&mut client, &text)? == text, "another text")?;
    // Six pieces have five pauses between them.
    ensure(began.elapsed() >= 5 * tick, format!("{:?}", began.elapsed()))
}

fn cuts_replies_at_the_byte(proxy: &Proxy) -> Result<(), Failed> {
    let mut client = connect(proxy)?;
    say(&mut client, "before")?;
    proxy.set(Mode::Cut { way: Way::Replies, after: 8, once: false });
    ensure(say(&mut client, "01234")? == "01234", "cut too early")?;
    client.write_all(b"56789")?;
    ensure(rest(&mut client).0 == "567", "cut at another byte")?;
    let mut next = connect(proxy)?;
    next.write_all(b"abcdefghij")?;
    ensure(rest(&mut next).0 == "abcdefgh", "the next connection is not cut alike")?;
    ensure(proxy.counts().to_server == 26, "a request did not arrive")
}

fn cuts_requests_once(proxy: &Proxy) -> Result<(), Failed> {
    proxy.set(Mode::Cut { way: Way::Requests, after: 0, once: true });
    let mut client = connect(proxy)?;
    client.write_all(b"never heard")?;
    ensure(rest(&mut client).0.is_empty(), "it was heard")?;
    ensure(proxy.mode() == Mode::Pass, "it was to cut once")?;
    ensure(proxy.counts().to_client == 0, "the server heard of it")?;
    ensure(say(&mut connect(proxy)?, "again")? == "again", "it cut twice")
}

fn resets_what_is_open(proxy: &Proxy) -> Result<(), Failed> {
    let (mut idle, mut held) = (connect(proxy)?, connect(proxy)?);
    say(&mut idle, "x")?;
    say(&mut held, "x")?;
    proxy.set(Mode::BlackHole);
    held.write_all(b"held")?;
    ensure(proxy.open() == 2, "two are open")?;
    proxy.reset();
    ensure(proxy.open() == 0, "none is open")?;
    ensure(rest(&mut idle).1 && rest(&mut held).1, "no reset arrived")?;
    proxy.set(Mode::Pass);
    ensure(say(&mut connect(proxy)?, "again")? == "again", "it did not go on")
}

fn a_dead_server_is_a_closed_connection(proxy: &Proxy) -> Result<(), Failed> {
    let gone = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    proxy.retarget(gone);
    ensure(rest(&mut connect(proxy)?).0.is_empty(), "something answered")?;
    proxy.retarget(echo()?);
    ensure(say(&mut connect(proxy)?, "here")? == "here", "it did not find the new server")
}
