//! burn, in a process of its own that is ended when it does not answer in time.

use crate::peer::{Peer, Result, dense, matrix};
use flopcast::kernel::{Matrix, Operands};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// burn's matmul behind the line protocol of `burn/src/main.rs`.
pub struct Burn {
    child: Child,
    requests: ChildStdin,
    answers: Receiver<String>,
    timeout: Duration,
    folder: PathBuf,
    shape: [usize; 2],
}

impl Burn {
    /// Starts the program. What it says on stderr is passed on.
    pub fn start(program: &Path, timeout: Duration) -> Result<Burn> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("`{}`: {e}", program.display()))?;
        let (Some(requests), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the child has no pipes".into());
        };
        let (send, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let folder = std::env::temp_dir().join(format!("flopcast-peers-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| format!("`{}`: {e}", folder.display()))?;
        Ok(Burn { child, requests, answers, timeout, folder, shape: [0; 2] })
    }

    /// The adapter that it chose.
    pub fn adapter(&mut self) -> Result<String> {
        self.ask("adapter")
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        writeln!(self.requests, "{request}")
            .and_then(|()| self.requests.flush())
            .map_err(|e| format!("the process is gone: {e}"))?;
        match self.answers.recv_timeout(self.timeout) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => {
                let _ = self.child.kill();
                Err(format!("no answer to `{}` in {:?}; ended", first(request), self.timeout))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait().map_or_else(|e| e.to_string(), |s| s.to_string());
                Err(format!("crashed during `{}` ({status})", first(request)))
            }
        }
    }
}

fn first(request: &str) -> &str {
    request.split(' ').next().unwrap_or_default()
}

impl Drop for Burn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Peer for Burn {
    fn name(&self) -> String {
        "burn (wgpu, autotuned)".into()
    }

    fn prepare(&mut self, operands: &Operands) -> Result<()> {
        let [m, n, k] = [operands.a.rows, operands.b.cols, operands.a.cols];
        self.shape = [m, n];
        let mut paths = Vec::new();
        for (name, operand) in [("a", &operands.a), ("b", &operands.b)] {
            let path = self.folder.join(name);
            let bytes: Vec<u8> = dense(operand).iter().flat_map(|v| v.to_le_bytes()).collect();
            std::fs::write(&path, bytes).map_err(|e| format!("`{}`: {e}", path.display()))?;
            paths.push(path.display().to_string());
        }
        self.ask(&format!("prepare {m} {n} {k} {} {}", paths[0], paths[1])).map(|_| ())
    }

    fn lap(&mut self, repeats: u32) -> Result<u64> {
        let answer = self.ask(&format!("lap {repeats}"))?;
        answer.parse().map_err(|_| format!("`{answer}` is no time"))
    }

    fn result(&mut self) -> Result<Matrix> {
        let path = self.folder.join("c");
        self.ask(&format!("result {}", path.display()))?;
        let bytes = std::fs::read(&path).map_err(|e| format!("`{}`: {e}", path.display()))?;
        let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&four| f32::from_le_bytes(four)).collect();
        matrix(self.shape[0], self.shape[1], &values)
    }
}
