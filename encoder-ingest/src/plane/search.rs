//! Where silent groups are looked for: in what the host itself filters, and on its other NICs. One
//! look at a time, each bounded, none at a stream that flows.
//!
//! A look at a channel is a test of the reverse path filter of its own NIC, when there is cause,
//! and then a probe of each NIC allowed, one after another.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd};

use common::net::interfaces::Link;
use tokio::sync::oneshot;

use super::drops::Filtered;
use super::filter::{Filter, FilterTest, is_shared};
use super::kept::Kept;
use super::options::{Looked, ProbeInterfaces, ProbeOutcome};
use super::probe::{Probe, candidates, known};
use super::silence::{Silence, since};
use super::surroundings::Surroundings;
use crate::limits::{DIAGNOSES_MAX, FILTER_TEST_INTERVAL, PROBE_INTERVAL, PROBE_SILENCE};
use crate::relay::channel::ChannelKey;

type Channels = BTreeMap<ChannelKey, Kept>;

/// To whom a look is told.
pub(super) type Answer = oneshot::Sender<Looked>;

/// The looks.
#[derive(Debug, Default)]
pub(super) struct Search {
    filter: Filter,
    look: Option<Look>,
    asked: VecDeque<(ChannelKey, Answer)>,
    answers: Vec<(Answer, Looked)>,
}

/// A look at one channel.
#[derive(Debug)]
struct Look {
    key: ChannelKey,
    /// What it was begun for: data, another group or another NIC end it.
    silence: Silence,
    test: Option<FilterTest>,
    /// Still to be probed; none: other NICs are no part of it.
    nics: Option<VecDeque<Link>>,
    probe: Option<Probe>,
    looked: Looked,
    answer: Option<Answer>,
}

impl Search {
    /// A look is asked for. Where too many have been, the answer is dropped, which says so.
    pub(super) fn ask(&mut self, key: ChannelKey, answer: Answer) {
        if self.asked.len() < DIAGNOSES_MAX {
            self.asked.push_back((key, answer));
        }
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Readable when a probe has found something.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        let probe = self.look.as_ref().and_then(|look| look.probe.as_ref());
        probe.map(AsFd::as_fd)
    }

    /// Goes on with the look, and begins the next that is due.
    pub(super) fn turn(&mut self, channels: &mut Channels, around: Surroundings<'_>) {
        let silent = channels.values().filter_map(Kept::silence);
        self.filter.watch(silent, around.now_ms);
        loop {
            let look = self.look.take();
            let Some(mut look) = look.or_else(|| self.next(channels, around)) else {
                return;
            };
            if look.go_on(channels, around) {
                self.look = Some(look);
                return;
            }
            self.end(look, channels, around.now_ms);
        }
    }

    /// Tells the looks that were asked for and are over, once the channels have been judged by them.
    pub(super) fn tell(&mut self) {
        for (answer, looked) in self.answers.drain(..) {
            // Who asked may have gone.
            let _ = answer.send(looked);
        }
    }

    /// The next look: what was asked for first, then what is due longest.
    fn next(&mut self, channels: &mut Channels, around: Surroundings<'_>) -> Option<Look> {
        let judged = |(key, _): &mut (ChannelKey, Answer)| {
            // One that has only just been added is looked at once it has been judged.
            channels.get(key).is_none_or(Kept::is_judged)
        };
        while let Some((key, answer)) = self.asked.pop_front_if(judged) {
            // Data comes, or there is no NIC that it could come on: nothing is to be looked for.
            let Some(silence) = channels.get(&key).and_then(Kept::silence).cloned() else {
                self.answers.push((answer, Looked::default()));
                continue;
            };
            let look = self.begin(key, silence, true, channels, around);
            return Some(Look {
                answer: Some(answer),
                ..look
            });
        }
        let silent = channels.iter().filter_map(|(key, kept)| {
            let silence = kept.silence()?;
            let long = silence.length(around.now_ms) >= PROBE_SILENCE;
            long.then_some((*key, kept, silence))
        });
        let (key, silence, probing) = silent
            .filter_map(|(key, kept, silence)| {
                let probing = probe_due(kept, silence, around);
                let due = probing || self.test_due(kept, silence, around.now_ms);
                let last_ms = kept.finding().looked_ms;
                due.then_some((last_ms, key, silence.clone(), probing))
            })
            .min_by_key(|(last_ms, ..)| *last_ms)
            .map(|(_, key, silence, probing)| (key, silence, probing))?;
        Some(self.begin(key, silence, probing, channels, around))
    }

