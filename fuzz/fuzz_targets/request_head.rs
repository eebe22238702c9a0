//! libFuzzer: any bytes as the head of a request.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::request_head(bytes));
