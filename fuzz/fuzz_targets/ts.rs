//! libFuzzer: any packets through the signal analysis.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::ts(bytes));
