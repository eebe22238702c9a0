//! encoder-ingest: joins multicast on a NIC and relays it over HTTP.

use std::process::ExitCode;

use encoder_ingest::config::Task;
use encoder_ingest::ingest;

fn main() -> ExitCode {
    let done = match Task::from_arguments(std::env::args_os()) {
        Ok(Task::Relay(config)) => ingest::run(*config).map_err(|error| {
            let code = error.exit_code();
            (common::chain(&error), code)
        }),
        Ok(Task::PrepareState(task)) => task.run().map_err(|error| (common::chain(&error), 1)),
        Ok(Task::TuneNode(task)) => task.run().map_err(|error| (common::chain(&error), 1)),
        Err(error) => return ExitCode::from(error.report("encoder-ingest")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err((told, code)) => {
            eprintln!("encoder-ingest: {told}");
            ExitCode::from(code)
        }
    }
}
