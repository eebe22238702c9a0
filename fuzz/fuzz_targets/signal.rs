//! libFuzzer: the signal analysis under a script of packets, tables, damage and time.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::signal::signal(bytes));
