#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dancecard_fuzz::stored::read_record(bytes));
