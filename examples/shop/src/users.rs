//! Who may sign in: a table of names and password hashes.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::passwords;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))),
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password TEXT NOT NULL
) STRICT";

/// How many passwords are hashed at once. Each takes 19 MiB, so that a crowd must queue up.
const AT_ONCE: usize = 4;

/// The users. A clone is another handle on the same table.
#[derive(Debug, Clone)]
pub(crate) struct Users {
    table: Arc<Table>,
    turns: Arc<Semaphore>,
}

#[derive(Debug)]
struct Table {
    database: Mutex<Connection>,
    /// The hash that the password of an unknown user is compared with.
    nobody: String,
}

/// Someone who may sign in.
pub(crate) struct User {
    /// What sessions are bound to: a name might change.
    pub(crate) id: String,
    /// The name as it was signed up.
    pub(crate) name: String,
    /// The hash of the password that was given.
    hash: String,
}

impl Users {
    /// Opens the table, and makes it if there is none.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let database = Connection::open(path).with_context(|| format!("can't open {}", path.display()))?;
        database.execute_batch(SCHEMA)?;
        let table = Table { database: Mutex::new(database), nobody: passwords::hash("")? };
        Ok(Self { table: Arc::new(table), turns: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Signs someone up; `None` if the name is taken.
    pub(crate) async fn add(&self, name: String, password: String) -> Result<Option<User>> {
        self.run(move |table| table.add(&name, &passwords::hash(&password)?)).await
    }

    /// Whose name it is: the id, with which a sign-in is announced before the password is looked up.
    pub(crate) async fn id_of(&self, name: String) -> Result<Option<String>> {
        self.run(move |table| Ok(table.by_name(&name)?.map(|user| user.id))).await
    }

    /// Whoever has this name and this password.
    ///
    /// It takes as long for a name that nobody has, so that the time tells no one which names there are.
    pub(crate) async fn find(&self, name: String, password: String) -> Result<Option<User>> {
        self.run(move |table| {
            let found = table.by_name(&name)?;
            let hash = found.as_ref().map_or(&table.nobody, |user| &user.hash);
            let fits = passwords::fits(&password, hash)?;
            Ok(found.filter(|_| fits))
        })
        .await
    }

    /// Sets a new password for whoever knows the old one; `false` if that was wrong.
    pub(crate) async fn change_password(&self, id: String, old: String, new: String) -> Result<bool> {
        self.run(move |table| {
            let hash = table.hash_of(&id)?;
            if !passwords::fits(&old, &hash)? {
                return Ok(false);
            }
            table.replace_hash(&id, &hash, &passwords::hash(&new)?)
        })
        .await
    }

    /// Runs what would hold up other requests on a thread of its own. The turn goes with the work: it is not given
    /// back early when the browser hangs up.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Table) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (table, turn) = (self.table.clone(), self.turns.clone().acquire_owned().await?);
        let work = move || {
            let _turn = turn;
            work(&table)
        };
        spawn_blocking(work).await?
    }
}

impl Table {
    fn add(&self, name: &str, hash: &str) -> Result<Option<User>> {
        let insert = "INSERT INTO users (name, password) VALUES (?1, ?2) ON CONFLICT DO NOTHING \
            RETURNING id, name, password";
        Ok(self.database.lock().query_row(insert, params![name, hash], user).optional()?)
    }

    fn by_name(&self, name: &str) -> Result<Option<User>> {
        let select = "SELECT id, name, password FROM users WHERE name = ?1";
        Ok(self.database.lock().query_row(select, [name], user).optional()?)
    }

    fn hash_of(&self, id: &str) -> Result<String> {
        let select = "SELECT password FROM users WHERE id = ?1";
        Ok(self.database.lock().query_row(select, [id], |row| row.get("password"))?)
    }

    /// Only if it is still the old one: of two changes at once, one finds that the old password is no longer right.
    fn replace_hash(&self, id: &str, old: &str, new: &str) -> Result<bool> {
        let update = "UPDATE users SET password = ?3 WHERE id = ?1 AND password = ?2";
        Ok(self.database.lock().execute(update, [id, old, new])? == 1)
    }
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User { id: row.get("id")?, name: row.get("name")?, hash: row.get("password")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> (tempfile::TempDir, Users) {
        let folder = tempfile::tempdir().unwrap();
        let users = Users::open(&folder.path().join("users.db")).unwrap();
        (folder, users)
    }

    #[tokio::test]
    async fn a_name_is_taken_once_in_any_spelling() {
        let (_folder, users) = users();
        let ada = users.add("Ada".into(), "first password".into()).await.unwrap().unwrap();
        assert_eq!(ada.name, "Ada");
        assert!(users.add("ADA".into(), "second password".into()).await.unwrap().is_none());
        let found = users.find("ada".into(), "first password".into()).await.unwrap().unwrap();
        assert_eq!((found.id, found.name), (ada.id, "Ada".into()));
    }

    #[tokio::test]
    async fn wrong_names_and_wrong_passwords_find_nobody() {
        let (_folder, users) = users();
        users.add("Ada".into(), "right".into()).await.unwrap();
        for (name, password) in [("Ada", "wrong"), ("Ada", ""), ("Eve", "right"), ("", "")] {
            assert!(users.find(name.into(), password.into()).await.unwrap().is_none(), "{name} {password}");
        }
    }

    #[tokio::test]
    async fn a_password_is_changed_by_whoever_knows_it() {
        let (_folder, users) = users();
        let ada = users.add("Ada".into(), "old".into()).await.unwrap().unwrap();
        assert!(!users.change_password(ada.id.clone(), "wrong".into(), "new".into()).await.unwrap());
        assert!(users.change_password(ada.id.clone(), "old".into(), "new".into()).await.unwrap());
        assert_eq!(users.id_of("ADA".into()).await.unwrap(), Some(ada.id));
        assert!(users.find("Ada".into(), "old".into()).await.unwrap().is_none());
        assert!(users.find("Ada".into(), "new".into()).await.unwrap().is_some());
        assert!(users.change_password("nobody".into(), "new".into(), "x".into()).await.is_err());
    }
}
