//! The body of a heartbeat, with every mistake in it.

use std::collections::{BTreeMap, BTreeSet};

use common::api::node::{Heartbeat, JobReason, JobReport, Progress, ReportedState};
use common::document::{self, Cursor, Fields, Mistake, MistakeCode, Mistakes, Syntax};

use crate::limits::{
    HEARTBEAT_JOBS_MAX, HEARTBEAT_PARAMS_MAX, HEARTBEAT_TEXT_CHARACTERS_MAX, NODE_ENCODERS_MAX,
    STDERR_LINE_BYTES_MAX, STDERR_LINES_MAX,
};

/// The keys of a heartbeat.
const KEYS: [&str; 9] = [
    "version",
    "instance",
    "slots",
    "free_slots",
    "encoders",
    "ffmpeg",
    "draining",
    "jobs",
    "revision",
];

/// The keys of a job in it.
const JOB_KEYS: [&str; 13] = [
    "id",
    "epoch",
    "state",
    "reason",
    "params",
    "detail",
    "fps",
    "speed",
    "frames_dropped",
    "cpu_percent",
    "complaints",
    "restarts",
    "stderr_tail",
];

/// Reads a heartbeat.
///
/// # Errors
/// All mistakes at once.
pub(super) fn read(bytes: &[u8]) -> Result<Heartbeat, Vec<Mistake>> {
    let mistakes = Mistakes::new();
    let node = document::read(bytes, Syntax::Json, &mistakes);
    let read = node.and_then(|node| heartbeat(&Cursor::root(&node, &mistakes)));
    mistakes.or(read)
}

/// None once there is a mistake; the keys behind it are looked at all the same.
fn heartbeat(at: &Cursor<'_>) -> Option<Heartbeat> {
    let fields = at.fields(&KEYS)?;
    let version = required_text(&fields, "version", 0);
    let instance = required_text(&fields, "instance", 1);
    let slots = fields.required("slots").and_then(|at| amount(&at));
    let free_slots = fields.required("free_slots").and_then(|at| amount(&at));
    let encoders = fields.required("encoders").and_then(|at| encoders(&at));
    let ffmpeg = required_text(&fields, "ffmpeg", 0);
    let draining = fields.required("draining").and_then(|at| at.boolean());
    let jobs = fields.required("jobs").and_then(|at| jobs(&at));
    let revision = fields.required("revision").and_then(|at| count(&at));
    Some(Heartbeat {
        version: version?,
        instance: instance?,
        slots: slots?,
        free_slots: free_slots?,
        encoders: encoders?,
        ffmpeg: ffmpeg?,
        draining: draining?,
        jobs: jobs?,
        revision: revision?,
    })
}

fn encoders(at: &Cursor<'_>) -> Option<Vec<String>> {
    let items = at.items(0..=NODE_ENCODERS_MAX)?;
    let names = items.iter().map(|item| text(item, 1));
    names.collect()
}

fn jobs(at: &Cursor<'_>) -> Option<Vec<JobReport>> {
    let items = at.items(0..=HEARTBEAT_JOBS_MAX)?;
    let mut seen = BTreeSet::new();
    let mut jobs = Vec::with_capacity(items.len());
    for item in &items {
        let Some(report) = job(item) else { continue };
        if !seen.insert((report.id.clone(), report.epoch)) {
            let (id, epoch) = (&report.id, report.epoch);
            let detail = format!("epoch {epoch} of job {id:?} is told twice");
            item.push(Mistake::new(MistakeCode::Duplicate, detail).param("job", id));
        }
        jobs.push(report);
    }
    Some(jobs)
}

