#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| dancecard_fuzz::store_values(text));
