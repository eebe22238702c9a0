use std::time::Duration;

use super::*;
use crate::limits::AWAY_AFTER;

struct Clock {
    started: Now,
}

impl Clock {
    fn new() -> Self {
        let started = Now {
            at: Instant::now(),
            time: Timestamp::UNIX_EPOCH,
        };
        Self { started }
    }

    fn at(&self, seconds: f64) -> Now {
        let passed = Duration::from_secs_f64(seconds);
        Now {
            at: self.started.at + passed,
            time: self.started.time + passed,
        }
    }
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 9525))
}

fn identity(name: &str, started: &str) -> Identity {
    Identity {
        name: name.to_owned(),
        started: started.to_owned(),
    }
}

fn roster(clock: &Clock) -> Roster {
    Roster::new(["http://ingest:9525".to_owned()], clock.at(0.0))
}

/// `name state [error]` of each.
fn seen(roster: &Roster, now: Now) -> Vec<String> {
    let line = |view: IngestView| {
        let error = view
            .error
            .map_or_else(String::new, |error| format!(" {error}"));
        format!("{} {:?}{error}", view.name, view.state)
    };
    roster.view(now).into_iter().map(line).collect()
}

#[test]
fn a_silent_ingest_is_away_since_it_was_heard_last_and_comes_back() {
    let clock = Clock::new();
    let mut roster = roster(&clock);
    let moves = roster.resolved(0, &[address(1)], clock.at(0.0));
    assert_eq!(moves.begin, [address(1)]);
    assert!(seen(&roster, clock.at(0.0)).is_empty(), "not yet known");
    roster.introduced(address(1), &identity("n1", "a"), clock.at(1.0));
    roster.heard(address(1), clock.at(2.0));
    roster.tick(clock.at(4.9));
    assert_eq!(seen(&roster, clock.at(4.9)), ["n1 Here"]);
    roster.failed(address(1), "no".to_owned());
    roster.tick(clock.at(5.1));
    assert_eq!(seen(&roster, clock.at(5.1)), ["n1 Away no"]);
    let view = roster.view(clock.at(5.1)).remove(0);
    assert_eq!(view.since, clock.at(2.0).time);
    roster.introduced(address(1), &identity("n1", "b"), clock.at(9.0));
    let told = seen(&roster, clock.at(9.0));
    assert_eq!(told, ["n1 Here no"], "until all was answered");
    roster.answered(address(1), Answer::default(), None, clock.at(9.0));
    assert_eq!(seen(&roster, clock.at(9.0)), ["n1 Here"]);
    assert_eq!(roster.view(clock.at(9.0))[0].since, clock.at(9.0).time);
}

#[test]
fn one_gone_from_dns_is_removed_kept_and_dismissed() {
    let clock = Clock::new();
    let mut roster = roster(&clock);
    roster.resolved(0, &[address(1), address(2)], clock.at(0.0));
    roster.introduced(address(1), &identity("n1", "a"), clock.at(0.1));
    roster.introduced(address(2), &identity("n2", "a"), clock.at(0.1));
    assert_eq!(roster.dismiss("n2"), Err(Dismissal::NotRemoved));
    assert_eq!(roster.dismiss("n3"), Err(Dismissal::Unknown));
    let once = roster.resolved(0, &[address(1)], clock.at(5.0));
    assert_eq!(once, Moves::default(), "one odd answer removes nobody");
    roster.resolved(0, &[address(1), address(2)], clock.at(10.0));
    roster.resolved(0, &[address(1)], clock.at(15.0));
    let gone = roster.resolved(0, &[address(1)], clock.at(20.0));
    assert_eq!(gone.end, [address(2)]);
    roster.heard(address(1), clock.at(20.0));
    assert_eq!(seen(&roster, clock.at(20.0)), ["n1 Here", "n2 Removed"]);
    let day = 24.0 * 3600.0;
    roster.tick(clock.at(day));
    assert_eq!(roster.view(clock.at(day)).len(), 2);
    assert_eq!(roster.dismiss("n2"), Ok(()));
    assert_eq!(seen(&roster, clock.at(day)), ["n1 Away"]);
    roster.resolved(0, &[], clock.at(day));
    roster.resolved(0, &[], clock.at(day + 5.0));
    let later = seen(&roster, clock.at(day + 5.0));
    assert_eq!(
        later,
        ["n1 Removed", "ingest:9525 Away no address has this name"]
    );
    roster.tick(clock.at(2.0 * day + 4.0));
    assert!(roster.find("n1").is_some(), "kept for a day");
    roster.tick(clock.at(2.0 * day + 6.0));
    assert!(roster.find("n1").is_none());
}

#[test]
fn a_look_up_that_fails_removes_nobody() {
    let clock = Clock::new();
    let mut roster = roster(&clock);
    roster.unresolved(0, "the name server does not answer".to_owned());
    let lines = seen(&roster, clock.at(0.0));
    assert_eq!(lines, ["ingest:9525 Away the name server does not answer"]);
    roster.resolved(0, &[address(1)], clock.at(0.0));
    roster.introduced(address(1), &identity("n1", "a"), clock.at(0.1));
    for _ in 0..10 {
        roster.unresolved(0, "the name server does not answer".to_owned());
    }
    assert_eq!(seen(&roster, clock.at(1.0)), ["n1 Here"]);
}

