//! The `steps` command; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    match steps_cli::run(std::env::args_os()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let code = error.exit_code();
            steps_cli::report(error);
            ExitCode::from(code)
        }
    }
}
