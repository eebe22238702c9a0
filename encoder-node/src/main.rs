//! encoder-node: encodes what ingests give it, and sends the result back.

use std::process::ExitCode;

use encoder_node::config::Config;
use encoder_node::node;

fn main() -> ExitCode {
    let config = match Config::from_arguments(std::env::args_os()) {
        Ok(config) => config,
        Err(error) => return ExitCode::from(error.report("encoder-node")),
    };
    match node::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("encoder-node: {}", common::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
