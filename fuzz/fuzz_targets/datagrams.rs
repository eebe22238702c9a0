//! libFuzzer: any datagrams, one after the other, into a history.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::datagrams(bytes));
