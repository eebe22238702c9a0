//! Snapshots: the newest picture of a channel.

use e2e::fake_node::FakeNode;
use e2e::gate::{Need, can_run};
use e2e::ingest::Ingest;
use e2e::scene::{GROUP, Scene};
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Wrap;

use crate::options;

const JOB: &str = "news.snapshot";
const PATH: &str = "/api/v1/channels/news/snapshot.jpg";

/// The markers of a JPEG picture of 16x16 that holds `content`.
fn picture(content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xc0, 0, 8, 8, 0, 16, 0, 16, 1];
    bytes.extend_from_slice(&[0xff, 0xda, 0, 3, 1]);
    bytes.extend_from_slice(content);
    bytes.extend_from_slice(&[0xff, 0xd9]);
    bytes
}

#[test]
fn the_newest_picture_is_given_to_who_has_not_got_it() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &options("snapshot"));
    let http = ingest.http();
    let _ = http.get("/api/v1/channels/none/snapshot.jpg").problem(404);
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    wait_until("there is no node", seconds(5), || {
        http.get(PATH).problem(404)["reason"] == "no_node"
    });
    let mut node = FakeNode::new(http, "n1", 1.0);
    let epoch = node.wait_order(JOB, seconds(5));
    assert_eq!(node.orders[0]["cost"].as_f64(), Some(0.05));
    assert_eq!(node.orders[0]["profile"]["kind"], "snapshot");
    assert_eq!(node.send_picture(JOB, epoch, b"GIF89a").status(), 400);
    assert_eq!(
        node.send_picture(JOB, epoch + 1, &picture(b"a")).status(),
        409
    );
    let large = picture(&vec![0; 512 * 1024]);
    assert_eq!(node.send_picture(JOB, epoch, &large).status(), 413);
    for content in [b"a", b"b"] {
        assert_eq!(
            node.send_picture(JOB, epoch, &picture(content)).status(),
            204
        );
    }
    let answer = http.get(PATH);
    assert_eq!((answer.status(), answer.body.clone()), (200, picture(b"b")));
    assert_eq!(answer.header("content-type"), Some("image/jpeg"));
    let modified = answer.header("last-modified").expect("a time");
    let since = |time: &str, tag: Option<&str>| {
        let mut headers = vec![("If-Modified-Since", time)];
        headers.extend(tag.map(|tag| ("If-None-Match", tag)));
        http.request("GET", PATH, &headers, b"").status()
    };
    assert_eq!(since(modified, None), 304);
    assert_eq!(since("Thu, 01 Jan 1970 00:00:00 GMT", None), 200);
    assert_eq!(since("soon", None), 200);
    assert_eq!(since(modified, Some("\"x\"")), 200, "the tag counts alone");
    let tag = answer.header("etag").expect("a tag");
    let again = http.request("GET", PATH, &[("If-None-Match", tag)], b"");
    assert_eq!((again.status(), again.body.len()), (304, 0));
    let other = http.request("GET", PATH, &[("If-None-Match", "\"x\"")], b"");
    assert_eq!(other.status(), 200);
    // A picture is no channel.
    assert_eq!(ingest.channel_ids(), ["news"]);
    let file = options("").channels.expect("a file");
    std::fs::write(ingest.channels_file(), file).expect("the file is written");
    wait_until("it goes with the rendition", seconds(10), || {
        http.get(PATH).status() == 404
    });
    assert_eq!(http.get(PATH).problem(404)["reason"], "not_wanted");
}
