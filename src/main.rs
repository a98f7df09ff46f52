//! The `custodes` command.

fn main() -> std::process::ExitCode {
    custodes::cli::run()
}
