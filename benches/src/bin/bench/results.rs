//! Everything that one call measured.

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::outcome::Outcome;
use crate::verdict::{Verdict, verdicts};

/// What results.json holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    /// Of steady state in each run, unless the scenario has its own.
    pub(crate) seconds: u64,
    pub(crate) rounds: u32,
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) scenarios: Vec<Outcome>,
}

impl Results {
    pub(crate) fn new(machine: Machine, seconds: u64, rounds: u32) -> Self {
        Self {
            machine,
            seconds,
            rounds,
            verdicts: Vec::new(),
            scenarios: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.scenarios.push(outcome);
        self.verdicts = verdicts(&self.scenarios);
    }

    /// The same, held against the goals of today.
    pub(crate) fn judged(self) -> Self {
        Self {
            verdicts: verdicts(&self.scenarios),
            ..self
        }
    }
}
