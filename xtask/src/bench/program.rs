//! A program that runs a round of its case on request and says how long it took.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

use super::Times;

/// A program that has warmed up.
pub(super) struct Program {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    times: Times,
    shown: String,
}

impl Program {
    /// Starts it and waits until it is ready; `None` when it does not have the case.
    pub(super) fn start(command: &mut Command) -> anyhow::Result<Option<Self>> {
        let shown = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("failed to start {shown}"))?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("{shown}: no pipes");
        };
        let mut program = Self {
            child,
            requests,
            answers: BufReader::new(answers),
            times: Times {
                seconds: Vec::new(),
                value: f64::NAN,
                peak_bytes: None,
            },
            shown,
        };
        let first = program.answer()?;
        Ok(first.get("absent").is_none().then_some(program))
    }

    /// One round.
    pub(super) fn round(&mut self) -> anyhow::Result<()> {
        self.requests.write_all(b"go\n")?;
        self.requests.flush()?;
        let answer = self.answer()?;
        let seconds = answer["seconds"].as_f64();
        let seconds = seconds.with_context(|| format!("{}: {answer}", self.shown))?;
        self.times.seconds.push(seconds);
        self.times.value = answer["value"].as_f64().unwrap_or(f64::NAN);
        Ok(())
    }

    /// Ends it, and returns what it took.
    pub(super) fn finish(mut self) -> anyhow::Result<Times> {
        drop(self.requests);
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let last: Value = serde_json::from_str(&line).with_context(|| self.shown.clone())?;
        self.times.peak_bytes = last["peak_bytes"].as_u64();
        let status = self.child.wait()?;
        if !status.success() {
            bail!("{} ended with {status}", self.shown);
        }
        Ok(self.times)
    }

    /// The next line of JSON; libraries may print other lines.
    fn answer(&mut self) -> anyhow::Result<Value> {
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line)? == 0 {
                let status = self.child.wait()?;
                bail!("{} ended with {status}", self.shown);
            }
            if let Ok(answer @ Value::Object(_)) = serde_json::from_str(&line) {
                return Ok(answer);
            }
        }
    }
}
