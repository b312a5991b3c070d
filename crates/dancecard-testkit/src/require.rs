//! Engines that need a server: absent servers are never passed over in silence.

use libtest_mimic::{Failed, Trial};

/// The environment variable that names, separated by commas, the services whose absence is a failure.
pub const REQUIRE: &str = "DANCECARD_TEST_REQUIRE";

/// Whether the tests that need `service` must run here: [`REQUIRE`] names it, or says `all`.
pub fn is_required(service: &str) -> bool {
    std::env::var(REQUIRE).is_ok_and(|list| names(&list, service))
}

/// The line that stands for the whole suite of an engine whose server is not there.
///
/// It shows as ignored, with the reason in its name; where [`is_required`], it fails and says why.
///
/// ```
/// use dancecard_testkit::{require, store};
///
/// # async fn connect(url: String) -> store::Opened { Err(dancecard_testkit::Failure::new("a server", url)) }
/// let trials = match std::env::var("DANCECARD_TEST_REDIS_URL") {
///     Ok(url) => store::trials("redis", move || connect(url.clone())),
///     Err(_) => vec![require::absent("redis", "redis", "DANCECARD_TEST_REDIS_URL is not set")],
/// };
/// # assert_eq!(trials.len(), 1);
/// ```
pub fn absent(engine: &str, service: &str, reason: impl Into<String>) -> Trial {
    stand_in(engine, service, &reason.into(), is_required(service))
}

fn stand_in(engine: &str, service: &str, reason: &str, required: bool) -> Trial {
    let message = format!("{service} is not there: {reason}");
    let fail = move || Err(Failed::from(message));
    Trial::test(format!("{engine}::suite"), fail)
        .with_kind(format!("no {service}"))
        .with_ignored_flag(!required)
}

fn names(list: &str, service: &str) -> bool {
    list.split(',').map(str::trim).any(|name| name == service || name == "all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_whole_services() {
        assert!(names("redis, postgres", "postgres"));
        assert!(names("all", "postgres"));
        assert!(!names("", "postgres"));
        assert!(!names("postgres-old,redis", "postgres"));
    }

    #[test]
    fn absence_is_ignored_unless_required() {
        assert!(stand_in("redis", "redis", "no address", false).has_ignored_flag());
        let required = stand_in("redis", "redis", "no address", true);
        assert!(!required.has_ignored_flag());
        assert_eq!(required.name(), "redis::suite");
        assert_eq!(required.kind(), "no redis");
    }
}
