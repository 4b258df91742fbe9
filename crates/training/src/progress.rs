//! Progress of a run: a bar on a terminal, a line now and then elsewhere, or whatever the caller plugs in.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::EpochPoint;

/// What a run is going to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Epochs.
    pub epochs: usize,
    /// Optimiser steps of the whole run.
    pub steps: usize,
    /// Steps already taken by the run that this one resumes.
    pub done: usize,
}

/// What happened in one optimiser step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Steps taken so far, this one included.
    pub step: usize,
    /// Mean loss of the step; absent if its batches had weight 0.
    pub loss: Option<f64>,
    /// Items of the step.
    pub items: usize,
}

/// Receives the progress of a run. All methods do nothing by default; `()` is silent.
pub trait Progress {
    /// The run starts.
    fn begin(&mut self, _plan: &Plan) {}
    /// A step was taken.
    fn step(&mut self, _report: &StepReport) {}
    /// An epoch ended.
    fn epoch(&mut self, _point: &EpochPoint) {}
    /// The run ended, with or without error.
    fn end(&mut self) {}
}

impl Progress for () {}

/// Time since any fixed moment. Passed in, because only programs read the clock; it is used for display alone.
pub type Clock = Box<dyn Fn() -> Duration>;

/// Interval between lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// A bar on standard error, or a line every ten seconds when standard error is not a terminal.
pub struct ConsoleProgress {
    label: String,
    clock: Clock,
    output: Output,
    plan: Option<Plan>,
    started: Duration,
    last_line: Duration,
    items: usize,
    loss: Option<f64>,
    score: Option<f64>,
}

enum Output {
    Bar(ProgressBar),
    Lines(Box<dyn Write>),
}

impl ConsoleProgress {
    /// Progress on standard error.
    pub fn stderr(label: &str, clock: Clock) -> Self {
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The template is a literal; should indicatif ever refuse it, its default is good enough.
            if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg}")
            {
                bar.set_style(style);
            }
            bar.set_prefix(label.to_owned());
            Self::new(label, clock, Output::Bar(bar))
        } else {
            Self::lines(label, clock, Box::new(std::io::stderr()))
        }
    }

    /// Lines to any writer, one every ten seconds and one at the end.
    pub fn lines(label: &str, clock: Clock, writer: Box<dyn Write>) -> Self {
        Self::new(label, clock, Output::Lines(writer))
    }

    fn new(label: &str, clock: Clock, output: Output) -> Self {
        Self {
            label: label.into(),
            clock,
            output,
            plan: None,
            started: Duration::ZERO,
            last_line: Duration::ZERO,
            items: 0,
            loss: None,
            score: None,
        }
    }

    /// Epoch, loss, score, rate and time left.
    fn message(&self, plan: &Plan, epoch: usize, step: usize, now: Duration) -> String {
        let mut parts = vec![format!(
            "epoch {}/{}",
            (epoch + 1).min(plan.epochs),
            plan.epochs
        )];
        if let Some(loss) = self.loss {
            parts.push(format!("loss {loss:.4}"));
        }
        if let Some(score) = self.score {
            parts.push(format!("score {score:.4}"));
        }
        let elapsed = now.saturating_sub(self.started).as_secs_f64();
        let taken = step.saturating_sub(plan.done);
        if elapsed > 0.0 && taken > 0 {
            parts.push(format!("{:.0} items/s", self.items as f64 / elapsed));
            let left = elapsed / taken as f64 * plan.steps.saturating_sub(step) as f64;
            parts.push(format!("{} left", clock_time(left)));
        }
        parts.join(", ")
    }

    fn line(&mut self, epoch: usize, step: usize, now: Duration) {
        let Some(plan) = self.plan else { return };
        let message = self.message(&plan, epoch, step, now);
        let label = &self.label;
        if let Output::Lines(writer) = &mut self.output {
            // Progress must never end a run: a closed pipe is ignored.
            let _ = writeln!(writer, "{label}: step {step}/{}, {message}", plan.steps);
        }
        self.last_line = now;
    }
}

/// `h:mm:ss`.
fn clock_time(seconds: f64) -> String {
    let s = seconds.round() as u64;
    format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

impl Progress for ConsoleProgress {
    fn begin(&mut self, plan: &Plan) {
        self.started = (self.clock)();
        self.last_line = self.started;
        self.items = 0;
        self.plan = Some(*plan);
        if let Output::Bar(bar) = &self.output {
            bar.set_length(plan.steps as u64);
            bar.set_position(plan.done as u64);
        }
    }

    fn step(&mut self, report: &StepReport) {
        let Some(plan) = self.plan else { return };
        let now = (self.clock)();
        self.items += report.items;
        if let Some(loss) = report.loss {
            // Smoothed over about twenty steps: the loss of one batch says little.
            self.loss = Some(self.loss.map_or(loss, |old| 0.95 * old + 0.05 * loss));
        }
        match &self.output {
            Output::Bar(bar) => {
                bar.set_position(report.step as u64);
                bar.set_message(self.message(&plan, report.epoch, report.step, now));
            }
            Output::Lines(_) => {
                if now.saturating_sub(self.last_line) >= LINE_INTERVAL || report.step == plan.steps
                {
                    self.line(report.epoch, report.step, now);
                }
            }
        }
    }

    fn epoch(&mut self, point: &EpochPoint) {
        if point.score.is_some() {
            self.score = point.score;
        }
    }

    fn end(&mut self) {
        if let Output::Bar(bar) = &self.output {
            bar.finish();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    #[derive(Clone, Default)]
    struct Shared(Rc<RefCell<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_every_ten_seconds_with_rate_and_time_left() {
        let time = Rc::new(Cell::new(100.0));
        let out = Shared::default();
        let clock = time.clone();
        let clock: Clock = Box::new(move || Duration::from_secs_f64(clock.get()));
        let mut progress = ConsoleProgress::lines("fit", clock, Box::new(out.clone()));
        progress.begin(&Plan {
            epochs: 2,
            steps: 20,
            done: 4,
        });
        for step in 5..=20 {
            time.set(time.get() + 4.0);
            progress.step(&StepReport {
                epoch: usize::from(step > 10),
                step,
                loss: Some(1.0),
                items: 8,
            });
        }
        progress.end();
        let text = String::from_utf8(out.0.borrow().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        // 16 steps of 4 s: lines after 12, 24, 36, 48, 60 s, and the last step.
        assert_eq!(lines.len(), 6, "{text}");
        assert_eq!(
            lines[0],
            "fit: step 7/20, epoch 1/2, loss 1.0000, 2 items/s, 0:00:52 left"
        );
        assert!(lines[5].starts_with("fit: step 20/20, epoch 2/2"), "{text}");
        assert!(lines[5].ends_with("0:00:00 left"), "{text}");
    }

    #[test]
    fn times_are_hours_minutes_seconds() {
        assert_eq!(clock_time(3_725.4), "1:02:05");
    }
}
