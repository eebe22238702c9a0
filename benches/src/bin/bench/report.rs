//! The files that a measurement leaves: results.json, results.md and the plots.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::plots::plots;
use crate::results::Results;
use crate::table::markdown;

const JSON: &str = "results.json";

/// Writes all files to `folder`.
pub(crate) fn write(results: &Results, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    let plots = plots(&results.scenarios);
    let listed: Vec<_> = plots.iter().map(|plot| (plot.title, plot.file)).collect();
    let mut json = serde_json::to_string_pretty(results)?;
    json.push('\n');
    put(folder, JSON, &json)?;
    put(folder, "results.md", &markdown(results, &listed))?;
    for plot in &plots {
        put(folder, plot.file, &plot.svg)?;
    }
    Ok(())
}

/// Makes table and plots anew from what an earlier measurement left.
pub(crate) fn redraw(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(JSON);
    let text = fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
    let results: Results = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not what the bench writes", path.display()))?;
    write(&results.judged(), folder)
}

fn put(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = folder.join(name);
    fs::write(&path, text).with_context(|| format!("{} can't be written", path.display()))
}
