//! What our work costs beside the same work done by other means.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of this process, user and system, for operations of ours and for the same ones done by hand, in turn, so that
/// whatever else the machine does falls on both.
///
/// A bench of an engine has a part of it run by [`in_turn`](Self::in_turn) for each line that it prints: the medians of the
/// rounds, and that of the ratios of neighbours. A line with an aim says whether it is kept, and [`verdict`](Self::verdict)
/// fails when one is not. Without `--bench`, as under `cargo test --benches`, there is one round, and no aim counts.
///
/// ```
/// use dancecard_testkit::Beside;
///
/// let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
/// let mut beside = Beside::new(4, 9);
/// let work = |_task| async {
///     for number in 0..1000_u64 {
///         std::hint::black_box(number);
///     }
/// };
/// runtime.block_on(beside.in_turn("read", Some(Beside::READ), 1000, work, work));
/// # let _ =
/// beside.verdict();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Beside {
    tasks: usize,
    rounds: usize,
    is_bench: bool,
    missed: Vec<String>,
}

impl Beside {
    /// How many times the raw read a read may take.
    pub const READ: f64 = 1.15;
    /// How many times the raw conditional write a write may take.
    pub const WRITE: f64 = 1.25;

    /// So many tasks at once, in so many rounds of each side. It prints the head of the table.
    pub fn new(tasks: usize, rounds: usize) -> Self {
        let is_bench = Self::is_bench();
        println!("{:<44} {:>9} {:>9} {:>7}", "CPU µs of this process per", "engine", "by hand", "ratio");
        Self { tasks, rounds: if is_bench { rounds } else { 1 }, is_bench, missed: Vec::new() }
    }

    /// Whether this is a bench, and not the check that it still runs.
    pub fn is_bench() -> bool {
        std::env::args().any(|argument| argument == "--bench")
    }

    /// Lets go on with another number of tasks at once.
    pub fn set_tasks(&mut self, tasks: usize) {
        self.tasks = tasks;
    }

    /// Has both sides do `each` operations for each task, again and again, and prints what one costs. The closures are given the
    /// number of the task.
    ///
    /// # Panics
    /// When a task does.
    pub async fn in_turn<A, B>(
        &mut self,
        name: &str,
        aim: Option<f64>,
        each: usize,
        ours: impl Fn(usize) -> A,
        by_hand: impl Fn(usize) -> B,
    ) where
        A: Future<Output = ()> + Send + 'static,
        B: Future<Output = ()> + Send + 'static,
    {
        let mut rounds = Vec::with_capacity(self.rounds);
        for _ in 0..self.rounds {
            let own = self.cost(each, &ours).await;
            rounds.push(Round { own, by_hand: self.cost(each, &by_hand).await });
        }
        self.report(name, aim, &rounds);
    }

    /// Whether each aim is kept, as the end of the bench.
    pub fn verdict(self) -> ExitCode {
        self.missed.iter().for_each(|line| println!("\n{line}"));
        ExitCode::from(u8::from(!self.missed.is_empty()))
    }

    fn report(&mut self, name: &str, aim: Option<f64>, rounds: &[Round]) {
        let (own, by_hand) = (median(rounds, |round| round.own), median(rounds, |round| round.by_hand));
        let ratio = median(rounds, |round| round.own / round.by_hand);
        let aimed = aim.map(|aim| format!("  (at most {aim})")).unwrap_or_default();
        println!("{name:<44} {own:>9.2} {by_hand:>9.2} {ratio:>7.2}{aimed}");
        if let Some(aim) = aim.filter(|aim| self.is_bench && !within(ratio, *aim)) {
            self.missed.push(format!("{name}: {ratio:.2} times, where at most {aim} are due"));
        }
    }

    /// Microseconds of processor time per operation.
    async fn cost<F: Future<Output = ()> + Send + 'static>(
        &self,
        each: usize,
        work: &impl Fn(usize) -> F,
    ) -> f64 {
        let begun = processor_time();
        let tasks: Vec<_> = (0..self.tasks).map(|task| tokio::spawn(work(task))).collect();
        for task in tasks {
            if let Err(failed) = task.await {
                std::panic::resume_unwind(failed.into_panic());
            }
        }
        (processor_time() - begun).as_secs_f64() * 1e6 / (self.tasks * each) as f64
    }
}

/// Microseconds per operation, of neighbours in time.
struct Round {
    own: f64,
    by_hand: f64,
}

/// To the two digits that are shown.
fn within(ratio: f64, aim: f64) -> bool {
    (ratio * 100.0).round() <= (aim * 100.0).round()
}

fn median(rounds: &[Round], of: impl Fn(&Round) -> f64) -> f64 {
    let mut all: Vec<f64> = rounds.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(own: f64, aim: Option<f64>, is_bench: bool) -> Beside {
        let mut beside = Beside { tasks: 1, rounds: 1, is_bench, missed: Vec::new() };
        let rounds = [1.0, own, 9.0].map(|own| Round { own: own * 2.0, by_hand: 2.0 });
        beside.report("read", aim, &rounds);
        beside
    }

    #[test]
    fn an_aim_is_kept_by_the_middle_round_or_named() {
        assert!(judged(1.154, Some(1.15), true).missed.is_empty());
        assert_eq!(judged(1.16, Some(1.15), true).missed, ["read: 1.16 times, where at most 1.15 are due"]);
        assert_eq!(judged(f64::NAN, Some(1.15), true).missed.len(), 1);
        assert!(judged(5.0, None, true).missed.is_empty());
    }

    #[test]
    fn a_check_that_it_runs_misses_nothing() {
        assert!(judged(5.0, Some(1.15), false).missed.is_empty());
    }

    #[test]
    fn each_side_works_in_all_tasks_and_rounds() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering};
        let (one, two) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counts = |count: &Arc<AtomicUsize>| {
            let count = Arc::clone(count);
            move |task: usize| {
                let count = Arc::clone(&count);
                async move {
                    count.fetch_add(task + 1, Ordering::Relaxed);
                }
            }
        };
        let mut beside = Beside { tasks: 3, rounds: 5, is_bench: false, missed: Vec::new() };
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        runtime.block_on(beside.in_turn("both", None, 1, counts(&one), counts(&two)));
        assert_eq!([one.load(Ordering::Relaxed), two.load(Ordering::Relaxed)], [30, 30]);
    }
}
