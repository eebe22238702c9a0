use std::time::Duration;

use common::api::profile::{Profile, ProfileKind, VideoCodec, VideoProfile};
use proptest::prelude::*;

use super::*;

fn order(id: &str, epoch: u64, cost: f64) -> Order {
    Order {
        id: id.to_owned(),
        epoch,
        channel: "news".to_owned(),
        profile: Profile {
            name: "preview".to_owned(),
            kind: ProfileKind::Ts,
            video: Some(VideoProfile {
                codec: VideoCodec::H264,
                width: 640,
                height: 360,
                kbps: 800,
                interval_ms: 1000,
            }),
            audio: None,
        },
        cost,
        program: None,
        interlaced: None,
        has_video: None,
        has_audio: None,
    }
}

/// A desk and a clock that stands unless it is moved.
struct Scene {
    desk: Desk,
    now: Instant,
}

impl Scene {
    fn new(slots: f64) -> Self {
        let mut desk = Desk::new(slots);
        desk.set_encoders(vec!["libx264".to_owned()]);
        Self {
            desk,
            now: Instant::now(),
        }
    }

    fn order(&mut self, ingest: &str, orders: &[Order]) -> Vec<Action> {
        let address = SocketAddr::from(([10, 0, 0, 1], 9525));
        self.desk.orders(ingest, address, orders.to_vec());
        self.desk.turn(self.now)
    }

    fn after(&mut self, milliseconds: u64) -> Vec<Action> {
        self.now += Duration::from_millis(milliseconds);
        self.desk.turn(self.now)
    }

    fn report(&mut self, run: RunId, event: RunEvent) {
        self.desk.report(run, event, self.now);
    }

    fn fail(&mut self, run: RunId) {
        self.report(run, RunEvent::Ended(RunEnd::Failed(failed())));
    }

    fn states(&self) -> Vec<(String, ReportedState, Option<JobReason>)> {
        let views = self.desk.views().into_iter();
        views
            .map(|view| (view.key.id, view.state, view.why.map(|why| why.reason)))
            .collect()
    }
}

fn failed() -> Why {
    Why::new(JobReason::FfmpegFailed, "it ended")
}

fn starts(actions: &[Action]) -> Vec<RunId> {
    let run = |action: &Action| match action {
        Action::Start(start) => Some(start.run),
        Action::Stop(_) => None,
    };
    actions.iter().filter_map(run).collect()
}

#[test]
fn orders_are_levels() {
    let mut scene = Scene::new(2.0);
    let orders = [order("a", 1, 1.0)];
    let run = starts(&scene.order("n1", &orders))[0];
    assert_eq!(scene.order("n1", &orders), []);
    scene.report(run, RunEvent::Output);
    assert_eq!(scene.order("n1", &orders), []);
    assert_eq!(
        scene.states(),
        [("a".to_owned(), ReportedState::Running, None)]
    );
    // A new epoch is another job; none at all is none.
    let actions = scene.order("n1", &[order("a", 2, 1.0)]);
    assert_eq!(actions[0], Action::Stop(run));
    let run = starts(&actions)[0];
    assert_eq!(scene.order("n1", &[]), [Action::Stop(run)]);
    assert!(scene.desk.is_idle());
}

#[test]
fn slots_are_one_pool_for_all_ingests() {
    let mut scene = Scene::new(2.05);
    scene.order("n1", &[order("a", 1, 1.0)]);
    scene.order(
        "n2",
        &[order("a", 1, 1.0), order("b", 1, 1.0), order("c", 1, 0.05)],
    );
    let states: Vec<ReportedState> = scene.states().into_iter().map(|state| state.1).collect();
    let [starting, refused] = [ReportedState::Starting, ReportedState::Refused];
    assert_eq!(states, [starting, starting, refused, starting]);
    let views = scene.desk.views();
    let why = views[2].why.clone().expect("a reason");
    assert_eq!(why.reason, JobReason::NoSlots);
    assert_eq!(why.detail, "it costs 1.00 slots, and 0.05 of 2.05 are free");
    // What becomes free is used for what is still wanted.
    assert_eq!(starts(&scene.order("n1", &[])).len(), 1);
}

