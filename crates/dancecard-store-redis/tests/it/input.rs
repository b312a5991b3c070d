//! Bad input: wrong addresses, wrong passwords, foreign data, sizes out of the usual.

use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

use dancecard_core::{ErrorKind, ListQuery, Record, Retry, Store, WriteMode};
use dancecard_servers::redis::{self, Options};
use dancecard_servers::{redis_cluster, redis_sentinel};

use crate::world::*;

trials![
    a_wrong_password_is_a_matter_of_configuration,
    a_user_without_rights_is_a_matter_of_configuration,
    a_user_with_just_enough_rights_will_do,
    a_database_that_is_not_there_is_a_matter_of_configuration,
    a_server_that_is_too_old_is_told_so,
    a_standalone_server_is_no_sentinel_and_no_cluster,
    foreign_data_is_corrupt_and_stays,
    a_truncated_record_is_corrupt_and_stays,
    a_foreign_index_is_corrupt_and_stays,
    what_is_not_readable_hides_no_other,
    one_mebibyte_is_a_session,
    one_mebibyte_is_a_session_in_a_cluster_and_behind_sentinels,
    a_wrong_password_behind_sentinels_is_a_matter_of_configuration,
    a_name_that_leads_nowhere_is_unavailable,
    a_record_of_a_newer_version_is_told_so,
    sixty_four_mebibytes_are_a_session_if_allowed,
    prefixes_are_taken_literally_and_keep_engines_apart,
    a_database_is_selected,
    a_unix_socket_will_do,
    without_a_runtime_there_is_an_error,
    a_server_with_too_many_clients_is_unavailable,
];

async fn a_wrong_password_is_a_matter_of_configuration() {
    let password = Some(SECRET.to_owned());
    let server = redis::start_with(Options { password, ..Options::default() }).unwrap();
    let url = |login: &str| format!("redis://{login}{}", server.address());
    for login in ["", ":wrong@", "default:wrong@", "nobody:wrong@", "default:canary@"] {
        for near in [0, 1 << 20] {
            let store = connect(&config(&url(login)).with_near_cache(near));
            let error = store.load(&key("a")).await.unwrap_err();
            assert_is(&error, ErrorKind::Config, Retry::Never);
            assert!(error.to_string().contains("password"), "{login}: {error}");
        }
    }
    for near in [0, 1 << 20] {
        let store = connect(&config(&server.url()).with_near_cache(near));
        store.write(&key("a"), record("1"), WriteMode::Overwrite).await.unwrap();
        let named = connect(&config(&url(&format!("default:{SECRET}@"))).with_near_cache(near));
        named.health().await.unwrap();
    }
}

async fn a_user_without_rights_is_a_matter_of_configuration() {
    let server = redis::start().unwrap();
    let mut raw = raw(&server).await;
    let _: () = run(&mut raw, &[b"ACL", b"SETUSER", b"poor", b"on", b">pw", b"~*", b"+ping"]).await;
    let store = connect(&config(&format!("redis://poor:pw@{}", server.address())));
    for error in [
        store.load(&key("a")).await.map(drop).unwrap_err(),
        store.write(&key("a"), record("1"), WriteMode::Create).await.map(drop).unwrap_err(),
    ] {
        assert_is(&error, ErrorKind::Config, Retry::Never);
        assert!(error.to_string().contains("ACL"), "{error}");
    }
}

/// The rights that the documentation names.
async fn a_user_with_just_enough_rights_will_do() {
    let server = redis::start().unwrap();
    let mut raw = raw(&server).await;
    let config = config(&format!("redis://app:pw@{}", server.address()));
    let keys = format!("~{}*", config.prefix);
    let rights = "+get +getrange +set +setrange +strlen +unlink +pexpire +persist +zadd +zrem +zrange +zscore \
                  +zremrangebyscore +scan +eval +evalsha +script|load +ping +info +client|setname +client|tracking";
    let mut words: Vec<&[u8]> = vec![b"ACL", b"SETUSER", b"app", b"on", b">pw", keys.as_bytes()];
    words.extend(rights.split_whitespace().map(str::as_bytes));
    let _: () = run(&mut raw, &words).await;
    for near in [0, 1 << 20] {
        let store = connect(&config.clone().with_near_cache(near));
        let version = store.write(&key("a"), record("1"), WriteMode::Create).await.unwrap();
        assert!(store.touch(&key("a"), later(9000)).await.unwrap());
        let marker = Record::new(meta().into_retired(None), vec![]);
        store.replace(&key("a"), &version, marker, &key("b"), record("2")).await.unwrap();
        assert_eq!(list(&store, ListQuery::all()).await.len(), 2);
        assert_eq!(list(&store, ListQuery::of(SECRET.into())).await.len(), 1);
        assert!(payload(&store, "b").await.is_some() && payload(&store, "b").await.is_some());
        store.delete(&key("a")).await.unwrap();
        store.delete(&key("b")).await.unwrap();
        let forever = meta().with_expires_at(dancecard_core::Timestamp::MAX);
        store.write(&key("c"), Record::new(forever, vec![]), WriteMode::Create).await.unwrap();
        store.delete(&key("c")).await.unwrap();
    }
}

