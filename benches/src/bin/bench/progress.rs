//! How far it has come: a line for each run, with the time that is left by the plan.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// What is planned, and what of it is done.
#[derive(Debug)]
pub(crate) struct Progress {
    begin: Instant,
    runs: usize,
    done: usize,
    left: Duration,
    /// On a terminal the run that goes on is shown too, and written over when it is done.
    terminal: bool,
}

impl Progress {
    /// `runs` that take `length` together.
    pub(crate) fn new(runs: usize, length: Duration) -> Self {
        println!(
            "{runs} runs, about {}; runs that do not count are repeated",
            clock(length)
        );
        Self {
            begin: Instant::now(),
            runs,
            done: 0,
            left: length,
            terminal: std::io::stdout().is_terminal(),
        }
    }

    /// One more than was planned.
    pub(crate) fn add(&mut self, length: Duration) {
        self.runs += 1;
        self.left += length;
    }

    pub(crate) fn begin(&self, what: &str) {
        if self.terminal {
            print!("{} {what} ..", self.place(self.done + 1));
            let _ = std::io::stdout().flush();
        }
    }

    /// A run that was to take `length` is over.
    pub(crate) fn end(&mut self, length: Duration, line: &str) {
        self.done += 1;
        self.left = self.left.saturating_sub(length);
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        println!("{clear}{} {line}", self.place(self.done));
    }

    fn place(&self, run: usize) -> String {
        let (gone, left) = (clock(self.begin.elapsed()), clock(self.left));
        format!("[{run:>3}/{} {gone:>5}, {left:>5} left]", self.runs)
    }
}

/// Minutes and seconds.
fn clock(length: Duration) -> String {
    let seconds = length.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_shrinks_and_a_repeat_adds_to_it() {
        let mut progress = Progress::new(2, Duration::from_secs(130));
        assert!(progress.place(1).contains("[  1/2"), "{progress:?}");
        assert!(progress.place(1).ends_with(" 2:10 left]"), "{progress:?}");
        progress.end(Duration::from_secs(65), "done");
        progress.add(Duration::from_secs(65));
        assert!(progress.place(2).contains("[  2/3"), "{progress:?}");
        assert!(progress.place(2).ends_with(" 2:10 left]"), "{progress:?}");
    }
}