fn job(at: &Cursor<'_>) -> Option<JobReport> {
    let fields = at.fields(&JOB_KEYS)?;
    let id = required_text(&fields, "id", 1);
    let epoch = fields.required("epoch").and_then(|at| count(&at));
    let states = ReportedState::ALL.map(|state| (state.as_str(), state));
    let state = fields
        .required("state")
        .and_then(|at| at.choice::<ReportedState>(&states));
    let reasons = JobReason::ALL.map(|reason| (reason.as_str(), reason));
    let reason = given(&fields, "reason", |at| at.choice::<JobReason>(&reasons));
    let params = given(&fields, "params", params);
    let detail = given(&fields, "detail", |at| text(at, 0));
    let progress = progress(&fields);
    Some(JobReport {
        id: id?,
        epoch: epoch?,
        state: state?,
        reason: reason?,
        params: params?.unwrap_or_default(),
        detail: detail?.unwrap_or_default(),
        progress: progress?,
    })
}

fn progress(fields: &Fields<'_>) -> Option<Progress> {
    let fps = given(fields, "fps", amount);
    let speed = given(fields, "speed", amount);
    let frames_dropped = given(fields, "frames_dropped", count);
    let cpu_percent = given(fields, "cpu_percent", amount);
    let complaints = given(fields, "complaints", count);
    let restarts = given(fields, "restarts", count);
    let stderr_tail = given(fields, "stderr_tail", tail);
    Some(Progress {
        fps: fps?,
        speed: speed?,
        frames_dropped: frames_dropped?.unwrap_or_default(),
        cpu_percent: cpu_percent?.unwrap_or_default(),
        complaints: complaints?.unwrap_or_default(),
        restarts: restarts?.unwrap_or_default(),
        stderr_tail: stderr_tail?.unwrap_or_default(),
    })
}

fn params(at: &Cursor<'_>) -> Option<BTreeMap<String, String>> {
    let entries = at.entries(HEARTBEAT_PARAMS_MAX)?;
    let params = entries.iter().map(|(name, value)| {
        let value = text(value, 0)?;
        Some(((*name).to_owned(), value))
    });
    params.collect()
}

/// The newest lines, and the beginning of each.
fn tail(at: &Cursor<'_>) -> Option<Vec<String>> {
    let items = at.items(0..=usize::MAX)?;
    let newest = items.len().saturating_sub(STDERR_LINES_MAX);
    let lines = items.iter().skip(newest).map(|item| {
        let line = item.prose(0..=usize::MAX)?;
        let end = line.floor_char_boundary(STDERR_LINE_BYTES_MAX);
        Some(line[..end].to_owned())
    });
    lines.collect()
}

