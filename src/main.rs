use std::process::ExitCode;

fn main() -> ExitCode {
    // Mesa's EGL prints a complaint of its own to stderr where this is unset, as it is in containers.
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: nothing else runs yet in this process.
        unsafe { std::env::set_var("XDG_RUNTIME_DIR", std::env::temp_dir()) };
    }
    flopcast::cli::main()
}
