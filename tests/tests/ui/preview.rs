//! Pictures of a real channel, through the UI, and captures of it.

use e2e::check::one_piece_of;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, Scene, URL};
use e2e::ui::Ui;
use e2e::wait::seconds;
use e2e::wrap::Wrap;

#[test]
fn a_preview_is_what_was_sent_and_so_is_a_capture() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").channel(URL).with("--node-name n1");
    let ingest = Ingest::start(&scene.node, &options);
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    let _ = ingest.wait_receiving("news");
    let ui = Ui::start(&scene.node, "");
    ui.wait_state("", "n1", "here", seconds(10));
    let bytes = ui.preview("n1", "news", "", 1_000_000);
    let capture = ui
        .http()
        .get("/api/ingests/n1/v1/channels/news/capture.ts?seconds=2");
    let sent = broadcast.stop();
    one_piece_of(&bytes, &sent);
    assert_eq!(capture.status(), 200, "{}", capture.text());
    assert!(capture.header("x-seconds").is_some());
    let disposition = capture.header("content-disposition").unwrap_or_default();
    assert!(
        disposition.starts_with("attachment; filename=\"news-"),
        "{disposition}"
    );
    one_piece_of(&capture.body, &sent);
}
