//! The users file: `users: [{name, password, role}]`, YAML, re-read when it changes.
//!
//! A wrong new file leaves the old one in force. Passwords are hashes, and never told.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use common::document::{self, Cursor, DOCUMENT_BYTES_MAX, Mistake, MistakeCode, Mistakes, Syntax};
use common::shutdown::Shutdown;
use serde::Serialize;

use super::password::HashedPassword;
use crate::followed::FollowedFile;
use crate::limits::{USER_NAME_CHARACTERS_MAX, USERS_MAX};

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Looking.
    Viewer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub role: Role,
    pub password: HashedPassword,
}

/// The users of one file.
#[derive(Debug, Default)]
pub struct Users(Vec<User>);

/// Why a users file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    #[error("cannot read users file {path:?}")]
    Read { path: PathBuf, source: io::Error },
    #[error("users file {path:?} is wrong: {}", lines(mistakes))]
    Wrong {
        path: PathBuf,
        mistakes: Vec<Mistake>,
    },
}

/// A users file that is followed. Shared; readers take the set that is in force.
#[derive(Debug)]
pub struct UsersFile {
    file: FollowedFile,
    in_force: Mutex<Arc<Users>>,
    /// The file as it is now is in force.
    ok: AtomicBool,
}

impl Users {
    /// # Errors
    /// All mistakes at once.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<Mistake>> {
        let mistakes = Mistakes::new();
        let node = document::read(bytes, Syntax::Yaml, &mistakes);
        let users = node.and_then(|node| read_users(&Cursor::root(&node, &mistakes)));
        mistakes.or(users.map(Self))
    }

    #[must_use]
    pub fn find(&self, name: &str) -> Option<&User> {
        self.0.iter().find(|user| user.name == name)
    }

    /// Whose password is checked for a name that nobody has, so that it takes as long.
    #[must_use]
    pub fn decoy(&self) -> Option<&User> {
        self.0.first()
    }
}

fn read_users(root: &Cursor<'_>) -> Option<Vec<User>> {
    let fields = root.fields(&["users"])?;
    let list = fields.required("users")?;
    let mut users: Vec<User> = Vec::new();
    let mut whole = true;
    for item in list.items(1..=USERS_MAX)? {
        match read_user(&item, &users) {
            Some(user) => users.push(user),
            None => whole = false,
        }
    }
    whole.then_some(users)
}

fn read_user(item: &Cursor<'_>, before: &[User]) -> Option<User> {
    let fields = item.fields(&["name", "password", "role"])?;
    let name = fields.required("name");
    let name = name.and_then(|cursor| read_name(&cursor, before));
    let password = fields.required("password");
    let password = password.and_then(|cursor| {
        let hash = HashedPassword::parse(cursor.text(1..=DOCUMENT_BYTES_MAX)?);
        hash.map_err(|error| cursor.reject(MistakeCode::Invalid, error.to_string()))
            .ok()
    });
    let role = fields.required("role");
    let role =
        role.and_then(|cursor| cursor.choice(&[("admin", Role::Admin), ("viewer", Role::Viewer)]));
    Some(User {
        name: name?,
        role: role?,
        password: password?,
    })
}

fn read_name(cursor: &Cursor<'_>, before: &[User]) -> Option<String> {
    let name = cursor.text(1..=USER_NAME_CHARACTERS_MAX)?;
    if name.trim() != name {
        cursor.reject(MistakeCode::Invalid, "must not begin or end with a space");
        return None;
    }
    if before.iter().any(|user| user.name == name) {
        let detail = format!("user {name:?} is there twice");
        cursor.reject(MistakeCode::Duplicate, detail);
        return None;
    }
    Some(name.to_owned())
}

impl UsersFile {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// When it can't be read, or holds mistakes.
    pub fn open(path: &Path) -> Result<Self, UsersError> {
        let file = FollowedFile::open(path, DOCUMENT_BYTES_MAX);
        let file = file.map_err(|source| unread(path, source))?;
        let users = parse(path, file.opened())?;
        Ok(Self {
            file,
            in_force: Mutex::new(Arc::new(users)),
            ok: AtomicBool::new(true),
        })
    }

    #[must_use]
    pub fn users(&self) -> Arc<Users> {
        let in_force = self.in_force.lock();
        Arc::clone(&in_force.unwrap_or_else(PoisonError::into_inner))
    }

