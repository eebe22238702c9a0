//! What a wrong request is told.

use super::*;

#[tokio::test]
async fn a_body_that_was_cut_off_removes_no_channel() {
    let api = Api::new();
    assert_eq!(api.post(&channel("news")).await.status, 201);
    for body in ["", "# nothing\n", "channels:\n", "channels: null", "{}"] {
        let answer = api.send("POST /channels:apply", &[], body).await;
        let problem = answer.problem(400);
        assert_eq!(problem["errors"][0]["code"], "missing_key", "{body:?}");
        assert_eq!(api.ask("GET /channels/news").await.status, 200, "{body:?}");
    }
    let none = api.send("POST /channels:apply", &[], "channels: []").await;
    assert_eq!(none.json()["removed"], json!(["news"]));
}

#[tokio::test]
async fn each_mistake_of_a_json_body_has_its_line() {
    let api = Api::new();
    let body = "{\n \"id\":\"m\",\n \"nmae\":1,\n \"inputs\":[\n {\"url\":\"http://x\",\n \"foo\":2}],\n \"number\":-1\n}";
    let lines = async |line: &str, body: String| {
        let problem = api.send(line, &[("content-type", "application/json")], body);
        let problem = problem.await.problem(400);
        let errors = problem["errors"].as_array().expect("errors").clone();
        let lines = errors.iter().map(|error| error["line"].as_u64());
        lines
            .collect::<Option<Vec<u64>>>()
            .expect("all have a line")
    };
    let own = lines("POST /channels", body.to_owned()).await;
    assert_eq!(own, [3, 5, 6, 7]);
    let whole = format!("{{\"channels\": [\n{body}]}}");
    let applied = lines("POST /channels:apply", whole).await;
    assert_eq!(applied, [4, 6, 7, 8]);
    let other =
        "{\"id\":\"m\",\"inputs\":[{\"url\":\"udp://239.1.1.1:1\"}],\n\"ingests\":[\"n2\"]}";
    assert_eq!(lines("POST /channels", other.to_owned()).await, [2]);
}

#[tokio::test]
async fn a_mistake_can_be_told_in_any_language() {
    let api = Api::new();
    let url = |url: &str| json!({"id": "a", "inputs": [{"url": url}]});
    let nic = json!({"id": "a", "inputs": [{"url": "udp://239.1.1.1:1", "interface": "a b"}]});
    let mut logo = channel("a");
    logo["logo"] = "ftp://x".into();
    let mut name = channel("a");
    name["name"] = "a\nb".into();
    let mut ingests = channel("a");
    ingests["ingests"] = json!(["n2"]);
    for (body, code, params) in [
        (
            url("udp://10.0.0.1:5"),
            "not_multicast",
            json!({"value": "udp://10.0.0.1:5", "address": "10.0.0.1"}),
        ),
        (
            url("udp://239.1.1.1:0"),
            "bad_port",
            json!({"value": "udp://239.1.1.1:0", "port": "0"}),
        ),
        (
            url("udp://239.1.1.1"),
            "bad_port",
            json!({"value": "udp://239.1.1.1"}),
        ),
        (
            url("http://239.1.1.1:1"),
            "bad_url",
            json!({"value": "http://239.1.1.1:1", "scheme": "http"}),
        ),
        (
            url("udp://nowhere:1"),
            "bad_address",
            json!({"value": "udp://nowhere:1", "address": "nowhere"}),
        ),
        (nic, "bad_interface", json!({"value": "a b"})),
        (channel("No!"), "bad_id", json!({"value": "No!"})),
        (logo, "bad_url", json!({"value": "ftp://x"})),
        (name, "control_characters", json!({})),
        (
            ingests,
            "other_ingest",
            json!({"ingests": "n2", "ingest": "n1"}),
        ),
    ] {
        let problem = api.post(&body).await.problem(400);
        let told = &problem["errors"][0];
        assert_eq!(told["code"], code, "{told}");
        assert_eq!(told["params"], params, "{told}");
    }
    let answer = api.send("PUT /channels/b", &[], channel("a").to_string());
    let told = answer.await.problem(400)["errors"][0].clone();
    assert_eq!(told["code"], "other_id");
    assert_eq!(told["params"], json!({"id": "a", "wanted": "b"}));
}

#[tokio::test]
async fn a_refusal_has_its_facts() {
    let api = Api::new();
    assert_eq!(api.post(&channel("news")).await.status, 201);
    let exists = api.post(&channel("news")).await.problem(409);
    assert_eq!(exists["params"], json!({"channel": "news"}));
    let declared = api.ask("DELETE /channels/declared").await.problem(409);
    assert_eq!(declared["params"], json!({"channels": "declared"}));
    let viewer = api.ask("DELETE /viewers/7").await.problem(404);
    assert_eq!(viewer["params"], json!({"viewer": "7"}));
    assert_eq!(api.post(&channel("film")).await.status, 201);
    let full = api.post(&channel("sport")).await.problem(503);
    assert_eq!(full["params"], json!({"max": "3"}));
    let path = api.ask("GET /nothing").await.problem(404);
    assert_eq!(path["params"], json!({"path": "/api/v1/nothing"}));
}

#[tokio::test]
async fn a_whole_channels_file_is_applied_and_its_profiles_are_named_as_ignored() {
    let api = Api::new();
    let text = "channels: [{id: news, inputs: [{url: 'udp://239.1.1.1:1'}]}]\n\
                profiles: {own: {audio: aac, audio_kbps: 96}}";
    let applied = api.send("POST /channels:apply", &[], text).await;
    assert_eq!(applied.status, 200, "{applied:?}");
    assert_eq!(applied.json()["added"], json!(["news"]));
    assert_eq!(applied.json()["ignored"], json!(["profiles"]));
    let again = api.send("POST /channels:apply", &[], "channels: []").await;
    assert_eq!(again.json()["ignored"], json!([]));
}

#[tokio::test]
async fn the_events_of_the_file_have_their_facts() {
    let api = Api::new();
    let events = api.ask("GET /events.json").await.json();
    let applied = &events["events"][0];
    assert_eq!(applied["kind"], "config_applied", "{events}");
    assert_eq!(applied["reason"], "config_applied");
    let facts = json!({"added": "1", "changed": "0", "removed": "0"});
    assert_eq!(applied["params"], facts);
}

#[tokio::test]
async fn a_wrong_query_names_its_parameter() {
    let api = Api::new();
    for (query, parameter, code) in [
        ("dry_run=maybe", "dry_run", "not_one_of"),
        ("dryrun=true", "dryrun", "unknown_key"),
    ] {
        let line = format!("POST /channels:apply?{query}");
        let problem = api.send(&line, &[], "channels: []").await.problem(400);
        assert_eq!(problem["reason"], "query");
        let told = &problem["errors"][0];
        assert_eq!(told["code"], code, "{told}");
        assert_eq!(told["params"]["parameter"], parameter, "{told}");
    }
}

#[tokio::test]
async fn the_description_names_no_foreign_author() {
    let info = Api::new().ask("GET /openapi.json").await.json()["info"].clone();
    assert_eq!(info["contact"], Value::Null, "{info}");
    assert_eq!(info["license"]["name"], env!("CARGO_PKG_LICENSE"), "{info}");
}
