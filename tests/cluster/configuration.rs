//! What an operator changes, and gets wrong.

use e2e::wait::seconds;

use crate::kubectl::{await_for, get};
use crate::lab::{ask, measured, request};
use crate::reader::Reader;
use crate::system::{System, set_channels, with_variables};

const TWO: &str = "channels:
  - id: testcard
    name: Test card
    inputs:
      - url: udp://239.255.0.1:5000
  - id: second
    inputs:
      - url: udp://239.255.0.1:5000
";

#[test]
fn a_channel_that_is_added_to_the_configmap_appears_and_nobodys_viewing_is_interrupted() {
    let Some(system) = System::dev(&[]) else {
        return;
    };
    let pod = system.ingest();
    let base = system.external(&pod);
    system.await_channel(&base, "testcard", seconds(30));
    let reader = Reader::start(&format!("{base}/channels/testcard.ts"));
    await_for("the viewer sees", seconds(10), || {
        (reader.bytes() > 1 << 20).then_some(())
    });
    set_channels(TWO);
    let took = system.await_channel(&base, "second", seconds(120));
    let seen = reader.bytes();
    await_for("the viewer goes on", seconds(10), || {
        (reader.bytes() > seen + (1 << 20)).then_some(())
    });
    assert_eq!(reader.connections(), 1, "it was never cut off");
    assert!(
        reader.longest_pause() < seconds(2),
        "{:?}",
        reader.longest_pause()
    );
    let same = system.ingest();
    assert_eq!(same["metadata"]["uid"], pod["metadata"]["uid"]);
    assert_eq!(same["status"]["containerStatuses"][0]["restartCount"], 0);
    measured(
        "a ConfigMap's edit, until the channel is live",
        &format!("{:.0} s", took.as_secs_f64()),
    );
}

#[test]
fn a_wrong_nic_name_leaves_the_pod_unready_and_the_api_names_the_nics_that_exist() {
    let patch = with_variables(&[("ENCODER_INGEST_INTERFACE", "eth9")]);
    let Some(system) = System::dev_with(&[], &[patch]) else {
        return;
    };
    let pod = system.ingest();
    let base = system.external(&pod);
    let (status, _) = await_for("the API answers", seconds(30), || ask(&base, "/status"));
    assert_eq!(status["interface"]["looked_for"][0], "eth9", "{status}");
    let present = status["interface"]["present"].to_string();
    assert!(present.contains("\"eth0\""), "{status}");
    let (code, missing) = request("GET", &format!("{base}/ready"), None, None);
    assert_eq!(code, 503, "{missing}");
    assert!(missing.contains("eth9"), "{missing}");
    let status = &get("-n encoder pods -l app.kubernetes.io/name=encoder-ingest")["items"][0];
    let container = &status["status"]["containerStatuses"][0];
    assert_eq!(container["ready"], false);
    assert_eq!(container["restartCount"], 0, "it lives");
}
