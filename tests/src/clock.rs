//! A clock that can be wrong.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

/// The source of a library that shifts the clock of a process by what a file says, in seconds.
const SHIFTED: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    int done = (int)syscall(SYS_clock_gettime, clock, time);
    FILE *file = clock == CLOCK_REALTIME && getenv("CLOCK_SHIFT") ? fopen(getenv("CLOCK_SHIFT"), "r") : NULL;
    long shift = 0;
    if (file) {
        if (fscanf(file, "%ld", &shift) == 1) time->tv_sec += shift;
        fclose(file);
    }
    return done;
}
"#;

/// A clock that can be set for one process.
#[derive(Debug)]
pub struct Clock(TempDir);

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// One that is right; its library is built by the C compiler that Rust links with.
    #[must_use]
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("steps-clock-").unwrap();
        fs::write(folder.path().join("clock.c"), SHIFTED).unwrap();
        let arguments = ["-shared", "-fPIC", "-O1", "-o", "clock.so", "clock.c"];
        let built = Command::new("cc").args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Self(folder)
    }

    /// What the variable `LD_PRELOAD` of a process with this clock is.
    #[must_use]
    pub fn library(&self) -> String {
        self.0.path().join("clock.so").display().to_string()
    }

    /// What its variable `CLOCK_SHIFT` is.
    #[must_use]
    pub fn shift(&self) -> String {
        self.0.path().join("shift").display().to_string()
    }

    /// Sets it by so many seconds from the right time.
    pub fn set(&self, seconds: i64) {
        let next = self.0.path().join("next");
        fs::write(&next, seconds.to_string()).unwrap();
        fs::rename(next, self.shift()).unwrap();
    }
}
