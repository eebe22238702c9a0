//! Control of a real ingest, through the UI.

use e2e::gate::{Need, can_run};
use e2e::host::Host;
use e2e::http::Response;
use e2e::ingest::{Ingest, Options};
use e2e::ui::Ui;
use e2e::wait::{seconds, wait_for};
use serde_json::{Value, json};

const USERS: [(&str, &str, &str); 2] = [
    ("ann", "correct horse", "admin"),
    ("vic", "staple", "viewer"),
];

fn request(ui: &Ui<'_>, cookie: &str, method: &str, path: &str, body: &Value) -> Response {
    let headers = [("Cookie", cookie), ("Content-Type", "application/json")];
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    ui.http().request(method, path, &headers, body.as_bytes())
}

/// What an admin did is told with the admin's name, by the UI and by the ingest.
fn check_actor(ui: &Ui<'_>, ingest: &Ingest<'_>, cookie: &str) {
    let path = "/api/events.json?kind=channel_added";
    let events = request(ui, cookie, "GET", path, &Value::Null).json();
    assert_eq!(events["missing"], json!([]));
    assert_eq!(events["events"][0]["ingest"], "n1");
    let actor = &events["events"][0]["event"]["actor"];
    assert_eq!(*actor, "token/ui/ann", "{events}");
    let http = ingest.http().token("s3cret-token");
    let direct = http.get("/api/v1/events.json").json();
    assert!(direct.to_string().contains("token/ui/ann"), "{direct}");
}

#[test]
fn an_admin_makes_changes_and_removes_a_channel_and_a_viewer_can_not() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("one");
    let tokens = tempfile::tempdir().expect("a folder");
    let path = |name: &str| tokens.path().join(name).to_str().expect("utf-8").to_owned();
    std::fs::write(path("tokens"), "ui admin s3cret-token\n").expect("write");
    std::fs::write(path("token"), "s3cret-token\n").expect("write");
    let options = format!("--node-name n1 --token-file {}", path("tokens"));
    let ingest = Ingest::start(&host, &Options::new("lo").loopback().with(&options));
    let arguments = format!("--ingest-token-file {}", path("token"));
    let ui = Ui::with_users(&host, &arguments, &USERS);
    let admin = ui.log_in("ann", "correct horse").expect("logged in");
    let viewer = ui.log_in("vic", "staple").expect("logged in");
    ui.wait_state(&admin, "n1", "here", seconds(10));
    let ask = |cookie: &str, method: &str, path: &str, body: &Value| {
        request(&ui, cookie, method, path, body)
    };
    let news = json!({"id": "news", "name": "News", "inputs": [{"url": "udp://239.1.1.1:5000"}]});
    let all = "/api/ingests/n1/v1/channels";
    let one = "/api/ingests/n1/v1/channels/news";
    let _ = ask(&viewer, "POST", all, &news).problem(403);
    let _ = ask("", "POST", all, &news).problem(401);
    let made = ask(&admin, "POST", all, &news);
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!(made.header("location"), Some(one));
    assert_eq!(
        ask(&viewer, "GET", one, &Value::Null).json()["name"],
        "News"
    );
    let renamed = json!({"name": "Film", "inputs": [{"url": "udp://239.1.1.1:5000"}]});
    let _ = ask(&viewer, "PUT", one, &renamed).problem(403);
    assert_eq!(ask(&admin, "PUT", one, &renamed).status(), 200);
    let wrong = json!({"name": "Film", "inputs": [{"url": "udp://10.0.0.1:5000"}]});
    let problem = ask(&admin, "PUT", one, &wrong).problem(400);
    assert_eq!(
        problem["errors"][0]["pointer"], "/inputs/0/url",
        "passed on unaltered"
    );
    let listed = wait_for("the change is shown", seconds(5), || {
        let ingest = ui.ingests(&viewer).remove(0);
        (ingest["channels"][0]["name"] == "Film").then_some(ingest)
    });
    assert_eq!(
        listed["channels"][0]["watch_url"],
        "http://127.0.0.1:9525/channels/news.ts"
    );
    assert_eq!(ask(&admin, "DELETE", one, &Value::Null).status(), 204);
    let _ = ask(&viewer, "GET", one, &Value::Null).problem(404);
    check_actor(&ui, &ingest, &viewer);
}

#[test]
fn a_token_that_the_ingest_does_not_take_is_said() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("one");
    let tokens = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(tokens.path(), "ui admin s3cret-token\n").expect("write");
    let path = tokens.path().to_str().expect("utf-8");
    let options = Options::new("lo")
        .loopback()
        .with(&format!("--token-file {path}"));
    let _ingest = Ingest::start(&host, &options);
    let ui = Ui::start(&host, "");
    let seen = ui.wait_state("", "127.0.0.1:9525", "away", seconds(5));
    let error = seen["error"].as_str().expect("an error");
    assert!(
        error.contains("/api/v1/status was answered by 401"),
        "{error}"
    );
}
