#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| custodes_fuzz::run("map_fault", data));
