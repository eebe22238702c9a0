//! Faults: what `PUT /api/v1/streams/{id}/faults` takes, and a stream's `faults`.

use common::document::{Cursor, Fields, MistakeCode};
use common::ts::packet::Pid;

use super::optional;
use crate::faults::{
    CorruptSync, FaultPlan, Garbage, LossBurst, PacketFault, PcrJump, Reorder, Silence, When,
};
use crate::limits::{CUT_BYTES_MAX, JITTER_MS_MAX, REORDER_DISTANCE_MAX};
use crate::sender::FaultOrder;

const KEYS: [&str; 15] = [
    "seed",
    "loss",
    "loss_burst",
    "reorder",
    "duplicate",
    "jitter",
    "silence",
    "cc_break",
    "pcr_jump",
    "pat_gap",
    "corrupt_sync",
    "scrambled",
    "garbage",
    "restart",
    "rtp_sequence",
];

/// A day: longer than any test, and far from where times overflow.
const MS_MAX: u64 = 86_400_000;

pub(super) fn order(at: &Cursor<'_>) -> Option<FaultOrder> {
    let fields = at.fields(&KEYS)?;
    let seed = optional(&fields, "seed", |at| {
        at.integer(0..=i64::MAX.unsigned_abs())
    });
    let loss = optional(&fields, "loss", |at| when(&at.fields(&WHEN)?));
    let loss_burst = optional(&fields, "loss_burst", loss_burst);
    let reorder = optional(&fields, "reorder", reorder);
    let duplicate = optional(&fields, "duplicate", |at| when(&at.fields(&WHEN)?));
    let jitter_ms = optional(&fields, "jitter", |at| {
        at.fields(&["ms"])?
            .required("ms")?
            .integer(0..=JITTER_MS_MAX)
    });
    let silence = optional(&fields, "silence", |at| {
        let ms = optional(&at.fields(&["ms"])?, "ms", |at| at.integer(1..=MS_MAX))?;
        Some(Silence { ms })
    });
    let cc_break = optional(&fields, "cc_break", cc_break);
    let pcr_jump = optional(&fields, "pcr_jump", pcr_jump);
    let pat_gap_ms = optional(&fields, "pat_gap", |at| {
        at.fields(&["ms"])?.required("ms")?.integer(1..=MS_MAX)
    });
    let corrupt_sync = optional(&fields, "corrupt_sync", corrupt_sync);
    let scrambled = optional(&fields, "scrambled", |at| pid(&at.fields(&["pid"])?));
    let garbage = optional(&fields, "garbage", garbage);
    let restart = optional(&fields, "restart", Cursor::boolean);
    let rtp_sequence = optional(&fields, "rtp_sequence", |at| at.integer(0..=u16::MAX));
    Some(FaultOrder {
        plan: FaultPlan {
            seed: seed?.unwrap_or(0),
            loss: loss?,
            loss_burst: loss_burst?,
            reorder: reorder?,
            duplicate: duplicate?,
            jitter_ms: jitter_ms?,
            silence: silence?,
            cc_break: cc_break?,
            pcr_jump: pcr_jump?,
            pat_gap_ms: pat_gap_ms?,
            corrupt_sync: corrupt_sync?,
            scrambled: scrambled?,
            garbage: garbage?,
        },
        restart: restart?.unwrap_or(false),
        rtp_sequence: rtp_sequence?,
    })
}

const WHEN: [&str; 3] = ["probability", "every", "once"];

/// Exactly one of `probability`, `every` and `once`.
fn when(fields: &Fields<'_>) -> Option<When> {
    let probability = optional(fields, "probability", |at| at.number(0.0..=1.0));
    let every = optional(fields, "every", |at| {
        at.integer(1..=i64::MAX.unsigned_abs())
    });
    let once = once(fields);
    match (probability?, every?, once?) {
        (Some(probability), None, false) => Some(When::Probability(probability)),
        (None, Some(every), false) => Some(When::Every(every)),
        (None, None, true) => Some(When::Once),
        _ => {
            let detail = "say when, by one of: probability: 0 to 1, every: N, once: true";
            fields.at().reject(MistakeCode::Invalid, detail);
            None
        }
    }
}

fn once(fields: &Fields<'_>) -> Option<bool> {
    Some(optional(fields, "once", Cursor::boolean)?.unwrap_or(false))
}

#[expect(
    clippy::option_option,
    reason = "wrong, absent and given are three things"
)]
fn pid(fields: &Fields<'_>) -> Option<Option<Pid>> {
    // The null PID has no counter and nothing to scramble.
    optional(fields, "pid", |at| at.integer(0..=0x1ffe_u16).map(Pid::new))
}

fn loss_burst(at: &Cursor<'_>) -> Option<LossBurst> {
    let fields = at.fields(&["length", "every", "once"])?;
    let length = fields
        .required("length")
        .and_then(|at| at.integer(1..=1_000_000_000_u64));
    let every = optional(&fields, "every", |at| at.integer(1..=1_000_000_000_u64));
    let (once, every, length) = (once(&fields)?, every?, length?);
    if once == every.is_some() {
        at.reject(
            MistakeCode::Invalid,
            "say when, by one of: every: N, once: true",
        );
        return None;
    }
    if every.is_some_and(|every| every < length) {
        at.reject(MistakeCode::Invalid, "every must not be less than length");
        return None;
    }
    Some(LossBurst { length, every })
}

fn reorder(at: &Cursor<'_>) -> Option<Reorder> {
    let fields = at.fields(&["probability", "every", "once", "distance"])?;
    let distance = optional(&fields, "distance", |at| {
        at.integer(1..=REORDER_DISTANCE_MAX)
    });
    let when = when(&fields);
    Some(Reorder {
        when: when?,
        distance: distance?.unwrap_or(1),
    })
}

fn cc_break(at: &Cursor<'_>) -> Option<PacketFault> {
    let fields = at.fields(&["probability", "every", "once", "pid"])?;
    let pid = pid(&fields);
    let when = when(&fields);
    Some(PacketFault {
        when: when?,
        pid: pid?,
    })
}

fn pcr_jump(at: &Cursor<'_>) -> Option<PcrJump> {
    let fields = at.fields(&["ms", "every_ms", "once"])?;
    let ms = fields
        .required("ms")
        .and_then(|at| at.integer(-86_400_000..=86_400_000_i64));
    let every_ms = optional(&fields, "every_ms", |at| at.integer(1..=MS_MAX));
    let once = once(&fields);
    let (ms, every_ms, once) = (ms?, every_ms?, once?);
    if once && every_ms.is_some() {
        at.reject(MistakeCode::Invalid, "every_ms and once exclude each other");
    }
    Some(PcrJump { ms, every_ms })
}

fn corrupt_sync(at: &Cursor<'_>) -> Option<CorruptSync> {
    let fields = at.fields(&["probability", "every", "once", "packets"])?;
    let packets = optional(&fields, "packets", |at| at.integer(1..=7_usize));
    let when = when(&fields);
    Some(CorruptSync {
        when: when?,
        packets: packets?.unwrap_or(1),
    })
}

fn garbage(at: &Cursor<'_>) -> Option<Garbage> {
    let fields = at.fields(&["probability", "every", "once", "bytes"])?;
    let bytes = optional(&fields, "bytes", |at| at.integer(1..=CUT_BYTES_MAX));
    let when = when(&fields);
    Some(Garbage {
        when: when?,
        bytes: bytes?.unwrap_or(1316),
    })
}
