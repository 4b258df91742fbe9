//! A reader that closes the pipe early is no failure of the program.

#![cfg(unix)]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

/// Number of the signal on every Unix that Rust knows.
const SIGPIPE: i32 = 13;

#[test]
fn a_closed_pipe_ends_every_table_silently() {
    for arguments in [
        &["models"][..],
        &["models", "--json"],
        &["get", "--list"],
        &["data", "list"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        // Closed before anything is written, so that the outcome does not depend on the size of the pipe.
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_rs-peft"))
            .args(arguments)
            .stdout(Stdio::from(writer))
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.is_empty(), "{arguments:?}: {said}");
        assert_eq!(output.status.signal(), Some(SIGPIPE), "{arguments:?}");
    }
}
