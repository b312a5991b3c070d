//! A real server, real connections: server-sent events, websockets, clients that hang up.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::{any, get as on_get};
use dancecard_core::LiveSession;
use dancecard_tower::{Session, SessionError, SessionLayer, SignedIn, ended};
use futures_util::{SinkExt, StreamExt};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite;

use crate::desk::Desk;

/// So short that a test is over at once, so long that it isn't asked without a pause.
const OFTEN: Duration = Duration::from_millis(2);

/// A house with its door open, until the test is over.
async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    address
}

async fn ask(address: SocketAddr, line: &str, cookie: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A name that is not a loopback one: the cookie is the strict one.
    let head =
        format!("{line} HTTP/1.1\r\nHost: app.example.org\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn answer(address: SocketAddr, line: &str, cookie: &str) -> String {
    let mut text = String::new();
    ask(address, line, cookie).await.read_to_string(&mut text).await.unwrap();
    text
}

/// Reads until what was read so far holds `word`.
async fn read_until(stream: &mut TcpStream, read: &mut String, word: &str) {
    while !read.contains(word) {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "the connection ended after: {read}");
        read.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
}

async fn sign_out(session: Session) -> Result<(), SessionError> {
    Ok(session.destroy()?)
}

async fn visits(session: Session) -> Result<String, SessionError> {
    Ok(format!("visits: {:?}", session.get::<u32>("visits").await?))
}

async fn events(signed_in: SignedIn) -> Result<Response, SessionError> {
    let live = signed_in.session.live()?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(follow(live, sender));
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|event| (Ok::<_, Infallible>(event), receiver))
    });
    let mut response = Response::new(Body::from_stream(stream));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

/// One event at the beginning, one at the end.
async fn follow(live: LiveSession, sender: mpsc::Sender<Bytes>) {
    let said = async |text: &'static str| drop(sender.send(Bytes::from_static(text.as_bytes())).await);
    said("data: hello\n\n").await;
    ended(&live, OFTEN).await;
    said("data: signed out\n\n").await;
}

#[tokio::test]
async fn a_stream_of_events_ends_with_its_session() {
    let desk = Desk::new();
    let app = Router::new().route("/events", on_get(events)).route("/out", any(sign_out));
    let address = serve(app.layer(SessionLayer::new(desk.manager.clone()))).await;
    let cookie = desk.signed_in("ada").await;

    let (mut stream, mut read) = (ask(address, "GET /events", &cookie).await, String::new());
    read_until(&mut stream, &mut read, "data: hello").await;
    assert!(
        read.starts_with("HTTP/1.1 200") && read.contains("vary: Cookie\r\n") && !read.contains("set-cookie")
    );

    let out = answer(address, "POST /out", &cookie).await;
    assert!(out.starts_with("HTTP/1.1 200") && out.contains("Max-Age=0"), "{out}");
    read_until(&mut stream, &mut read, "data: signed out").await;
    stream.read_to_string(&mut read).await.unwrap();
    assert!(read.ends_with("0\r\n\r\n"), "the body is complete");
    assert!(answer(address, "GET /events", &cookie).await.starts_with("HTTP/1.1 401"));
}

async fn talk(upgrade: WebSocketUpgrade, signed_in: SignedIn) -> Result<Response, SessionError> {
    let live = signed_in.session.live()?;
    signed_in.session.set("opened", true)?;
    Ok(upgrade.on_upgrade(move |socket| converse(socket, live)))
}

/// Counts each message into the session, until that has ended.
async fn converse(mut socket: WebSocket, live: LiveSession) {
    let over = ended(&live, OFTEN);
    tokio::pin!(over);
    loop {
        let message = tokio::select! {
            () = &mut over => break,
            message = socket.recv() => message,
        };
        let Some(Ok(Message::Text(_))) = message else { return };
        let reply = match count(&live).await {
            Ok(visits) => visits.to_string(),
            Err(error) => format!("{:?}", error.kind()),
        };
        if socket.send(Message::Text(reply.into())).await.is_err() {
            return;
        }
    }
    // The client may be gone already.
    let _ = socket.send(Message::Text("signed out".into())).await;
    let _ = socket.send(Message::Close(None)).await;
}

async fn count(live: &LiveSession) -> dancecard_core::Result<u32> {
    let session = live.open();
    session.update("visits", |visits: &mut u32| *visits += 1)?;
    session.save().await?;
    Ok(live.open().get("visits").await?.unwrap_or_default())
}

async fn says(
    socket: &mut (impl StreamExt<Item = tungstenite::Result<tungstenite::Message>> + Unpin),
) -> String {
    socket.next().await.unwrap().unwrap().into_text().unwrap().as_str().to_owned()
}

#[tokio::test]
async fn a_websocket_writes_to_its_session_and_learns_of_a_sign_out() {
    let desk = Desk::new();
    let app =
        Router::new().route("/talk", any(talk)).route("/visits", on_get(visits)).route("/out", any(sign_out));
    let address = serve(app.layer(SessionLayer::new(desk.manager.clone()))).await;
    let cookie = desk.signed_in("ada").await;

    let request = Request::builder()
        .uri("ws://app.example.org/talk")
        .header("host", "app.example.org")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("cookie", &cookie)
        .body(())
        .unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut socket, response) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    assert_eq!(response.headers()["vary"], "Cookie");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(!response.headers().contains_key("set-cookie"));

    for expected in ["1", "2"] {
        socket.send(tungstenite::Message::text("visit")).await.unwrap();
        assert_eq!(says(&mut socket).await, expected);
    }
    assert!(answer(address, "GET /visits", &cookie).await.contains("visits: Some(2)"));

    assert!(answer(address, "POST /out", &cookie).await.starts_with("HTTP/1.1 200"));
    assert_eq!(says(&mut socket).await, "signed out");
    assert!(matches!(socket.next().await, Some(Ok(tungstenite::Message::Close(_)))));
    assert!(answer(address, "GET /visits", &cookie).await.contains("visits: None"));
}

/// What a handler and its test tell each other.
#[derive(Clone, Default)]
struct Signs {
    entered: Arc<Notify>,
    left: Arc<Notify>,
}

/// Tells when the handler is gone, however it goes.
struct Leaving(Arc<Notify>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn endless(State(signs): State<Signs>, session: Session) -> Result<(), SessionError> {
    let _leaving = Leaving(signs.left.clone());
    session.set("a", 1)?;
    session.sign_in("ada")?;
    signs.entered.notify_one();
    std::future::pending().await
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_middle_of_a_handler_has_stored_nothing() {
    let (desk, signs) = (Desk::new(), Signs::default());
    let app = Router::new().route("/", on_get(endless)).with_state(signs.clone());
    let address = serve(app.layer(SessionLayer::new(desk.manager.clone()))).await;
    let stream = ask(address, "GET /", "none=here").await;
    signs.entered.notified().await;
    drop(stream);
    signs.left.notified().await;
    assert_eq!(desk.calls().to_string(), "nothing");
}
