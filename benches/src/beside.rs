//! This library and a peer in turn, and whether it is as far ahead as it is said to be.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::load::Row;

const ROUNDS: usize = 3;

/// How far ahead this library has to be, in the middle of the rounds.
#[derive(Debug)]
pub struct Aims {
    /// How many times as many writes a second; none where a server sets the pace.
    pub writes: Option<f64>,
    /// How many times less processor time, of reads and of writes.
    pub cpu: f64,
}

/// Runs both in turn, prints what comes, and fails when an aim is missed or a request of ours failed. A peer that was not
/// built is left out, and then nothing is compared.
pub fn in_turn(aims: &Aims, ours: impl Fn() -> Vec<Row>, peer: &mut Command) -> ExitCode {
    println!("| library | route | requests/s | CPU µs per request | failed |\n|---|---|---:|---:|---:|");
    let is_there = Path::new(peer.get_program()).exists();
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        own.extend(shown(ours()));
        if is_there {
            others.extend(shown(rows_of(peer)));
        }
    }
    if !is_there {
        println!("\nthe peer is not built: nothing to compare with");
    }
    let missed = missed(aims, &own, &others);
    missed.iter().for_each(|line| println!("\n{line}"));
    ExitCode::from(u8::from(!missed.is_empty()))
}

fn shown(rows: Vec<Row>) -> Vec<Row> {
    rows.iter().for_each(|row| println!("{row}"));
    rows
}

fn rows_of(program: &mut Command) -> Vec<Row> {
    let output = program.output().expect("the peer runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().filter_map(parse).collect()
}

/// Reads what [`Row`] prints.
fn parse(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let [_, name, path, rate, cpu, failed, _] = cells[..] else { return None };
    Some(Row {
        name: name.into(),
        path: path.into(),
        rate: rate.parse().ok()?,
        cpu: cpu.parse().ok()?,
        failed: failed.parse().ok()?,
    })
}

/// What falls short, a line each.
pub fn missed(aims: &Aims, ours: &[Row], peer: &[Row]) -> Vec<String> {
    let failed: u64 = ours.iter().map(|row| row.failed).sum();
    let mut missed: Vec<String> =
        (failed > 0).then(|| format!("{failed} requests of ours failed")).into_iter().collect();
    if peer.is_empty() {
        return missed;
    }
    let mut hold = |what: &str, times: f64, aim: f64| {
        println!("\n{what}: {times:.1} times, the aim is {aim}");
        if times.is_nan() || times < aim {
            missed.push(format!("{what}: {times:.1} times, where {aim} are due"));
        }
    };
    for path in ["/read", "/count"] {
        let cpu = |rows| middle(rows, path, |row| row.cpu);
        hold(&format!("{path}, less processor time"), cpu(peer) / cpu(ours), aims.cpu);
    }
    if let Some(aim) = aims.writes {
        let rate = |rows| middle(rows, "/count", |row| row.rate);
        hold("/count, requests per second", rate(ours) / rate(peer), aim);
    }
    missed
}

fn middle(rows: &[Row], path: &str, of: impl Fn(&Row) -> f64) -> f64 {
    let mut found: Vec<f64> = rows.iter().filter(|row| row.path == path).map(of).collect();
    found.sort_by(f64::total_cmp);
    found.get(found.len() / 2).copied().unwrap_or(f64::NAN)
}
