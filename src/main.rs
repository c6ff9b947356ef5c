use std::process::ExitCode;

fn main() -> ExitCode {
    flopcast::cli::main()
}
