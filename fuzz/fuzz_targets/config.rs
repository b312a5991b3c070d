#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| dancecard_fuzz::config::load(input));
