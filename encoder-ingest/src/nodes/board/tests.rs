use super::*;
use common::api::node::{JobReason, JobState, Progress};
use common::api::profile::{Profile, ProfileKind, VideoCodec, VideoProfile};
use proptest::prelude::*;

const START: Moment = Moment {
    ms: 5_000,
    unix_ms: 1_700_000_000_000,
};

/// `ms` after the board began.
fn at(ms: u64) -> Moment {
    Moment {
        ms: START.ms + ms,
        unix_ms: START.unix_ms + ms,
    }
}

fn wanted(cost: f64) -> Wanted {
    Wanted {
        channel: "news".to_owned(),
        profile: Profile {
            name: "preview".to_owned(),
            kind: ProfileKind::Ts,
            video: Some(VideoProfile {
                codec: VideoCodec::H264,
                width: 160,
                height: 90,
                kbps: 100,
                interval_ms: 1000,
            }),
            audio: None,
        },
        cost: Slots::of(cost),
        program: None,
        interlaced: None,
        has_video: None,
        has_audio: None,
        obstacle: None,
    }
}

/// A node that obeys, with its own eyes on its slots.
#[derive(Debug, Clone)]
struct Fake {
    name: String,
    instance: u32,
    slots: Slots,
    up: bool,
    connected: bool,
    draining: bool,
    /// By ingest and job: epoch, cost, and since when.
    runs: BTreeMap<(usize, String), (u64, Slots, u64)>,
    /// What ended here, and is told until it is not ordered any more.
    ended: BTreeMap<(usize, String), (u64, ReportedState)>,
    heard_ms: u64,
    revisions: [u64; 2],
}

impl Fake {
    fn new(name: &str, slots: f64) -> Self {
        Self {
            name: name.to_owned(),
            instance: 0,
            slots: Slots::of(slots),
            up: true,
            connected: true,
            draining: false,
            runs: BTreeMap::new(),
            ended: BTreeMap::new(),
            heard_ms: 0,
            revisions: [0; 2],
        }
    }

    fn used(&self) -> Slots {
        self.runs.values().map(|(_, cost, _)| *cost).sum()
    }

    fn heartbeat(&self, ingest: usize) -> Heartbeat {
        let report = |id: &str, epoch: u64, state: ReportedState| JobReport {
            id: id.to_owned(),
            epoch,
            state,
            reason: None,
            params: BTreeMap::new(),
            detail: String::new(),
            progress: Progress::default(),
        };
        let of = |key: &&(usize, String)| key.0 == ingest;
        let runs = self.runs.iter().filter(|(key, _)| of(key));
        let runs = runs.map(|((_, id), (epoch, ..))| report(id, *epoch, ReportedState::Running));
        let ended = self.ended.iter().filter(|(key, _)| of(key));
        let ended = ended.map(|((_, id), (epoch, state))| report(id, *epoch, *state));
        Heartbeat {
            version: "1".to_owned(),
            instance: self.instance.to_string(),
            slots: self.slots.as_f64(),
            free_slots: (self.slots - self.used()).as_f64(),
            encoders: vec!["libx264".to_owned()],
            ffmpeg: String::new(),
            draining: self.draining,
            jobs: runs.chain(ended).collect(),
            revision: self.revisions[ingest],
        }
    }

    fn obey(&mut self, ingest: usize, sheet: &Sheet, ms: u64) {
        self.revisions[ingest] = sheet.revision;
        let ordered = |key: &(usize, String), epoch: u64| {
            key.0 != ingest
                || sheet
                    .jobs
                    .iter()
                    .any(|order| order.id == key.1 && order.epoch == epoch)
        };
        self.runs.retain(|key, (epoch, ..)| ordered(key, *epoch));
        self.ended.retain(|key, (epoch, _)| ordered(key, *epoch));
        for order in &sheet.jobs {
            let key = (ingest, order.id.clone());
            if self.runs.contains_key(&key) || self.ended.contains_key(&key) {
                continue;
            }
            let cost = Slots::of(order.cost);
            if self.slots - self.used() >= cost {
                self.runs.insert(key, (order.epoch, cost, ms));
            } else {
                let refused = (order.epoch, ReportedState::Refused);
                self.ended.insert(key, refused);
            }
        }
        assert!(self.used() <= self.slots);
    }
}

