//! Compression and encryption.

use dancecard_codec::{Compressed, Encrypted, MessagePackCodec, YamlCodec};
use dancecard_core::{
    Changes, Codec, CodecTag, ErrorKind, JsonCodec, Outcome, Record, Result, SessionManager, Store, WriteMode,
};

use crate::world::*;

async fn payload(manager: &SessionManager, visitor: &Visitor) -> Vec<u8> {
    visitor.stored(manager.store()).await.payload().to_vec()
}

/// Puts another payload under a visitor's key, with the facts that are there.
async fn plant(manager: &SessionManager, visitor: &Visitor, payload: Vec<u8>) {
    let meta = visitor.stored(manager.store()).await.meta();
    manager.store().write(&visitor.key(), Record::new(meta, payload), WriteMode::Overwrite).await.unwrap();
}

fn noise(bytes: usize) -> String {
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + u8::try_from((state >> 40) % 90).unwrap())
    };
    serde_json::to_string(&(0..bytes).map(|_| next()).collect::<String>()).unwrap()
}

#[tokio::test]
async fn only_what_gets_shorter_is_compressed() -> Result<()> {
    let manager = SessionManager::new(memory()).with_codec(Compressed::new(JsonCodec));
    let long = format!("\"{}\"", "dance ".repeat(2_000));
    for (text, form, bounds) in
        [("\"short\"", 0, 10..100), (&long, 1, 50..300), (&noise(3_000), 0, 3_000..3_300)]
    {
        let visitor = begin(&manager, &[("a", text)]).await?;
        let stored = payload(&manager, &visitor).await;
        assert_eq!(stored[..2], [form, CodecTag::JSON.0]);
        assert!(bounds.contains(&stored.len()), "{}", stored.len());
        assert_eq!(values(&visitor.visit(&manager)).await?, [("a".to_owned(), text.to_owned())]);
    }
    Ok(())
}

#[tokio::test]
async fn the_threshold_is_where_it_was_set() -> Result<()> {
    let text = format!("\"{}\"", "x".repeat(200));
    for (threshold, form) in [(100, 1), (1_000, 0)] {
        let codec = Compressed::new(MessagePackCodec).with_threshold(threshold);
        let manager = SessionManager::new(memory()).with_codec(codec);
        let visitor = begin(&manager, &[("a", &text)]).await?;
        assert_eq!(payload(&manager, &visitor).await[0], form);
    }
    Ok(())
}