#[test]
fn tenths_of_slots_add_up() {
    let mut scene = Scene::new(1.0);
    let names: Vec<String> = (0..21).map(|number| format!("s{number:02}")).collect();
    let orders: Vec<Order> = names.iter().map(|name| order(name, 1, 0.05)).collect();
    assert_eq!(starts(&scene.order("n1", &orders)).len(), 20);
}

#[test]
fn what_can_not_be_made_is_refused_until_it_can() {
    let mut scene = Scene::new(4.0);
    scene.desk.set_encoders(Vec::new());
    assert_eq!(scene.order("n1", &[order("a", 1, 1.0)]), []);
    assert_eq!(scene.states()[0].2, Some(JobReason::EncoderMissing));
    scene.desk.set_encoders(vec!["h264_vaapi".to_owned()]);
    assert_eq!(starts(&scene.after(100)).len(), 1);
}

#[test]
fn a_failure_is_tried_again_later_and_later_then_given_up() {
    let mut scene = Scene::new(1.0);
    let mut run = starts(&scene.order("n1", &[order("a", 1, 1.0)]))[0];
    let mut pauses = Vec::new();
    loop {
        scene.fail(run);
        if scene.states()[0].1 == ReportedState::Failed {
            break;
        }
        assert_eq!(scene.states()[0].1, ReportedState::Starting);
        let mut waited = 0;
        run = loop {
            waited += 100;
            if let [run] = starts(&scene.after(100))[..] {
                break run;
            }
        };
        pauses.push(waited);
    }
    assert_eq!(pauses, [300, 600, 1200, 2400]);
    assert_eq!(scene.states()[0].2, Some(JobReason::FfmpegFailed));
    // It holds no slots any more, and runs again only by a new order.
    assert!(scene.desk.is_idle());
    assert_eq!(scene.after(60_000), []);
    assert_eq!(starts(&scene.order("n1", &[order("a", 2, 1.0)])).len(), 1);
}

#[test]
fn a_job_that_ran_well_for_a_while_begins_its_count_anew() {
    let mut scene = Scene::new(1.0);
    let mut run = starts(&scene.order("n1", &[order("a", 1, 1.0)]))[0];
    for _ in 0..20 {
        scene.report(run, RunEvent::Output);
        assert_eq!(scene.after(11_000), []);
        scene.fail(run);
        run = starts(&scene.after(300))[0];
    }
    assert_eq!(scene.desk.views()[0].restarts, 20);
}

#[test]
fn fruitless_attempts_are_told_to_the_next() {
    let mut scene = Scene::new(1.0);
    let mut actions = scene.order("n1", &[order("a", 1, 1.0)]);
    let mut told = Vec::new();
    for output in [false, false, true, false] {
        let [Action::Start(start)] = &actions[..] else {
            panic!("{actions:?}");
        };
        told.push(start.attempt.fruitless);
        let run = start.run;
        if output {
            scene.report(run, RunEvent::Output);
        }
        scene.fail(run);
        actions = scene.after(5000);
    }
    assert_eq!(told, [0, 1, 2, 0]);
}

#[test]
fn a_seam_of_the_channel_is_no_failure() {
    let mut scene = Scene::new(1.0);
    let mut actions = scene.order("n1", &[order("a", 1, 1.0)]);
    for seams in 0..20 {
        let [Action::Start(start)] = &actions[..] else {
            panic!("{actions:?}");
        };
        assert_eq!(start.from_newest, seams > 0);
        let run = start.run;
        scene.report(run, RunEvent::Output);
        let why = Why::new(JobReason::FfmpegFailed, "its clock jumped back");
        scene.report(run, RunEvent::Ended(RunEnd::Seam(why)));
        actions = scene.after(0);
    }
    assert_eq!(scene.desk.views()[0].restarts, 20);
    // One without any output between two of them waits a little.
    let run = starts(&actions)[0];
    let why = Why::new(JobReason::FfmpegFailed, "its clock jumped back");
    scene.report(run, RunEvent::Ended(RunEnd::Seam(why)));
    assert_eq!(scene.after(0), []);
    assert_eq!(starts(&scene.after(300)).len(), 1);
}

