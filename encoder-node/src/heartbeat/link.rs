//! The heartbeats to one address: each second, and at once when something changed. An answer that
//! the ingest holds back is given up for newer news, but not for ever: without answers its orders
//! would end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, Method, StatusCode, header};
use bytes::Bytes;
use common::api::node::Orders;
use http_body_util::Full;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::links::Links;
use super::orders;
use crate::board::{Board, Boards, Identity, bounded};
use crate::client::{self, ClientError, Credentials, encoded};
use crate::limits::{
    ANSWER_WITHIN, HEARTBEAT_GAP, HEARTBEAT_PAUSE_MAX, HEARTBEAT_PERIOD, ORDERS_BYTES_MAX,
    REMIND_PERIOD, UNANSWERED_MAX,
};

/// Of an answer that refuses, so much of its text is logged.
const REFUSAL_CHARACTERS_MAX: usize = 200;

/// What every link needs.
#[derive(Debug, Clone)]
pub struct Caller {
    pub identity: Arc<Identity>,
    pub credentials: Arc<Credentials>,
    pub boards: Boards,
    pub links: Links,
    pub orders: mpsc::Sender<Ordered>,
}

/// An ingest's orders, and the address that gave them.
#[derive(Debug)]
pub struct Ordered {
    pub address: SocketAddr,
    pub orders: Orders,
    /// The heartbeat before failed.
    pub after_failure: bool,
}

/// Why a heartbeat brought no orders.
#[derive(Debug, thiserror::Error)]
enum BeatError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("it refuses the token (401): --token-file must hold one of role node")]
    Unauthorized,
    #[error("the token may not do this (403): its role must be node")]
    Forbidden,
    #[error("another node has the name {0:?} there (409): give this one another by --name")]
    NameTaken(String),
    #[error("it answered {0}: {1}")]
    Refused(StatusCode, String),
    #[error("its orders can't be read: {0}")]
    Unintelligible(#[from] serde_json::Error),
}

/// What was logged last: the same thing is said again once in a while only.
#[derive(Debug, Default)]
struct Reminder(Option<(String, Instant)>);

impl Reminder {
    fn is_due(&mut self, text: &str, now: Instant) -> bool {
        let said = self
            .0
            .as_ref()
            .is_some_and(|(said, at)| said == text && now.duration_since(*at) < REMIND_PERIOD);
        if !said {
            self.0 = Some((text.to_owned(), now));
        }
        !said
    }
}

/// Calls `address` for ever.
pub async fn call(caller: Caller, address: SocketAddr) {
    let mut boards = caller.boards.clone();
    let mut ingest: Option<String> = None;
    let mut revision = 0;
    let mut failures = 0;
    let mut reminder = Reminder::default();
    // When the first heartbeat since the last answer was sent.
    let mut unanswered: Option<Instant> = None;
    loop {
        let board = Arc::clone(&boards.borrow_and_update());
        let sent = Instant::now();
        let since = *unanswered.get_or_insert(sent);
        let beat = beat(&caller, address, &board, ingest.as_deref(), revision);
        let result = tokio::select! {
            result = beat => result,
            () = overtaken(&mut boards, since) => continue,
        };
        unanswered = None;
        match result {
            Ok(orders) => {
                caller.links.answered(address, board.draining);
                let after_failure = std::mem::take(&mut failures) > 0;
                if after_failure || ingest.is_none() {
                    tracing::info!(ingest = orders.ingest, %address, "ingest answers");
                    reminder = Reminder::default();
                }
                let is_new = orders.revision != revision;
                revision = orders.revision;
                ingest = Some(orders.ingest.clone());
                // The node's loop ends before its links do.
                let ordered = Ordered {
                    address,
                    orders,
                    after_failure,
                };
                let _ = caller.orders.send(ordered).await;
                let period = if is_new {
                    HEARTBEAT_GAP
                } else {
                    HEARTBEAT_PERIOD
                };
                rest(&mut boards, period.saturating_sub(sent.elapsed())).await;
            }
            Err(error) => {
                caller.links.failed(address);
                failures += 1;
                // A restarted ingest counts its revisions anew.
                revision = 0;
                let text = common::chain(&error);
                if reminder.is_due(&text, Instant::now()) {
                    tracing::warn!(%address, "ingest: {text}");
                }
                sleep(pause(failures).saturating_sub(sent.elapsed())).await;
            }
        }
    }
}

/// Grows with failures in a row, from the usual period.
fn pause(failures: u32) -> Duration {
    (HEARTBEAT_PERIOD * failures.min(8) / 2).clamp(HEARTBEAT_PERIOD / 2, HEARTBEAT_PAUSE_MAX)
}

/// Until the board changed, but `gap` at least.
async fn changed(boards: &mut Boards, gap: Duration) {
    sleep(gap).await;
    if boards.changed().await.is_err() {
        // The node's loop has ended, and with it whoever waits here.
        std::future::pending::<()>().await;
    }
}

