//! The command line and its environment, with every mistake and not the first alone.
//!
//! clap gives up at its first mistake. Here that mistake is noted, what it is about is left out, and
//! the rest is parsed again: so a flag that is unknown does not hide a value that is wrong.

use std::error::Error as _;
use std::ffi::OsString;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error, Parser};

/// What was typed, but for what had to be left out.
#[derive(Debug)]
pub struct Parsed<T> {
    pub typed: T,
    /// What was left out, and why: lines for the user.
    pub mistakes: Vec<String>,
}

/// Why nothing can be made of what was typed.
#[derive(Debug, thiserror::Error)]
pub enum Unparsed {
    /// Also `--help` and `--version`, which are no errors.
    #[error(transparent)]
    Usage(#[from] Error),
    #[error("{}", .0.join("\n"))]
    Mistakes(Vec<String>),
}

/// Parses the command line and the environment. A variable that is empty is as if it was not set.
///
/// # Errors
/// When the rest can't be understood without what is wrong, and for `--help` and `--version`.
pub fn parse<T: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Parsed<T>, Unparsed> {
    let mut words: Vec<OsString> = arguments.into_iter().collect();
    let mut command = change(T::command(), &|arg| match arg.get_env() {
        Some(name) if std::env::var_os(name).is_some_and(|value| value.is_empty()) => {
            arg.env(Resettable::Reset)
        }
        _ => arg,
    });
    let mut mistakes = Vec::new();
    // Each round leaves a word or a variable out, so there is an end.
    loop {
        let parsed = command.clone().try_get_matches_from(&words);
        let parsed = parsed.and_then(|mut matches| T::from_arg_matches_mut(&mut matches));
        let error = match parsed {
            Ok(typed) => return Ok(Parsed { typed, mistakes }),
            Err(error) => error,
        };
        if !error.use_stderr() {
            // The help of the command as it is, with all of its variables.
            return Err(T::try_parse_from(words).err().unwrap_or(error).into());
        }
        let told = describe(&error, &command);
        if let Some(rest) = leave_out(&error, &mut words, &command) {
            command = rest;
            mistakes.push(told);
        } else if mistakes.is_empty() {
            return Err(error.into());
        } else {
            mistakes.push(told);
            return Err(Unparsed::Mistakes(mistakes));
        }
    }
}

/// Takes what the mistake is about out of the words or, if it is not there, out of the environment.
/// None when it is about nothing that can be left out.
fn leave_out(error: &Error, words: &mut Vec<OsString>, command: &Command) -> Option<Command> {
    let about = text(error, ContextKind::InvalidArg)?;
    match error.kind() {
        // A flag beside another that excludes it: which of them is meant?
        ErrorKind::ArgumentConflict if text(error, ContextKind::PriorArg) != Some(about) => {
            return None;
        }
        ErrorKind::ArgumentConflict
        | ErrorKind::UnknownArgument
        | ErrorKind::InvalidValue
        | ErrorKind::ValueValidation
        | ErrorKind::TooManyValues => {}
        _ => return None,
    }
    let flag = flag_of(about);
    let known = argument(command, flag);
    let is_meant = |word: &OsString| {
        let word = word.as_encoded_bytes();
        let rest = word.strip_prefix(flag.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"="))
    };
    if let Some(place) = words.iter().skip(1).rposition(is_meant) {
        let word = words.remove(place + 1);
        let has_value = known.map_or(flag.starts_with('-'), |arg| arg.get_action().takes_values());
        let value = words.get(place + 1).map(|word| word.as_encoded_bytes());
        let alone = word.as_encoded_bytes() == flag.as_bytes();
        if alone && has_value && value.is_some_and(|value| !value.starts_with(b"-")) {
            words.remove(place + 1);
        }
        return Some(command.clone());
    }
    let id = known
        .filter(|arg| arg.get_env().is_some())?
        .get_id()
        .clone();
    Some(change(command.clone(), &|arg| {
        if *arg.get_id() == id {
            arg.env(Resettable::Reset)
        } else {
            arg
        }
    }))
}