/// A key that need not be there. None: it is wrong.
fn given<T>(
    fields: &Fields<'_>,
    key: &str,
    read: impl Fn(&Cursor<'_>) -> Option<T>,
) -> Option<Option<T>> {
    match fields.get(key) {
        None => Some(None),
        Some(at) => read(&at).map(Some),
    }
}

fn required_text(fields: &Fields<'_>, key: &str, characters_min: usize) -> Option<String> {
    let at = fields.required(key)?;
    text(&at, characters_min)
}

/// What nodes say comes from other programs in part: it may have any characters.
fn text(at: &Cursor<'_>, characters_min: usize) -> Option<String> {
    at.prose(characters_min..=HEARTBEAT_TEXT_CHARACTERS_MAX)
        .map(str::to_owned)
}

fn count(at: &Cursor<'_>) -> Option<u64> {
    at.integer(0..=u64::MAX)
}

fn amount(at: &Cursor<'_>) -> Option<f64> {
    at.number(0.0..=f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn body(detail: &str) -> Value {
        json!({
            "version": "1", "instance": "i", "slots": 4, "free_slots": 3.5, "encoders": ["aac"],
            "ffmpeg": "5.1.9", "draining": false, "revision": 0,
            "jobs": [{"id": "a.b", "epoch": 1, "state": "running", "reason": null, "params": {},
                "detail": detail, "stderr_tail": vec!["x".repeat(300); 30]}],
        })
    }

    fn mistakes(body: &Value) -> Vec<(String, MistakeCode)> {
        let mistakes = read(body.to_string().as_bytes()).expect_err("mistakes");
        let told = mistakes.into_iter();
        told.map(|mistake| (mistake.pointer, mistake.code))
            .collect()
    }

    #[test]
    fn what_a_node_says_is_what_is_read() {
        let told = Heartbeat {
            version: "1".to_owned(),
            instance: "i".to_owned(),
            slots: 4.0,
            free_slots: 3.95,
            encoders: vec!["aac".to_owned()],
            ffmpeg: "5.1".to_owned(),
            draining: true,
            revision: 7,
            jobs: vec![JobReport {
                id: "news.preview".to_owned(),
                epoch: 1_795_449_344_814,
                state: ReportedState::Failed,
                reason: Some(JobReason::FfmpegFailed),
                params: BTreeMap::from([("code".to_owned(), "1".to_owned())]),
                detail: "two\nlines".to_owned(),
                progress: Progress {
                    fps: Some(25.0),
                    speed: None,
                    frames_dropped: 1,
                    cpu_percent: 12.5,
                    complaints: 3,
                    restarts: 2,
                    stderr_tail: vec!["a\tb".to_owned()],
                },
            }],
        };
        let json = serde_json::to_value(&told).expect("JSON");
        let keys = |value: &Value| value.as_object().map(serde_json::Map::len);
        assert_eq!(keys(&json), Some(KEYS.len()), "each key is known");
        assert_eq!(keys(&json["jobs"][0]), Some(JOB_KEYS.len()));
        assert_eq!(read(json.to_string().as_bytes()).expect("read"), told);
    }

    #[test]
    fn what_a_node_says_is_bounded() {
        let heartbeat = read(body("").to_string().as_bytes()).expect("a heartbeat");
        let tail = &heartbeat.jobs[0].progress.stderr_tail;
        assert_eq!(tail.len(), STDERR_LINES_MAX);
        assert!(tail.iter().all(|line| line.len() == STDERR_LINE_BYTES_MAX));
        let long = "x".repeat(HEARTBEAT_TEXT_CHARACTERS_MAX + 1);
        let found = mistakes(&body(&long));
        assert_eq!(
            found,
            [("/jobs/0/detail".to_owned(), MistakeCode::WrongLength)]
        );
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let mut wrong = body("");
        wrong["gpus"] = json!(1);
        wrong["instance"] = json!("");
        wrong["slots"] = json!(-1);
        wrong["encoders"] = json!("aac");
        wrong["jobs"][0]["gpu"] = json!(0);
        wrong["jobs"][0]["state"] = json!("walking");
        wrong["jobs"][0]["reason"] = json!("mood");
        let found = mistakes(&wrong);
        let expected = [
            ("/gpus", MistakeCode::UnknownKey),
            ("/instance", MistakeCode::WrongLength),
            ("/slots", MistakeCode::OutOfRange),
            ("/encoders", MistakeCode::WrongType),
            ("/jobs/0/gpu", MistakeCode::UnknownKey),
            ("/jobs/0/state", MistakeCode::NotOneOf),
            ("/jobs/0/reason", MistakeCode::NotOneOf),
        ];
        assert_eq!(
            found,
            expected.map(|(pointer, code)| (pointer.to_owned(), code))
        );
        let mut twice = body("");
        let job = twice["jobs"][0].clone();
        twice["jobs"] = json!([job, job]);
        let duplicate = ("/jobs/1".to_owned(), MistakeCode::Duplicate);
        assert_eq!(mistakes(&twice), [duplicate]);
        let list = json!(["1", "i", 4, 3.5, [], "5.1.9", false, [], 0]);
        assert_eq!(mistakes(&list)[0].1, MistakeCode::WrongType);
        assert_eq!(mistakes(&json!({})).len(), KEYS.len());
        for no_json in ["", "[1", "{} x"] {
            let found = read(no_json.as_bytes()).expect_err(no_json);
            assert_eq!(found[0].code, MistakeCode::Syntax);
        }
    }
}
