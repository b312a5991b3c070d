//! Any tower stack: services that fail, that can't be cloned, that are not ready.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dancecard_core::{Error, Session};
use dancecard_testkit::Fault;
use dancecard_testkit::Operation::Write;
use dancecard_tower::{SessionLayer, SessionService, Slot};
use http::header::{SET_COOKIE, VARY};
use http::{Request, Response};
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_layer::Layer;
use tower_service::Service;

use crate::desk::Desk;

fn session(request: &Request<()>) -> Session {
    request.extensions().get::<Slot>().expect("the layer is mounted").session().clone()
}

fn with_cookie(cookie: &str) -> Request<()> {
    Request::builder().header("cookie", cookie).body(()).unwrap()
}

/// Fails, without a response.
#[derive(Debug, PartialEq, Eq)]
struct Broken;

#[tokio::test]
async fn the_error_of_a_service_passes_and_nothing_is_stored() {
    let desk = Desk::new();
    let inner = tower::service_fn(|request: Request<()>| async move {
        session(&request).set("a", 1).unwrap();
        Err::<Response<()>, _>(Broken)
    });
    let service = SessionLayer::new(desk.manager.clone()).layer(inner);
    assert_eq!(service.oneshot(Request::new(())).await.unwrap_err(), Broken);
    assert_eq!(desk.calls().to_string(), "nothing");
}

#[tokio::test]
async fn what_a_failing_service_destroyed_is_destroyed() {
    let desk = Desk::new();
    let cookie = desk.signed_in("ada").await;
    let inner = tower::service_fn(|request: Request<()>| async move {
        session(&request).destroy().unwrap();
        Err::<Response<()>, _>(Broken)
    });
    let service = SessionLayer::new(desk.manager.clone()).layer(inner);
    assert_eq!(service.oneshot(with_cookie(&cookie)).await.unwrap_err(), Broken);
    let token = cookie.split_once('=').unwrap().1;
    let session = desk.manager.open([token.as_bytes()]);
    assert_eq!(session.principal().await.unwrap(), None);
}

#[tokio::test]
async fn the_error_of_a_service_passes_also_when_the_engine_fails() {
    let desk = Desk::new();
    let cookie = desk.signed_in("ada").await;
    desk.faults.next(Write, Fault::FailBefore);
    let inner = tower::service_fn(|request: Request<()>| async move {
        session(&request).destroy().unwrap();
        Err::<Response<()>, _>(Broken)
    });
    let service = SessionLayer::new(desk.manager.clone()).layer(inner);
    assert_eq!(service.oneshot(with_cookie(&cookie)).await.unwrap_err(), Broken);
    assert_eq!(desk.faults.left(), 0);
}

/// Neither `Clone` nor ready before it was asked twice.
struct Reluctant {
    asked: usize,
    calls: Arc<AtomicUsize>,
}

impl Service<Request<()>> for Reluctant {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.asked += 1;
        if self.asked < 3 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(self.asked >= 3, "called before it was ready");
        self.asked = 0;
        self.calls.fetch_add(1, Ordering::SeqCst);
        session(&request).set("a", 1).unwrap();
        ready(Ok(Response::new(())))
    }
}

#[tokio::test]
async fn readiness_is_that_of_the_service_which_then_gets_the_call() {
    let desk = Desk::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let mut service =
        SessionLayer::new(desk.manager.clone()).layer(Reluctant { asked: 0, calls: calls.clone() });
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_pending());
    assert!(service.poll_ready(&mut context).is_pending());
    assert!(service.poll_ready(&mut context).is_ready());
    let response = service.call(Request::new(())).await.unwrap();
    assert!(response.headers().contains_key(SET_COOKIE));
    assert!(service.poll_ready(&mut context).is_pending(), "each call has to be asked for");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_error_of_readiness_passes() {
    #[derive(Debug)]
    struct Dead;
    impl Service<Request<()>> for Dead {
        type Response = Response<()>;
        type Error = Broken;
        type Future = Ready<Result<Response<()>, Broken>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
            Poll::Ready(Err(Broken))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            ready(Err(Broken))
        }
    }
    let mut service = SessionLayer::new(Desk::new().manager).layer(Dead);
    assert!(matches!(service.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(Broken))));
}