/// A wrong value as all programs here say it, with its variable; the rest in clap's words.
fn describe(error: &Error, command: &Command) -> String {
    let about = text(error, ContextKind::InvalidArg).map(flag_of);
    let variable = about
        .and_then(|flag| argument(command, flag)?.get_env())
        .map(|name| format!(" ({})", name.to_string_lossy()));
    let is_value = matches!(
        error.kind(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation
    );
    let value = text(error, ContextKind::InvalidValue);
    let value = value.filter(|value| is_value && !value.is_empty());
    if let (Some(flag), Some(value)) = (about, value) {
        let why = match (error.get(ContextKind::ValidValue), error.source()) {
            (Some(ContextValue::Strings(words)), _) if !words.is_empty() => {
                format!("use {}", words.join(" or "))
            }
            (_, Some(cause)) => cause.to_string(),
            _ => "is not understood".to_owned(),
        };
        return format!("{flag}{} {value:?}: {why}", variable.unwrap_or_default());
    }
    let rendered = error.render().to_string();
    let lines = rendered.lines().map(str::trim);
    let lines: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Usage:"))
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .collect();
    let told = lines.join("; ");
    let told = told.strip_prefix("error: ").unwrap_or(&told);
    match variable {
        // Set without a value, by whichever of the two ways.
        Some(variable) if error.kind() == ErrorKind::InvalidValue => format!("{told}{variable}"),
        _ => told.to_owned(),
    }
}

/// `--log-format <FORMAT>`, as clap shows an argument: the flag alone.
fn flag_of(shown: &str) -> &str {
    if !shown.starts_with("--") {
        return shown;
    }
    shown.split([' ', '=', '[']).next().unwrap_or(shown)
}

fn argument<'a>(command: &'a Command, flag: &str) -> Option<&'a Arg> {
    let long = flag.strip_prefix("--")?;
    let deeper = command.get_subcommands().flat_map(Command::get_arguments);
    let mut all = command.get_arguments().chain(deeper);
    all.find(|arg| arg.get_long() == Some(long))
}

fn change(command: Command, how: &dyn Fn(Arg) -> Arg) -> Command {
    command
        .mut_args(how)
        .mut_subcommands(|deeper| change(deeper, how))
}

fn text(error: &Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::builder::BoolishValueParser;

    /// Variables that cargo sets, one of them to what is no boolean.
    #[derive(Debug, Parser)]
    struct Typed {
        #[arg(long, env = "CARGO_PKG_NAME", value_parser = BoolishValueParser::new())]
        open: bool,
        #[arg(long, value_parser = ["text", "json"], default_value = "text")]
        format: String,
        #[arg(long)]
        number: Option<String>,
    }

    fn parsed(words: &str) -> Result<Parsed<Typed>, Unparsed> {
        let words = format!("a-program {words}");
        parse(words.split_whitespace().map(OsString::from))
    }

    #[test]
    fn what_is_wrong_is_told_and_left_out() {
        let words = "--bogus 3 --open=perhaps --format xml --other=1 extra --number 5 --number 6";
        let found = parsed(words).expect("the rest is understood");
        assert_eq!(found.typed.number.as_deref(), Some("5"));
        assert_eq!(found.typed.format, "text");
        assert!(!found.typed.open);
        let told = found.mistakes.join("\n");
        for part in [
            "unexpected argument '--bogus' found",
            "unexpected value 'perhaps' for '--open' found",
            "--open (CARGO_PKG_NAME) \"common\": ",
            "--format \"xml\": use text or json",
            "unexpected argument '--other' found",
            "unexpected argument 'extra' found",
            "'--number <NUMBER>' cannot be used multiple times",
        ] {
            assert!(told.contains(part), "no {part:?} in\n{told}");
        }
        assert_eq!(found.mistakes.len(), 7, "{told}");
        assert!(
            !told.contains("error:") && !told.contains("Usage"),
            "{told}"
        );
    }

    #[test]
    fn a_value_that_is_missing_is_told() {
        let found = parsed("--format --number 7 --number").expect("the rest");
        assert_eq!(found.typed.number.as_deref(), Some("7"));
        assert_eq!(found.mistakes.len(), 3, "{:?}", found.mistakes);
        let told = found.mistakes.join("\n");
        assert!(told.contains("a value is required for '--format"), "{told}");
    }

    #[test]
    fn help_is_no_mistake() {
        let help = parsed("--help --bogus").expect_err("help");
        assert!(matches!(help, Unparsed::Usage(error) if error.exit_code() == 0));
    }
}