#[test]
fn a_channel_without_data_is_waited_for() {
    let mut scene = Scene::new(1.0);
    let mut run = starts(&scene.order("n1", &[order("a", 1, 1.0)]))[0];
    for _ in 0..20 {
        let why = Why::new(JobReason::WaitingForParent, "no data");
        scene.report(run, RunEvent::Ended(RunEnd::NoData(why)));
        let waiting = (
            "a".to_owned(),
            ReportedState::Starting,
            Some(JobReason::WaitingForParent),
        );
        assert_eq!(scene.states(), [waiting]);
        run = starts(&scene.after(1000))[0];
    }
    assert_eq!(scene.desk.views()[0].restarts, 0);
}

#[test]
fn a_fenced_job_is_not_tried_again() {
    let mut scene = Scene::new(1.0);
    let run = starts(&scene.order("n1", &[order("a", 1, 1.0)]))[0];
    let why = Why::new(JobReason::OutputRefused, "409");
    scene.report(run, RunEvent::Ended(RunEnd::Unwanted(why)));
    assert_eq!(scene.states()[0].1, ReportedState::Failed);
    assert_eq!(scene.after(60_000), []);
}

#[test]
fn draining_takes_nothing_and_ends_nothing() {
    let mut scene = Scene::new(4.0);
    let run = starts(&scene.order("n1", &[order("a", 1, 1.0)]))[0];
    scene.desk.drain();
    assert_eq!(
        scene.order("n1", &[order("a", 1, 1.0), order("b", 1, 1.0)]),
        []
    );
    assert_eq!(scene.states()[1].2, Some(JobReason::Draining));
    assert_eq!(
        scene.order("n1", &[order("b", 1, 1.0)]),
        [Action::Stop(run)]
    );
    assert!(scene.desk.is_idle());
}

#[test]
fn an_ingest_that_returns_finds_its_jobs_tried_at_once() {
    let mut scene = Scene::new(1.0);
    let run = starts(&scene.order("n1", &[order("a", 1, 1.0)]))[0];
    scene.fail(run);
    assert_eq!(scene.after(100), []);
    scene.desk.returned("n1", scene.now);
    assert_eq!(starts(&scene.after(0)).len(), 1);
    scene.desk.forget("n1");
    assert!(matches!(scene.after(0)[..], [Action::Stop(_)]));
}

#[test]
fn a_cost_that_is_no_number_is_refused() {
    let mut scene = Scene::new(4.0);
    let orders = [
        order("a", 1, f64::NAN),
        order("b", 1, -5.0),
        order("c", 1, 4.0),
    ];
    assert_eq!(starts(&scene.order("n1", &orders)).len(), 2);
    assert!(scene.desk.used() <= 4.0);
}

#[derive(Debug, Clone)]
enum Step {
    Orders(u8, Vec<(u8, u64)>),
    Event(usize, u8),
    Wait(u64),
    Forget(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let jobs = prop::collection::vec((0..6_u8, 1..4_u64), 0..6);
    prop_oneof![
        (0..2_u8, jobs).prop_map(|(ingest, jobs)| Step::Orders(ingest, jobs)),
        (any::<usize>(), 0..4_u8).prop_map(|(run, kind)| Step::Event(run, kind)),
        (0..12_000_u64).prop_map(Step::Wait),
        (0..2_u8).prop_map(Step::Forget),
    ]
}

/// What is known of the outside: runs that were started and have not ended.
#[derive(Default)]
struct Outside {
    alive: BTreeMap<RunId, JobKey>,
    last: RunId,
}

impl Outside {
    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Start(start) => {
                    assert!(start.run > self.last, "a number is used again");
                    self.last = start.run;
                    let twice = self.alive.values().any(|key| *key == start.key);
                    assert!(!twice, "{:?} runs twice", start.key);
                    self.alive.insert(start.run, start.key);
                }
                Action::Stop(run) => {
                    assert!(self.alive.remove(&run).is_some(), "{run} does not run");
                }
            }
        }
    }
}

