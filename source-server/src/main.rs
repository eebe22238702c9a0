//! The test source as a process: what was typed, started, and an exit code.

use std::process::ExitCode;

use common::shutdown::Signals;
use common::telemetry::Log;
use source_server::config::{Config, SendConfig, VerifyConfig};
use source_server::server::Server;
use source_server::verify;

fn main() -> ExitCode {
    let done = match Config::from_arguments(std::env::args_os()) {
        Ok(Config::Send(config)) => send(*config).map(|()| true),
        Ok(Config::Verify(config)) => read_back(&config),
        Err(error) => return ExitCode::from(error.report("source-server")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("source-server: {}", common::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn send(config: SendConfig) -> anyhow::Result<()> {
    let _log = Log::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let signals = Signals::listen()?;
        let server = Server::start(config)?;
        server.run(signals.shutdown()).await?;
        anyhow::Ok(())
    })
}

/// One thread reads all: it is cheap, and what one core can take is known.
fn read_back(config: &VerifyConfig) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(verify::run(&config.options));
    if config.json {
        println!("{}", report.json()?);
    } else {
        println!("{report}");
    }
    Ok(report.is_ok())
}
