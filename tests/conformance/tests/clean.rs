//! A stream in which nothing is wrong raises nothing, whatever network and time do to it; and what
//! networks do is counted as that and nothing else.

use common::api::tr101290::{Indicator, Tr101290};
use common::ts::packet::Pcr;
use conformance::play::Player;
use conformance::stream::{Timed, card};

const BPS: u64 = 3_000_000;
const TEN_MINUTES_MS: u64 = 600_000;

fn stream(ms: u64) -> impl Iterator<Item = Timed> {
    card(BPS, Pcr(0)).take_while(move |timed| timed.ms() < ms)
}

fn clean() -> Tr101290 {
    Tr101290::default()
}

/// Over the wrap of PCR and PTS after 26.5 hours.
#[test]
fn ten_minutes_over_the_wrap_raise_nothing() {
    let start = Pcr(Pcr::WRAP - 5 * Pcr::TICKS_PER_SECOND);
    let stream = card(BPS, start).take_while(|timed| timed.ms() < TEN_MINUTES_MS);
    let mut player = Player::default().all(stream);
    assert_eq!(player.counts(), clean(), "{:?}", player.found());
    assert_eq!(player.signal().counts().missing_plain, 0);
    let packets = BPS / 8 * TEN_MINUTES_MS / 1000 / 188;
    assert!(
        player.packets().abs_diff(packets) < 10,
        "{}",
        player.packets()
    );
    let services = player.services();
    assert_eq!(services.len(), 1);
    let details: Vec<(&str, &str)> = services[0]
        .streams
        .iter()
        .map(|one| (one.kind.as_str(), one.detail.as_str()))
        .collect();
    assert_eq!(
        details,
        [("h264", "1280x720 25p"), ("aac", "AAC 48 kHz stereo")]
    );
    let streams = services[0].streams.iter();
    let pts: Vec<_> = streams.map(|one| one.pts_interval_ms).collect();
    assert!(
        pts.iter().all(|pts| pts.is_some_and(|ms| ms < 300)),
        "{pts:?}"
    );
    assert_eq!(services[0].pcr_interval_ms, Some(20));
}

/// Silences in which the source goes on, of every length: packets are missing behind them, and that
/// is all. Shorter than 250 ms they are a loss like any other, in which PCRs are missing too.
#[test]
fn what_is_silent_is_not_absent() {
    for silence_ms in [300, 600, 1500, 8000] {
        let silent = 5000..5000 + silence_ms;
        let stream = stream(20_000).filter(|timed| !silent.contains(&timed.ms()));
        let player = Player::default().all(stream);
        let expected = Tr101290::from_counts(|indicator| match indicator {
            Indicator::ContinuityCountError => player.counts().continuity_count_error,
            _ => 0,
        });
        assert_eq!(
            player.counts(),
            expected,
            "{silence_ms}: {:?}",
            player.found()
        );
        // One for a PID at most: PAT, PMT, SDT, video, audio.
        assert!((1..=5).contains(&expected.continuity_count_error));
    }
}

/// A network that delivers late, and then all at once.
#[test]
fn a_stall_of_the_network_raises_nothing() {
    for stall_ms in [90, 200, 450, 900, 2500] {
        let mut player = Player::default();
        for timed in stream(20_000) {
            let at = timed.ms();
            // Each third second begins with a stall.
            let late = if at % 3000 < stall_ms {
                at - at % 3000 + stall_ms
            } else {
                at
            };
            player.packet(&timed.packet, late.max(at));
        }
        assert_eq!(player.counts(), clean(), "{stall_ms}: {:?}", player.found());
    }
}

/// PATs each 450 ms in the stream, more than 500 ms apart by their arrival: each 1.1 s the network
/// stalls for 200 ms and then delivers a quarter faster than the stream. The stream's clock knows.
#[test]
fn tables_late_with_the_whole_stream_are_not_absent() {
    let (mut player, mut pats, mut counter) = (Player::default(), 0, 0_u8);
    for mut timed in stream(30_000) {
        if timed.pid() == 0 {
            pats += 1;
            if pats % 5 == 1 {
                timed.packet[3] = 0x10 | counter & 0xf;
                counter += 1;
            } else {
                timed.nullify();
            }
        }
        let at = timed.ms();
        let into = at % 1100;
        let late = at - into + into.max(200 + into * 4 / 5);
        player.packet(&timed.packet, late);
    }
    assert_eq!(player.counts(), clean(), "{:?}", player.found());
}

