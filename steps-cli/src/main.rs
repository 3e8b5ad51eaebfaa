//! The `steps` command; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    match steps_cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::from(steps_cli::exit::DONE),
        Err(error) => {
            error.report();
            ExitCode::from(error.exit_code())
        }
    }
}
