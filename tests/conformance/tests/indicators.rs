//! Each indicator of TR 101 290 is raised by what it is for: that one, in time, so often.

use common::api::tr101290::Indicator;
use common::ts::packet::Pcr;
use conformance::damage::{ALL, BEGIN_MS, Damage, END_MS};
use conformance::play::Player;
use conformance::stream::{CARD, FFMPEG, Layout, Timed, card, constant};

mod ffmpeg;

const CARD_BPS: u64 = 4_000_000;

/// Rate of [`constant_rate`].
const FFMPEG_BPS: u64 = 3_000_000;

/// Some seconds of picture and tone in a stream of constant rate, a PCR each 20 ms.
fn constant_rate(seconds: u64) -> Option<Vec<u8>> {
    let seconds = seconds.to_string();
    let (size, tone) = (
        "testsrc2=size=320x240:rate=25",
        "sine=frequency=1000:sample_rate=48000",
    );
    let head = [
        "-f", "lavfi", "-i", size, "-f", "lavfi", "-i", tone, "-t", &seconds,
    ];
    let picture = "-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 25 \
        -b:v 1M -maxrate 1M -bufsize 250k -c:a aac -b:a 96k -f mpegts -muxrate 3M \
        -pcr_period 20 -pat_period 0.1 -sdt_period 0.5 -muxdelay 0.2";
    ffmpeg::run(&[&head[..], &picture.split_whitespace().collect::<Vec<_>>()].concat())
}

fn card_stream() -> impl Iterator<Item = Timed> {
    card(CARD_BPS, Pcr(0)).take_while(|timed| timed.ms() < END_MS)
}

/// What a damaged stream raises, against what it should.
fn judge(damage: &Damage, stream: impl Iterator<Item = Timed>, layout: Layout) -> Vec<String> {
    let player = Player::default().all(damage.of(stream, layout));
    let counts = player.counts();
    let mut wrong = Vec::new();
    for indicator in Indicator::ALL {
        let expected = damage.raises.iter().find(|(other, _)| *other == indicator);
        let expected = expected.map_or(0, |(_, count)| *count);
        if counts.of(indicator) != expected {
            wrong.push(format!(
                "{}: {} {} times, not {expected}: {:?}",
                damage.name,
                indicator.as_str(),
                counts.of(indicator),
                player.found()
            ));
        }
    }
    let first = player.found().first().map_or(BEGIN_MS, |(_, at)| *at);
    // A turn's time is that of its end.
    let latest = BEGIN_MS + damage.within_ms + 2 * conformance::play::TURN_MS;
    if !(BEGIN_MS..=latest).contains(&first) {
        wrong.push(format!("{}: found at {first} ms", damage.name));
    }
    wrong
}

fn judge_all(stream: impl Fn() -> Vec<Timed>, layout: Layout) {
    let all = stream();
    let wrong = ALL
        .iter()
        .flat_map(|damage| judge(damage, all.iter().copied(), layout));
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_damaged_test_card_raises_just_what_it_should() {
    judge_all(|| card_stream().collect(), CARD);
}

#[test]
fn a_damaged_stream_of_ffmpeg_raises_just_what_it_should() {
    let Some(bytes) = constant_rate(END_MS / 1000) else {
        return;
    };
    judge_all(|| constant(&bytes, FFMPEG_BPS).collect(), FFMPEG);
}

#[test]
fn every_indicator_is_raised_by_some_damage() {
    for indicator in Indicator::ALL {
        let raises = |damage: &Damage| damage.raises.iter().any(|(other, _)| *other == indicator);
        assert!(ALL.iter().any(raises), "{indicator:?}");
    }
}
