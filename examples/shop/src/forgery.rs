//! Refuses requests that another site made a visitor's browser send.
//!
//! The cookie is `SameSite=Lax`, so browsers don't send it with a foreign site's forms. But "site" is wider than
//! "origin": another port of the host, or another name under the same domain, is the same site. So each request that
//! changes something must also say where it comes from:
//!
//! 1. `Sec-Fetch-Site` can't be set by scripts. `same-origin` is one of our own pages, `none` is the person at the
//!    keyboard, everything else is someone else.
//! 2. Browsers leave it out over plain HTTP to another machine, and old ones know nothing of it. They send `Origin`,
//!    which must then name the host that was asked.
//! 3. What sends neither is no browser, and has no business here.
//!
//! There is no token in any form, and nothing to forget in a new one. It rests on one rule: no GET changes anything.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::pages::failure;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets a request through unless it may be forged.
pub(crate) async fn refuse(request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_our_own(request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, failure::forged()).into_response()
}

fn is_our_own(headers: &HeaderMap) -> bool {
    match text(headers, &SEC_FETCH_SITE) {
        Some(site) => site == "same-origin" || site == "none",
        None => origin_is_host(headers).unwrap_or(false),
    }
}

fn origin_is_host(headers: &HeaderMap) -> Option<bool> {
    let (_scheme, origin) = text(headers, &header::ORIGIN)?.split_once("://")?;
    Some(origin == text(headers, &header::HOST)?)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(headers: &[(&str, &str)]) -> bool {
        let pairs = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        is_our_own(&pairs.collect())
    }

    #[test]
    fn the_browser_s_word_counts_first() {
        assert!(judged(&[("sec-fetch-site", "same-origin")]));
        assert!(judged(&[("sec-fetch-site", "none")]));
        for site in ["same-site", "cross-site", "", "Same-Origin"] {
            let origin = ("origin", "http://shop.example");
            assert!(!judged(&[("sec-fetch-site", site), origin, ("host", "shop.example")]), "{site}");
        }
    }

    #[test]
    fn without_it_the_origin_must_be_the_host() {
        let host = ("host", "shop.example:3000");
        assert!(judged(&[("origin", "http://shop.example:3000"), host]));
        for origin in ["null", "http://shop.example", "http://evil.example", "shop.example:3000"] {
            assert!(!judged(&[("origin", origin), host]), "{origin}");
        }
        assert!(!judged(&[host]));
        assert!(!judged(&[]));
    }
}