#[tokio::test]
async fn it_works_between_layers_that_buffer_limit_and_time_out() {
    let desk = Desk::new();
    let inner = tower::service_fn(|request: Request<()>| async move {
        session(&request).update("n", |n: &mut u32| *n += 1)?;
        let n = session(&request).get::<u32>("n").await?;
        Ok::<_, Error>(Response::new(n.unwrap_or_default()))
    });
    let mut service = ServiceBuilder::new()
        .buffer::<Request<()>>(4)
        .concurrency_limit(2)
        .layer(SessionLayer::new(desk.manager.clone()))
        .timeout(Duration::from_secs(60))
        .service(inner);
    let response: Response<u32> = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
    let line = response.headers()[SET_COOKIE].to_str().unwrap();
    let cookie = line.split(';').next().unwrap().to_owned();
    let response: Result<Response<u32>, BoxError> =
        service.ready().await.unwrap().call(with_cookie(&cookie)).await;
    assert_eq!(response.unwrap().into_body(), 2);
    assert_eq!(desk.calls().to_string(), "1 load, 2 writes");
}

/// A body that has no default, as some frameworks' have.
struct Opaque(&'static str);

#[tokio::test]
async fn a_body_without_a_default_needs_only_a_failure_response() {
    let desk = Desk::new();
    let inner = tower::service_fn(|request: Request<()>| async move {
        session(&request).set("a", 1).unwrap();
        Ok::<_, Infallible>(Response::new(Opaque("saved")))
    });
    let failure = |_: &Error| Response::new(Opaque("sorry"));
    let service = SessionLayer::new(desk.manager.clone()).with_failure(failure).layer(inner);
    assert_eq!(service.clone().oneshot(Request::new(())).await.unwrap().into_body().0, "saved");
    desk.faults.next(Write, Fault::FailBefore);
    assert_eq!(service.oneshot(Request::new(())).await.unwrap().into_body().0, "sorry");
}

#[tokio::test]
async fn of_two_layers_of_one_manager_the_outer_one_acts() {
    let desk = Desk::new();
    let layer = SessionLayer::new(desk.manager.clone());
    let inner = tower::service_fn(|request: Request<()>| async move {
        session(&request).set("a", 1).unwrap();
        Ok::<_, Infallible>(Response::new(()))
    });
    let inner: SessionService<_> = layer.layer(inner);
    let between = tower::service_fn(move |request: Request<()>| {
        session(&request).set("b", 2).unwrap();
        inner.clone().oneshot(request)
    });
    let response = layer.layer(between).oneshot(Request::new(())).await.unwrap();
    assert_eq!(response.headers().get_all(SET_COOKIE).iter().count(), 1);
    assert_eq!(response.headers().get_all(VARY).iter().count(), 1);
    assert_eq!(desk.calls().to_string(), "1 write");
}

#[tokio::test]
async fn nothing_of_it_shows_a_token() {
    let desk = Desk::new();
    let cookie = desk.signed_in("ada").await;
    let token = cookie.split_once('=').unwrap().1.to_owned();
    let layer = SessionLayer::new(desk.manager.clone());
    let inner = tower::service_fn(move |request: Request<()>| {
        let slot = format!("{:?}", request.extensions().get::<Slot>());
        async move { Ok::<_, Infallible>(Response::new(slot)) }
    });
    let mut service = layer.layer(inner);
    let future = service.call(with_cookie(&cookie));
    let mut shown = format!("{layer:?} {future:?}");
    shown += future.await.unwrap().body();
    assert!(shown.contains("Session") && !shown.contains(&token), "{shown}");
}