async fn a_database_that_is_not_there_is_a_matter_of_configuration() {
    let store = connect(&config(&format!("redis://{}/99", shared().address())));
    let error = store.load(&key("a")).await.unwrap_err();
    assert_is(&error, ErrorKind::Config, Retry::Never);
    assert!(error.to_string().contains("database"), "{error}");
}

/// No package brings one, so something that greets like one must do.
async fn a_server_that_is_too_old_is_told_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut lines = BufReader::new(stream.unwrap());
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|length| length > 0) {
                let info = "# Server\r\nredis_version:6.2.14\r\n";
                let answer = match line.trim_end() {
                    "INFO" => format!("${}\r\n{info}\r\n", info.len()),
                    "CLIENT" | "SCRIPT" => "+OK\r\n".to_owned(),
                    _ => String::new(),
                };
                let _ = lines.get_mut().write_all(answer.as_bytes());
                line.clear();
            }
        }
    });
    for scheme in ["redis", "redis-cluster"] {
        let store = connect(&config(&format!("{scheme}://{address}")));
        let error = store.load(&key("a")).await.unwrap_err();
        assert_is(&error, ErrorKind::Config, Retry::Never);
        assert!(error.to_string().contains("too old: version 6"), "{scheme}: {error}");
    }
}

async fn a_standalone_server_is_no_sentinel_and_no_cluster() {
    let address = shared().address();
    for (url, named) in [
        (format!("redis-cluster://{address}"), "redis:"),
        (format!("redis-sentinel://{address}/s"), "refused"),
    ] {
        let store = connect(&config(&url));
        let error = store.load(&key("a")).await.unwrap_err();
        assert!(!error.is_unavailable() && error.retry() == Retry::Never, "{url}: {error}");
        assert!(error.to_string().contains(named), "{url}: {error}");
        assert_discreet(&error);
    }
}

/// Another type, another format, and text.
async fn foreign_data_is_corrupt_and_stays() {
    let config = config(&shared().url());
    let (store, mut raw) = (connect(&config), raw(shared()).await);
    let version = create(&store, "real").await;
    let name = |name: &str| name_of(&config, &key(name));
    let _: i64 = run(&mut raw, &[b"LPUSH", &name("list"), SECRET.as_bytes()]).await;
    let _: i64 = run(&mut raw, &[b"HSET", &name("hash"), b"user", SECRET.as_bytes()]).await;
    let _: () = run(&mut raw, &[b"SET", &name("text"), SECRET.as_bytes()]).await;
    let _: () = run(&mut raw, &[b"SET", &name("newer"), &[0xd3; 100]]).await;
    for foreign in ["list", "hash", "text", "newer"] {
        let key = key(foreign);
        let overwrite = store.write(&key, record("1"), WriteMode::Overwrite);
        let update = store.write(&key, record("1"), WriteMode::Update(version.clone()));
        let create = store.write(&key, record("1"), WriteMode::Create);
        let marker = Record::new(meta().into_retired(None), vec![]);
        let errors = [
            store.load(&key).await.map(drop),
            overwrite.await.map(drop),
            update.await.map(drop),
            create.await.map(drop),
            store.touch(&key, later(9000)).await.map(drop),
            store.replace(&self::key("real"), &version, marker, &key, record("1")).await.map(drop),
        ];
        for error in errors {
            assert_is(&error.unwrap_err(), ErrorKind::Corrupt, Retry::Never);
        }
        let exists: i64 = run(&mut raw, &[b"EXISTS", &name(foreign)]).await;
        assert_eq!(exists, 1, "{foreign}");
    }
    let text: String = run(&mut raw, &[b"GET", &name("text")]).await;
    assert_eq!(text, SECRET);
    assert_eq!(*store.load(&key("real")).await.unwrap().unwrap().version(), version);
    // Whoever wants it gone says so.
    store.delete(&key("list")).await.unwrap();
    store.delete(&key("text")).await.unwrap();
    assert_eq!(payload(&store, "list").await, None);
}

async fn a_truncated_record_is_corrupt_and_stays() {
    let config = config(&shared().url());
    let (store, mut raw) = (connect(&config), raw(shared()).await);
    create(&store, "a").await;
    let name = name_of(&config, &key("a"));
    let whole: Vec<u8> = run(&mut raw, &[b"GET", &name]).await;
    for length in (1..whole.len()).step_by(5) {
        let _: () = run(&mut raw, &[b"SET", &name, &whole[..length]]).await;
        assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Corrupt, Retry::Never);
    }
    let _: () = run(&mut raw, &[b"SET", &name, &whole]).await;
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload);
}

