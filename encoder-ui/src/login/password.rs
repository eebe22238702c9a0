//! Passwords as the users file has them: argon2id in the PHC string format.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};

use crate::limits::{PASSWORD_BYTES_MAX, PASSWORD_MEMORY_KIB_MAX, PASSWORD_ROUNDS_MAX};

/// Bytes of salt (RFC 9106, 3.1).
const SALT_BYTES: usize = 16;

/// A password that can be checked and not read.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedPassword(String);

/// Why a text is no password of the users file. It is never repeated: it may be a plain password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    #[error("is no argon2id hash: make one by `encoder-ui hash-password`")]
    NotArgon2id,
    #[error(
        "asks for more than {} MiB or {PASSWORD_ROUNDS_MAX} rounds for one check: make one by `encoder-ui hash-password`",
        PASSWORD_MEMORY_KIB_MAX >> 10
    )]
    TooDear,
}

/// Why no hash can be made of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    #[error("the password is empty")]
    Empty,
    #[error("the password has more than {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    #[error("no random bytes can be had")]
    NoRandomness,
    #[error("the password can't be hashed")]
    Hash,
}

impl fmt::Debug for HashedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedPassword")
    }
}

impl HashedPassword {
    /// Takes a line that [`Self::make`] made, or another program's in the same format.
    ///
    /// # Errors
    /// When it is anything else, or a check would cost too much.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let hash = PasswordHash::new(text).map_err(|_| HashError::NotArgon2id)?;
        let params = Params::try_from(&hash).map_err(|_| HashError::NotArgon2id)?;
        if hash.algorithm.as_str() != "argon2id" || hash.salt.is_none() || hash.hash.is_none() {
            return Err(HashError::NotArgon2id);
        }
        if params.m_cost() > PASSWORD_MEMORY_KIB_MAX || params.t_cost() > PASSWORD_ROUNDS_MAX {
            return Err(HashError::TooDear);
        }
        Ok(Self(text.to_owned()))
    }

    /// Hashes a password with the parameters that OWASP recommends (argon2's own defaults) and a
    /// fresh salt.
    ///
    /// # Errors
    /// When the password is empty or too long.
    pub fn make(password: &str) -> Result<Self, MakeError> {
        if password.is_empty() {
            return Err(MakeError::Empty);
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(MakeError::TooLong);
        }
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| MakeError::NoRandomness)?;
        let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
        let hash: PasswordHash = hash.map_err(|_| MakeError::Hash)?;
        Ok(Self(hash.to_string()))
    }

    /// Takes some ten milliseconds and megabytes: not on a thread that others wait for.
    #[must_use]
    pub fn is(&self, password: &str) -> bool {
        password.len() <= PASSWORD_BYTES_MAX
            && PasswordHash::new(&self.0).is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &hash)
                    .is_ok()
            })
    }

    /// The line of the users file.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_itself_and_no_other() {
        let one = HashedPassword::make("secret").expect("a hash");
        assert!(one.line().starts_with("$argon2id$v=19$"), "{}", one.line());
        assert_ne!(
            one,
            HashedPassword::make("secret").expect("a hash"),
            "salted"
        );
        let read = HashedPassword::parse(one.line()).expect("its own line");
        assert!(read.is("secret"));
        assert!(!read.is("Secret") && !read.is(""));
        assert!(!format!("{read:?}").contains("argon2id"));
    }

    #[test]
    fn what_is_no_affordable_argon2id_is_refused() {
        let good = HashedPassword::make("a").expect("a hash").line().to_owned();
        for wrong in [
            "secret".to_owned(),
            String::new(),
            good.replace("argon2id", "argon2i"),
            good.replace("argon2id", "scrypt"),
            "$argon2id$v=19$m=19456,t=2,p=1".to_owned(),
        ] {
            assert_eq!(
                HashedPassword::parse(&wrong),
                Err(HashError::NotArgon2id),
                "{wrong}"
            );
        }
        for dear in [
            good.replace("m=19456", "m=4194304"),
            good.replace("t=2", "t=4000"),
        ] {
            assert_eq!(
                HashedPassword::parse(&dear),
                Err(HashError::TooDear),
                "{dear}"
            );
        }
        assert_eq!(HashedPassword::make(""), Err(MakeError::Empty));
        let long = "a".repeat(PASSWORD_BYTES_MAX + 1);
        assert_eq!(HashedPassword::make(&long), Err(MakeError::TooLong));
    }
}
