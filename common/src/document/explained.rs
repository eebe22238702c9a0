//! Errors of types that read themselves from text, as mistakes of a document.

use std::fmt::Display;
use std::net::AddrParseError;

use super::{Mistake, MistakeCode};

/// Why a text is not what it should be, also for programs: a user interface that speaks another
/// language makes its sentence of the code and the facts.
pub trait Explained: Display {
    fn code(&self) -> MistakeCode;

    /// Beside `value`, the whole text, which is always told.
    fn params(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl Mistake {
    /// The mistake that `text` is, by the error of its type.
    #[must_use]
    pub fn explained(error: &impl Explained, text: &str) -> Self {
        let mistake = Self::new(error.code(), error.to_string()).param("value", text);
        let params = error.params().into_iter();
        params.fold(mistake, |mistake, (name, value)| {
            mistake.param(name, &value)
        })
    }
}

impl Explained for AddrParseError {
    fn code(&self) -> MistakeCode {
        MistakeCode::BadAddress
    }
}