async fn a_foreign_index_is_corrupt_and_stays() {
    let config = config(&shared().url());
    let (store, mut raw) = (connect(&config), raw(shared()).await);
    create(&store, "a").await;
    let pattern = format!("{}p*", config.prefix);
    let names: Vec<Vec<u8>> = run(&mut raw, &[b"KEYS", pattern.as_bytes()]).await;
    let _: () = run(&mut raw, &[b"SET", &names[0], b"text"]).await;
    let listed = list(&store, ListQuery::of(SECRET.into())).await;
    assert_is(listed[0].as_ref().unwrap_err(), ErrorKind::Corrupt, Retry::Never);
    let error = store.write(&key("b"), record("1"), WriteMode::Create).await.unwrap_err();
    assert_is(&error, ErrorKind::Corrupt, Retry::Never);
    // What is refused is not stored either.
    assert_eq!(payload(&store, "b").await, None);
    let found = store.load(&key("a")).await.unwrap().unwrap();
    let update = WriteMode::Update(found.version().clone());
    assert_is(
        &store.write(&key("a"), record("2"), update).await.unwrap_err(),
        ErrorKind::Corrupt,
        Retry::Never,
    );
    let marker = Record::new(meta().into_retired(Some(self::key("c"))), vec![]);
    let moved = store.replace(&key("a"), found.version(), marker, &key("c"), record("3")).await;
    assert_is(&moved.unwrap_err(), ErrorKind::Corrupt, Retry::Never);
    assert_eq!(payload(&store, "c").await, None);
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload);
    // An end needs no index.
    store.delete(&key("a")).await.unwrap();
    assert_eq!(payload(&store, "a").await, None);
}

async fn what_is_not_readable_hides_no_other() {
    let config = config(&shared().url());
    let (store, mut raw) = (connect(&config), raw(shared()).await);
    for number in 0..5 {
        create(&store, number).await;
    }
    let _: () = run(&mut raw, &[b"SET", &name_of(&config, &key(2)), SECRET.as_bytes()]).await;
    for query in [ListQuery::all(), ListQuery::of(SECRET.into())] {
        let (good, bad): (Vec<_>, Vec<_>) =
            list(&store, query).await.into_iter().partition(|entry| entry.is_ok());
        assert_eq!((good.len(), bad.len()), (4, 1));
        let error = bad.into_iter().next().unwrap().unwrap_err();
        assert_eq!(error.operation(), "list");
        assert_is(&error, ErrorKind::Corrupt, Retry::Never);
    }
}

async fn one_mebibyte_is_a_session() {
    let store = store();
    let version = store.write(&key("a"), bulk(1 << 20), WriteMode::Create).await.unwrap();
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(1 << 20).payload);
    store.write(&key("a"), bulk(1 << 20), WriteMode::Update(version)).await.unwrap();
    assert_eq!(list(&store, ListQuery::all()).await.len(), 1);
}

async fn one_mebibyte_is_a_session_in_a_cluster_and_behind_sentinels() {
    let (cluster, watched) = (redis_cluster::start().unwrap(), redis_sentinel::start().unwrap());
    for url in [cluster.url(), watched.url()] {
        let store = connect(&config(&url));
        for number in 0..4 {
            let version = store.write(&key(number), bulk(1 << 20), WriteMode::Create).await.unwrap();
            store.write(&key(number), bulk(1 << 20), WriteMode::Update(version)).await.unwrap();
            assert_eq!(payload(&store, number).await.unwrap(), bulk(1 << 20).payload);
        }
        assert_eq!(list(&store, ListQuery::of(SECRET.into())).await.len(), 4);
    }
}

/// Of the server that holds the data.
async fn a_wrong_password_behind_sentinels_is_a_matter_of_configuration() {
    let password = Some(SECRET.to_owned());
    let watched = redis_sentinel::start_with(Options { password, ..Options::default() }).unwrap();
    for wrong in [None, Some("wrong".to_owned()), Some(SECRET.to_uppercase())] {
        let mut config = config(&watched.url());
        config.password = wrong;
        let error = connect(&config).load(&key("a")).await.unwrap_err();
        assert_is(&error, ErrorKind::Config, Retry::Never);
        assert!(error.to_string().contains("password"), "{error}");
    }
    let mut config = config(&watched.url());
    config.password = Some(SECRET.to_owned());
    create(&connect(&config), "a").await;
}

async fn a_name_that_leads_nowhere_is_unavailable() {
    let short = Duration::from_millis(300);
    for scheme in ["redis", "redis-cluster"] {
        let config = config(&format!("{scheme}://nowhere.invalid:6379"));
        let store = connect(&config.with_timeout(short).with_connect_timeout(short));
        assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
        let error = store.write(&key("a"), record("1"), WriteMode::Create).await.unwrap_err();
        assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    }
}

