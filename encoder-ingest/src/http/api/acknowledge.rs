//! An operator has seen that a channel is ill.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::api::channel::Channel;
use common::document::{self, Cursor, Mistake, MistakeCode, Mistakes, Syntax};
use common::problem::Problem;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Shared;
use super::request::{Asker, Body, IdPath, author, blocking, body, id, mistaken, not_found};
use crate::control::acknowledge::AcknowledgeError;
use crate::definition::ChannelId;
use crate::limits::{ACKNOWLEDGEMENT_MAX, CHANNEL_BODY_BYTES_MAX, NOTE_CHARACTERS_MAX};

/// Until when, and what the operator has to say.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "the description of a body that is read with its mistakes"
)]
pub(super) struct AcknowledgeDocument {
    /// RFC 3339; in the future, at most 30 days ahead.
    until: String,
    /// 500 characters at most.
    note: Option<String>,
}

/// The longest text of a time.
const TIME_CHARACTERS_MAX: usize = 64;

/// An operator has seen that the channel is ill. This is shown with the channel until it is well
/// again, or `until`. It outlives the process where there is a `--state-dir`.
#[utoipa::path(put, path = "/channels/{id}/acknowledge", tag = "channels", params(("id" = String, Path)),
    request_body = AcknowledgeDocument, responses(
    (status = 200, description = "The channel, with `status.acknowledged`", body = Channel),
    (status = 400, description = "Every mistake in the body", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such channel", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The channel is well, or does not run", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn acknowledge(
    State(control): Shared,
    path: IdPath,
    asker: Asker,
    given: Body,
) -> Result<Json<Channel>, Problem> {
    let id = id(path)?;
    control.channel(&id).ok_or_else(|| not_found(&id))?;
    let bytes = body(given, CHANNEL_BODY_BYTES_MAX)?;
    let (until, note) = read(&bytes, Timestamp::now()).map_err(mistaken)?;
    let author = author(asker);
    blocking(move || {
        let acknowledged = control.acknowledge(&id, until, note, &author);
        acknowledged.map_err(|error| refused(&id, &error))?;
        let shown = control.channel(&id).ok_or_else(|| not_found(&id))?;
        Ok(Json(shown))
    })
    .await?
}

/// Takes an acknowledgement back. Without one, nothing changes.
#[utoipa::path(delete, path = "/channels/{id}/acknowledge", tag = "channels", params(("id" = String, Path)), responses(
    (status = 204, description = "The channel is not acknowledged"),
    (status = 404, description = "There is no such channel", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The channel does not run", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn take_back(
    State(control): Shared,
    path: IdPath,
    asker: Asker,
) -> Result<StatusCode, Problem> {
    let id = id(path)?;
    let author = author(asker);
    blocking(move || {
        let taken = control.take_back(&id, &author);
        taken.map_err(|error| refused(&id, &error))?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await?
}

fn refused(id: &ChannelId, error: &AcknowledgeError) -> Problem {
    let reason = match error {
        AcknowledgeError::NotFound(_) => return not_found(id),
        AcknowledgeError::Well(_) => "channel_well",
        AcknowledgeError::Idle(_) => "channel_idle",
    };
    Problem::new(StatusCode::CONFLICT, error.to_string())
        .reason(reason)
        .param("channel", id)
}

fn read(bytes: &[u8], now: Timestamp) -> Result<(Timestamp, String), Vec<Mistake>> {
    let mistakes = Mistakes::new();
    let node = document::read(bytes, Syntax::Json, &mistakes);
    let read = node.and_then(|node| {
        let fields = Cursor::root(&node, &mistakes).fields(&["until", "note"])?;
        let note = match fields.get("note") {
            Some(at) => at.text(0..=NOTE_CHARACTERS_MAX).map(str::to_owned),
            None => Some(String::new()),
        };
        let until = time(&fields.required("until")?, now);
        Some((until?, note?))
    });
    mistakes.or(read)
}

fn time(at: &Cursor<'_>, now: Timestamp) -> Option<Timestamp> {
    let text = at.text(1..=TIME_CHARACTERS_MAX)?;
    let Ok(time) = text.parse::<Timestamp>() else {
        let detail = format!("{text:?} is no time: use RFC 3339, such as 2026-11-23T18:00:00Z");
        at.push(Mistake::new(MistakeCode::Invalid, detail).param("value", text));
        return None;
    };
    let ahead = time.duration_since(now).as_secs();
    let max = i64::try_from(ACKNOWLEDGEMENT_MAX.as_secs()).unwrap_or(i64::MAX);
    if time > now && ahead <= max {
        return Some(time);
    }
    let days = max / (24 * 3600);
    let detail = format!("{text} must lie in the future, at most {days} days ahead");
    let mistake = Mistake::new(MistakeCode::OutOfRange, detail).param("value", text);
    at.push(mistake.param("max_days", &days));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_of_the_body_is_told() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().expect("a time");
        let codes = |body: &str| -> Vec<MistakeCode> {
            let mistakes = read(body.as_bytes(), now).expect_err(body);
            mistakes.iter().map(|mistake| mistake.code).collect()
        };
        let good = r#"{"until": "2026-11-23T12:00:00+01:00", "note": "seen"}"#;
        let (until, note) = read(good.as_bytes(), now).expect("good");
        assert_eq!(until.to_string(), "2026-11-23T11:00:00Z");
        assert_eq!(note, "seen");
        assert_eq!(codes("{}"), [MistakeCode::MissingKey]);
        assert_eq!(codes(r#"{"until": "soon"}"#), [MistakeCode::Invalid]);
        for time in ["2026-11-23T10:00:00Z", "2026-12-24T10:00:00Z"] {
            let body = format!("{{\"until\": \"{time}\"}}");
            assert_eq!(codes(&body), [MistakeCode::OutOfRange], "{time}");
        }
        let long = "x".repeat(NOTE_CHARACTERS_MAX + 1);
        let body = format!("{{\"until\": 5, \"note\": \"{long}\", \"who\": 1}}");
        assert_eq!(
            codes(&body),
            [
                MistakeCode::UnknownKey,
                MistakeCode::WrongLength,
                MistakeCode::WrongType
            ]
        );
    }
}