/// Datagrams that are each late by up to 200 ms, in order.
#[test]
fn jitter_raises_nothing() {
    let (mut player, mut latest, mut seed) = (Player::default(), 0, 7_u64);
    for (index, timed) in stream(60_000).enumerate() {
        if index % 7 == 0 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            latest = latest.max(timed.ms() + (seed >> 33) % 200);
        }
        player.packet(&timed.packet, latest);
    }
    assert_eq!(player.counts(), clean(), "{:?}", player.found());
}

/// A datagram each 400 ms is no silence where that is how it comes: what is absent is found, and what
/// comes is not.
#[test]
fn a_sparse_stream_is_judged_too() {
    let mut player = Player::default();
    let pats = stream(60_000).filter(|timed| timed.pid() == 0);
    for (index, timed) in pats.enumerate() {
        player.packet(&timed.packet, index as u64 * 400);
    }
    let expected = Tr101290::from_counts(|indicator| u64::from(indicator == Indicator::PmtError));
    assert_eq!(player.counts(), expected, "{:?}", player.found());
    assert!(player.found()[0].1 < 3000, "{:?}", player.found());
}

/// Without sync for a while: nothing else is judged, and behind it all begins anew.
#[test]
fn lost_sync_freezes_all_other_timers() {
    let mut player = Player::default();
    for mut timed in stream(12_000) {
        let at = timed.ms();
        if (4000..6000).contains(&at) {
            timed.packet[0] = 0;
        }
        player.packet(&timed.packet, at);
    }
    let counts = player.counts();
    assert_eq!(counts.ts_sync_loss, 1, "{:?}", player.found());
    let others = Tr101290 {
        ts_sync_loss: 0,
        sync_byte_error: 0,
        ..counts
    };
    assert_eq!(others, clean(), "{:?}", player.found());
}

/// RTP packets that are lost and counted as such: each PID is told once, and nothing is missing
/// for another cause.
#[test]
fn a_known_gap_is_one_error_a_pid() {
    let (mut player, mut gap_told) = (Player::default(), false);
    for timed in stream(12_000) {
        let at = timed.ms();
        if (4000..4060).contains(&at) {
            if !gap_told {
                player.gap();
                gap_told = true;
            }
            continue;
        }
        player.packet(&timed.packet, at);
    }
    let counts = player.counts();
    let others = Tr101290 {
        continuity_count_error: 0,
        ..counts
    };
    assert_eq!(others, clean(), "{:?}", player.found());
    assert!(
        (1..=5).contains(&counts.continuity_count_error),
        "{counts:?}"
    );
    assert_eq!(player.signal().counts().missing_plain, 0);
}

/// Each PID's bitrate is what came of it in that second, a program's that of its PIDs.
#[test]
fn bitrates_are_those_of_the_packets_that_came() {
    let second: Vec<Timed> = stream(1000).collect();
    let mut player = Player::default().all(second.iter().copied());
    let bits = |pid: u16| {
        let of_pid = second.iter().filter(|timed| timed.pid() == pid);
        of_pid.count() as u64 * 188 * 8
    };
    let service = player.services().remove(0);
    assert_eq!(service.streams.len(), 2);
    for stream in &service.streams {
        assert!(stream.bitrate_bps > 10_000, "{stream:?}");
        assert_eq!(stream.bitrate_bps, bits(stream.pid), "{stream:?}");
    }
    let pids = service.streams.iter().map(|stream| stream.pid);
    let all: u64 = pids.chain([service.pmt_pid]).map(bits).sum();
    assert_eq!(service.bitrate_bps, all);
    assert!(all < BPS, "null packets are nobody's");
}
