//! Password hashes: Argon2id with the parameters that OWASP recommends (19 MiB, two passes), which are the crate's
//! defaults. Both functions take some tens of milliseconds of a processor, on purpose.

use anyhow::Result;
use argon2::Argon2;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};

/// The hash of a password, with a new salt, as text.
pub(crate) fn hash(password: &str) -> Result<String> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

/// Whether a hash is that of a password.
pub(crate) fn fits(password: &str, hash: &str) -> Result<bool> {
    match Argon2::default().verify_password(password.as_bytes(), hash) {
        Ok(()) => Ok(true),
        Err(Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_fits() {
        let stored = hash("may I have this dance").unwrap();
        assert!(stored.starts_with("$argon2id$"), "{stored}");
        assert!(fits("may I have this dance", &stored).unwrap());
        assert!(!fits("may I have this dance?", &stored).unwrap());
        assert!(fits("", "no hash at all").is_err());
    }
}
