use std::io::Write;

use super::*;

const HASH: &str = "$argon2id$v=19$m=16,t=1,p=1$MTIzNDU2Nzg$3mpPKnSJ3fCa8ylqQuYJ2Q";

fn config(arguments: &[&str]) -> Result<Config, String> {
    let words = ["encoder-ui"].iter().chain(arguments);
    match Task::from_arguments(words.map(OsString::from)) {
        Ok(Task::Serve(config)) => Ok(*config),
        Ok(Task::HashPassword) => Err("hash".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn file(text: impl AsRef<[u8]>) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("file");
    file.write_all(text.as_ref()).expect("write");
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("utf-8")
}

#[test]
fn defaults_stay_on_this_machine() {
    let config = config(&[]).expect("valid");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.ingests[0].to_string(), "http://127.0.0.1:9525");
    assert!(config.users.is_none() && config.public.is_none());
}

#[test]
fn an_open_port_is_refused_unless_there_are_users_or_it_is_allowed() {
    let open = ["--listen", "0.0.0.0:8080"];
    let told = config(&open).expect_err("refused");
    assert!(
        told.contains("--users FILE") && told.contains("--no-auth"),
        "{told}"
    );
    assert!(config(&[&open[..], &["--no-auth"]].concat()).is_ok());
    let users = file(format!(
        "users: [{{name: a, role: admin, password: {HASH:?}}}]"
    ));
    let with = config(&[&open[..], &["--users", path(&users)]].concat());
    assert!(with.expect("valid").users.is_some());
}

#[test]
fn all_mistakes_are_said_at_once() {
    let token = file("one two\n");
    let users = file("users:\n  - name: ann\n    role: boss\n");
    let key = file("short");
    let told = config(&[
        "--bogus",
        "--listen",
        "somewhere",
        "--ingest",
        "https://n1,http://n2:9525/api,http://n3:9525,http://n3:9525/",
        "--ingest-token-file",
        path(&token),
        "--users",
        path(&users),
        "--session-key-file",
        path(&key),
        "--public-url",
        "https://encoder.example/ui",
    ])
    .expect_err("mistakes");
    for part in [
        "unexpected argument '--bogus'",
        "--listen (ENCODER_UI_LISTEN) \"somewhere\": use IP:PORT",
        "--ingest (ENCODER_UI_INGEST) \"https://n1\": is not the URL of an ingest",
        "--ingest (ENCODER_UI_INGEST) \"http://n2:9525/api\": is not the URL of an ingest",
        "--ingest (ENCODER_UI_INGEST) \"http://n3:9525/\": is given twice",
        "must hold one token and nothing else",
        "line 3: /users/0/role: \"boss\" is not known",
        "/users/0/password: key \"password\" is missing",
        "must hold 32 to 4096 bytes, and has 5",
        "--public-url (ENCODER_UI_PUBLIC_URL) \"https://encoder.example/ui\": use http",
    ] {
        assert!(told.contains(part), "no {part:?} in\n{told}");
    }
}

#[test]
fn the_token_is_sent_and_not_shown() {
    let token = file("s3cret\n");
    let config = config(&["--ingest-token-file", path(&token)]).expect("valid");
    let token = config.token.as_ref().expect("token");
    assert_eq!(token.header(), "Bearer s3cret");
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn a_session_key_is_long_and_random() {
    let key = |bytes: &[u8]| {
        let file = file(bytes);
        config(&["--session-key-file", path(&file)]).map(|config| config.session_key.is_some())
    };
    assert_eq!(key(b"0123456789abcdef0123456789abcdef\n"), Ok(true));
    for wrong in [
        &[b'a'; 64][..],
        &[b'\n'; 64],
        b"0123456789abcdef",
        &[7; 5000],
    ] {
        assert!(key(wrong).is_err(), "{wrong:?}");
    }
    assert!(config(&["--session-key-file", "/nowhere/key"]).is_err());
}

#[test]
fn a_public_url_is_an_origin_as_browsers_write_it() {
    let public = |text: &str| config(&["--public-url", text]).map(|config| config.public);
    let origin = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(
        public("https://Encoder.example/"),
        origin("https://encoder.example")
    );
    assert_eq!(
        public("https://encoder.example:443"),
        origin("https://encoder.example")
    );
    assert_eq!(public("http://[::1]:8080"), origin("http://[::1]:8080"));
    for wrong in [
        "encoder.example",
        "ftp://a",
        "https://a/b",
        "https://a?b",
        "https://a@b",
        "",
    ] {
        let flag = format!("--public-url={wrong}");
        assert!(config(&[&flag]).is_err(), "{wrong}");
    }
}

#[test]
fn a_flag_beside_a_command_is_told_as_every_other_mistake() {
    for words in [
        &["--users", "x", "hash-password"][..],
        &["--no-auth", "hash-password"],
        &["--bogus", "--users", "x", "hash-password"],
    ] {
        let told = config(words).expect_err("a conflict");
        assert!(told.starts_with("the configuration is wrong\n"), "{told}");
        assert!(told.contains("hash-password"), "{told}");
    }
}

#[test]
fn a_password_is_never_an_argument() {
    assert_eq!(config(&["hash-password"]).err().as_deref(), Some("hash"));
    assert!(config(&["hash-password", "secret"]).is_err_and(|told| told != "hash"));
}