/// One or two ingests and their nodes, in steps of 100 ms.
#[derive(Debug)]
struct World {
    boards: Vec<Board>,
    nodes: Vec<Fake>,
    wants: Vec<BTreeMap<String, Wanted>>,
    ms: u64,
    /// By ingest and job: who has it, under which epoch.
    seen: BTreeMap<(usize, String), (String, u64)>,
    newest: Vec<u64>,
    /// By ingest: nodes that were silent as this step began; they may have spoken in it since.
    silent: BTreeSet<(usize, String)>,
    /// Epochs that were there at the last look.
    epochs: BTreeSet<(usize, u64)>,
}

const STEP_MS: u64 = 100;

impl World {
    fn new(ingests: usize, slots: &[f64]) -> Self {
        let node = |(index, slots): (usize, &f64)| Fake::new(&format!("n{index}"), *slots);
        Self {
            boards: (0..ingests).map(|_| Board::new(at(0))).collect(),
            nodes: slots.iter().enumerate().map(node).collect(),
            wants: vec![BTreeMap::new(); ingests],
            ms: 0,
            seen: BTreeMap::new(),
            newest: vec![0; ingests],
            silent: BTreeSet::new(),
            epochs: BTreeSet::new(),
        }
    }

    fn want(&mut self, ingest: usize, jobs: &[(String, f64)]) {
        let wants = jobs.iter().map(|(id, cost)| (id.clone(), wanted(*cost)));
        self.wants[ingest] = wants.collect();
    }

    fn kill(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.up = false;
        for ((ingest, id), (epoch, ..)) in std::mem::take(&mut node.runs) {
            if node.connected {
                self.boards[ingest].upload_ended(&id, epoch, 0, true, at(self.ms));
            }
        }
        node.ended.clear();
    }

    fn start(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        if !node.up {
            node.up = true;
            node.draining = false;
            node.instance += 1;
            node.revisions = [0; 2];
        }
    }

    fn fail(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        if let Some((key, (epoch, ..))) = node.runs.pop_first() {
            node.ended.insert(key, (epoch, ReportedState::Failed));
        }
    }

    /// The next 100 ms.
    fn step(&mut self) {
        self.ms += STEP_MS;
        let now = at(self.ms);
        self.silent = self.silent_nodes(now);
        for (ingest, board) in self.boards.iter_mut().enumerate() {
            board.want(self.wants[ingest].clone(), now);
            for node in &mut self.nodes {
                let due = now.ms - node.heard_ms >= 1000
                    || board.sheet(&node.name).revision != node.revisions[ingest];
                if !node.up || !node.connected || !due {
                    continue;
                }
                if ingest + 1 == self.wants.len() {
                    node.heard_ms = now.ms;
                }
                let address = IpAddr::from([10, 0, 0, 1]);
                let heartbeat = node.heartbeat(ingest);
                if board.heard(&node.name, address, heartbeat, now).is_err() {
                    continue;
                }
                board.turn(now);
                let sheet = board.sheet(&node.name);
                node.obey(ingest, &sheet, now.ms);
                for ((of, id), (epoch, _, since)) in &node.runs {
                    let taken = matches!(board.admits(id, *epoch), Admission::Taken { .. });
                    if *of == ingest && taken && now.ms - since >= 300 {
                        board.flows(id, *epoch, 0, now);
                    }
                }
            }
        }
        self.check(now);
        for board in &mut self.boards {
            board.turn(now);
        }
        self.check(now);
    }

    fn silent_nodes(&self, now: Moment) -> BTreeSet<(usize, String)> {
        let boards = self.boards.iter().enumerate();
        let leases = boards.flat_map(|(ingest, board)| {
            let leases = board.leases.iter();
            leases.map(move |(name, lease)| (ingest, name, lease))
        });
        leases
            .filter(|(.., lease)| lease.state(now.ms) == NodeState::Silent)
            .map(|(ingest, name, _)| (ingest, name.clone()))
            .collect()
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms / STEP_MS {
            self.step();
        }
    }

