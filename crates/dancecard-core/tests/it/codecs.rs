//! Other forms of the same data, and the change from one to the next.

use std::borrow::Cow;

use dancecard_core::{Changes, Codec, CodecTag, ErrorKind, JsonCodec, Outcome, Result, SessionManager};

use crate::house::{Browser, House};

/// JSON as [`JsonCodec`] writes it, with every bit turned round: it has to be opened before it is read.
#[derive(Debug)]
struct Inverted;

fn invert(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| !byte).collect()
}

impl Codec for Inverted {
    fn tag(&self) -> CodecTag {
        CodecTag(200)
    }

    fn open(&self, stored: &[u8]) -> Result<Option<Vec<u8>>> {
        let plain = invert(stored);
        Ok(Some(JsonCodec.open(&plain)?.unwrap_or(plain)))
    }

    fn encode(&self, stored: Option<&[u8]>, changes: Changes<'_>) -> Result<Option<Vec<u8>>> {
        let plain = stored.map(invert);
        Ok(JsonCodec.encode(plain.as_deref(), changes)?.map(|payload| invert(&payload)))
    }
}

/// A line for each key, with a tab before its value: it is read as it stands, by its own rules.
#[derive(Debug)]
struct Lines;

impl Lines {
    fn pairs(text: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.filter_map(|line| {
            let tab = line.iter().position(|byte| *byte == b'\t')?;
            Some((std::str::from_utf8(&line[..tab]).ok()?, &line[tab + 1..]))
        })
    }
}

impl Codec for Lines {
    fn tag(&self) -> CodecTag {
        CodecTag(201)
    }

    fn open(&self, _: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn encode(&self, stored: Option<&[u8]>, changes: Changes<'_>) -> Result<Option<Vec<u8>>> {
        let kept = stored.filter(|_| !changes.clears()).unwrap_or_default();
        let mut text = Vec::new();
        let mut put = |key: &str, value: &[u8]| {
            text.extend_from_slice(key.as_bytes());
            text.push(b'\t');
            text.extend_from_slice(value);
            text.push(b'\n');
        };
        let changed = |key: &str| changes.iter().any(|change| change.key() == key);
        Self::pairs(kept).filter(|(key, _)| !changed(key)).for_each(|(key, value)| put(key, value));
        changes
            .iter()
            .for_each(|change| change.value().into_iter().for_each(|value| put(&change.key(), value)));
        Ok((stored != Some(&text)).then_some(text))
    }

    fn find<'a>(&self, opened: &'a [u8], key: &str) -> Result<Option<Cow<'a, [u8]>>> {
        Ok(Self::pairs(opened).find(|(name, _)| *name == key).map(|(_, value)| Cow::Borrowed(value)))
    }

    fn keys(&self, opened: &[u8]) -> Result<Vec<String>> {
        Ok(Self::pairs(opened).map(|(key, _)| key.to_owned()).collect())
    }
}

async fn use_it(house: &House, manager: &SessionManager) -> Result<Browser> {
    let mut browser = Browser::default();
    let session = browser.visit(manager);
    session.set("word", "hello")?;
    session.update("n", |n: &mut i64| *n += 1)?;
    browser.receive(manager.commit(&session).await?.token);
    house.store.calls();
    Ok(browser)
}

async fn keys(browser: &Browser, manager: &SessionManager) -> Result<Vec<String>> {
    let mut keys = browser.visit(manager).keys().await?;
    keys.sort();
    Ok(keys)
}

#[tokio::test]
async fn any_codec_reads_writes_and_counts() -> Result<()> {
    let house = House::new();
    let managers = [
        house.manager.clone(),
        house.manager.clone().with_codec(Inverted),
        house.manager.clone().with_codec(Lines),
    ];
    for manager in managers {
        let browser = use_it(&house, &manager).await?;
        let session = browser.visit(&manager);
        session.update("n", |n: &mut i64| *n += 10)?;
        session.update("n", |n: &mut i64| *n *= 2)?;
        session.save().await?;
        assert_eq!(session.get("n").await?, Some(22));
        assert_eq!(session.get::<String>("word").await?.as_deref(), Some("hello"));
        session.remove("word")?;
        manager.commit(&session).await?;
        assert_eq!(browser.visit(&manager).get("n").await?, Some(22));
        assert_eq!(keys(&browser, &manager).await?, ["n"]);

        let session = browser.visit(&manager);
        session.set("n", 22)?;
        assert_eq!(manager.commit(&session).await?.outcome, Outcome::Unchanged);
    }
    Ok(())
}

#[tokio::test]
async fn a_session_changes_over_when_it_is_next_written() -> Result<()> {
    let house = House::new();
    let json = house.manager.clone();
    let lines = json.clone().with_codec(Lines);
    let inverted = lines.clone().with_codec(Inverted);
    let browser = use_it(&house, &json).await?;
    for (manager, tag) in [(&lines, CodecTag(201)), (&inverted, CodecTag(200))] {
        let before = house.stored(&browser.key()).await.map(|stored| stored.meta().codec());
        let session = browser.visit(manager);
        assert_eq!(session.get::<String>("word").await?.as_deref(), Some("hello"));
        assert_eq!(manager.commit(&session).await?.outcome, Outcome::Unchanged);
        assert_eq!(house.stored(&browser.key()).await.map(|stored| stored.meta().codec()), before);

        let session = browser.visit(manager);
        session.update("n", |n: &mut i64| *n += 1)?;
        session.save().await?;
        assert_eq!(session.get::<String>("word").await?.as_deref(), Some("hello"));
        assert_eq!(house.stored(&browser.key()).await.map(|stored| stored.meta().codec()), Some(tag));
        assert_eq!(keys(&browser, manager).await?, ["n", "word"]);
    }
    assert_eq!(browser.visit(&inverted).get("n").await?, Some(3));
    Ok(())
}

/// The old codec's data must not come along when everything is cleared in the same request.
#[tokio::test]
async fn what_is_cleared_does_not_come_back_with_a_new_codec() -> Result<()> {
    let house = House::new();
    let browser = use_it(&house, &house.manager).await?;
    let lines = house.manager.clone().with_codec(Lines);
    let session = browser.visit(&lines);
    session.clear()?;
    session.set("own", 1)?;
    lines.commit(&session).await?;
    assert_eq!(keys(&browser, &lines).await?, ["own"]);
    Ok(())
}

#[tokio::test]
async fn a_new_id_keeps_the_codec_until_data_is_written() -> Result<()> {
    let house = House::new();
    let mut browser = use_it(&house, &house.manager).await?;
    let lines = house.manager.clone().with_codec(Lines);
    let session = browser.visit(&lines);
    session.cycle_id()?;
    browser.receive(lines.commit(&session).await?.token);
    assert_eq!(house.stored(&browser.key()).await.map(|stored| stored.meta().codec()), Some(CodecTag::JSON));
    assert_eq!(keys(&browser, &lines).await?, ["n", "word"]);
    Ok(())
}

#[tokio::test]
async fn a_codec_that_is_not_configured_is_damage_and_not_an_empty_session() -> Result<()> {
    let house = House::new();
    let browser = use_it(&house, &house.manager.clone().with_codec(Lines)).await?;
    let session = browser.open(&house);
    let error = session.get::<i64>("n").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("201"), "{error}");
    session.set("n", 7)?;
    assert_eq!(house.manager.commit(&session).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(house.live().await, 1);
    Ok(())
}
