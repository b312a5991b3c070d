//! Running other programs: without input, from the root of the repository, with their output in sight.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, PipeReader, Write, pipe, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long a stream may stay silent and open after its program has ended.
const LINGERING: Duration = Duration::from_secs(2);

/// The root of the repository, which is where this package's folder lies.
pub(crate) fn root() -> Result<PathBuf> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").context("run this through `cargo xtask`")?;
    Path::new(&here)
        .parent()
        .map(Path::to_path_buf)
        .context("the package lies at the root of the file system")
}

/// A program to be run in `root` with no input.
pub(crate) fn program(root: &Path, name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root).stdin(Stdio::null());
    command
}

/// The cargo that started us.
///
/// What it said about this package is taken out of the environment: build scripts that ask for such variables would
/// otherwise see a change, and everything above them would be built again.
pub(crate) fn cargo(root: &Path, words: &[&str]) -> Command {
    let mut command = program(root, std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| describes_this_package(name)) {
        command.env_remove(name);
    }
    command.args(words);
    command
}

fn describes_this_package(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn announce(command: &Command) {
    println!("$ {}", shown(command));
}

fn checked(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { bail!("`{}` ended with {status}", shown(command)) }
}

/// Runs a command in plain sight.
///
/// # Errors
/// When it can't be started or does not end well.
pub(crate) fn run(mut command: Command) -> Result<()> {
    announce(&command);
    let status = command.status().with_context(|| format!("can't start `{}`", shown(&command)))?;
    checked(&command, status)
}

/// Runs a command in plain sight, and hands over each line of what it says on either stream, in order.
///
/// A program that it left running can't hold us up, though it may hold the streams open.
///
/// # Errors
/// When it can't be started or does not end well.
pub(crate) fn watch(command: Command, mut line: impl FnMut(&str)) -> Result<()> {
    announce(&command);
    let shown = shown(&command);
    let status = spawn(command, &mut |bytes| echo(bytes, &mut line))?;
    if status.success() { Ok(()) } else { bail!("`{shown}` ended with {status}") }
}

/// Runs a command out of sight, and returns how it ended and what it said on either stream, in order.
///
/// # Errors
/// When it can't be started.
pub(crate) fn gather(command: Command) -> Result<(ExitStatus, String)> {
    let mut said = Vec::new();
    let status = spawn(command, &mut |bytes| {
        said.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok((status, String::from_utf8_lossy(&said).into_owned()))
}

fn spawn(mut command: Command, line: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<ExitStatus> {
    let (reader, writer) = pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn().with_context(|| format!("can't start `{}`", shown(&command)))?;
    // The command still holds the writing ends, and the streams would seem open for ever.
    drop(command);
    follow(child, reader, line)
}

enum Event {
    Line(Vec<u8>),
    Ended(std::io::Result<ExitStatus>),
}

fn follow(
    mut child: Child,
    reader: PipeReader,
    line: &mut impl FnMut(&[u8]) -> Result<()>,
) -> Result<ExitStatus> {
    let (lines, events) = channel();
    let end = lines.clone();
    // Neither thread is joined: the first may wait for a stream that never ends.
    thread::spawn(move || send_lines(BufReader::new(reader), &lines));
    thread::spawn(move || end.send(Event::Ended(child.wait())));
    let mut status = None;
    loop {
        match next(&events, status.is_some()) {
            Ok(Event::Line(bytes)) => line(&bytes)?,
            Ok(Event::Ended(ended)) => status = Some(ended?),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                println!("warning: it left something running that holds its output");
                break;
            }
        }
    }
    status.context("nobody waited for it")
}

fn next(events: &Receiver<Event>, has_ended: bool) -> Result<Event, RecvTimeoutError> {
    if has_ended { events.recv_timeout(LINGERING) } else { Ok(events.recv()?) }
}

fn send_lines(mut reader: impl BufRead, lines: &Sender<Event>) {
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
        if lines.send(Event::Line(std::mem::take(&mut bytes))).is_err() {
            return;
        }
    }
}

fn echo(bytes: &[u8], line: &mut impl FnMut(&str)) -> Result<()> {
    let text = String::from_utf8_lossy(bytes);
    print!("{text}");
    stdout().flush()?;
    line(text.trim_end());
    Ok(())
}

/// What a command writes on its standard output. Its errors stay in sight.
///
/// # Errors
/// When it can't be started, does not end well, or writes something other than UTF-8.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("can't start `{}`", shown(&command)))?;
    checked(&command, output.status)?;
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether a command can be started and ends well. Nothing of it is shown.
pub(crate) fn succeeds(mut command: Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = program(Path::new("/"), "sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_are_watched_in_order() {
        let mut lines = Vec::new();
        watch(shell("echo one; echo two >&2; printf three"), |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["one", "two", "three"]);
    }

    #[test]
    fn what_is_gathered_comes_with_the_end() {
        let (status, said) = gather(shell("echo one; echo two >&2; exit 3")).unwrap();
        assert_eq!((status.code(), said.as_str()), (Some(3), "one\ntwo\n"));
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_the_watching() {
        let mut lines = 0;
        watch(shell(r"printf '\377\n\376\n'"), |_| lines += 1).unwrap();
        assert_eq!(lines, 2);
    }

    #[test]
    fn what_is_left_running_holds_nobody_up() {
        let mut lines = Vec::new();
        let began = std::time::Instant::now();
        watch(shell("sleep 60 & echo $!"), |line| lines.push(line.to_owned())).unwrap();
        assert!(began.elapsed() < Duration::from_secs(50));
        assert!(succeeds(shell(&format!("kill {}", lines[0]))), "{lines:?}");
    }

    #[test]
    fn a_bad_end_is_an_error() {
        assert!(run(shell("exit 3")).is_err());
        assert!(watch(shell("kill -9 $$"), |_| ()).is_err());
        assert!(output(shell("echo x; exit 1")).is_err());
        assert!(!succeeds(shell("exit 1")));
        assert!(!succeeds(program(Path::new("/"), "no-such-program-anywhere")));
    }

    #[test]
    fn nothing_waits_for_input() {
        assert_eq!(output(shell("cat; echo end")).unwrap(), "end\n");
    }

    #[test]
    fn cargo_forgets_this_package() {
        let removed: Vec<_> = cargo(Path::new("/"), &["--version"])
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_os_string())
            .collect();
        assert!(removed.iter().any(|name| name == "CARGO_PKG_NAME"), "{removed:?}");
        assert!(
            !removed.iter().any(|name| name == "CARGO_HOME" || name == "CARGO_TARGET_DIR"),
            "{removed:?}"
        );
    }
}
