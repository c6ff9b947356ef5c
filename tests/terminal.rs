//! Progress and Ctrl-C as they are on a terminal: `script` (util-linux) makes one.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod support;

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use support::folder;

/// What came of a command line on a terminal.
struct Shown {
    code: Option<i32>,
    text: String,
}

/// Runs a command line of the binary on a terminal, types `keys` once `sign` has been shown, and reads on to the end. The
/// terminal's settings stand after what the command showed. `None` where there is no `script` to make a terminal.
fn on_terminal(line: &str, sign: &str, keys: &[u8]) -> Option<Shown> {
    let binary = env!("CARGO_BIN_EXE_flopcast");
    // The shell lives on, whatever is typed, and shows how the terminal was left.
    let shell = format!("trap : INT; '{binary}' {line}; code=$?; echo; stty -a; exit $code");
    let mut command = Command::new("script");
    command.args(["-qefc", &shell, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
        .env_remove("WGPU_ADAPTER_NAME")
        .env_remove("WGPU_BACKEND")
        .env("TERM", "xterm-256color")
        .env("SHELL", "/bin/sh");
    command.env("FLOPCAST_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/no-cache"));
    let Ok(mut child) = command.spawn() else {
        eprintln!("skipped: no `script` on the path");
        return None;
    };
    let (mut typed, mut shown) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    let mut keys = Some(keys).filter(|keys| !keys.is_empty());
    loop {
        let length = shown.read(&mut piece).unwrap();
        if length == 0 {
            break;
        }
        all.extend_from_slice(&piece[..length]);
        if keys.is_some() && String::from_utf8_lossy(&all).contains(sign) {
            typed.write_all(keys.take().unwrap()).unwrap();
        }
    }
    let code = child.wait().unwrap().code();
    let text = String::from_utf8_lossy(&all).into_owned();
    assert!(text.contains(sign), "`{line}` does not show `{sign}`: {text:?}");
    Some(Shown { code, text })
}

impl Shown {
    /// The terminal echoes and edits lines as before, its cursor is there, and no half a line is left.
    fn is_sane(&self) {
        let (before, settings) = self.text.split_once("speed ").expect("stty says how the terminal is");
        let words: Vec<&str> = settings.split([' ', ';', '\r', '\n']).collect();
        for wanted in ["icanon", "echo", "isig", "icrnl", "opost"] {
            assert!(words.contains(&wanted), "{wanted}: {settings}");
        }
        let (hidden, back) = (before.rfind("\u{1b}[?25l"), before.rfind("\u{1b}[?25h"));
        assert!(hidden <= back, "the cursor stays hidden: {before:?}");
        assert!(!before.contains("\u{1b}[?1049h"), "no other screen: {before:?}");
        let last = before.rsplit("\u{1b}[2K").next().unwrap_or_default();
        assert!(!last.contains('░') && !last.contains(" left"), "progress is left behind: {before:?}");
    }

    /// Whether a line begins so: nothing stands before it that was not cleared.
    fn has_line(&self, begin: &str) -> bool {
        // What is behind the last clearing of a line is what is seen of it.
        let seen = |line: &str| plain(line.rsplit("\u{1b}[2K").next().unwrap_or_default());
        self.text.split('\n').any(|line| seen(line).starts_with(begin))
    }
}

/// Without what moves the cursor or colours.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line.trim_start_matches('\r');
    while let Some((before, code)) = rest.split_once("\u{1b}[") {
        out += before;
        let end = code.find(|c: char| c.is_ascii_alphabetic()).map_or(code.len(), |at| at + 1);
        rest = &code[end..];
    }
    out + rest
}

/// A table of many runs: minutes of work.
fn many(folder: &Path) -> std::path::PathBuf {
    let table = include_str!("../data/validation/runs.csv");
    let (head, rows) = table.split_once('\n').unwrap();
    let file = folder.join("many.csv");
    std::fs::write(&file, format!("{head}\n{}", rows.repeat(400))).unwrap();
    file
}

#[test]
fn ctrl_c_takes_the_progress_away_says_so_and_ends_with_130() {
    let file = many(&folder("terminal-validate"));
    let line = format!("validate --data '{}' --format csv --table rows > /dev/null", file.display());
    let Some(shown) = on_terminal(&line, " left", b"\x03") else { return };
    assert_eq!(shown.code, Some(130), "{:?}", shown.text);
    assert!(shown.has_line("error: interrupted"), "{:?}", shown.text);
    shown.is_sane();
}

#[test]
fn a_search_shows_the_time_left_and_prints_its_best_so_far_when_interrupted() {
    let line = "search --cluster xai-300k-b200 --job grok-1 --threads 1 --objective days > /dev/null";
    let Some(shown) = on_terminal(line, " left", b"\x03") else { return };
    assert_eq!(shown.code, Some(130), "{:?}", shown.text);
    assert!(shown.text.contains("layouts") && shown.has_line("interrupted: what was found"), "{:?}", shown.text);
    shown.is_sane();
}

#[test]
fn without_progress_nothing_is_drawn() {
    let file = folder("terminal-none").join("few.csv");
    std::fs::write(&file, include_str!("../data/validation/runs.csv")).unwrap();
    for flag in ["--no-progress", "--quiet"] {
        let line = format!("validate --data '{}' {flag} > /dev/null", file.display());
        let Some(shown) = on_terminal(&line, "speed ", b"") else { return };
        let (before, _) = shown.text.split_once("speed ").unwrap();
        assert!(shown.code == Some(0) && before.trim().is_empty(), "{flag}: {before:?}");
    }
}

#[cfg(feature = "gpu")]
#[test]
fn a_measurement_shows_a_live_table_and_ctrl_c_leaves_the_terminal_as_it_was() {
    support::on_adapter(|_| {
        let line =
            "measure --suite quick --shapes 64x64x64,96x96x96,128x128x128 --kernels naive,register_tiled > /dev/null";
        // The second case is under way, so that there is a best one and a running one.
        let Some(shown) = on_terminal(line, "best so far: ", b"\x03") else { return };
        assert_eq!(shown.code, Some(130), "{:?}", shown.text);
        for part in [" left", "timing naive 64x64x64", "now: ", " rounds, ", "best so far: naive", "(± "] {
            assert!(shown.text.contains(part), "{part}: {:?}", shown.text);
        }
        assert!(shown.has_line("interrupted: the case under way is dropped"), "{:?}", shown.text);
        shown.is_sane();
    });
}

#[cfg(feature = "gpu")]
#[test]
fn the_doctor_and_the_costs_of_portability_show_the_time_left() {
    support::on_adapter(|_| {
        for line in [
            "doctor --no-cache > /dev/null",
            "measure --suite portability --shapes 32x32x32 --time-budget 3s > /dev/null",
        ] {
            let Some(shown) = on_terminal(line, " left", b"") else { return };
            shown.is_sane();
        }
    });
}
