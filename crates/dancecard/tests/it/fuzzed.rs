//! What the fuzz targets promise, for each seed and for seeds that are a little damaged. The targets themselves take a
//! nightly compiler.

use std::collections::BTreeMap;
use std::path::Path;

use dancecard_testkit::Random;
use targets::{codecs, config, open, store_values, stored, use_session};

/// The fuzzers are a workspace of their own.
#[allow(unreachable_pub)]
#[path = "../../../../fuzz/src/lib.rs"]
mod targets;

trials! {
    every_seed_holds_whole_and_damaged,
}

type Target = fn(&[u8]);

/// As in `fuzz/fuzz_targets`.
const TARGETS: [(&str, Target); 8] = [
    ("compressed", |bytes| {
        let codec = dancecard::codec::Compressed::new(dancecard::codec::MessagePackCodec).with_limit(1 << 16);
        open(&codec, bytes, 9 * 256);
    }),
    ("config", |bytes| text(bytes).into_iter().for_each(config::load)),
    ("message_pack", |bytes| open(&dancecard::codec::MessagePackCodec, bytes, 9)),
    ("record", stored::read_record),
    ("sealed", stored::open_sealed),
    ("session", |bytes| {
        let Some((choice, payload)) = bytes.split_first() else { return };
        let mut codecs = codecs();
        let codec = codecs.swap_remove(usize::from(*choice) % codecs.len());
        use_session(codec, payload);
    }),
    ("values", |bytes| text(bytes).into_iter().for_each(store_values)),
    ("yaml", |bytes| open(&dancecard::codec::YamlCodec, bytes, 16)),
];

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Of each target, by name.
fn seeds() -> BTreeMap<String, Vec<(String, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let entries = |path: &Path| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    entries(&folder)
        .map(|target| {
            let seeds = entries(&target).map(|seed| (name(&seed), std::fs::read(seed).unwrap()));
            (name(&target), seeds.collect())
        })
        .collect()
}

/// One after the other: configurations are written to one folder.
async fn every_seed_holds_whole_and_damaged() {
    // Without a runtime: some targets begin one.
    std::thread::spawn(|| {
        let seeds = seeds();
        assert!(seeds.keys().map(String::as_str).eq(TARGETS.map(|(target, _)| target)), "{:?}", seeds.keys());
        for (target, run) in TARGETS {
            for (name, seed) in &seeds[target] {
                println!("{target}/{name}");
                run(seed);
                let mut random = Random::named(0x6463_7264, name);
                (0..150).for_each(|_| run(&damaged(seed, &mut random)));
            }
        }
    })
    .join()
    .unwrap();
}

/// A few bytes changed, put in, taken out, said twice or cut off.
fn damaged(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len().max(1)).min(bytes.len());
        match random.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => bytes.insert(at, random.below(256) as u8),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => {
                let end = (at + random.below(20)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}
