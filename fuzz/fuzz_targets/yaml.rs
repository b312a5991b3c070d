#![no_main]

use dancecard_codec::YamlCodec;

libfuzzer_sys::fuzz_target!(|payload: &[u8]| dancecard_fuzz::open(&YamlCodec, payload, 16));
