//! Reading values that people typed: every mistake is kept, and reading goes on.

use std::ffi::OsString;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::Parser;

use crate::arguments::{Unparsed, parse};

/// Everything that is wrong with the configuration, told at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigMistakes {
    /// What the program's environment variables begin with, such as `ENCODER_INGEST`.
    variables: &'static str,
    lines: Vec<String>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Also `--help` and `--version`, which are no errors.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    #[error(transparent)]
    Mistakes(#[from] ConfigMistakes),
}

/// Parses the command line and the environment, in which the program's variables begin with
/// `variables`. Answers what was typed and what is wrong with it so far.
///
/// # Errors
/// Those of [`parse`].
pub fn read_arguments<T: Parser>(
    variables: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(T, ConfigMistakes), ConfigError> {
    match parse::<T>(arguments) {
        Ok(parsed) => Ok((
            parsed.typed,
            ConfigMistakes::new(variables, parsed.mistakes),
        )),
        Err(Unparsed::Usage(error)) => Err(error.into()),
        Err(Unparsed::Mistakes(lines)) => Err(ConfigMistakes::new(variables, lines).into()),
    }
}

impl ConfigError {
    /// Tells the user of `program`, and answers the process's exit code.
    #[must_use]
    pub fn report(&self, program: &str) -> u8 {
        match self {
            Self::Usage(error) => {
                // Nothing is left to tell an error of stderr to.
                let _ = error.print();
                u8::try_from(error.exit_code()).unwrap_or(2)
            }
            Self::Mistakes(mistakes) => {
                eprintln!("{program}: {mistakes}");
                2
            }
        }
    }
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
