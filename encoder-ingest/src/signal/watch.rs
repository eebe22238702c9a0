//! What is followed of each PID that a PMT names: that it comes, its PCRs, its PTS, and what its
//! content says of itself (TR 101 290, 1.6, 2.3, 2.4, 2.5).

use common::api::tr101290::Indicator;
use common::ts::packet::{Pid, TsPacket};

use super::coding::Elementary;
use super::content::Content;
use super::judge::{Absence, Judge};
use super::pcr::PcrClock;
use super::pes;
use super::pids::PidTable;
use super::tables::Tables;
use super::time::{Moment, Times};
use crate::limits::PIDS_MAX;

/// All watches of a channel.
#[derive(Debug, Default)]
pub struct Watches {
    all: Vec<Watch>,
    /// PIDs that are required and do not come.
    awaited: usize,
}

/// What is followed of one PID.
#[derive(Debug)]
pub struct Watch {
    pid: Pid,
    /// Its absence is a fault.
    required: bool,
    /// The tables name it as a stream, and as bearer of PCRs.
    has_flow: bool,
    has_clock: bool,
    /// It has come, and was not found absent since.
    here: bool,
    absence: Absence,
    /// Packets when it was last looked at.
    packets: u64,
    clock: Option<PcrClock>,
    flow: Option<Flow>,
}

/// An elementary stream.
#[derive(Debug)]
struct Flow {
    elementary: Elementary,
    /// When a PTS last came; none: none has, or it can't be seen.
    pts: Option<Absence>,
    longest_ms: Option<u64>,
    content: Content,
}

/// A packet, and where and when it came.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub packet: TsPacket<'a>,
    pub position: u64,
    pub now: Moment,
}

/// A PID that a PMT names must come so often (1.6, where the limit is the user's).
const PID_LIMIT_MS: u64 = 5000;

/// The longest time between two PTS (2.5).
const PTS_LIMIT_MS: u64 = 700;

/// A PID that was away for so long begins anew with its PTS; while it is, that is what is wrong.
const PID_PAUSE_MS: u64 = 350;

impl Watches {
    /// Follows what the tables name now. What is followed already goes on.
    pub fn assign(&mut self, tables: &Tables, pids: &mut PidTable, now: Moment, judge: &mut Judge) {
        let mut old = std::mem::take(&mut self.all);
        pids.clear_watches();
        for stream in tables.streams() {
            if let Some(watch) = self.entry(stream.pid, &mut old, pids, now, judge) {
                watch.required |= !stream.coding.is_sparse();
                watch.follow(stream);
            }
        }
        for pid in tables.pcr_pids() {
            if let Some(watch) = self.entry(pid, &mut old, pids, now, judge) {
                watch.required = true;
                watch.has_clock = true;
                watch.clock.get_or_insert_with(|| PcrClock::new(now));
            }
        }
        for watch in &mut self.all {
            watch.drop_stale();
        }
    }

    /// The watch of `pid`: the one there is, else that of before, else a new one; none when there
    /// are as many as PIDs are followed.
    fn entry(
        &mut self,
        pid: Pid,
        old: &mut Vec<Watch>,
        pids: &mut PidTable,
        now: Moment,
        judge: &mut Judge,
    ) -> Option<&mut Watch> {
        if pids.watch(pid).is_none() {
            let place = u8::try_from(self.all.len()).unwrap_or(u8::MAX);
            if self.all.len() == PIDS_MAX || !pids.set_watch(pid, place) {
                judge.limit();
                return None;
            }
            let before = old.iter().position(|watch| watch.pid == pid);
            let watch = before.map(|index| old.swap_remove(index));
            let watch = watch.unwrap_or_else(|| Watch::new(pid, now));
            self.all.push(Watch {
                required: false,
                has_flow: false,
                has_clock: false,
                ..watch
            });
        }
        self.all.get_mut(usize::from(pids.watch(pid)?))
    }

    /// Takes a packet of the PID that the watch at `index` follows. Answers whether it wants to see
    /// the next one too, whatever that is.
    pub fn packet(
        &mut self,
        index: u8,
        place: Place<'_>,
        times: &mut Times,
        judge: &mut Judge,
    ) -> bool {
        let Some(watch) = self.all.get_mut(usize::from(index)) else {
            return false;
        };
        if let Some(clock) = &mut watch.clock
            && place.packet.has_adaptation_field()
        {
            clock_packet(clock, place, times, judge);
        }
        let flow = watch.flow.as_mut();
        flow.is_some_and(|flow| flow.packet(place, &watch.absence, judge))
    }

    /// What must come and does not.
    pub fn check(&mut self, pids: &PidTable, now: Moment, judge: &mut Judge) {
        self.awaited = 0;
        for watch in &mut self.all {
            let packets = pids.packets(watch.pid);
            let came = std::mem::replace(&mut watch.packets, packets) != packets;
            if came {
                watch.came(now);
            } else if watch.required && watch.absence.overdue(now, PID_LIMIT_MS) {
                watch.here = false;
                judge.raise(Indicator::PidError);
            }
            self.awaited += usize::from(watch.required && !watch.here);
            if watch.clock.as_mut().is_some_and(|clock| clock.overdue(now)) {
                judge.raise(Indicator::PcrRepetitionError);
            }
            if let Some(flow) = &mut watch.flow {
                flow.check(&watch.absence, now, judge);
            }
        }
    }

    /// PIDs that a PMT names and that must come, but have not yet, or were found absent since.
    #[must_use]
    pub fn awaited(&self) -> usize {
        self.awaited
    }

