//! From hundreds of operations that disagree to the few that matter.

use super::super::env::Env;
use super::Sequence;
use crate::failure::Failure;

/// More attempts than this are not worth the wait.
const ATTEMPTS: usize = 2000;

/// The failure of the shortest sequence found that still fails, with its operations.
pub(super) async fn explained(env: &Env, sequence: Sequence, failure: Failure) -> Failure {
    let whole = sequence.ops.len();
    let (sequence, failure) = shrunk(env, sequence, failure).await;
    let line = |(number, op)| format!("{:>8}. {op}", number + 1);
    let lines: Vec<String> = sequence.ops.iter().enumerate().map(line).collect();
    let seed = env.settings().seed;
    let title = format!("seed {seed}, {}, {} of {whole} operations", sequence.name, lines.len());
    failure.at(format!("{title}:\n{}", lines.join("\n")))
}

/// Leaves out stretches, long ones first, as long as what remains still fails.
async fn shrunk(env: &Env, mut sequence: Sequence, mut failure: Failure) -> (Sequence, Failure) {
    let mut attempts = 0;
    let mut stretch = sequence.ops.len().div_ceil(2);
    while stretch > 0 && attempts < ATTEMPTS {
        let before = sequence.ops.len();
        let mut start = 0;
        while start < sequence.ops.len() && attempts < ATTEMPTS {
            attempts += 1;
            let shorter = without(&sequence, start, stretch);
            match shorter.run(env).await {
                Err(other) => (sequence, failure) = (shorter, other),
                Ok(()) => start += stretch,
            }
        }
        if stretch > 1 || sequence.ops.len() == before {
            stretch /= 2;
        }
    }
    (sequence, failure)
}

fn without(sequence: &Sequence, start: usize, stretch: usize) -> Sequence {
    let (before, after) = (sequence.ops.iter().take(start), sequence.ops.iter().skip(start + stretch));
    Sequence { name: sequence.name.clone(), ops: before.chain(after).cloned().collect() }
}
