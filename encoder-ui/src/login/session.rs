//! Sessions: signed cookies, which carry who, until when, and a fingerprint of the user's password.
//! Nothing is kept here, so every replica with the same key takes them; those that were logged out
//! are in `ended`. Pure.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::users::{User, Users};
use crate::limits::{SESSION_BYTES_MAX, SESSION_HOLDS};

/// The cookie's name.
pub const COOKIE: &str = "encoder_session";

/// Bytes of the fingerprint, and of what tells sessions apart.
const SHORT_BYTES: usize = 16;

/// Signs and checks.
#[derive(Clone)]
pub struct SessionKey(Hmac<Sha256>);

/// Whose session it is. Whether it still holds is asked of [`SessionKey::user`] each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSession {
    #[serde(rename = "n")]
    pub name: String,
    /// Seconds since the epoch.
    #[serde(rename = "e")]
    pub(super) expires: u64,
    /// Tells sessions of one user apart.
    #[serde(rename = "i")]
    pub id: String,
    /// Of the password with which it began.
    #[serde(rename = "f")]
    pub(super) fingerprint: String,
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey")
    }
}

impl SessionKey {
    /// Any bytes; who gives them sees to it that they are enough.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        // HMAC takes a key of any length (RFC 2104, 2); the error is of other algorithms.
        let key = Hmac::new_from_slice(bytes);
        Self(key.unwrap_or_else(|_| Hmac::new(&Default::default())))
    }

    /// A session of `user`, as the cookie's value. `now`: since the epoch; `id`: random.
    #[must_use]
    pub fn begin(&self, user: &User, id: [u8; SHORT_BYTES], now: Duration) -> String {
        let session = UserSession {
            name: user.name.clone(),
            expires: (now + SESSION_HOLDS).as_secs(),
            id: URL_SAFE_NO_PAD.encode(id),
            fingerprint: self.fingerprint(user),
        };
        // Texts and a number: this can't fail.
        let json = serde_json::to_vec(&session).unwrap_or_default();
        let body = URL_SAFE_NO_PAD.encode(json);
        let tag = self.tag(b"session", body.as_bytes()).finalize();
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag.into_bytes()))
    }

    /// The session of a cookie's value that was signed here.
    #[must_use]
    pub fn read(&self, value: &str) -> Option<UserSession> {
        if value.len() > SESSION_BYTES_MAX {
            return None;
        }
        let (body, tag) = value.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        // Compares in constant time.
        self.tag(b"session", body.as_bytes())
            .verify_slice(&tag)
            .ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    }

    /// The session's user, while it holds: it has not expired, the user is still there, and the
    /// password is the same.
    #[must_use]
    pub fn user<'a>(
        &self,
        session: &UserSession,
        users: &'a Users,
        now: Duration,
    ) -> Option<&'a User> {
        let user = users.find(&session.name)?;
        let holds =
            now.as_secs() < session.expires && session.fingerprint == self.fingerprint(user);
        holds.then_some(user)
    }

    fn fingerprint(&self, user: &User) -> String {
        let tag = self.tag(b"password", user.password.line().as_bytes());
        URL_SAFE_NO_PAD.encode(&tag.finalize().into_bytes()[..SHORT_BYTES])
    }

    /// `purpose` keeps a tag made for one thing from being taken for another.
    fn tag(&self, purpose: &[u8], text: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(purpose);
        mac.update(b"\n");
        mac.update(text);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn users(salt: &str) -> Users {
        let text = format!(
            "users: [{{name: ann, role: admin, password: \"$argon2id$v=19$m=16,t=1,p=1${salt}$3mpPKnSJ3fCa8ylqQuYJ2Q\"}}]"
        );
        Users::parse(text.as_bytes()).expect("users")
    }

    #[test]
    fn a_session_holds_until_its_end_its_password_or_its_user_changes() {
        let key = SessionKey::new(&[7; 32]);
        let before = users("MTIzNDU2Nzg");
        let cookie = key.begin(before.find("ann").expect("ann"), [1; 16], NOW);
        let session = key.read(&cookie).expect("its own");
        assert!(key.user(&session, &before, NOW).is_some());
        let last = NOW + SESSION_HOLDS - Duration::from_secs(1);
        assert!(key.user(&session, &before, last).is_some());
        assert!(key.user(&session, &before, NOW + SESSION_HOLDS).is_none());
        let changed = users("MTIzNDU2Nzk");
        assert!(key.user(&session, &changed, NOW).is_none());
        assert!(key.user(&session, &Users::default(), NOW).is_none());
    }

    #[test]
    fn what_was_not_signed_here_is_none() {
        let key = SessionKey::new(&[7; 32]);
        let users = users("MTIzNDU2Nzg");
        let cookie = key.begin(users.find("ann").expect("ann"), [1; 16], NOW);
        assert!(
            SessionKey::new(&[8; 32]).read(&cookie).is_none(),
            "another key"
        );
        let (body, tag) = cookie.split_once('.').expect("two parts");
        for wrong in [
            String::new(),
            ".".to_owned(),
            body.to_owned(),
            format!("{body}."),
            format!("{body}.{}", &tag[..tag.len() - 2]),
            format!("{body}A.{tag}"),
            format!(
                "{}.{tag}",
                URL_SAFE_NO_PAD.encode(br#"{"n":"ann","e":9999999999,"i":"","f":""}"#)
            ),
            "a".repeat(SESSION_BYTES_MAX + 1),
        ] {
            assert!(key.read(&wrong).is_none(), "{wrong}");
        }
    }
}