#[test]
fn one_that_moves_stays_itself() {
    let clock = Clock::new();
    let mut roster = roster(&clock);
    roster.resolved(0, &[address(1), address(2)], clock.at(0.0));
    roster.introduced(address(1), &identity("n1", "a"), clock.at(0.1));
    // The new one is there before the old one counts as silent.
    let standing = roster.introduced(address(2), &identity("n1", "b"), clock.at(1.0));
    assert_eq!(standing, Standing::Spare);
    assert_eq!(seen(&roster, clock.at(1.0)), ["n1 Here"]);
    let later = 0.2 + AWAY_AFTER.as_secs_f64();
    let standing = roster.introduced(address(2), &identity("n1", "b"), clock.at(later));
    assert_eq!(standing, Standing::Primary);
    roster.failed(address(1), "refused".to_owned());
    roster.tick(clock.at(later));
    assert_eq!(seen(&roster, clock.at(later)), ["n1 Here"]);
    assert_eq!(roster.find("n1"), Some((address(2), IngestState::Here)));
}

#[test]
fn two_addresses_of_one_process_are_one_ingest() {
    let clock = Clock::new();
    let mut roster = roster(&clock);
    roster.resolved(0, &[address(1), address(2)], clock.at(0.0));
    for tick in 0..10 {
        let now = clock.at(f64::from(tick));
        let first = roster.introduced(address(1), &identity("n1", "a"), now);
        let second = roster.introduced(address(2), &identity("n1", "a"), now);
        assert_eq!((first, second), (Standing::Primary, Standing::Spare));
        assert_eq!(seen(&roster, now), ["n1 Here"]);
    }
    // The first goes from DNS: the second takes over at once.
    roster.resolved(0, &[address(2)], clock.at(9.0));
    roster.resolved(0, &[address(2)], clock.at(10.0));
    assert_eq!(roster.find("n1"), Some((address(2), IngestState::Here)));
}

#[test]
fn two_processes_with_one_name_are_told() {
    let clock = Clock::new();
    let mut roster = roster(&clock);
    roster.resolved(0, &[address(1), address(2)], clock.at(0.0));
    for tick in 0..6 {
        let now = clock.at(f64::from(tick));
        roster.introduced(address(1), &identity("n1", "a"), now);
        roster.introduced(address(2), &identity("n1", "b"), now);
        roster.tick(now);
    }
    let lines = seen(&roster, clock.at(5.0));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("n1 Here 10.0.0.2:9525 is another ingest"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("10.0.0.2:9525 Away it calls itself n1 as 10.0.0.1"),
        "{lines:?}"
    );
    // Mended: the second is started anew with a name of its own.
    let now = clock.at(6.0);
    roster.introduced(address(1), &identity("n1", "a"), now);
    roster.introduced(address(2), &identity("n2", "c"), now);
    assert_eq!(seen(&roster, now), ["n1 Here", "n2 Here"]);
}

#[test]
fn one_with_a_new_name_leaves_the_old_name_removed() {
    let clock = Clock::new();
    let mut roster = roster(&clock);
    roster.resolved(0, &[address(1)], clock.at(0.0));
    roster.introduced(address(1), &identity("n1", "a"), clock.at(0.0));
    roster.introduced(address(1), &identity("m1", "b"), clock.at(1.0));
    let lines = seen(&roster, clock.at(1.0));
    assert_eq!(
        lines,
        ["m1 Here", "n1 Removed 10.0.0.1:9525 answers as m1 now"]
    );
}

#[test]
fn an_address_that_never_answered_is_listed_once_that_is_known() {
    let clock = Clock::new();
    let mut roster = Roster::new(["http://localhost:9525".to_owned()], clock.at(0.0));
    let (four, six) = ("127.0.0.1:9525", "[::1]:9525");
    let both = [four, six].map(|text| text.parse().expect("address"));
    roster.resolved(0, &both, clock.at(0.0));
    roster.failed(both[1], "refused".to_owned());
    assert_eq!(seen(&roster, clock.at(0.0)), ["[::1]:9525 Away refused"]);
    roster.introduced(both[0], &identity("n1", "a"), clock.at(0.1));
    assert_eq!(
        seen(&roster, clock.at(0.1)),
        ["n1 Here"],
        "`localhost` is one machine"
    );
}

#[test]
fn the_tables_are_bounded() {
    let clock = Clock::new();
    let mut roster = roster(&clock);
    let many: Vec<_> = (0..200)
        .map(|port| SocketAddr::from(([10, 0, 0, 1], 1000 + port)))
        .collect();
    let moves = roster.resolved(0, &many, clock.at(0.0));
    assert_eq!(moves.begin.len(), ADDRESSES_MAX);
    assert_eq!(moves.passed_over, 200 - ADDRESSES_MAX);
    for (index, address) in moves.begin.iter().enumerate() {
        roster.introduced(
            *address,
            &identity(&format!("n{index}"), "a"),
            clock.at(1.0),
        );
    }
    assert_eq!(roster.ingests.len(), NAMES_MAX);
    // One more name: there is no place, until one of them is removed.
    let last = moves.begin[0];
    roster.introduced(last, &identity("other", "a"), clock.at(2.0));
    assert!(roster.find("other").is_some() && roster.find("n0").is_none());
}
