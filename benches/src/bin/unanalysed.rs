//! encoder-ingest without the analysis of its packets: the same flags, the same threads. The
//! benchmark runs both in turns, and so shows what the analysis costs; never a product.

use std::process::ExitCode;

use encoder_ingest::config::Task;
use encoder_ingest::ingest;

fn main() -> ExitCode {
    let mut config = match Task::from_arguments(std::env::args_os()) {
        Ok(Task::Relay(config)) => config,
        Ok(_) => {
            eprintln!("unanalysed: it only relays");
            return ExitCode::from(2);
        }
        Err(error) => return ExitCode::from(error.report("unanalysed")),
    };
    config.plane.analysed = false;
    match ingest::run(*config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unanalysed: {}", common::chain(&error));
            ExitCode::from(error.exit_code())
        }
    }
}
