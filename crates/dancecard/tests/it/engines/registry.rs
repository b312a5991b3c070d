//! An engine as the registry of sessions that travel in cookies: what was signed out there stays so, whoever kept a copy.

use dancecard::cookie::CookieStore;
use dancecard::http::SessionHttp;
use dancecard::{SessionManager, SharedStore, Store};

use super::browser::Browser;
use super::changing::{NEW, ring};

pub(super) async fn holds_ends(registry: SharedStore) {
    let is_indexed = registry.capabilities().principal_index.is_supported();
    let sealed = CookieStore::new(&ring(&[NEW]), "shop").with_registry(registry);
    let http = SessionHttp::new(SessionManager::new(SharedStore::new(sealed)));
    assert!(!http.manager().capabilities().client_keeps);
    one_that_is_ended(&http).await;
    let (mut one, mut other) = (member(&http).await, member(&http).await);
    let ended = http.manager().end_all(&"grace".into()).await;
    if is_indexed {
        assert_eq!(ended.unwrap(), 2);
        assert!(!counts(&mut one, &http).await && !counts(&mut other, &http).await);
    } else {
        // The engine can't say which they are, and nothing is ended by half.
        assert!(ended.unwrap_err().is_unsupported());
        assert!(counts(&mut one, &http).await && counts(&mut other, &http).await);
    }
}

async fn one_that_is_ended(http: &SessionHttp) {
    let mut browser = member(http).await;
    let mut copy = Browser { cookie: browser.cookie.clone() };
    assert!(counts(&mut copy, http).await);
    browser.visit(http, async |session| session.destroy()).await.unwrap();
    assert!(!counts(&mut copy, http).await, "it is signed in still");
}

async fn member(http: &SessionHttp) -> Browser {
    let mut browser = Browser::default();
    let signs_in = async |session: &dancecard::Session| {
        session.set("count", 1)?;
        session.sign_in("grace")
    };
    browser.visit(http, signs_in).await.unwrap();
    browser
}

/// Whether it has what it had.
async fn counts(browser: &mut Browser, http: &SessionHttp) -> bool {
    let count = browser.visit(http, async |session| session.get::<usize>("count").await).await;
    count.unwrap() == Some(1)
}
