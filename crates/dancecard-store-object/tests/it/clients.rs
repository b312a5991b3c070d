//! A hundred clients at once, and a history in which a lost update would show.

use dancecard_testkit::{Clients, Progress};

use crate::world::*;

trials![a_hundred_clients_of_memory_lose_nothing];

#[cfg(feature = "s3")]
trials![on_s3:
    a_hundred_clients_on_breaking_connections_to_s3_lose_nothing,
    a_hundred_clients_of_s3_lose_nothing_when_it_is_killed,
];

async fn a_hundred_clients_of_memory_lose_nothing() {
    let nothing = async |_: &Progress| {};
    let told = Clients::new().run([memory()], nothing).await.unwrap();
    assert_eq!((told.acknowledged, told.unknown), (2000, 0));
}

/// A request takes a millisecond of the processor.
#[cfg(feature = "s3")]
fn few() -> Clients {
    Clients::new().with_records(25).with_writes(4)
}

#[cfg(feature = "s3")]
async fn a_hundred_clients_on_breaking_connections_to_s3_lose_nothing() {
    use dancecard_servers::{Proxy, break_connections};

    let proxy = Proxy::start(shared().address()).unwrap();
    let config = config(&proxy.url(&shared().url()));
    let breaking = async |progress: &Progress| break_connections(&proxy, progress, 10, 1500).await;
    let told = few().run([connect(&config), connect(&config)], breaking).await.unwrap();
    println!("{told:?}");
    assert!(told.acknowledged >= 300 && told.unknown > 0, "{told:?}");
}

#[cfg(feature = "s3")]
async fn a_hundred_clients_of_s3_lose_nothing_when_it_is_killed() {
    let server = dancecard_servers::s3::start().unwrap();
    let config = config(&server.url());
    let killing = async |progress: &Progress| {
        for settled in [80, 160, 240] {
            assert!(progress.reach(settled).await);
            server.kill();
            tokio::task::block_in_place(|| server.restart().unwrap());
        }
    };
    let told = few().run([connect(&config), connect(&config)], killing).await.unwrap();
    println!("{told:?}");
    assert!(told.acknowledged >= 100, "{told:?}");
}
