//! When to stop, known to all parts at once: SIGTERM and SIGINT become one token.
//!
//! Who stops what, and in which order, is the program's business.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Tells whether the process shall end. Cheap to clone: one for each part that waits.
#[derive(Debug, Clone)]
pub struct Shutdown {
    requested: watch::Receiver<bool>,
}

/// Requests the end; dropping it does so too.
#[derive(Debug)]
pub struct Trigger {
    requested: watch::Sender<bool>,
}

/// Listens for SIGTERM and SIGINT for as long as it lives.
#[derive(Debug)]
pub struct Signals {
    shutdown: Shutdown,
    _listening: JoinSet<()>,
}

/// A token and what fires it.
#[must_use]
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    let trigger = Trigger { requested: sender };
    let shutdown = Shutdown {
        requested: receiver,
    };
    (trigger, shutdown)
}

impl Shutdown {
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.requested.borrow()
    }

    /// Waits until the end is requested.
    pub async fn requested(&mut self) {
        // An error means that the trigger was dropped, which asks for the end as well.
        let _ = self.requested.wait_for(|requested| *requested).await;
    }
}

impl Trigger {
    pub fn fire(&self) {
        self.requested.send_replace(true);
    }
}

impl Signals {
    /// Begins to listen. From here on neither signal ends the process by itself.
    ///
    /// # Errors
    /// When the handlers can't be installed.
    pub fn listen() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (trigger, shutdown) = channel();
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "stopping");
            trigger.fire();
        });
        Ok(Self {
            shutdown,
            _listening: listening,
        })
    }

    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_copy_hears_of_it() {
        let (trigger, mut one) = channel();
        let mut two = one.clone();
        assert!(!one.is_requested());
        trigger.fire();
        one.requested().await;
        two.requested().await;
        assert!(two.is_requested());
    }

    #[tokio::test]
    async fn a_dropped_trigger_asks_for_the_end() {
        let (trigger, mut shutdown) = channel();
        drop(trigger);
        shutdown.requested().await;
    }

    #[tokio::test]
    async fn sigterm_is_heard() {
        let signals = Signals::listen().expect("handlers");
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::TERM).expect("kill");
        signals.shutdown().requested().await;
    }
}