    fn check(&mut self, now: Moment) {
        let (mut seen, mut epochs) = (BTreeMap::new(), BTreeSet::new());
        for (ingest, board) in self.boards.iter().enumerate() {
            let wants: Vec<_> = self.wants[ingest].keys().collect();
            assert_eq!(board.jobs.keys().collect::<Vec<_>>(), wants, "none lost");
            for (name, lease) in board.leases.iter() {
                assert!(board.used(name) <= lease.slots, "over slots: {board:#?}");
            }
            let mut newest = self.newest[ingest];
            for (id, job) in &board.jobs {
                let key = (ingest, id.clone());
                for placement in job.placements() {
                    let epoch = (ingest, placement.epoch());
                    let known = self.epochs.contains(&epoch);
                    assert!(known || epoch.1 > self.newest[ingest], "an epoch rises");
                    assert!(epochs.insert(epoch), "an epoch is of one job");
                    newest = newest.max(epoch.1);
                }
                if let (Some(held), Some(next)) = (&job.held, &job.next) {
                    assert_ne!(held.node, next.node, "twice on one node");
                    assert!(next.epoch() > held.epoch());
                    assert!(self.drained(board, held), "handed over without cause");
                }
                if let Some(held) = &job.held {
                    self.moved(board, &key, held, now);
                    seen.insert(key, (held.node.clone(), held.epoch()));
                }
            }
            self.newest[ingest] = newest;
        }
        self.seen = seen;
        self.epochs = epochs;
    }

    fn drained(&self, board: &Board, held: &Placement) -> bool {
        let lease = board.leases.get(&held.node);
        lease.is_none_or(|lease| lease.heartbeat.draining)
    }

    /// A job that is elsewhere now has a cause for it.
    fn moved(&self, board: &Board, key: &(usize, String), held: &Placement, now: Moment) {
        let Some((node, epoch)) = self.seen.get(key) else {
            return;
        };
        if *epoch == held.epoch() {
            assert_eq!(*node, held.node);
            return;
        }
        let lease = board.leases.get(node);
        let silent = lease.is_none_or(|lease| lease.state(now.ms) == NodeState::Silent)
            || self.silent.contains(&(key.0, node.clone()));
        let drains = lease.is_some_and(|lease| lease.heartbeat.draining);
        let ended = lease.is_some_and(|lease| {
            let mut reports = lease.heartbeat.jobs.iter();
            reports.any(|report| {
                report.id == key.1 && report.epoch == *epoch && live(report).is_none()
            })
        });
        let fake = self.nodes.iter().find(|one| one.name == *node);
        let restarted = fake.is_none_or(|fake| !fake.up || fake.instance > 0);
        assert!(
            silent || drains || ended || restarted,
            "{key:?} moved from {node} to {} without cause",
            held.node
        );
    }

    fn states(&self, ingest: usize) -> BTreeMap<JobState, usize> {
        let counts = self.boards[ingest].counts().into_iter();
        counts.filter(|(_, count)| *count > 0).collect()
    }

    fn node_of(&self, id: &str) -> Option<String> {
        let job = self.boards[0].jobs.get(id)?;
        job.held.as_ref().map(|held| held.node.clone())
    }
}

fn jobs(count: usize, cost: f64) -> Vec<(String, f64)> {
    (0..count).map(|n| (format!("c{n:02}.p"), cost)).collect()
}

#[test]
fn twenty_jobs_on_twelve_slots_and_the_rest_as_they_get_free() {
    let mut world = World::new(1, &[4.0, 4.0, 4.0]);
    world.want(0, &jobs(20, 1.0));
    world.run(1000);
    assert_eq!(world.states(0), BTreeMap::from([(JobState::Pending, 20)]));
    world.run(3000);
    let full = BTreeMap::from([(JobState::Pending, 8), (JobState::Running, 12)]);
    assert_eq!(world.states(0), full);
    let pending = world.boards[0].jobs(at(world.ms));
    let pending = pending.iter().find(|job| job.state == JobState::Pending);
    let pending = pending.expect("one waits");
    assert_eq!(pending.reason, Some(JobReason::NoSuitableNode));
    assert!(!pending.detail.is_empty() && pending.params["free_slots"] == "0");
    let kept: Vec<_> = (0..12)
        .map(|n| world.node_of(&format!("c{n:02}.p")))
        .collect();
    world.want(0, &jobs(20, 1.0)[4..]);
    world.run(3000);
    let full = BTreeMap::from([(JobState::Pending, 4), (JobState::Running, 12)]);
    assert_eq!(world.states(0), full);
    for (n, node) in kept.iter().enumerate().skip(4) {
        assert_eq!(world.node_of(&format!("c{n:02}.p")), *node);
    }
}

