//! The batches of an epoch, in order, from threads that may finish out of order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::work::Plan;
use crate::{Batch, DataError};

/// A batch or an error, with its number.
type Numbered = (usize, Result<Batch, DataError>);

/// Iterator over the batches of an epoch; ends after the first error.
///
/// At most `prefetch` batches are asked for and not yet handed out, so at most that many are in memory. Dropping the iterator
/// waits for the samples that are being decoded and leaves no thread behind.
pub struct Batches {
    total: usize,
    /// Number of the batch to hand out next.
    next: usize,
    /// Number of the batch to ask for next.
    asked: usize,
    /// Batches that arrived early.
    early: BTreeMap<usize, Result<Batch, DataError>>,
    /// Numbers of batches to load; closing it ends the threads.
    tasks: Option<Sender<usize>>,
    results: Receiver<Numbered>,
    threads: Vec<JoinHandle<()>>,
}

impl Batches {
    /// Starts the threads.
    pub(super) fn start(plan: Plan, threads: usize, prefetch: usize) -> Self {
        let total = plan.batches.len();
        let plan = Arc::new(plan);
        // Both hold whatever is asked for, so neither side ever waits to send.
        let (task_sender, task_receiver) = bounded::<usize>(prefetch);
        let (result_sender, results) = bounded::<Numbered>(prefetch);
        let threads = (0..threads.min(prefetch).min(total))
            .map(|_| {
                let (plan, tasks, results) =
                    (plan.clone(), task_receiver.clone(), result_sender.clone());
                std::thread::spawn(move || {
                    for number in tasks {
                        if results.send((number, plan.load(number))).is_err() {
                            break;
                        }
                    }
                })
            })
            .collect();
        let mut batches = Self {
            total,
            next: 0,
            asked: 0,
            early: BTreeMap::new(),
            tasks: Some(task_sender),
            results,
            threads,
        };
        (0..prefetch).for_each(|_| batches.ask());
        batches
    }

    /// Asks for one batch more, if there is one.
    fn ask(&mut self) {
        if self.asked < self.total
            && let Some(tasks) = &self.tasks
            && tasks.send(self.asked).is_ok()
        {
            self.asked += 1;
        }
    }

    /// Ends the threads and waits for them.
    fn stop(&mut self) {
        self.tasks = None;
        // Tasks still queued would be loaded for nothing; the channel is drained by the threads' failing sends.
        self.results = bounded(0).1;
        for thread in self.threads.drain(..) {
            // A panic was already reported as an error by the thread.
            let _ = thread.join();
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.total {
            return None;
        }
        let result = loop {
            if let Some(result) = self.early.remove(&self.next) {
                break result;
            }
            match self.results.recv() {
                Ok((number, result)) => {
                    self.early.insert(number, result);
                }
                Err(_) => {
                    break Err(DataError::Worker {
                        detail: "all loading threads ended early".into(),
                    });
                }
            }
        };
        self.next += 1;
        if result.is_err() {
            self.next = self.total;
            self.early.clear();
            self.stop();
        } else {
            self.ask();
        }
        Some(result)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends the iteration early, so only the upper bound is certain.
        (
            usize::from(self.next < self.total),
            Some(self.total - self.next),
        )
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.stop();
    }
}
