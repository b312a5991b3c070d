//! Requests to an application, thirty-two at once, and what came of them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{Request, Response};
use tower_service::Service;

const AT_ONCE: usize = 32;

/// How many requests of one kind a second brought, and what one cost this process.
#[derive(Debug, Clone)]
pub struct Row {
    pub name: String,
    pub path: String,
    /// Answered requests per second.
    pub rate: f64,
    /// Microseconds of processor time per request.
    pub cpu: f64,
    pub failed: u64,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, path, rate, cpu, failed } = self;
        write!(f, "| {name} | {path} | {rate:.0} | {cpu:.1} | {failed} |")
    }
}

/// Reads of one key, and reads and writes of one, each for so long.
pub async fn rows(name: &str, router: Router, span: Duration) -> Vec<Row> {
    let mut cookies = Vec::new();
    for _ in 0..AT_ONCE {
        let response = send(&mut router.clone(), "/login", None).await;
        let line = response.headers().get(SET_COOKIE).expect("a cookie").to_str().expect("text");
        cookies.push(line.split(';').next().unwrap_or_default().to_owned());
    }
    let mut rows = Vec::new();
    for path in ["/read", "/count"] {
        let begun = processor_time();
        let (answered, failed) = load(&router, &cookies, path, span).await;
        let cpu = (processor_time() - begun).as_secs_f64() * 1e6 / (answered + failed) as f64;
        let rate = answered as f64 / span.as_secs_f64();
        rows.push(Row { name: name.into(), path: path.into(), rate, cpu, failed });
    }
    rows
}

/// What this process used so far, user and system, in ticks of 10 ms. Nothing where there is no `/proc`.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// How many requests were answered, and how many failed.
async fn load(router: &Router, cookies: &[String], path: &'static str, span: Duration) -> (u64, u64) {
    let counts = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let end = Instant::now() + span;
    let tasks: Vec<_> = cookies
        .iter()
        .map(|cookie| {
            let (mut router, cookie, counts) = (router.clone(), cookie.clone(), Arc::clone(&counts));
            tokio::spawn(async move {
                while Instant::now() < end {
                    let success = send(&mut router, path, Some(&cookie)).await.status().is_success();
                    let count = if success { &counts.0 } else { &counts.1 };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    (counts.0.load(Ordering::Relaxed), counts.1.load(Ordering::Relaxed))
}

async fn send(router: &mut Router, path: &str, cookie: Option<&str>) -> Response<Body> {
    let request =
        cookie.into_iter().fold(Request::get(path), |request, cookie| request.header(COOKIE, cookie));
    router.call(request.body(Body::empty()).expect("a request")).await.expect("infallible")
}
