//! Pictures over a WebSocket.

use std::time::Duration;

use encoder_ui::limits::{PREVIEW_MESSAGE_BYTES_MAX, PREVIEWS_OF_ONE_MAX};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::fake::{Fake, channel};
use crate::page::{Page, SOON, users};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The socket, or the status that refused it.
async fn open(page: &Page, path: &str, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
    let url = format!("ws://{}/api/ingests/{path}", page.address);
    let mut request = url.into_client_request().expect("a request");
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).expect("a value");
        request.headers_mut().insert(*name, value);
    }
    match timeout(SOON, connect_async(request))
        .await
        .expect("in time")
    {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// What came until the end, and the close code.
async fn whole(mut socket: Socket) -> (Vec<u8>, u16) {
    let mut bytes = Vec::new();
    loop {
        match timeout(SOON, socket.next()).await.expect("in time") {
            Some(Ok(Message::Binary(piece))) => bytes.extend_from_slice(&piece),
            Some(Ok(Message::Close(Some(frame)))) => return (bytes, frame.code.into()),
            Some(Ok(_)) => {}
            other => panic!("no close frame: {other:?}"),
        }
    }
}

/// The close frame that ends it, after what came before.
async fn goodbye(socket: &mut Socket) -> (u16, String) {
    loop {
        match timeout(SOON, socket.next()).await.expect("in time") {
            Some(Ok(Message::Close(Some(frame)))) => {
                return (frame.code.into(), frame.reason.to_string());
            }
            Some(Ok(_)) => {}
            other => panic!("no close frame: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_browsers_goodbye_is_answered() {
    let (_ingest, page) = scene().await;
    let mut socket = open(&page, "n1/preview/endless", &[]).await.expect("open");
    let frame = CloseFrame {
        code: 1000.into(),
        reason: "seen enough".into(),
    };
    let close = Message::Close(Some(frame));
    timeout(SOON, socket.send(close))
        .await
        .expect("in time")
        .expect("sent");
    let told = goodbye(&mut socket).await;
    assert_eq!(told, (1000, "seen enough".to_owned()));
    let end = timeout(SOON, socket.next()).await.expect("in time");
    assert!(end.is_none(), "{end:?}");
}

#[tokio::test]
async fn a_message_that_is_too_long_is_told_by_its_code() {
    let (_ingest, page) = scene().await;
    let mut socket = open(&page, "n1/preview/endless", &[]).await.expect("open");
    let longest = Message::text("a".repeat(PREVIEW_MESSAGE_BYTES_MAX));
    let longer = Message::text("a".repeat(PREVIEW_MESSAGE_BYTES_MAX + 1));
    for message in [longest, longer] {
        timeout(SOON, socket.send(message))
            .await
            .expect("in time")
            .expect("sent");
    }
    let (code, reason) = goodbye(&mut socket).await;
    assert_eq!(code, 1009, "{reason}");
}

#[tokio::test]
async fn a_disabled_channel_is_said_to_be_so() {
    let (ingest, page) = scene().await;
    let mut off = channel("off", 1);
    off["enabled"] = false.into();
    ingest.set_channels(vec![off]);
    page.ingests_that(|seen| seen[0]["channels"][0]["id"] == "off")
        .await;
    for id in ["off", "off.preview"] {
        let path = format!("n1/preview/{id}");
        let mut socket = open(&page, &path, &[]).await.expect("open");
        let told = goodbye(&mut socket).await;
        assert_eq!(told, (4404, "channel off is disabled".to_owned()), "{id}");
    }
}

async fn scene() -> (Fake, Page) {
    let ingest = Fake::start("n1", vec![channel("news", 1)]).await;
    let page = Page::start(&[&ingest.url()], &[]).await;
    page.wait_here().await;
    (ingest, page)
}

#[tokio::test]
async fn a_renditions_bytes_come_as_binary_messages() {
    let (ingest, page) = scene().await;
    let (bytes, code) = whole(
        open(&page, "n1/preview/news.preview", &[])
            .await
            .expect("open"),
    )
    .await;
    assert_eq!(bytes, b"some TS");
    assert_eq!(code, 1000);
    let asked = ingest.asked().remove(0);
    assert_eq!(asked.path, "/channels/news/preview.ts");
    let agent = asked.headers["user-agent"].to_str().expect("text");
    assert!(
        agent.starts_with("encoder-ui/") && agent.contains("preview"),
        "{agent}"
    );
}

#[tokio::test]
async fn what_is_wrong_is_the_close_code() {
    let (ingest, page) = scene().await;
    for (path, wanted) in [
        ("n1/preview/none", 4404),
        ("n9/preview/news", 4404),
        ("n1/preview/empty", 4504),
    ] {
        let (_, code) = whole(open(&page, path, &[]).await.expect("open")).await;
        assert_eq!(code, wanted, "{path}");
    }
    drop(ingest);
    let (_, code) = whole(open(&page, "n1/preview/news", &[]).await.expect("open")).await;
    assert_eq!(code, 4503);
    let plain = page.get("/api/ingests/n1/preview/news").await;
    assert_eq!(plain.status.as_u16(), 426);
}

#[tokio::test]
async fn a_running_preview_ends_when_its_ingest_dies_or_hangs() {
    for hang in [false, true] {
        let (ingest, page) = scene().await;
        let mut socket = open(&page, "n1/preview/endless", &[]).await.expect("open");
        let first = timeout(SOON, socket.next()).await.expect("in time");
        assert!(matches!(first, Some(Ok(Message::Binary(_)))), "{first:?}");
        if hang {
            ingest.fall_silent();
        } else {
            drop(ingest);
        }
        assert_eq!(whole(socket).await.1, 4503, "hang: {hang}");
    }
}

/// Nothing is read for a browser that takes nothing: the channel's `slow_viewer` deals with it.
#[tokio::test]
async fn a_browser_that_does_not_read_holds_the_ingest_back() {
    let (ingest, page) = scene().await;
    let mut sent = ingest.sent();
    let _socket = open(&page, "n1/preview/endless", &[]).await.expect("open");
    let still = async {
        loop {
            let before = *sent.borrow_and_update();
            tokio::time::sleep(Duration::from_secs(1)).await;
            if before > 0 && before == *sent.borrow() {
                break before;
            }
        }
    };
    let taken = timeout(SOON, still).await.expect("it stands still");
    // Both connections' kernel buffers, and next to nothing between.
    assert!(taken < 32 << 20, "{taken} bytes");
    let answer = page.get("/api/ingests/n1/v1/channels").await;
    assert_eq!(answer.status, 200, "others are served");
}

#[tokio::test]
async fn previews_of_one_are_bounded_and_starve_nobody() {
    let (_ingest, page) = scene().await;
    let mut sockets = Vec::new();
    for _ in 0..PREVIEWS_OF_ONE_MAX {
        let mut socket = open(&page, "n1/preview/endless", &[]).await.expect("open");
        let first = timeout(SOON, socket.next()).await.expect("in time");
        assert!(matches!(first, Some(Ok(Message::Binary(_)))), "{first:?}");
        sockets.push(socket);
    }
    let (_, code) = whole(open(&page, "n1/preview/endless", &[]).await.expect("open")).await;
    assert_eq!(code, 4429);
    let answer = page.get("/api/ingests").await;
    assert_eq!(answer.status, 200, "the API is served");
    let metrics = String::from_utf8_lossy(&page.get("/metrics").await.body).into_owned();
    assert!(
        metrics.contains(&format!("encoder_ui_previews {PREVIEWS_OF_ONE_MAX}")),
        "{metrics}"
    );
    drop(sockets);
    let free = async {
        loop {
            let socket = open(&page, "n1/preview/news.preview", &[])
                .await
                .expect("open");
            if whole(socket).await.1 == 1000 {
                break;
            }
        }
    };
    timeout(SOON, free).await.expect("places are free again");
}

#[tokio::test]
async fn a_preview_needs_a_session_of_our_own_page_and_ends_with_it() {
    let ingest = Fake::start("n1", vec![]).await;
    let page = Page::with_users(&[&ingest.url()], &[]).await;
    let path = "n1/preview/endless";
    assert_eq!(open(&page, path, &[]).await.err(), Some(401));
    let cookie = page.log_in("vic", "v").await.expect("logged in");
    let cookie = ("cookie", cookie.strip_prefix("cookie: ").expect("a cookie"));
    let foreign = ("origin", "https://evil.example");
    assert_eq!(open(&page, path, &[cookie, foreign]).await.err(), Some(403));
    let own = format!("http://{}", page.address);
    let own = ("origin", own.as_str());
    let known = async {
        loop {
            let mut socket = open(&page, path, &[cookie, own]).await.expect("open");
            if let Some(Ok(Message::Binary(_))) = socket.next().await {
                break socket;
            }
        }
    };
    let socket = timeout(SOON, known).await.expect("the ingest is known");
    let file = page.users.as_ref().expect("users").path();
    std::fs::write(file, users(&[("ann", "a", "admin")])).expect("write");
    assert_eq!(whole(socket).await.1, 4401);
}
