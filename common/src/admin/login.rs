//! Logins to the metrics address: user and password against bcrypt hashes.
//!
//! A hash takes a tenth of a second of a core on purpose, so it is worked out on a thread of its own, one at a time, and what was right once is remembered
//! (as a digest): a scrape costs nothing. Who only guesses waits in a short queue and is sent away when it is full; an unknown user takes as long as a known
//! one.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::config::Secret;

/// Logins remembered; with more, all are forgotten.
const REMEMBERED: usize = 64;
/// Logins that wait for their hash to be worked out.
const QUEUE: usize = 16;

/// Which logins were right.
pub(super) struct Logins {
    /// Makes the digests worthless to others.
    salt: [u8; 32],
    right: Mutex<HashSet<[u8; 32]>>,
    queue: Semaphore,
    at_work: Semaphore,
}

/// What became of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Right,
    Wrong,
    /// Too many wait.
    Busy,
}

impl Default for Logins {
    fn default() -> Self {
        Self { salt: rand::random(), right: Mutex::default(), queue: Semaphore::new(QUEUE), at_work: Semaphore::new(1) }
    }
}

impl Logins {
    /// Says whether the password is that of the user.
    pub(super) async fn check(&self, users: &BTreeMap<String, Secret>, user: &str, password: &str) -> Outcome {
        // Of an unknown user, the hash of another is worked out in vain.
        let (hash, is_known) = match (users.get(user), users.values().next()) {
            (Some(hash), _) => (hash, true),
            (None, Some(hash)) => (hash, false),
            (None, None) => return Outcome::Wrong,
        };
        let digest = self.digest(user, hash, password);
        if is_known && self.right().contains(&digest) {
            return Outcome::Right;
        }
        let Ok(_waiting) = self.queue.try_acquire() else { return Outcome::Busy };
        // Closed never.
        let Ok(_turn) = self.at_work.acquire().await else { return Outcome::Busy };
        let (hash, password) = (hash.clone(), Secret::from(password.to_owned()));
        let verified = tokio::task::spawn_blocking(move || bcrypt::verify(password.expose(), hash.expose())).await;
        if !is_known || !matches!(verified, Ok(Ok(true))) {
            return Outcome::Wrong;
        }
        let mut right = self.right();
        if right.len() >= REMEMBERED {
            right.clear();
        }
        right.insert(digest);
        Outcome::Right
    }

    fn right(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A changed hash makes another digest, so that a changed password is not remembered.
    fn digest(&self, user: &str, hash: &Secret, password: &str) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.salt);
        for part in [user, hash.expose(), password] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(password: &str) -> BTreeMap<String, Secret> {
        BTreeMap::from([("prometheus".to_owned(), bcrypt::hash(password, 4).expect("hashed").into())])
    }

    #[tokio::test]
    async fn a_login_is_right_only_with_the_users_current_password() {
        let (logins, known) = (Logins::default(), users("hunter2"));
        for _ in 0..2 {
            assert_eq!(logins.check(&known, "prometheus", "hunter2").await, Outcome::Right);
            assert_eq!(logins.check(&known, "prometheus", "hunter3").await, Outcome::Wrong);
            assert_eq!(logins.check(&known, "nobody", "hunter2").await, Outcome::Wrong);
            assert_eq!(logins.check(&known, "", "").await, Outcome::Wrong);
        }
        assert_eq!(logins.check(&users("changed"), "prometheus", "hunter2").await, Outcome::Wrong);
        assert_eq!(logins.check(&BTreeMap::new(), "prometheus", "hunter2").await, Outcome::Wrong);
    }

    #[tokio::test]
    async fn guessing_is_sent_away_while_a_known_login_passes() {
        let (logins, known) = (Logins::default(), users("hunter2"));
        assert_eq!(logins.check(&known, "prometheus", "hunter2").await, Outcome::Right);
        let _full = logins.queue.try_acquire_many(QUEUE as u32).expect("free");
        assert_eq!(logins.check(&known, "prometheus", "guess").await, Outcome::Busy);
        assert_eq!(logins.check(&known, "prometheus", "hunter2").await, Outcome::Right);
    }
}
