//! libFuzzer: any bytes as a channels file.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::channels_file(bytes));
