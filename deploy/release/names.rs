//! The build script of both programs. A static one for Linux loads no plugins of the machine's glibc: see names.c.
//! It runs in the folder of each package.

use std::env;

const NAMES: &str = "../deploy/release/names.c";

fn main() {
    println!("cargo:rerun-if-changed={NAMES}");
    let has = |name: &str, value: &str| env::var(name).is_ok_and(|list| list.split(',').any(|one| one == value));
    if has("CARGO_CFG_TARGET_FEATURE", "crt-static")
        && has("CARGO_CFG_TARGET_OS", "linux")
        && has("CARGO_CFG_TARGET_ENV", "gnu")
    {
        for object in cc::Build::new().file(NAMES).compile_intermediates() {
            println!("cargo:rustc-link-arg-bins={}", object.display());
        }
    }
}
