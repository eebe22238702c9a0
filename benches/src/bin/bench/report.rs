//! The files that a measurement leaves: results.json, results.md and the plots.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::analysis::Analysis;
use crate::machine::Machine;
use crate::outcome::Outcome;
use crate::plots::plots;
use crate::table::Results;
use crate::verdict::{Verdict, verdicts};

#[derive(Debug, Serialize)]
struct Document<'a> {
    machine: &'a Machine,
    seconds: u64,
    rounds: u32,
    verdicts: &'a [Verdict],
    analysis: Option<&'a Analysis>,
    scenarios: &'a [Outcome],
}

/// Writes all files to `folder`; answers the goals for the terminal.
pub(crate) fn write(
    folder: &Path,
    (seconds, rounds): (u64, u32),
    machine: &Machine,
    outcomes: &[Outcome],
    analysis: Option<&Analysis>,
) -> anyhow::Result<String> {
    let verdicts = verdicts(outcomes, analysis);
    let document = Document {
        machine,
        seconds,
        rounds,
        verdicts: &verdicts,
        analysis,
        scenarios: outcomes,
    };
    let results = Results {
        machine,
        seconds,
        rounds,
        outcomes,
        analysis,
        verdicts: &verdicts,
    };
    let plots = plots(outcomes);
    let listed: Vec<_> = plots.iter().map(|plot| (plot.title, plot.file)).collect();
    let mut json = serde_json::to_string_pretty(&document)?;
    json.push('\n');
    put(folder, "results.json", &json)?;
    put(folder, "results.md", &results.markdown(&listed))?;
    for plot in &plots {
        put(folder, plot.file, &plot.svg)?;
    }
    Ok(results.goals())
}

fn put(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = folder.join(name);
    fs::write(&path, text).with_context(|| format!("{} can't be written", path.display()))
}
