//! Exists so that features of build dependencies are unified too.

fn main() {}
