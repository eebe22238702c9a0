//! Reading values that people typed: every mistake is kept, and reading goes on.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Everything that is wrong with the configuration, told at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigMistakes {
    /// What the program's environment variables begin with, such as `ENCODER_INGEST`.
    variables: &'static str,
    lines: Vec<String>,
}

impl ConfigMistakes {
    /// Goes on from what parsing the command line has found.
    #[must_use]
    pub fn new(variables: &'static str, lines: Vec<String>) -> Self {
        Self { variables, lines }
    }

    /// Something that is no flag's value alone.
    pub fn push(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Names the flag, its environment variable and the value that was given.
    pub fn of_flag(&mut self, flag: &str, text: &str, problem: impl fmt::Display) {
        let variable = flag.replace('-', "_").to_uppercase();
        let variables = self.variables;
        self.push(format!(
            "--{flag} ({variables}_{variable}) {text:?}: {problem}"
        ));
    }

    /// A whole number within `range`; its least value in the place of a wrong one.
    pub fn number(&mut self, flag: &str, text: &str, range: RangeInclusive<u32>) -> u32 {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.unwrap_or_else(|| {
            let problem = format!("use a whole number, {} to {}", range.start(), range.end());
            self.of_flag(flag, text, problem);
            *range.start()
        })
    }

    /// Anything that can be parsed.
    pub fn value<T: FromStr<Err: fmt::Display>>(&mut self, flag: &str, text: &str) -> Option<T> {
        text.parse()
            .map_err(|error| self.of_flag(flag, text, error))
            .ok()
    }

    /// Several, with commas between; an empty text is an empty list.
    pub fn list<T: FromStr<Err: fmt::Display>>(&mut self, flag: &str, text: &str) -> Vec<T> {
        let items = text.split(',').map(str::trim);
        items
            .filter(|_| !text.trim().is_empty())
            .filter_map(|item| self.value(flag, item))
            .collect()
    }
}

impl fmt::Display for ConfigMistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is wrong")?;
        for line in &self.lines {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}
