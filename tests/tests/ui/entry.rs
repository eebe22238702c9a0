//! The process itself: how it starts, who it lets in, how it ends.

use std::io::Read;

use e2e::binaries::{Profile, binary};
use e2e::gate::{Need, can_run};
use e2e::host::Host;
use e2e::process::Program;
use e2e::ui::Ui;
use e2e::wait::{seconds, wait_until};
use rustix::process::Signal;

const NOBODY: &str = "--ingest http://127.0.0.1:1";

#[test]
fn it_listens_openly_only_with_users_and_says_every_mistake() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("page");
    let users = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(
        users.path(),
        "users:\n  - name: ann\n    password: plain\n    role: boss\n",
    )
    .expect("write");
    let mut process = Program::new(&host, binary("encoder-ui", Profile::Same))
        .args(["--listen", "0.0.0.0:8080", "--ingest", "n1:9525"])
        .start();
    assert_eq!(process.exit_code(seconds(10)), 2);
    let log = process.log();
    assert!(
        log.contains("--users FILE") && log.contains("\"n1:9525\""),
        "{log}"
    );
    let mut process = Program::new(&host, binary("encoder-ui", Profile::Same))
        .args(["--users".as_ref(), users.path().as_os_str()])
        .start();
    assert_eq!(process.exit_code(seconds(10)), 2);
    let log = process.log();
    for part in ["line 3: /users/0/password", "line 4: /users/0/role"] {
        assert!(log.contains(part), "{log}");
    }
    assert!(!log.contains("plain"), "{log}");
}

#[test]
fn a_new_password_ends_the_session_and_guessing_is_limited() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("page");
    let ui = Ui::with_users(&host, NOBODY, &[("ann", "old", "admin")]);
    let cookie = ui.log_in("ann", "old").expect("logged in");
    let me = |cookie: &str| {
        ui.http()
            .request("GET", "/api/me", &[("Cookie", cookie)], b"")
    };
    assert_eq!(me(&cookie).json()["role"], "admin");
    ui.set_users(&[("ann", "new", "admin")]);
    wait_until("the session has ended", seconds(5), || {
        me(&cookie).status() == 401
    });
    assert!(ui.log_in("ann", "new").is_ok());
    let refused = (0..20).find_map(|_| {
        let answer = ui.log_in("ann", "wrong").err()?;
        (answer.status() == 429).then_some(answer)
    });
    let refused = refused.expect("twenty guesses are too many");
    assert!(refused.header("retry-after").is_some());
    let _ = refused.problem(429);
}

#[test]
fn sigterm_ends_it_while_a_browser_listens() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("page");
    let mut ui = Ui::start(&host, NOBODY);
    let mut stream = ui.http().connect().expect("a connection");
    let request = ui.http().get_bytes("/api/events");
    std::io::Write::write_all(&mut stream, &request).expect("it is taken");
    let mut first = [0; 64];
    stream.read_exact(&mut first).expect("a stream");
    ui.process.signal(Signal::TERM);
    assert_eq!(ui.process.exit_code(seconds(5)), 0);
    let mut rest = Vec::new();
    stream
        .read_to_end(&mut rest)
        .expect("the stream has its end");
    assert!(
        rest.ends_with(b"0\r\n\r\n"),
        "{}",
        String::from_utf8_lossy(&rest)
    );
}
