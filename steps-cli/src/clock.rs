//! The clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use steps_shared::Timestamp;

/// The time now, by this machine's clock. The one place where the command reads it. A clock that is set outside the years
/// 1970 to 9999 gives the nearest time within.
pub fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::saturating_from_micros(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
}

/// A moment by the clocks of this machine: what is sent or kept together has one, because a busy machine lets any time pass between
/// two readings.
#[derive(Debug, Clone)]
pub struct Now {
    /// By the clock that people and programs set.
    pub wall: Timestamp,
    /// By the clock that nobody sets; `None` where the system has none.
    pub boot: Option<BootTime>,
    /// By the clock of this process.
    pub process: Instant,
}

impl Now {
    pub fn read() -> Self {
        // Reading a file, it is first.
        let boot = boot_time();
        Self { boot, process: Instant::now(), wall: now() }
    }
}

/// A moment by a clock that nobody can set, and that goes on while the machine sleeps. It means something until the machine
/// is started again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootTime {
    /// The kernel's id of this start of the machine.
    pub boot_id: String,
    /// Since that start.
    pub micros: i64,
}

/// The time since this machine was started; `None` where the system does not tell it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn boot_time() -> Option<BootTime> {
    use rustix::time::{ClockId, clock_gettime};

    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
    let time = clock_gettime(ClockId::Boottime);
    let micros = time.tv_sec.checked_mul(1_000_000)?.checked_add(time.tv_nsec / 1000)?;
    (!boot_id.is_empty()).then_some(BootTime { boot_id, micros })
}

/// The time since this machine was started; `None` where the system does not tell it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn boot_time() -> Option<BootTime> {
    None
}