/// Until there is news worth giving a held answer up for: for ever once answers have been missing
/// since long ago. What changes then is seen behind the answer.
async fn overtaken(boards: &mut Boards, unanswered_since: Instant) {
    sleep(HEARTBEAT_GAP).await;
    let left = UNANSWERED_MAX.saturating_sub(unanswered_since.elapsed());
    if left.is_zero() || !matches!(timeout(left, boards.changed()).await, Ok(Ok(()))) {
        std::future::pending::<()>().await;
    }
}

/// Until `duration` has passed, or something changed; a gap at least.
async fn rest(boards: &mut Boards, duration: Duration) {
    tokio::select! {
        () = sleep(duration.max(HEARTBEAT_GAP)) => {}
        () = changed(boards, HEARTBEAT_GAP) => {}
    }
}

async fn beat(
    caller: &Caller,
    address: SocketAddr,
    board: &Board,
    ingest: Option<&str>,
    revision: u64,
) -> Result<Orders, BeatError> {
    let beat = board.heartbeat(&caller.identity, ingest, revision);
    let body = Full::new(Bytes::from(bounded(beat)?));
    let name = &caller.identity.name;
    let path = format!("/api/v1/nodes/{}/heartbeat", encoded(name));
    let mut request = client::request(Method::POST, address, &path, &caller.credentials, body);
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(header::CONTENT_TYPE, json);
    let asking = async {
        let answer = client::send(address, request).await?;
        let status = answer.status;
        Ok::<_, ClientError>((status, answer.into_bytes(ORDERS_BYTES_MAX).await?))
    };
    let answered = timeout(ANSWER_WITHIN, asking).await;
    let (status, body) = answered.unwrap_or(Err(ClientError::Slow(ANSWER_WITHIN)))?;
    match status {
        StatusCode::OK => Ok(orders::read(&body)?),
        StatusCode::UNAUTHORIZED => Err(BeatError::Unauthorized),
        StatusCode::FORBIDDEN => Err(BeatError::Forbidden),
        StatusCode::CONFLICT => Err(BeatError::NameTaken(name.clone())),
        status => {
            let text = String::from_utf8_lossy(&body);
            let text: String = text.chars().filter(|c| !c.is_control()).collect();
            let text = text.chars().take(REFUSAL_CHARACTERS_MAX).collect();
            Err(BeatError::Refused(status, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::extract::State;
    use axum::routing::post;
    use axum::{Json, Router};
    use tokio::net::TcpListener;
    use tokio::sync::watch;
    use tokio::task::JoinSet;

    use super::*;
    use crate::limits::LEASE;

    #[test]
    fn the_same_thing_is_said_once_a_minute() {
        let mut reminder = Reminder::default();
        let start = Instant::now();
        let mut at =
            |text: &str, seconds| reminder.is_due(text, start + Duration::from_secs(seconds));
        assert!(at("401", 0));
        assert!(!at("401", 1));
        assert!(!at("401", 59));
        assert!(at("401", 60));
        assert!(at("409", 61));
        assert!(at("401", 62));
    }

    /// Holds each answer as long as an ingest may.
    async fn held(State(beats): State<Arc<AtomicU32>>) -> Json<Orders> {
        beats.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(900)).await;
        Json(Orders {
            ingest: "n1".to_owned(),
            revision: 1,
            jobs: Vec::new(),
        })
    }

    #[tokio::test]
    async fn news_without_end_does_not_keep_answers_away() {
        let beats = Arc::new(AtomicU32::new(0));
        let router = Router::new()
            .route("/api/v1/nodes/{name}/heartbeat", post(held))
            .with_state(Arc::clone(&beats));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("address");
        let (publish, boards) = watch::channel(Arc::default());
        let (orders, mut ordered) = mpsc::channel(1);
        let identity = Identity {
            name: "node".to_owned(),
            instance: "1f".to_owned(),
        };
        let caller = Caller {
            identity: Arc::new(identity),
            credentials: Arc::new(Credentials::open(None).expect("none")),
            boards,
            links: Links::default(),
            orders,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.expect("served") });
        tasks.spawn(call(caller, address));
        let flapping = async {
            loop {
                sleep(HEARTBEAT_GAP * 3 / 2).await;
                publish.send_replace(Arc::default());
            }
        };
        let hearing = async {
            for _ in 0..2 {
                let heard = timeout(LEASE, ordered.recv()).await;
                let heard = heard.expect("its orders would have ended").expect("orders");
                assert!(
                    !heard.after_failure,
                    "a beat that is given up is no failure"
                );
            }
        };
        tokio::select! {
            () = flapping => {}
            () = hearing => {}
        }
        let beats = beats.load(Ordering::Relaxed);
        assert!(beats >= 6, "{beats}: news is told at once for a while");
    }

    #[test]
    fn pauses_grow_and_stay_below_two_seconds() {
        let found = [1, 2, 3, 4, 100].map(|failures| pause(failures).as_millis());
        assert_eq!(found, [500, 1000, 1500, 2000, 2000]);
    }
}
