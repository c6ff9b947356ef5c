//! flopcast's kernels beside burn, OpenBLAS, `gemm` and `matrixmultiply` in one run: the same operands,
//! the same adapter, interleaved, each warmed inside every round, every result proved by flopcast.

mod child;
mod host;
mod ours;
mod peer;
mod run;

use clap::Parser;
use flopcast::gpu;
use flopcast::kernel::{Family, Shape};
use flopcast::report::Table;
use peer::Peer;
use run::{Interval, Plan, Row};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Time flopcast's kernels beside other people's, f32, host wall time.
///
/// Exit codes: 0 every peer has a figure; 1 one failed; 2 unusable arguments; 3 no usable adapter.
#[derive(Parser)]
#[command(after_help = "Examples:
  env -u OPENBLAS_CORETYPE OPENBLAS_NUM_THREADS=2 flopcast-peers --shapes 512x512x512
  flopcast-peers --burn burn/target/release/flopcast-peer-burn --kernels texture_fed --shapes 256x256x256 --no-host")]
struct Args {
    /// An adapter as `flopcast --adapter` takes it.
    #[arg(long)]
    adapter: Option<String>,
    /// Shapes m×n×k, comma-separated.
    #[arg(long, value_delimiter = ',', default_value = "256x256x256,512x512x512,1024x1024x1024")]
    shapes: Vec<Shape>,
    /// flopcast's kernels, comma-separated, each with a tiling of its own as in `texture_fed:64x64/16x8`, or WGSL files
    /// as `flopcast measure --wgsl` takes them; by default the usual ones of the adapter's class.
    #[arg(long, value_delimiter = ',')]
    kernels: Vec<String>,
    /// The program built in `burn/`.
    #[arg(long, value_name = "PROGRAM")]
    burn: Option<PathBuf>,
    /// Seconds after which burn is taken for hung.
    #[arg(long, default_value_t = 120)]
    burn_timeout: u64,
    /// Leave the CPU libraries out.
    #[arg(long)]
    no_host: bool,
    /// Rounds; below six there is no 95 % interval.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(2..=1000))]
    rounds: u32,
    /// A lap repeats its product until it is about this long, milliseconds.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    lap_ms: u32,
    /// Seed of the operands.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write everything as JSON.
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
}

/// Schema id of the JSON.
const SCHEMA: &str = "flopcast.peers/1";

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    at: String,
    adapter: flopcast::measure::record::AdapterIdentity,
    burn_adapter: Option<String>,
    host_threads: usize,
    /// Settings of OpenBLAS that were in the environment: some of them slow it down.
    openblas_env: Vec<(String, String)>,
    /// The processor whose code OpenBLAS runs, as it calls it.
    openblas_core: Option<String>,
    plan: Plan,
    rows: Vec<Row>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match measured(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(hint) = error.hint_text() {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn measured(args: &Args) -> flopcast::Result<ExitCode> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // SAFETY: nothing else runs yet. It stays on one thread unless told otherwise; the others take all.
    unsafe { std::env::set_var("MATMUL_NUM_THREADS", threads.to_string()) };
    let selection = gpu::choose(args.adapter.as_deref())?;
    let mut peers: Vec<Box<dyn Peer>> = Vec::new();
    for word in kernels(args, &selection)? {
        peers.push(Box::new(ours::Ours::new(&selection, &word)?));
    }
    let mut burn_adapter = None;
    if let Some(program) = &args.burn {
        let timeout = Duration::from_secs(args.burn_timeout);
        let failed = |e: String| flopcast::Error::failed(e).context("burn").hint("build it in `benches/peers/burn`");
        let mut burn = child::Burn::start(program, timeout).map_err(failed)?;
        let name = burn.adapter().map_err(failed)?;
        if name != selection.report.identity.name {
            let ours = &selection.report.identity.name;
            return Err(flopcast::Error::usage(format!("burn runs on `{name}`, flopcast on `{ours}`"))
                .hint("leave one adapter only, with VK_DRIVER_FILES"));
        }
        burn_adapter = Some(name);
        peers.push(Box::new(burn));
    }
    let mut openblas_core = None;
    if !args.no_host {
        openblas_core = host::openblas_core();
        if let Some(told) = openblas_core.as_deref().and_then(|core| host::too_old(core, host::avx2())) {
            eprintln!("{told}");
        }
        peers.extend(host::all());
    }
    let plan = Plan { rounds: args.rounds, lap_s: f64::from(args.lap_ms) * 1e-3, seed: args.seed };
    let openblas_env: Vec<_> = std::env::vars().filter(|(name, _)| name.starts_with("OPENBLAS_")).collect();
    let mut rows = Vec::new();
    for &shape in &args.shapes {
        let of_shape = run::run(&mut peers, shape, &plan);
        println!("{}", table(&of_shape));
        rows.extend(of_shape);
    }
    let failed = rows.iter().any(|row| row.error.is_some());
    if let Some(path) = &args.out {
        let at = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
        let adapter = selection.report.identity.clone();
        let report = Report {
            schema: SCHEMA,
            at,
            adapter,
            burn_adapter,
            host_threads: threads,
            openblas_env,
            openblas_core,
            plan,
            rows,
        };
        let text = serde_json::to_string_pretty(&report).map_err(|e| flopcast::Error::failed(e.to_string()))?;
        std::fs::write(path, text + "\n")
            .map_err(|e| flopcast::Error::usage(e.to_string()).context(format!("`{}`", path.display())))?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What was asked for; else the usual families of the class.
fn kernels(args: &Args, selection: &gpu::Selection) -> flopcast::Result<Vec<String>> {
    use flopcast::measure::Executor;
    if !args.kernels.is_empty() {
        return Ok(args.kernels.clone());
    }
    let class = gpu::GpuExecutor::open(selection)?.class();
    let usual = Family::usual(class, flopcast::kernel::Precision::F32);
    Ok(usual.into_iter().map(|family| family.name().into()).collect())
}

/// One line per peer: rate, set-up, and flopcast's best over it.
fn table(rows: &[Row]) -> String {
    let mut table =
        Table::new(&["peer", ">m×n×k", ">GFLOP/s", ">95 %", ">set-up", ">first row over it", ">95 %", "why"]);
    for row in rows {
        let over = rows[0].over.iter().find(|over| over.name == row.name).map(|over| over.ratio);
        let number = |value: Option<f64>| value.map_or("–".into(), |v| format!("{v:.3}"));
        let range = |i: Option<Interval>| i.map_or(String::new(), |i| format!("{:.3}–{:.3}", i.lo, i.hi));
        table.row([
            row.name.clone(),
            row.shape.clone(),
            number(row.gflop_per_s.map(|r| r.median)),
            range(row.gflop_per_s),
            row.setup_s.map_or("–".into(), |s| format!("{s:.2} s")),
            number(over.map(|o| o.median)),
            range(over),
            row.error.clone().unwrap_or_default(),
        ]);
    }
    table.text()
}
