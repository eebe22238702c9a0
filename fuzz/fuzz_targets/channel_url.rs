//! libFuzzer: any text as a channel URL.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::channel_url(bytes));