#[test]
fn a_killed_nodes_jobs_move_within_two_seconds_and_the_others_stay() {
    let mut world = World::new(1, &[4.0, 4.0, 4.0]);
    world.want(0, &jobs(3, 1.0));
    world.run(3000);
    let nodes: Vec<_> = (0..3)
        .filter_map(|n| world.node_of(&format!("c{n:02}.p")))
        .collect();
    assert_eq!(nodes.len(), 3);
    let victim = nodes[0].clone();
    let index = world.nodes.iter().position(|node| node.name == victim);
    world.kill(index.expect("a node"));
    world.run(2200);
    assert_ne!(world.node_of("c00.p"), Some(victim));
    assert_eq!(world.node_of("c01.p").as_deref(), Some(nodes[1].as_str()));
    assert_eq!(world.node_of("c02.p").as_deref(), Some(nodes[2].as_str()));
}

#[test]
fn a_node_that_drains_sends_until_the_new_one_does() {
    let mut world = World::new(1, &[2.0, 2.0]);
    world.want(0, &jobs(1, 1.0));
    world.run(3000);
    let old = world.node_of("c00.p").expect("it runs");
    let index = world.nodes.iter().position(|node| node.name == old);
    world.nodes[index.expect("a node")].draining = true;
    let mut handed_over = false;
    for _ in 0..30 {
        world.step();
        let job = &world.boards[0].jobs["c00.p"];
        handed_over |= job.state() == JobState::Handover;
        assert!(
            job.held
                .as_ref()
                .is_some_and(|held| held.flows_since_ms.is_some())
        );
    }
    assert!(handed_over);
    assert_ne!(world.node_of("c00.p"), Some(old.clone()));
    assert!(world.boards[0].sheet(&old).jobs.is_empty());
}

#[test]
fn handing_over_has_an_end() {
    let mut board = Board::new(at(0));
    let address = IpAddr::from([10, 0, 0, 1]);
    let mut old = Fake::new("old", 2.0);
    let young = Fake::new("young", 2.0);
    board.want(BTreeMap::from([("a.p".to_owned(), wanted(1.0))]), at(0));
    board
        .heard("old", address, old.heartbeat(0), at(1300))
        .expect("heard");
    board.turn(at(1300));
    let first = board.sheet("old").jobs[0].epoch;
    old.obey(0, &board.sheet("old"), 0);
    board.flows("a.p", first, 0, at(1400));
    old.draining = true;
    let mut ms = 1500;
    while ms <= 7000 {
        board
            .heard("old", address, old.heartbeat(0), at(ms))
            .expect("heard");
        board
            .heard("young", address, young.heartbeat(0), at(ms))
            .expect("heard");
        board.turn(at(ms));
        if ms < 1500 + 5000 {
            assert!(
                matches!(board.admits("a.p", first), Admission::Taken { .. }),
                "{ms}"
            );
        }
        ms += 500;
    }
    assert_eq!(board.admits("a.p", first), Admission::OtherEpoch);
}

#[test]
fn it_is_empty_until_something_is_wanted_or_a_node_is_heard_and_once_that_is_over() {
    let mut board = Board::new(at(0));
    assert!(board.is_empty());
    board.want(BTreeMap::from([("a.p".to_owned(), wanted(1.0))]), at(0));
    assert!(!board.is_empty());
    board.want(BTreeMap::new(), at(100));
    assert!(board.is_empty());
    let (address, node) = (IpAddr::from([10, 0, 0, 1]), Fake::new("n", 2.0));
    board
        .heard("n", address, node.heartbeat(0), at(200))
        .expect("heard");
    board.turn(at(200));
    assert!(!board.is_empty());
    let kept_ms = u64::try_from(crate::limits::NODE_KEPT.as_millis()).expect("days at most");
    board.turn(at(200 + kept_ms));
    assert!(board.is_empty());
}

#[test]
fn an_upload_that_another_has_replaced_says_nothing_when_it_ends() {
    let mut board = Board::new(at(0));
    let address = IpAddr::from([10, 0, 0, 1]);
    let mut node = Fake::new("n", 2.0);
    board.want(BTreeMap::from([("a.p".to_owned(), wanted(1.0))]), at(0));
    let mut beat = |board: &mut Board, ms| {
        board
            .heard("n", address, node.heartbeat(0), at(ms))
            .expect("heard");
        board.turn(at(ms));
        node.obey(0, &board.sheet("n"), ms);
    };
    beat(&mut board, 1300);
    let epoch = board.sheet("n").jobs[0].epoch;
    board.flows("a.p", epoch, 1, at(1400));
    board.flows("a.p", epoch, 2, at(1500));
    board.upload_ended("a.p", epoch, 1, true, at(1600));
    assert_eq!(board.jobs["a.p"].state(), JobState::Running);
    let lease = |board: &Board| board.leases.get("n").expect("known").state(at(1700).ms);
    assert_eq!(lease(&board), NodeState::Alive);
    board.upload_ended("a.p", epoch, 2, true, at(1600));
    assert_eq!(board.jobs["a.p"].state(), JobState::Starting);
    assert_eq!(lease(&board), NodeState::Suspect);
}

