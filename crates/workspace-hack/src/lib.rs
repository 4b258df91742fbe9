//! Unifies dependency features; holds no code.
