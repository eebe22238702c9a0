//! The playlist that players load.

use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::Scene;

const CHANNELS: &str = "channels:
- {id: news, name: 'News, HD', number: 7, group: Info, logo: 'https://logo.example/n.png',
   inputs: [{url: 'udp://239.1.1.1:5000'}]}
- {id: sport, name: Sport, inputs: [{url: 'udp://239.1.1.2:5000'}]}
- {id: off, name: Off, enabled: false, inputs: [{url: 'udp://239.1.1.3:5000'}]}
";

#[test]
fn a_playlist_names_every_channel_by_the_requests_host() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channels(CHANNELS));
    let host = [("Host", "10.0.0.2:9525")];
    let list = ingest.http().request("GET", "/playlist.m3u", &host, b"");
    assert_eq!(list.status(), 200);
    let text = list.text();
    assert!(text.starts_with("#EXTM3U\n"), "{text}");
    for part in [
        "tvg-chno=\"7\"",
        "group-title=\"Info\"",
        "tvg-logo=\"https://logo.example/n.png\"",
        ",News, HD\n",
        "http://10.0.0.2:9525/channels/news.ts\n",
        "http://10.0.0.2:9525/channels/sport.ts\n",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let entries = text.lines().filter(|line| line.starts_with("#EXTINF"));
    let urls = text.lines().filter(|line| line.starts_with("http://"));
    assert_eq!(entries.count(), urls.count());
}

#[test]
fn a_public_url_stands_before_the_requests_host() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0")
        .channels(CHANNELS)
        .with("--public-url https://tv.example");
    let ingest = Ingest::start(&scene.node, &options);
    let text = ingest.http().get("/playlist.m3u").text();
    assert!(
        text.contains("https://tv.example/channels/news.ts"),
        "{text}"
    );
}