    /// Time begins anew for all of them.
    pub fn restart_time(&mut self, now: Moment) {
        for watch in &mut self.all {
            watch.absence.seen(now);
            if let Some(clock) = &mut watch.clock {
                clock.restart(now);
            }
            if let Some(flow) = &mut watch.flow {
                flow.restart_time(now);
            }
        }
    }

    /// Packets are missing here, or came twice.
    pub fn gap(&mut self) {
        for watch in &mut self.all {
            if let Some(clock) = &mut watch.clock {
                clock.gap();
            }
        }
    }

    /// A packet of the PID at `index` is missing.
    pub fn interrupted(&mut self, index: u8) {
        let watch = self.all.get_mut(usize::from(index));
        if let Some(flow) = watch.and_then(|watch| watch.flow.as_mut()) {
            flow.content.interrupt();
        }
    }

    /// The PCRs show a constant rate.
    #[must_use]
    pub fn rate_is_constant(&self) -> bool {
        let mut clocks = self.all.iter().filter_map(|watch| watch.clock.as_ref());
        clocks.any(PcrClock::is_constant)
    }

    /// What the stream on `pid` is, in words; and the longest time between two PTS since this was
    /// last asked.
    pub fn describe(&mut self, pids: &PidTable, pid: Pid) -> (String, Option<u64>) {
        let watch = pids.watch(pid).map(usize::from);
        let watch = watch.and_then(|index| self.all.get_mut(index));
        let flow = watch.and_then(|watch| watch.flow.as_mut());
        flow.map_or_else(Default::default, |flow| {
            (flow.content.text().to_owned(), flow.longest_ms.take())
        })
    }

    /// The longest time between two PCRs on each PID since this was last asked.
    pub fn take_pcr_intervals(&mut self) -> Vec<(Pid, Option<u64>)> {
        let clocks = self.all.iter_mut();
        clocks
            .filter_map(|watch| {
                let clock = watch.clock.as_mut()?;
                Some((watch.pid, clock.take_longest_ms()))
            })
            .collect()
    }
}

fn clock_packet(clock: &mut PcrClock, place: Place<'_>, times: &mut Times, judge: &mut Judge) {
    let Place {
        packet,
        position,
        now,
    } = place;
    if packet.discontinuity() {
        clock.announce();
    }
    let Some(pcr) = packet.pcr() else {
        return;
    };
    let news = clock.arrives(pcr, now, position);
    times.pcr(packet.pid(), position, news.step);
    if news.repetition_error {
        judge.raise(Indicator::PcrRepetitionError);
    }
    if news.discontinuity_error {
        judge.raise(Indicator::PcrDiscontinuityError);
    }
    for _ in 0..news.accuracy_errors {
        judge.raise(Indicator::PcrAccuracyError);
    }
}

impl Watch {
    fn new(pid: Pid, now: Moment) -> Self {
        Self {
            pid,
            required: false,
            has_flow: false,
            has_clock: false,
            here: false,
            absence: Absence::from(now),
            packets: 0,
            clock: None,
            flow: None,
        }
    }

    fn follow(&mut self, stream: &Elementary) {
        self.has_flow = true;
        let same = |flow: &Flow| flow.elementary.coding == stream.coding;
        match self.flow.as_mut().filter(|flow| same(flow)) {
            Some(flow) => flow.elementary = stream.clone(),
            None => self.flow = Some(Flow::new(stream)),
        }
    }

    /// What no table names any more.
    fn drop_stale(&mut self) {
        if !self.has_flow {
            self.flow = None;
        }
        if !self.has_clock {
            self.clock = None;
        }
    }

    /// Packets have come since the last look.
    fn came(&mut self, now: Moment) {
        let away = self.absence.is_absent(now, PID_PAUSE_MS);
        self.absence.seen(now);
        self.here = true;
        if let Some(flow) = self.flow.as_mut().filter(|_| away) {
            flow.restart_time(now);
        }
    }
}

impl Flow {
    fn new(stream: &Elementary) -> Self {
        Self {
            elementary: stream.clone(),
            pts: None,
            longest_ms: None,
            content: Content::new(stream.coding),
        }
    }

    fn packet(&mut self, place: Place<'_>, pid: &Absence, judge: &mut Judge) -> bool {
        let Place { packet, now, .. } = place;
        if packet.scrambled() {
            self.pts = None;
            self.content.interrupt();
            return false;
        }
        if packet.pusi()
            && let Some(header) = pes::header(packet.payload())
        {
            if let Some(stamps) = header.stamps {
                self.stamp(now, pid, judge);
                self.content.stamps(stamps);
            }
            return self.content.begin(header.content);
        }
        self.content.goes_on(packet.payload())
    }

    fn stamp(&mut self, now: Moment, pid: &Absence, judge: &mut Judge) {
        if let Some(pts) = &mut self.pts {
            self.longest_ms = self.longest_ms.max(Some(now.since_ms(pts.since())));
        }
        self.check(pid, now, judge);
        self.pts = Some(Absence::from(now));
    }

    fn check(&mut self, pid: &Absence, now: Moment, judge: &mut Judge) {
        let expected = self.elementary.coding.has_pts()
            && !self.elementary.still
            && !pid.is_absent(now, PID_PAUSE_MS);
        if expected
            && let Some(pts) = &mut self.pts
            && pts.overdue(now, PTS_LIMIT_MS)
        {
            judge.raise(Indicator::PtsError);
        }
    }

    fn restart_time(&mut self, now: Moment) {
        if let Some(pts) = &mut self.pts {
            pts.seen(now);
        }
    }
}
