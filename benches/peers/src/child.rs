//! burn, in a process of its own that is ended when it does not answer in time, and started anew for the next
//! shape.

use crate::peer::{Peer, Result, dense, matrix};
use flopcast::kernel::{Matrix, Operands};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Lines that a child can be ahead: one that floods its output is held up, not stored.
const AHEAD: usize = 8;

/// burn's matmul behind the line protocol of `burn/src/main.rs`.
pub struct Burn {
    program: PathBuf,
    timeout: Duration,
    /// None once it crashed, hung or answered something else: the next shape starts it again.
    process: Option<Process>,
    folder: PathBuf,
    shape: [usize; 2],
}

struct Process {
    child: Child,
    requests: ChildStdin,
    answers: Receiver<String>,
}

impl Process {
    fn start(program: &Path) -> Result<Process> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("`{}`: {e}", program.display()))?;
        let (Some(requests), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the child has no pipes".into());
        };
        let (send, answers) = sync_channel(AHEAD);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Process { child, requests, answers })
    }

    fn ask(&mut self, request: &str, timeout: Duration) -> Result<String> {
        let what = request.split(' ').next().unwrap_or_default();
        // A process that is gone takes no request; how it ended is what the answer says.
        let _ = writeln!(self.requests, "{request}").and_then(|()| self.requests.flush());
        match self.answers.recv_timeout(timeout) {
            Ok(answer) if answer.starts_with("error") => Err(format!("{answer} (to `{what}`)")),
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => Err(format!("no answer to `{what}` in {timeout:?}; ended")),
            Err(RecvTimeoutError::Disconnected) => {
                // It closed its output: mostly because it is gone, but it may as well live on without.
                std::thread::sleep(Duration::from_millis(100));
                let status = match self.child.try_wait() {
                    Ok(Some(status)) => status.to_string(),
                    Ok(None) => "its output is closed".into(),
                    Err(error) => error.to_string(),
                };
                Err(format!("crashed during `{what}` ({status})"))
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Burn {
    /// Starts the program. What it says on stderr is passed on.
    pub fn start(program: &Path, timeout: Duration) -> Result<Burn> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let process = Process::start(program)?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("flopcast-peers-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| format!("`{}`: {e}", folder.display()))?;
        Ok(Burn { program: program.into(), timeout, process: Some(process), folder, shape: [0; 2] })
    }

    /// The adapter that it chose.
    pub fn adapter(&mut self) -> Result<String> {
        self.ask("adapter", |answer| Ok(answer.to_string()))
    }

    /// Asks, and reads the answer; a process that fails at either is ended.
    fn ask<T>(&mut self, request: &str, read: impl Fn(&str) -> Result<T>) -> Result<T> {
        let process = self.process.as_mut().ok_or("the process was ended before")?;
        let answer = process.ask(request, self.timeout).and_then(|answer| read(&answer));
        if answer.is_err() {
            self.process = None;
        }
        answer
    }
}

impl Drop for Burn {
    fn drop(&mut self) {
        self.process = None;
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Peer for Burn {
    fn name(&self) -> String {
        "burn (wgpu, autotuned)".into()
    }

    fn prepare(&mut self, operands: &Operands) -> Result<()> {
        if self.process.is_none() {
            self.process = Some(Process::start(&self.program)?);
        }
        let [m, n, k] = [operands.a.rows, operands.b.cols, operands.a.cols];
        self.shape = [m, n];
        let mut paths = Vec::new();
        for (name, operand) in [("a", &operands.a), ("b", &operands.b)] {
            let path = self.folder.join(name);
            let bytes: Vec<u8> = dense(operand).iter().flat_map(|v| v.to_le_bytes()).collect();
            std::fs::write(&path, bytes).map_err(|e| format!("`{}`: {e}", path.display()))?;
            paths.push(path.display().to_string());
        }
        let seconds = |answer: &str| {
            let number = answer.parse::<f64>().ok().filter(|s| s.is_finite() && *s >= 0.0);
            number.map(|_| ()).ok_or(format!("`{answer}` is no time"))
        };
        self.ask(&format!("prepare {m} {n} {k} {} {}", paths[0], paths[1]), seconds)
    }

    fn lap(&mut self, repeats: u32) -> Result<u64> {
        let nanoseconds = |answer: &str| answer.parse().map_err(|_| format!("`{answer}` is no time"));
        self.ask(&format!("lap {repeats}"), nanoseconds)
    }

    fn result(&mut self) -> Result<Matrix> {
        let path = self.folder.join("c");
        // What an earlier lap left is no result of this one.
        let _ = std::fs::remove_file(&path);
        let written = |answer: &str| match answer {
            "written" => Ok(()),
            other => Err(format!("`{other}` instead of `written`")),
        };
        self.ask(&format!("result {}", path.display()), written)?;
        let bytes = std::fs::read(&path).map_err(|e| format!("`{}`: {e}", path.display()))?;
        let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&four| f32::from_le_bytes(four)).collect();
        matrix(self.shape[0], self.shape[1], &values)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::run::{Plan, run};
    use flopcast::kernel::{DataClass, Precision, Shape};
    use std::os::unix::fs::PermissionsExt;

    const SHORT: Duration = Duration::from_millis(500);

    /// A child that answers as the script says: `$1` and so on are the words of a request.
    fn child(name: &str, answers: &str) -> Burn {
        let folder = std::env::temp_dir().join(format!("flopcast-peers-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join("child.sh");
        let script = format!("#!/bin/sh\nwhile read -r line; do\nset -- $line\ncase $1 in\n{answers}\nesac\ndone\n");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Burn::start(&program, SHORT).unwrap()
    }

    fn prepared(burn: &mut Burn) -> Result<()> {
        let shape = Shape::square(4);
        burn.prepare(&Operands::of_class(shape, Precision::F32, DataClass::Normal, 1))
    }

    #[test]
    fn a_child_that_crashes_hangs_or_prints_rubbish_fails_with_the_reason() {
        for (name, answers, part) in [
            ("crashes", "prepare) exit 7;;", "crashed during `prepare` (exit status: 7)"),
            ("aborts", "prepare) kill -ABRT $$;;", "crashed during `prepare` (signal: 6"),
            ("hangs", "prepare) exec sleep 60;;", "no answer to `prepare` in 500ms"),
            ("closes", "prepare) exec >&-; exec sleep 60;;", "its output is closed"),
            ("rubbish", "prepare) echo thread main panicked;;", "`thread main panicked` is no time"),
            ("nan", "prepare) echo NaN;;", "`NaN` is no time"),
            ("bytes", "prepare) printf '\\377\\376\\n'; exec sleep 60;;", "crashed during `prepare`"),
            ("says", "prepare) echo error: out of memory;;", "error: out of memory (to `prepare`)"),
            ("floods", "prepare) while :; do echo spam; done;;", "`spam` is no time"),
        ] {
            let begin = std::time::Instant::now();
            let why = prepared(&mut child(name, answers)).unwrap_err();
            assert!(why.contains(part), "{name}: {why}");
            // Far above the time-out, far below what it sleeps: it was ended, not waited for.
            assert!(begin.elapsed() < Duration::from_secs(30), "{name}");
        }
        assert!(Burn::start(Path::new("/no/such/program"), SHORT).is_err());
    }

    #[test]
    fn a_child_that_fails_on_one_shape_is_a_row_with_the_reason_and_gets_the_next_shape_anew() {
        let answers = "adapter) echo me;;\nprepare) [ $2 = 5 ] && exit 3; echo 0.5;;\nlap) echo 1000;;\n\
                       result) head -c 64 /dev/zero > $2; echo written;;";
        let mut peers: Vec<Box<dyn Peer>> = vec![Box::new(child("one", answers))];
        let plan = Plan { rounds: 2, lap_s: 1e-6, seed: 1 };
        let crashed = run(&mut peers, Shape::square(5), &plan);
        assert!(crashed[0].error.as_ref().unwrap().contains("exit status: 3"), "{crashed:?}");
        assert!(crashed[0].gflop_per_s.is_none() && crashed[0].seconds.is_empty());
        // The next shape is timed; what it wrote is zeros, and a proof that let them pass would prove nothing.
        let wrong = run(&mut peers, Shape::square(4), &plan);
        assert_eq!(wrong[0].seconds.len(), 2, "{wrong:?}");
        assert!(wrong[0].error.as_ref().unwrap().contains("not proved"), "{wrong:?}");
        assert!(wrong[0].gflop_per_s.is_none());
    }
}
