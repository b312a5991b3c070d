//! The language of Redis, as far as starting servers takes it.

use std::io::{self, BufRead, BufReader, Read, Write};

use crate::ping;

const LARGEST: u64 = 1 << 20;

/// Runs one command over a connection, after the password if there is one, and returns its answer as text.
///
/// # Errors
/// When the connection fails, or the answer is an error.
pub(crate) fn call(stream: impl Read + Write, password: Option<&str>, words: &[&str]) -> io::Result<String> {
    let mut reader = BufReader::new(stream);
    if let Some(password) = password {
        reader.get_mut().write_all(&command(&["AUTH", password]))?;
        answer(&mut reader)?;
    }
    reader.get_mut().write_all(&command(words))?;
    answer(&mut reader)
}

fn command(words: &[&str]) -> Vec<u8> {
    let parts = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    std::iter::once(format!("*{}\r\n", words.len())).chain(parts).collect::<String>().into_bytes()
}

/// Items of a list come in lines.
fn answer(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| ping::unexpected(line.as_bytes()))?;
    match kind {
        "+" | ":" => Ok(rest.to_owned()),
        "$" => bulk(reader, rest),
        "*" => (0..rest.parse().unwrap_or(0))
            .map(|_| answer(reader))
            .collect::<io::Result<Vec<_>>>()
            .map(|items| items.join("\n")),
        _ => Err(ping::unexpected(line.as_bytes())),
    }
}

/// A length of -1 says that there is nothing.
fn bulk(reader: &mut impl BufRead, length: &str) -> io::Result<String> {
    let Ok(length) = length.parse::<u64>() else { return Ok(String::new()) };
    let mut text = String::new();
    reader.take(length.min(LARGEST)).read_to_string(&mut text)?;
    reader.read_line(&mut String::new())?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<String> {
        answer(&mut text.as_bytes())
    }

    #[test]
    fn a_command_counts_its_words_and_their_bytes() {
        assert_eq!(command(&["AUTH", "€"]), "*2\r\n$4\r\nAUTH\r\n$3\r\n€\r\n".as_bytes());
    }

    #[test]
    fn answers_are_text_and_errors_are_errors() {
        assert_eq!(read("+PONG\r\n").unwrap(), "PONG");
        assert_eq!(read(":7\r\n").unwrap(), "7");
        assert_eq!(read("$4\r\na\r\nb\r\n").unwrap(), "a\r\nb");
        assert_eq!(read("$-1\r\n").unwrap(), "");
        assert_eq!(read("*2\r\n$1\r\na\r\n:2\r\n").unwrap(), "a\n2");
        assert!(read("-LOADING\r\n").unwrap_err().to_string().contains("LOADING"));
        assert!(read("").is_err());
    }
}
