//! Runs tasks on one thread, one store call at a time, in an order that a seed decides.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::history::History;
use super::paced::Inside;
use crate::Random;

pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// More polls than any schedule of a few short scripts needs.
const MAX_POLLS: usize = 20_000;

/// How long an engine may take for one call.
const PATIENCE: Duration = Duration::from_secs(30);

/// Set when its task can go on.
struct Flag {
    woken: AtomicBool,
    thread: Thread,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

struct Slot {
    task: Option<Task>,
    flag: Arc<Flag>,
}

impl Slot {
    fn new(task: Task) -> Self {
        let flag = Flag { woken: AtomicBool::new(true), thread: std::thread::current() };
        Self { task: Some(task), flag: Arc::new(flag) }
    }

    fn can_run(&self) -> bool {
        self.task.is_some() && self.flag.woken.load(Ordering::SeqCst)
    }

    /// Runs the task to its next pause.
    fn run(&mut self, inside: &Inside) -> Result<(), &'static str> {
        let waker = Waker::from(self.flag.clone());
        let mut context = Context::from_waker(&waker);
        while let Some(task) = &mut self.task {
            self.flag.woken.store(false, Ordering::SeqCst);
            if task.as_mut().poll(&mut context) == Poll::Ready(()) {
                self.task = None;
            }
            if self.task.is_none() || !inside.is_set() {
                break;
            }
            self.wait()?;
        }
        Ok(())
    }

    /// The engine itself has something to wait for; nobody else runs meanwhile.
    fn wait(&self) -> Result<(), &'static str> {
        let begun = Instant::now();
        while !self.flag.woken.load(Ordering::SeqCst) {
            if begun.elapsed() > PATIENCE {
                return Err("a call of the engine does not return");
            }
            std::thread::park_timeout(PATIENCE);
        }
        Ok(())
    }
}

/// Runs all tasks to their ends, and says in how many turns. They are numbered from `first` on.
pub(super) fn run(
    first: usize,
    tasks: Vec<Task>,
    random: &mut Random,
    history: &History,
    inside: &Inside,
) -> Result<usize, &'static str> {
    let mut slots: Vec<Slot> = tasks.into_iter().map(Slot::new).collect();
    for turn in 0..MAX_POLLS {
        let ready: Vec<usize> = (0..slots.len()).filter(|slot| slots[*slot].can_run()).collect();
        let Some(&chosen) = random.pick(&ready) else {
            let stuck = slots.iter().any(|slot| slot.task.is_some());
            return if stuck { Err("no task can go on: they wait for each other") } else { Ok(turn) };
        };
        history.switch_to(first + chosen);
        slots[chosen].run(inside)?;
    }
    Err("no progress: too many turns")
}

/// A task that is dropped, at whichever pause it is, when it has had so many turns. Not while it waits for the engine
/// itself: nobody could tell what the engine does with the call, so it could not be told whether that was right.
pub(super) fn give_up_after(turns: usize, inside: Inside, task: Task) -> Task {
    let (mut task, mut left) = (Some(task), turns);
    Box::pin(std::future::poll_fn(move |context| {
        if !inside.is_set() {
            left = left.saturating_sub(1);
        }
        let polled = task.as_mut().map_or(Poll::Ready(()), |task| task.as_mut().poll(context));
        if left == 0 && !inside.is_set() {
            task = None;
            return Poll::Ready(());
        }
        polled
    }))
}

/// The output of a future that has nothing to wait for.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Runs one task alone.
pub(super) fn run_alone<T>(future: impl Future<Output = T>) -> Result<T, &'static str> {
    let mut future = std::pin::pin!(future);
    let flag = Arc::new(Flag { woken: AtomicBool::new(true), thread: std::thread::current() });
    let waker = Waker::from(flag.clone());
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Ok(output);
        }
        while !flag.woken.swap(false, Ordering::SeqCst) && begun.elapsed() < PATIENCE {
            std::thread::park_timeout(PATIENCE);
        }
    }
    Err("a call of the engine does not return")
}
