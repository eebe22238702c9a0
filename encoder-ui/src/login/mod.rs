//! Who may come in: users with passwords, sessions, and how often one may try.

mod attempts;
mod ended;
pub mod password;
pub mod session;
pub mod users;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use attempts::Attempts;
use ended::EndedSessions;
use session::{SessionKey, UserSession};
use tokio::sync::Semaphore;
use users::{Role, User, UsersFile};

use crate::limits::{ENDED_SESSIONS_MAX, PASSWORD_CHECKS_MAX, PASSWORD_CHECKS_WAITING_MAX};

/// The door. Shared.
#[derive(Debug)]
pub struct Login {
    pub users: Arc<UsersFile>,
    key: SessionKey,
    attempts: Mutex<Attempts>,
    ended: Mutex<EndedSessions>,
    /// Checks that run.
    running: Semaphore,
    /// Checks that run or wait.
    waiting: Semaphore,
}

/// Why somebody may not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginError {
    /// Which of the two it is, is not told.
    WrongNameOrPassword,
    /// Too many attempts: wait for so long.
    Limited(Duration),
    /// Too many at this moment.
    Busy,
}

impl Login {
    #[must_use]
    pub fn new(users: Arc<UsersFile>, key: SessionKey) -> Self {
        Self {
            users,
            key,
            attempts: Mutex::default(),
            ended: Mutex::new(EndedSessions::new(ENDED_SESSIONS_MAX)),
            running: Semaphore::new(PASSWORD_CHECKS_MAX),
            waiting: Semaphore::new(PASSWORD_CHECKS_MAX + PASSWORD_CHECKS_WAITING_MAX),
        }
    }

    /// A session's cookie for who knows the password. A name that nobody has takes as long as one
    /// that somebody has.
    ///
    /// # Errors
    /// When the password is wrong, or can't be looked at now.
    pub async fn log_in(
        &self,
        name: &str,
        password: String,
        address: IpAddr,
    ) -> Result<String, LoginError> {
        let _place = self.waiting.try_acquire().map_err(|_| LoginError::Busy)?;
        let taken = self.attempts().take(address, name, Instant::now());
        let taken = taken.map_err(LoginError::Limited)?;
        // Nobody closes it.
        let _turn = self.running.acquire().await.map_err(|_| LoginError::Busy)?;
        let users = self.users.users();
        let user = users.find(name).cloned();
        let checked = user.as_ref().or(users.decoy()).ok_or(LoginError::Busy)?;
        let hash = checked.password.clone();
        let right = tokio::task::spawn_blocking(move || hash.is(&password)).await;
        match user.filter(|_| right.is_ok_and(|right| right)) {
            Some(user) => {
                self.attempts().give_back(taken);
                self.begin(&user)
            }
            None => Err(LoginError::WrongNameOrPassword),
        }
    }

    fn begin(&self, user: &User) -> Result<String, LoginError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| LoginError::Busy)?;
        Ok(self.key.begin(user, id, since_epoch()))
    }

    /// The sessions among the values of the cookie: other programs on this host may have set some too.
    pub fn sessions<'a>(
        &self,
        values: impl IntoIterator<Item = &'a str>,
    ) -> impl Iterator<Item = (UserSession, Role)> {
        let sessions = values.into_iter().filter_map(|value| self.key.read(value));
        sessions.filter_map(|session| self.role(&session).map(|role| (session, role)))
    }

    /// Logs out: the session holds no longer, whoever has a copy of its cookie.
    pub fn end(&self, session: &UserSession) {
        self.ended().end(session, since_epoch().as_secs());
    }

    /// What the session's user may do at this moment; none: the session has ended.
    #[must_use]
    pub fn role(&self, session: &UserSession) -> Option<Role> {
        if self.ended().holds(session) {
            return None;
        }
        let users = self.users.users();
        let user = self.key.user(session, &users, since_epoch());
        user.map(|user| user.role)
    }

    fn attempts(&self) -> std::sync::MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self) -> std::sync::MutexGuard<'_, EndedSessions> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn since_epoch() -> Duration {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    passed.unwrap_or_default()
}