#[test]
fn a_restarted_ingest_takes_over_where_the_jobs_are_with_greater_epochs() {
    let mut world = World::new(1, &[1.0, 1.0, 1.0]);
    world.want(0, &jobs(3, 1.0));
    world.run(3000);
    let before: Vec<_> = (0..3)
        .map(|n| world.node_of(&format!("c{n:02}.p")))
        .collect();
    let newest = world.newest[0];
    world.boards[0] = Board::new(at(world.ms));
    world.seen.clear();
    // The same clock or not: epochs rise.
    world.run(2500);
    let after: Vec<_> = (0..3)
        .map(|n| world.node_of(&format!("c{n:02}.p")))
        .collect();
    assert_eq!(before, after);
    for job in world.boards[0].jobs(at(world.ms)) {
        assert!(job.epoch > newest, "{job:?}");
        assert_eq!(job.state, JobState::Running);
    }
}

#[test]
fn epochs_rise_over_a_clock_that_was_set_back() {
    let mut board = Board::new(at(0));
    let mut node = Fake::new("n", 4.0);
    let ahead = at(3_600_000).unix_ms;
    node.runs
        .insert((0, "a.p".to_owned()), (ahead, Slots::of(1.0), 0));
    board.want(BTreeMap::from([("a.p".to_owned(), wanted(1.0))]), at(0));
    let address = IpAddr::from([10, 0, 0, 1]);
    board
        .heard("n", address, node.heartbeat(0), at(1300))
        .expect("heard");
    board.turn(at(1300));
    assert_eq!(board.sheet("n").jobs[0].epoch, ahead + 1);
}

#[test]
fn a_job_whose_parent_is_silent_gives_its_slot_up_after_a_while() {
    let mut world = World::new(1, &[1.0]);
    world.want(0, &jobs(1, 1.0));
    world.run(3000);
    let mut silent = wanted(1.0);
    silent.obstacle = Some(Unplaced {
        reason: JobReason::WaitingForParent,
        params: BTreeMap::new(),
        detail: "the channel has no data".to_owned(),
    });
    world.wants[0].insert("c00.p".to_owned(), silent);
    world.run(9000);
    assert_eq!(world.states(0), BTreeMap::from([(JobState::Running, 1)]));
    world.run(1500);
    let job = &world.boards[0].jobs(at(world.ms))[0];
    assert_eq!(job.state, JobState::Pending);
    assert_eq!(job.reason, Some(JobReason::WaitingForParent));
    assert!(world.nodes[0].runs.is_empty());
    world.want(0, &jobs(1, 1.0));
    world.run(1500);
    assert_eq!(world.states(0), BTreeMap::from([(JobState::Running, 1)]));
}

#[test]
fn two_ingests_fill_their_nodes_and_no_more() {
    let mut world = World::new(2, &[4.0, 4.0, 4.0]);
    world.want(0, &jobs(10, 1.0));
    world.want(1, &jobs(10, 1.0));
    world.run(90_000);
    let running = |ingest| world.states(ingest).get(&JobState::Running).copied();
    assert_eq!(running(0).unwrap_or(0) + running(1).unwrap_or(0), 12);
    assert_eq!(
        world.nodes.iter().map(Fake::used).sum::<Slots>(),
        Slots::of(12.0)
    );
}

