#![no_main]

use dancecard_codec::{Compressed, MessagePackCodec};

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    let codec = Compressed::new(MessagePackCodec).with_limit(1 << 16);
    dancecard_fuzz::open(&codec, payload, 9 * 256);
});