/// Whose layout begins with a number that this one does not know.
async fn a_record_of_a_newer_version_is_told_so() {
    let config = config(&shared().url());
    let (store, mut raw) = (connect(&config), raw(shared()).await);
    create(&store, "a").await;
    let name = name_of(&config, &key("a"));
    let mut newer: Vec<u8> = run(&mut raw, &[b"GET", &name]).await;
    newer[0] = 0xd3;
    let _: () = run(&mut raw, &[b"SET", &name, &newer]).await;
    let error = store.load(&key("a")).await.unwrap_err();
    assert_is(&error, ErrorKind::Corrupt, Retry::Never);
    assert!(error.to_string().contains("run the release that wrote it"), "{error}");
    let kept: Vec<u8> = run(&mut raw, &[b"GET", &name]).await;
    assert_eq!(kept, newer);
}

async fn sixty_four_mebibytes_are_a_session_if_allowed() {
    let config = config(&shared().url());
    let large = || Record::new(meta(), vec![7; 64 << 20]);
    let error = connect(&config).write(&key("a"), large(), WriteMode::Create).await.unwrap_err();
    assert_is(&error, ErrorKind::TooLarge, Retry::Never);
    assert!(error.to_string().contains("max_payload"), "{error}");
    let store = connect(&config.with_max_payload(64 << 20));
    store.write(&key("a"), large(), WriteMode::Create).await.unwrap();
    let found = payload(&store, "a").await.unwrap();
    assert!(found.len() == 64 << 20 && found.iter().all(|byte| *byte == 7));
    store.delete(&key("a")).await.unwrap();
}

async fn prefixes_are_taken_literally_and_keep_engines_apart() {
    let plain = config(&shared().url());
    let odd = ["*:", "?:", "[a-z]:", "\\:", "é {x}:", ""].map(|odd| format!("{}{odd}", plain.prefix));
    let engines: Vec<_> = odd.iter().map(|odd| connect(&plain.clone().with_prefix(odd))).collect();
    for store in &engines {
        create(store, "a").await;
        create(store, "b").await;
    }
    for store in &engines {
        store.delete(&key("b")).await.unwrap();
        assert_eq!(list(store, ListQuery::all()).await.len(), 1);
        assert_eq!(list(store, ListQuery::of(SECRET.into())).await.len(), 1);
    }
}

async fn a_database_is_selected() {
    let config = config(&shared().url());
    let (zero, one) = (connect(&config), connect(&config.clone().with_database(1)));
    create(&one, "a").await;
    assert_eq!(payload(&zero, "a").await, None);
    assert!(payload(&one, "a").await.is_some());
}

async fn a_unix_socket_will_do() {
    let path = shared().folder().join("redis.sock");
    let tcp = config(&shared().url());
    let socket = config(&format!("unix:{}", path.display())).with_prefix(tcp.prefix.clone());
    create(&connect(&socket), "a").await;
    assert!(payload(&connect(&tcp), "a").await.is_some());
    let gone = config("unix:/nowhere/at/all.sock").with_timeout(Duration::from_millis(200));
    assert_is(&connect(&gone).health().await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
}

/// Neither before nor after the first use.
async fn without_a_runtime_there_is_an_error() {
    let store = store();
    let outside = async |store: dancecard_store_redis::RedisStore| {
        let thread = std::thread::spawn(move || {
            let key = key("a");
            let mut load = std::pin::pin!(store.load(&key));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let polled = load.as_mut().poll(&mut context);
            let std::task::Poll::Ready(Err(error)) = polled else { panic!("no error") };
            assert_is(&error, ErrorKind::Config, Retry::Never);
            assert!(error.to_string().contains("runtime"), "{error}");
        });
        thread.join().unwrap();
    };
    outside(store.clone()).await;
    create(&store, "a").await;
    outside(store.clone()).await;
    assert!(payload(&store, "a").await.is_some());
}

async fn a_server_with_too_many_clients_is_unavailable() {
    let arguments = ["--maxclients", "1"].map(str::to_owned).to_vec();
    let server = redis::start_with(Options { arguments, ..Options::default() }).unwrap();
    let one = connect(&config(&server.url()));
    create(&one, "a").await;
    for url in [server.url(), server.url() + "/1", server.url() + "?near_cache_bytes=1000000"] {
        let late = connect(&config(&url).with_timeout(Duration::from_millis(200)));
        let error = late.write(&key("b"), record("1"), WriteMode::Create).await.unwrap_err();
        // It says why, and resets the connection, which may take the words along.
        assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    }
    assert!(payload(&one, "a").await.is_some());
    drop(one);
    create(&connect(&config(&server.url())), "a").await;
}
