//! The process: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use encoder_ui::config::{Arguments, Config};
use encoder_ui::ui;

/// Wrong usage or configuration.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let config = match Config::try_from(Arguments::parse()) {
        Ok(config) => config,
        Err(mistakes) => {
            eprintln!("encoder-ui: {mistakes}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match ui::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("encoder-ui: {error:#}");
            ExitCode::FAILURE
        }
    }
}