#[derive(Debug, Clone)]
enum Act {
    Run(u64),
    Kill(usize),
    Start(usize),
    Cut(usize),
    Heal(usize),
    Drain(usize),
    Fail(usize),
    Want(usize, Vec<bool>),
    Restart(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let node = 0..3_usize;
    prop_oneof![
        4 => (1..40_u64).prop_map(|steps| Act::Run(steps * STEP_MS)),
        1 => node.clone().prop_map(Act::Kill),
        2 => node.clone().prop_map(Act::Start),
        1 => node.clone().prop_map(Act::Cut),
        2 => node.clone().prop_map(Act::Heal),
        1 => node.clone().prop_map(Act::Drain),
        1 => node.prop_map(Act::Fail),
        2 => (0..2_usize, proptest::collection::vec(any::<bool>(), 8)).prop_map(|(ingest, mask)| Act::Want(ingest, mask)),
        1 => (0..2_usize).prop_map(Act::Restart),
    ]
}

const COSTS: [f64; 8] = [1.0, 0.05, 2.0, 0.1, 1.0, 0.05, 1.0, 0.7];

impl World {
    fn act(&mut self, act: Act) {
        match act {
            Act::Run(ms) => self.run(ms),
            Act::Kill(node) => self.kill(node),
            Act::Start(node) => self.start(node),
            Act::Cut(node) => self.nodes[node].connected = false,
            Act::Heal(node) => self.nodes[node].connected = true,
            Act::Drain(node) => self.nodes[node].draining = true,
            Act::Fail(node) => self.fail(node),
            Act::Want(ingest, mask) => {
                let ingest = ingest % self.wants.len();
                let ids = mask.iter().zip(COSTS).enumerate();
                let wanted = ids.filter(|(_, (wanted, _))| **wanted);
                let list: Vec<_> = wanted
                    .map(|(n, (_, cost))| (format!("c{n:02}.p"), cost))
                    .collect();
                self.want(ingest, &list);
                let now = at(self.ms);
                self.boards[ingest].want(self.wants[ingest].clone(), now);
                self.seen
                    .retain(|key, _| self.wants[key.0].contains_key(&key.1));
            }
            Act::Restart(ingest) => {
                let ingest = ingest % self.wants.len();
                let now = at(self.ms);
                self.boards[ingest] = Board::new(now);
                self.boards[ingest].want(self.wants[ingest].clone(), now);
                self.seen.retain(|key, _| key.0 != ingest);
            }
        }
    }

    /// Everything is mended: every job runs for which there is room.
    fn mend(&mut self) {
        for node in 0..self.nodes.len() {
            self.start(node);
            self.nodes[node].connected = true;
            if self.nodes[node].draining {
                self.kill(node);
                self.run(3100);
                self.start(node);
            }
        }
        self.run(150_000);
        for (ingest, board) in self.boards.iter().enumerate() {
            for (id, job) in &board.jobs {
                let room = |node: &Fake| node.slots - node.used() >= job.wanted.cost;
                let fits = self.nodes.iter().any(room);
                assert!(
                    job.state() == JobState::Running || !fits,
                    "{ingest} {id} does not run: {job:#?}"
                );
            }
        }
    }
}

#[test]
fn a_node_that_speaks_again_as_its_lease_ends_has_lost_its_jobs() {
    let mut world = World::new(1, &[1.0, 1.0, 1.0]);
    world.act(Act::Want(0, vec![true; 8]));
    for act in [Act::Run(1600), Act::Cut(1), Act::Run(2600)] {
        world.act(act);
    }
    world.mend();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn no_history_doubles_loses_or_needlessly_moves_a_job(
        ingests in 1..=2_usize,
        slots in proptest::collection::vec(prop_oneof![Just(1.0), Just(2.0), Just(4.0)], 3),
        acts in proptest::collection::vec(act(), 1..30),
    ) {
        let mut world = World::new(ingests, &slots);
        for ingest in 0..ingests {
            world.act(Act::Want(ingest, vec![true; 8]));
        }
        for act in acts {
            world.act(act);
        }
        world.mend();
    }
}

#[test]
fn a_node_that_has_room_again_is_asked_again() {
    let mut board = Board::new(at(0));
    board.want(BTreeMap::from([("a".to_owned(), wanted(1.0))]), at(0));
    let settled = u64::try_from(NODES_SETTLE.as_millis()).expect("small");
    let mut node = Fake::new("n0", 2.0);
    let mut beat = |board: &mut Board, free: f64, ms: u64| {
        let says = Heartbeat {
            free_slots: free,
            ..node.heartbeat(0)
        };
        let address = IpAddr::from([10, 0, 0, 1]);
        board.heard("n0", address, says, at(ms)).expect("heard");
        board.turn(at(ms));
        let orders = board.sheet("n0").jobs;
        // Others have its slots: whatever it is ordered is refused.
        let refused = orders.iter().map(|order| {
            let key = (0, order.id.clone());
            (key, (order.epoch, ReportedState::Refused))
        });
        node.ended = refused.collect();
        orders.len()
    };
    assert_eq!(beat(&mut board, 2.0, settled), 1);
    assert_eq!(beat(&mut board, 1.0, settled + 100), 0, "it refused it");
    assert_eq!(beat(&mut board, 1.0, settled + 200), 0);
    assert_eq!(
        beat(&mut board, 1.5, settled + 300),
        1,
        "there is more room"
    );
}