    /// Once when the counter begins to rise, then once a minute while it does.
    fn test_due(&self, kept: &Kept, silence: &Silence, now_ms: u64) -> bool {
        let onset_ms = self.filter.rising_since_ms().unwrap_or(0);
        let finding = kept.finding();
        let due = finding.tested_ms.is_none_or(|tested| {
            let passed = since(tested, now_ms);
            passed >= PROBE_INTERVAL || (tested < onset_ms && passed >= FILTER_TEST_INTERVAL)
        });
        let shown = finding.filtered == Some(Filtered::Shown);
        let known = shown && finding.tested_ms.is_some_and(|tested| tested >= onset_ms);
        due && self.filter.suspected(silence) && !known
    }

    fn begin(
        &self,
        key: ChannelKey,
        silence: Silence,
        probing: bool,
        channels: &mut Channels,
        around: Surroundings<'_>,
    ) -> Look {
        let silence_ms = around.options.silence_ms();
        let ours = |kept: &Kept| kept.ours(silence_ms, around.now_ms).collect::<Vec<_>>();
        let ours: Vec<_> = channels.values().flat_map(ours).collect();
        let off = !probing || around.options.probe == ProbeInterfaces::Off;
        let known = known(around.links, &silence, &ours).filter(|_| !off);
        let nics = probing.then(|| match &known {
            Some(_) => VecDeque::new(),
            None => candidates(around.options, around.links, &silence, &ours),
        });
        let mut look = Look {
            key,
            silence,
            test: None,
            nics,
            probe: None,
            looked: Looked {
                probes: Vec::from_iter(known),
                filtered: None,
            },
            answer: None,
        };
        if self.filter.suspected(&look.silence) {
            let left = !is_shared(&look.silence)
                && channels.get_mut(&key).is_some_and(Kept::leave_for_test);
            look.test = self.filter.test(around.now_ms).filter(|_| left);
            if look.test.is_none() {
                look.looked.filtered = Some(Filtered::Perhaps);
            }
        }
        look
    }

    fn end(&mut self, look: Look, channels: &mut Channels, now_ms: u64) {
        let mut looked = look.looked;
        // The drops are explained by a channel for which they were shown.
        let mut others = channels.iter().filter(|(key, _)| **key != look.key);
        let explained = others.any(|(_, kept)| kept.finding().filtered == Some(Filtered::Shown));
        if looked.filtered == Some(Filtered::Perhaps) && explained {
            looked.filtered = Some(Filtered::No);
        }
        if let Some(kept) = channels.get_mut(&look.key) {
            kept.back_from_test();
            kept.found(&looked, look.nics.is_some(), now_ms);
        }
        if let Some(answer) = look.answer {
            self.answers.push((answer, looked));
        }
    }
}

/// The contract's bounds: only what has never come, and then once a minute.
fn probe_due(kept: &Kept, silence: &Silence, around: Surroundings<'_>) -> bool {
    let looked = kept.finding().looked_ms;
    let again = looked.is_none_or(|looked| since(looked, around.now_ms) >= PROBE_INTERVAL);
    silence.never && again && around.options.probe != ProbeInterfaces::Off
}

impl Look {
    /// False when it is over.
    fn go_on(&mut self, channels: &mut Channels, around: Surroundings<'_>) -> bool {
        let kept = channels.get_mut(&self.key);
        let still = |kept: &&mut Kept| {
            let silence = kept.silence();
            silence.is_some_and(|silence| silence.same_place(&self.silence))
        };
        let Some(kept) = kept.filter(still) else {
            return false;
        };
        if let Some(test) = self.test {
            self.looked.filtered = test.outcome(around.now_ms);
            if self.looked.filtered.is_none() {
                return true;
            }
            self.test = None;
            kept.back_from_test();
        }
        self.probe_on(around)
    }

    /// False when no NIC is left.
    fn probe_on(&mut self, around: Surroundings<'_>) -> bool {
        loop {
            if let Some(probe) = &self.probe {
                let Some(probed) = probe.outcome(around.now_ms) else {
                    return true;
                };
                self.probe = None;
                let came = matches!(probed.outcome, ProbeOutcome::Came(_));
                self.looked.probes.push(probed);
                if came {
                    return false;
                }
            }
            let Some(link) = self.nics.as_mut().and_then(VecDeque::pop_front) else {
                return false;
            };
            match Probe::open(&self.silence, &link, around.now_ms) {
                Ok(probe) => self.probe = Some(probe),
                Err(failed) => self.looked.probes.push(failed),
            }
        }
    }
}
