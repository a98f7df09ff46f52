//! The `custodes` command.

fn main() {}
