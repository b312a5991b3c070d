//! Random operations, compared step by step with a model so small that one sees it is right.

mod ops;
mod reference;
mod shrink;

use super::case::area;
use super::env::Env;
use crate::failure::{Failure, Outcome};
use ops::Op;
use reference::Reference;

area! {
    random_operations_agree_with_the_model(One) = ROUND_TRIP;
}

/// Runs [`Settings::sequences`](super::Settings) sequences. The first that disagrees is shrunk and shown.
async fn random_operations_agree_with_the_model(env: &Env) -> Outcome {
    let abilities = ops::Abilities::of(env);
    for number in 0..env.settings().sequences {
        let mut random = env.generator();
        let ops = (0..env.settings().operations).map(|_| Op::random(&mut random, &abilities));
        let sequence = Sequence { name: format!("sequence {number}"), ops: ops.collect() };
        if let Err(failure) = sequence.run(env).await {
            return Err(shrink::explained(env, sequence, failure).await);
        }
    }
    Ok(())
}

/// Operations, and the name from which their keys follow.
#[derive(Clone)]
struct Sequence {
    name: String,
    ops: Vec<Op>,
}

impl Sequence {
    /// Runs them on an engine of their own.
    async fn run(&self, env: &Env) -> Outcome {
        let env = env.another(&self.name).await?;
        let mut reference = Reference::new(&env);
        for (number, op) in self.ops.iter().enumerate() {
            let place = |failure: Failure| failure.at(format!("operation {}: {op}", number + 1));
            reference.step(op).await.map_err(place)?;
        }
        reference.finish().await.map_err(|failure| failure.at("after the last operation, reading everything"))
    }
}
