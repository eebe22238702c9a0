//! Ingests behind one name: which there are, and which are away or gone.

use std::time::{Duration, Instant};

use e2e::gate::{Need, can_run};
use e2e::host::Host;
use e2e::ingest::{Ingest, Options};
use e2e::names::Names;
use e2e::ui::Ui;
use e2e::wait::{seconds, wait_until};

/// The longest that an operator may not know that an ingest is away.
const AWAY_WITHIN: Duration = seconds(5);

/// A host for the page, with cables to two hosts for ingests: 10.0.1.2 and 10.0.2.2.
struct Cluster {
    page: Host,
    one: Host,
    two: Host,
}

impl Cluster {
    fn new() -> Self {
        let (page, one, two) = (Host::new("page"), Host::new("one"), Host::new("two"));
        page.link("eth1", &["10.0.1.1/24"], &one, "eth0", &["10.0.1.2/24"]);
        page.link("eth2", &["10.0.2.1/24"], &two, "eth0", &["10.0.2.2/24"]);
        Self { page, one, two }
    }
}

fn ingest<'a>(host: &'a Host, name: &str) -> Ingest<'a> {
    let options = Options::new("eth0")
        .channel("udp://239.1.1.1:5000")
        .with(&format!("--node-name {name}"));
    Ingest::start(host, &options)
}

#[test]
fn each_is_away_within_5_s_removed_when_gone_from_dns_and_the_rest_works() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let cluster = Cluster::new();
    let names = Names::of(&cluster.page);
    let both = [
        ("10.0.1.2", "encoder-ingest"),
        ("10.0.2.2", "encoder-ingest"),
    ];
    names.set(&both);
    let one = ingest(&cluster.one, "n1");
    let _two = ingest(&cluster.two, "n2");
    let ui = Ui::start(&cluster.page, "--ingest http://encoder-ingest:9525");
    ui.wait_state("", "n1", "here", seconds(10));
    ui.wait_state("", "n2", "here", seconds(10));
    wait_until("both have said what they have", seconds(5), || {
        let mut ingests = ui.ingests("").into_iter();
        ingests.all(|ingest| ingest["channels"][0]["id"] == "news")
    });

    // The cable of the second is cut: nobody says goodbye.
    cluster.two.ip("link set eth0 down");
    let cut = Instant::now();
    let away = ui.wait_state("", "n2", "away", AWAY_WITHIN);
    println!("cut off: away after {:?}", cut.elapsed());
    assert_eq!(away["channels"][0]["id"], "news", "what it said last stays");
    assert!(away["error"].is_string(), "{away}");
    one_that_is_away_holds_up_nobody(&ui);
    cluster.two.ip("link set eth0 up");
    ui.wait_state("", "n2", "here", seconds(10));

    // The first is killed, and then its name goes.
    let files = one.kill();
    let killed = Instant::now();
    ui.wait_state("", "n1", "away", AWAY_WITHIN);
    println!("killed: away after {:?}", killed.elapsed());
    let refused = ui.http().request("DELETE", "/api/ingests/n1", &[], b"");
    let _ = refused.problem(409);
    names.set(&both[1..]);
    // Two look-ups, five seconds apart, and the time until the first.
    let removed = ui.wait_state("", "n1", "removed", seconds(15));
    assert_eq!(removed["channels"][0]["id"], "news");
    ui.wait_state("", "n2", "here", seconds(1));

    // It comes back under its name, and goes for good.
    names.set(&both);
    let options = Options::new("eth0").with("--node-name n1");
    let one = Ingest::start_in(&cluster.one, &options, files);
    ui.wait_state("", "n1", "here", seconds(15));
    drop(one);
    names.set(&both[1..]);
    ui.wait_state("", "n1", "removed", seconds(20));
    let dismissed = ui.http().request("DELETE", "/api/ingests/n1", &[], b"");
    assert_eq!(dismissed.status(), 204, "{}", dismissed.text());
    wait_until("only n2 is listed", seconds(2), || {
        let ingests = ui.ingests("");
        ingests.len() == 1 && ingests[0]["name"] == "n2"
    });
}

/// `n1` is here, `n2` is away.
fn one_that_is_away_holds_up_nobody(ui: &Ui) {
    let asked = Instant::now();
    let answer = ui.http().get("/api/ingests/n1/v1/channels/news");
    assert_eq!(answer.status(), 200, "the rest works");
    let waited = asked.elapsed();
    assert!(waited < seconds(1), "and does not wait: {waited:?}");
    let asked = Instant::now();
    let answer = ui.http().get("/api/ingests/n2/v1/channels/news");
    assert!(matches!(answer.status(), 502 | 504), "{}", answer.text());
    assert!(asked.elapsed() < seconds(5), "{:?}", asked.elapsed());
}

#[test]
fn a_name_that_leads_nowhere_is_said_and_found_later() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("page");
    let names = Names::of(&host);
    let ui = Ui::start(&host, "--ingest http://encoder-ingest:9525");
    let nowhere = ui.wait_state("", "encoder-ingest:9525", "away", seconds(5));
    assert_eq!(nowhere["known"], false);
    assert_eq!(nowhere["error"], "no address has this name");
    names.set(&[("127.0.0.1", "encoder-ingest")]);
    let _ingest = Ingest::start(&host, &Options::new("lo").loopback().with("--node-name n1"));
    ui.wait_state("", "n1", "here", seconds(10));
    assert_eq!(ui.ingests("").len(), 1);
}