proptest! {
    /// Whatever comes: never more than the slots, no job twice, none forgotten, none left behind.
    #[test]
    fn random_histories_keep_the_promises(steps in prop::collection::vec(step(), 1..60)) {
        let mut scene = Scene::new(3.0);
        let mut outside = Outside::default();
        let mut wanted: BTreeMap<u8, BTreeSet<String>> = BTreeMap::new();
        for step in steps {
            let actions = match step {
                Step::Orders(ingest, jobs) => {
                    let costs = [1.0, 2.0, 0.05, 0.1, 1.0, 0.5];
                    let unique: BTreeMap<u8, u64> = jobs.into_iter().collect();
                    let orders: Vec<Order> = unique
                        .iter()
                        .map(|(job, epoch)| order(&format!("j{job}"), *epoch, costs[usize::from(*job)]))
                        .collect();
                    wanted.insert(ingest, orders.iter().map(|order| order.id.clone()).collect());
                    scene.order(&format!("n{ingest}"), &orders)
                }
                Step::Event(nth, kind) => {
                    let runs: Vec<RunId> = outside.alive.keys().copied().collect();
                    if !runs.is_empty() {
                        let run = runs[nth % runs.len()];
                        let why = failed();
                        let event = match kind {
                            0 => RunEvent::Output,
                            1 => RunEvent::Ended(RunEnd::Failed(why)),
                            2 => RunEvent::Ended(RunEnd::NoData(why)),
                            _ => RunEvent::Ended(RunEnd::Unwanted(why)),
                        };
                        if kind > 0 {
                            outside.alive.remove(&run);
                        }
                        scene.report(run, event);
                    }
                    scene.after(0)
                }
                Step::Wait(milliseconds) => scene.after(milliseconds),
                Step::Forget(ingest) => {
                    wanted.remove(&ingest);
                    scene.desk.forget(&format!("n{ingest}"));
                    scene.after(0)
                }
            };
            outside.act(actions);
            prop_assert!(scene.desk.used() <= 3.0 + SLOTS_SLACK);
            let known: BTreeSet<JobKey> = scene.desk.views().into_iter().map(|view| view.key).collect();
            let all = wanted.iter().flat_map(|(ingest, ids)| {
                ids.iter().map(move |id| JobKey { ingest: format!("n{ingest}"), id: id.clone() })
            });
            prop_assert_eq!(&known, &all.collect::<BTreeSet<JobKey>>());
            let active: BTreeSet<RunId> = scene.desk.jobs.values().filter_map(Job::run).collect();
            prop_assert_eq!(active, outside.alive.keys().copied().collect::<BTreeSet<RunId>>());
        }
        for ingest in ["n0", "n1"] {
            scene.desk.forget(ingest);
        }
        outside.act(scene.desk.turn(scene.now));
        prop_assert!(outside.alive.is_empty() && scene.desk.is_idle());
    }
}

#[test]
fn an_order_for_nothing_that_is_known_is_refused() {
    let mut scene = Scene::new(2.0);
    let mut unknown = order("a", 1, 0.0);
    unknown.profile.video = None;
    assert_eq!(
        starts(&scene.order("n1", &[unknown, order("b", 1, 1.0)])).len(),
        1
    );
    let refused = (
        "a".to_owned(),
        ReportedState::Refused,
        Some(JobReason::EncoderMissing),
    );
    assert_eq!(scene.states()[0], refused);
}
