//! The shell that lines are pasted into. It has websocat, and under the name of grpcurl what does the same by another
//! implementation of gRPC. A line that goes on ends when it is dropped.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use serde_json::Value;

use crate::server::{repository, wait_until};

/// How long an answer may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The shell.
pub(super) struct Shell {
    /// What it has in the place of programs.
    functions: String,
}

impl Shell {
    pub(super) fn open() -> Self {
        let websocat = repository("scripts/python/.venv/bin/websocat");
        let python = repository("scripts/python/.venv/bin/python");
        for program in [&websocat, &python] {
            assert!(
                program.exists(),
                "{} is missing: run 'scripts/parts install'",
                program.display()
            );
        }
        let functions = format!(
            "websocat() {{ '{}' \"$@\"; }}\ngrpcurl() {{ '{}' -B '{}' \"$@\"; }}\n",
            websocat.display(),
            python.display(),
            repository("crates/ordermill/tests/grpc_client/grpcurl.py").display()
        );
        Self { functions }
    }

    fn script(&self, line: &str) -> [String; 2] {
        ["-c".to_owned(), format!("{}{line}", self.functions)]
    }

    /// Begins a line whose answers are JSON.
    pub(super) fn paste(&self, line: &str) -> Running {
        let errors = tempfile::tempfile().unwrap();
        let mut child = Command::new("bash")
            .args(self.script(line))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.try_clone().unwrap())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (answers_in, answers) = sync_channel(1000);
        std::thread::spawn(move || {
            let values = serde_json::Deserializer::from_reader(stdout).into_iter();
            for value in values {
                if answers_in
                    .send(value.map_err(|error| error.to_string()))
                    .is_err()
                {
                    return;
                }
            }
        });
        Running {
            line: line.to_owned(),
            child,
            answers,
            errors,
        }
    }

    /// Runs a line that prints text, to its good end.
    pub(super) fn text(&self, line: &str) -> String {
        let output = Command::new("timeout")
            .args(["60", "bash"])
            .args(self.script(line))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A line that runs.
pub(super) struct Running {
    line: String,
    child: Child,
    answers: Receiver<Result<Value, String>>,
    errors: File,
}

impl Running {
    /// Types another line.
    pub(super) fn type_line(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{text}").unwrap();
    }

    /// The next answer; `None` where no more comes.
    fn answer(&self) -> Option<Value> {
        match self.answers.recv_timeout(PATIENCE) {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => panic!("{}: no JSON: {error}: {}", self.line, self.errors()),
            Err(RecvTimeoutError::Timeout) => {
                panic!("{}: nothing came: {}", self.line, self.errors())
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// The next answer of a line that has one more.
    pub(super) fn next(&self) -> Value {
        self.answer()
            .unwrap_or_else(|| panic!("{}: ended: {}", self.line, self.errors()))
    }

    /// All answers of a line that ends by itself, and well.
    pub(super) fn until_it_ends(mut self) -> Vec<Value> {
        let mut all = Vec::new();
        while let Some(answer) = self.answer() {
            all.push(answer);
        }
        let mut status = None;
        wait_until("the line's end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(
            status.unwrap().success(),
            "{}: {all:?} {}",
            self.line,
            self.errors()
        );
        all
    }

    fn errors(&self) -> String {
        let (mut file, mut said) = (&self.errors, String::new());
        file.rewind().unwrap();
        file.read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // The shell and what it runs: they are a process group.
            let group = format!("-{}", self.child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            let _ = self.child.wait();
        }
    }
}
