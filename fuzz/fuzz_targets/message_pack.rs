#![no_main]

use dancecard_codec::MessagePackCodec;

libfuzzer_sys::fuzz_target!(|payload: &[u8]| dancecard_fuzz::open(&MessagePackCodec, payload, 9));
