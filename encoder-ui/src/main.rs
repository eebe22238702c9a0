//! The process: arguments in, exit code out.

use std::process::ExitCode;

use encoder_ui::config::Task;
use encoder_ui::{hash, ui};

fn main() -> ExitCode {
    let done = match Task::from_arguments(std::env::args_os()) {
        Ok(Task::Serve(config)) => ui::run(*config),
        Ok(Task::HashPassword) => hash::run().map_err(Into::into),
        Err(error) => return ExitCode::from(error.report("encoder-ui")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("encoder-ui: {error:#}");
            ExitCode::FAILURE
        }
    }
}