#[tokio::test]
async fn what_is_longer_than_the_limit_is_not_written_and_not_read() -> Result<()> {
    let text = format!("\"{}\"", "x".repeat(10_000));
    let wide = SessionManager::new(memory()).with_codec(Compressed::new(JsonCodec));
    let narrow = wide.clone().with_codec(Compressed::new(JsonCodec).with_limit(5_000));
    assert_eq!(begin(&narrow, &[("a", &text)]).await.map(drop).unwrap_err().kind(), ErrorKind::TooLarge);
    let visitor = begin(&wide, &[("a", &text)]).await?;
    assert_eq!(visitor.visit(&narrow).get::<String>("a").await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(values(&visitor.visit(&wide)).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn nothing_of_the_data_is_to_be_seen_encrypted() -> Result<()> {
    let manager = SessionManager::new(memory()).with_codec(Encrypted::new(JsonCodec, &ring(&[1]), "shop"));
    let visitor = begin(&manager, &[("visible key", "\"visible value\"")]).await?;
    let first = payload(&manager, &visitor).await;
    assert!(!String::from_utf8_lossy(&first).contains("visible"));
    let plain = JsonCodec.open(br#"{"visible key":"visible value"}"#)?.unwrap();
    assert_eq!(first.len(), plain.len() + 46);
    let session = visitor.visit(&manager);
    session.set("visible key", "visible value")?;
    assert_eq!(manager.commit(&session).await?.outcome, Outcome::Unchanged);
    let other = payload(&manager, &begin(&manager, &[("visible key", "\"visible value\"")]).await?).await;
    assert_ne!(first[5..], other[5..]);
    Ok(())
}

#[tokio::test]
async fn a_rotated_key_reads_and_the_next_write_takes_the_new_one() -> Result<()> {
    let old = SessionManager::new(memory()).with_codec(Encrypted::new(YamlCodec, &ring(&[1]), "shop"));
    let both = old.clone().with_codec(Encrypted::new(YamlCodec, &ring(&[2, 1]), "shop"));
    let new = old.clone().with_codec(Encrypted::new(YamlCodec, &ring(&[2]), "shop"));
    let visitor = begin(&old, &[("a", "1")]).await?;
    let error = visitor.visit(&new).get::<i64>("a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("not in the ring"), "{error}");

    let session = visitor.visit(&both);
    assert_eq!(session.get("a").await?, Some(1));
    assert_eq!(both.commit(&session).await?.outcome, Outcome::Unchanged);
    assert!(visitor.visit(&new).get::<i64>("a").await.is_err());

    let session = visitor.visit(&both);
    session.set("a", 2)?;
    both.commit(&session).await?;
    assert_eq!(visitor.visit(&new).get("a").await?, Some(2));
    assert!(visitor.visit(&old).get::<i64>("a").await.is_err());
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_decrypted_is_neither_read_nor_overwritten() -> Result<()> {
    let codec = |seed, application| Encrypted::new(JsonCodec, &ring(&[seed]), application);
    let shop = SessionManager::new(memory()).with_codec(codec(1, "shop"));
    let visitor = begin(&shop, &[("a", "\"secret\"")]).await?;
    let stored = payload(&shop, &visitor).await;
    for stranger in [codec(1, "forum"), codec(2, "shop")] {
        let manager = shop.clone().with_codec(stranger);
        let session = visitor.visit(&manager);
        session.set("a", "other")?;
        let error = manager.commit(&session).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(!format!("{error} {error:?}").contains("secret"));
        assert_eq!(payload(&shop, &visitor).await, stored);
    }
    // Nor is what a ring sealed for another purpose taken for a session.
    let foreign = ring(&[1]).sealer("cookie", "shop").seal(&[], &[&[1][..], &stored].concat())?;
    plant(&shop, &visitor, foreign).await;
    assert_eq!(visitor.visit(&shop).get::<String>("a").await.unwrap_err().kind(), ErrorKind::Corrupt);
    Ok(())
}

#[tokio::test]
async fn every_flipped_bit_is_noticed() -> Result<()> {
    let codec = Encrypted::new(Compressed::new(MessagePackCodec), &ring(&[1]), "shop");
    let manager = SessionManager::new(memory()).with_codec(codec);
    let visitor = begin(&manager, &[("a", "1")]).await?;
    let stored = payload(&manager, &visitor).await;
    for bit in 0..stored.len() * 8 {
        let mut damaged = stored.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        plant(&manager, &visitor, damaged).await;
        let error = visitor.visit(&manager).get::<i64>("a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "bit {bit}");
    }
    Ok(())
}

/// An application's own form: JSON with every bit turned round.
#[derive(Debug, Clone, Copy)]
struct Inverted;

fn inverted(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| !byte).collect()
}

impl Codec for Inverted {
    fn tag(&self) -> CodecTag {
        CodecTag(CodecTag::FIRST_OWN.0 + 7)
    }

    fn open(&self, stored: &[u8]) -> Result<Option<Vec<u8>>> {
        let plain = inverted(stored);
        Ok(Some(JsonCodec.open(&plain)?.unwrap_or(plain)))
    }

    fn encode(&self, stored: Option<&[u8]>, changes: Changes<'_>) -> Result<Option<Vec<u8>>> {
        let plain = stored.map(inverted);
        Ok(JsonCodec.encode(plain.as_deref(), changes)?.map(|payload| inverted(&payload)))
    }
}

#[tokio::test]
async fn a_codec_of_ones_own_is_wrapped_and_left_again() -> Result<()> {
    let own = SessionManager::new(memory()).with_codec(Compressed::new(Inverted));
    let visitor = begin(&own, &[("a", "1"), ("b", "[2]")]).await?;
    let unknown = own.clone().with_codec(Compressed::new(MessagePackCodec));
    let error = visitor.visit(&unknown).get::<i64>("a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("codec 135"), "{error}");

    let known = own.clone().with_codec(Compressed::new(MessagePackCodec).with_reader(Inverted));
    let session = visitor.visit(&known);
    assert_eq!(session.get("a").await?, Some(1));
    session.set("a", 3)?;
    known.commit(&session).await?;
    assert_eq!(payload(&known, &visitor).await[..2], [0, CodecTag::MESSAGE_PACK.0]);
    let expected = [("a", "3"), ("b", "[2]")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(values(&visitor.visit(&unknown)).await?, expected);
    Ok(())
}

#[test]
fn neither_keys_nor_data_are_in_debug_text() {
    let codec = Encrypted::new(Compressed::new(MessagePackCodec), &ring(&[1]), "shop");
    let text = format!("{codec:?}");
    assert!(text.contains("MessagePackCodec") && text.contains("Sealer { keys: 1 }"), "{text}");
}
