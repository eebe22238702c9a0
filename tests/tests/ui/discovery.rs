//! Ingests behind one name: which there are, and which are away or gone.

use e2e::gate::{Need, can_run};
use e2e::host::Host;
use e2e::ingest::{Ingest, Options};
use e2e::names::Names;
use e2e::ui::Ui;
use e2e::wait::seconds;

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