    /// The file as it is now is in force.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.ok.load(Ordering::Relaxed)
    }

    /// Takes changes of the file into force until the end.
    pub async fn follow(self: Arc<Self>, shutdown: Shutdown) {
        let judge = |found| self.judge(found);
        self.file.follow(shutdown, judge).await;
    }

    fn judge(&self, found: io::Result<Vec<u8>>) {
        let path = self.file.path();
        let found = found.map_err(|source| unread(path, source));
        match found.and_then(|bytes| parse(path, &bytes)) {
            Ok(users) => {
                let count = users.0.len();
                let in_force = self.in_force.lock();
                *in_force.unwrap_or_else(PoisonError::into_inner) = Arc::new(users);
                self.ok.store(true, Ordering::Relaxed);
                tracing::info!(path = %path.display(), count, "users read anew");
            }
            Err(error) => {
                self.ok.store(false, Ordering::Relaxed);
                let error = common::chain(&error);
                tracing::error!(error, "the users read before stay in force");
            }
        }
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Users, UsersError> {
    Users::parse(bytes).map_err(|mistakes| UsersError::Wrong {
        path: path.to_owned(),
        mistakes,
    })
}

fn unread(path: &Path, source: io::Error) -> UsersError {
    UsersError::Read {
        path: path.to_owned(),
        source,
    }
}

fn lines(mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use tokio::task::JoinSet;
    use tokio::time::{sleep, timeout};

    const HASH: &str = "$argon2id$v=19$m=16,t=1,p=1$MTIzNDU2Nzg$3mpPKnSJ3fCa8ylqQuYJ2Q";

    #[test]
    fn a_good_file_is_read() {
        let text = format!(
            "users:\n  - {{name: ann, password: {HASH:?}, role: admin}}\n  - {{name: 王芳, password: {HASH:?}, role: viewer}}\n"
        );
        let users = Users::parse(text.as_bytes()).expect("good");
        assert_eq!(users.find("ann").expect("ann").role, Role::Admin);
        assert_eq!(users.find("王芳").expect("王芳").role, Role::Viewer);
        assert!(users.find("bob").is_none());
    }

    #[test]
    fn every_mistake_is_told_by_its_line_and_no_password_is() {
        let text = "users:\n  - name: ann\n    password: hunter2\n    role: boss\n  - nam: bob\n  - name: ' ann'\n    role: viewer\n    password: 12345\n";
        let mistakes = Users::parse(text.as_bytes()).expect_err("wrong");
        let told = lines(&mistakes);
        for part in [
            "line 3: /users/0/password: is no argon2id hash",
            "line 4: /users/0/role: \"boss\" is not known: use admin, viewer",
            "line 5: /users/1/nam: unknown key \"nam\": did you mean \"name\"?",
            "/users/1/password: key \"password\" is missing",
            "line 6: /users/2/name: must not begin or end with a space",
            "line 8: /users/2/password: must be text, not a number: write it in quotes",
        ] {
            assert!(told.contains(part), "no {part:?} in {told}");
        }
        assert!(
            !told.contains("hunter2") && !told.contains("12345"),
            "{told}"
        );
        for empty in ["", "users: []", "users:"] {
            assert!(
                Users::parse(empty.as_bytes()).is_err(),
                "{empty:?}: nobody could get in"
            );
        }
        let twice = format!(
            "users: [{{name: a, role: admin, password: {HASH:?}}}, {{name: a, role: admin, password: {HASH:?}}}]"
        );
        let told = lines(&Users::parse(twice.as_bytes()).expect_err("twice"));
        assert!(
            told.contains("/users/1/name: user \"a\" is there twice"),
            "{told}"
        );
    }

    #[tokio::test]
    async fn a_change_is_followed_and_a_wrong_one_changes_nothing() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let write = |name: &str| {
            let text = format!("users: [{{name: {name}, role: admin, password: {HASH:?}}}]");
            std::fs::write(file.path(), text).expect("write");
        };
        write("ann");
        let users = Arc::new(UsersFile::open(file.path()).expect("users"));
        let (_trigger, shutdown) = common::shutdown::channel();
        let mut following = JoinSet::new();
        following.spawn(Arc::clone(&users).follow(shutdown));
        write("bob");
        let until = |wanted: fn(&UsersFile) -> bool| {
            let users = Arc::clone(&users);
            async move {
                let holds = async {
                    while !wanted(&users) {
                        sleep(Duration::from_millis(10)).await;
                    }
                };
                timeout(Duration::from_secs(20), holds)
                    .await
                    .expect("in time");
            }
        };
        until(|users| users.users().find("bob").is_some()).await;
        std::fs::write(file.path(), "users: [{name: eve}]").expect("write");
        until(|users| !users.is_ok()).await;
        assert!(users.users().find("bob").is_some(), "the old one stays");
        write("cleo");
        until(|users| users.is_ok() && users.users().find("cleo").is_some()).await;
    }
}
