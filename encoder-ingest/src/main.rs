//! encoder-ingest: joins multicast on a NIC and relays it over HTTP.

use std::process::ExitCode;

use encoder_ingest::config::Config;
use encoder_ingest::ingest;

fn main() -> ExitCode {
    let config = match Config::from_arguments(std::env::args_os()) {
        Ok(config) => config,
        Err(error) => return ExitCode::from(error.report()),
    };
    match ingest::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("encoder-ingest: {}", common::chain(&error));
            ExitCode::from(error.exit_code())
        }
    }
}
