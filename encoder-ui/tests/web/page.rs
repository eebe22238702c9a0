//! The program as it is started, on a port of its own, and a browser of sorts that asks it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use common::shutdown::Trigger;
use encoder_ui::client::IngestClient;
use encoder_ui::config::{Config, Task};
use encoder_ui::login::password::HashedPassword;
use encoder_ui::{app, server, ui};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Long enough for a loaded machine; what is awaited comes within seconds.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) struct Page {
    pub(crate) address: SocketAddr,
    pub(crate) users: Option<NamedTempFile>,
    browser: IngestClient,
    _trigger: Trigger,
    _tasks: JoinSet<()>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("json")
    }

    /// The reason of the problem that it is.
    pub(crate) fn reason(&self) -> String {
        let reason = self.json()["reason"].as_str().map(str::to_owned);
        reason.expect("a problem with a reason")
    }
}

/// `users:` of a file, with cheap hashes.
pub(crate) fn users(users: &[(&str, &str, &str)]) -> String {
    let user = |(name, password, role): &(&str, &str, &str)| {
        let hash = HashedPassword::make(password).expect("a hash");
        format!(
            "  - {{name: {name}, role: {role}, password: {:?}}}\n",
            hash.line()
        )
    };
    format!("users:\n{}", users.iter().map(user).collect::<String>())
}

impl Page {
    /// Of ingests, with further arguments.
    pub(crate) async fn start(ingests: &[&str], arguments: &[&str]) -> Self {
        let mut words = vec!["encoder-ui", "--ingest"];
        let ingests = ingests.join(",");
        words.push(&ingests);
        words.extend(arguments);
        let task = Task::from_arguments(words.iter().map(OsString::from));
        let Ok(Task::Serve(config)) = task else {
            panic!("{task:?}");
        };
        Self::run(*config).await
    }

    /// With `ann`, an admin, and `vic`, a viewer; their passwords are `a` and `v`.
    pub(crate) async fn with_users(ingests: &[&str], arguments: &[&str]) -> Self {
        let file = NamedTempFile::new().expect("file");
        let text = users(&[("ann", "a", "admin"), ("vic", "v", "viewer")]);
        std::fs::write(file.path(), text).expect("write");
        let path = file.path().to_str().expect("utf-8").to_owned();
        let arguments = [arguments, &["--users", &path]].concat();
        let mut page = Self::start(ingests, &arguments).await;
        page.users = Some(file);
        page
    }

    async fn run(config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address");
        let (trigger, shutdown) = common::shutdown::channel();
        let mut tasks = JoinSet::new();
        let api = ui::start(config, &shutdown, &mut tasks).expect("starts");
        let counters = Arc::clone(&api.guard.rules().counters);
        tasks.spawn(server::serve(
            listener,
            app::router(api),
            counters,
            shutdown,
        ));
        Self {
            address,
            users: None,
            browser: IngestClient::new(None),
            _trigger: trigger,
            _tasks: tasks,
        }
    }

    /// The head of an answer, and its body as it comes.
    pub(crate) async fn open(
        &self,
        path: &str,
        request: Request<Body>,
    ) -> axum::http::Response<Incoming> {
        let answer = self.browser.send(self.address, path, request);
        timeout(SOON, answer)
            .await
            .expect("in time")
            .expect("an answer")
    }

    pub(crate) async fn send(&self, path: &str, request: Request<Body>) -> Answer {
        let (head, body) = self.open(path, request).await.into_parts();
        let body = timeout(SOON, body.collect()).await.expect("in time");
        Answer {
            status: head.status,
            headers: head.headers,
            body: body.expect("a body").to_bytes(),
        }
    }

    /// `line`: method and path. `headers`: `name: value` each.
    pub(crate) async fn ask(&self, line: &str, headers: &[&str], body: impl Into<Body>) -> Answer {
        let (method, path) = line.split_once(' ').expect("method and path");
        let mut request = Request::builder().method(method);
        for header in headers {
            let (name, value) = header.split_once(": ").expect("name and value");
            request = request.header(name, value);
        }
        self.send(path, request.body(body.into()).expect("request"))
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], "").await
    }

    pub(crate) async fn metrics(&self) -> String {
        String::from_utf8_lossy(&self.get("/metrics").await.body).into_owned()
    }

    /// Logs in; the cookie as a header.
    pub(crate) async fn log_in(&self, name: &str, password: &str) -> Result<String, StatusCode> {
        let body = serde_json::json!({"name": name, "password": password}).to_string();
        let answer = self.ask("POST /api/login", &[], body).await;
        if answer.status != StatusCode::NO_CONTENT {
            return Err(answer.status);
        }
        let cookie = answer.headers["set-cookie"].to_str().expect("text");
        Ok(format!(
            "cookie: {}",
            cookie.split(';').next().expect("a pair")
        ))
    }

    /// `/api/ingests`, once `wanted` holds of it.
    pub(crate) async fn ingests_that(&self, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut last = Vec::new();
        let holds = async {
            loop {
                let list = self.get("/api/ingests").await.json();
                last = list["ingests"].as_array().expect("a list").clone();
                if wanted(&last) {
                    break;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(timeout(SOON, holds).await.is_ok(), "not in time: {last:#?}");
        last
    }

    /// Waits until the first ingest is here.
    pub(crate) async fn wait_here(&self) {
        self.ingests_that(|ingests| {
            ingests
                .first()
                .is_some_and(|ingest| ingest["seen_at"].is_string())
        })
        .await;
    }
}
