#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((choice, payload)) = input.split_first() else { return };
    let mut codecs = dancecard_fuzz::codecs();
    let codec = codecs.swap_remove(usize::from(*choice) % codecs.len());
    dancecard_fuzz::use_session(codec, payload);
});
