//! How often something may be asked for: wrong tokens by address, requests by caller. What is counted is bounded.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};
use steps_shared::CallerKind;

use crate::app::Caller;

/// How many wrong tokens an address may send at once, and how many in a minute from then on.
const FAILURES: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);
/// The same of all addresses together that have no count of their own, because there are too many.
const OTHER_FAILURES: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);
/// The most addresses that are counted, and the most callers.
const MOST_KEYS: usize = 10_000;
/// How often those are forgotten that have not asked for a while.
const FORGET_AFTER: Duration = Duration::from_secs(60);
/// The same while there are too many: it looks at all of them.
const FORGET_SOON: Duration = Duration::from_secs(1);

/// How often something may be asked for.
#[derive(Debug)]
pub struct Limits {
    failures: Keyed<IpAddr>,
    other_failures: DefaultDirectRateLimiter,
    /// `None` is no limit.
    rates: Option<Keyed<(CallerKind, Arc<str>)>>,
}

impl Limits {
    /// Each caller may ask so many times a second, and twice as often for one; 0 is no limit.
    pub fn new(requests_per_second: u32) -> Self {
        let burst = NonZeroU32::new(requests_per_second.saturating_mul(2));
        let quota = |(rate, burst)| Quota::per_second(rate).allow_burst(burst);
        let rates = NonZeroU32::new(requests_per_second).zip(burst).map(quota).map(Keyed::new);
        let other_failures = RateLimiter::direct(Quota::per_minute(OTHER_FAILURES));
        Self { failures: Keyed::new(Quota::per_minute(FAILURES)), other_failures, rates }
    }

    /// Counts a wrong token from an address.
    ///
    /// # Errors
    /// It has sent too many; how long it should wait.
    pub fn count_failure(&self, address: IpAddr) -> Result<(), Duration> {
        let counted = self.failures.count(&network(address));
        counted.unwrap_or_else(|| self.other_failures.check().map_err(|until| wait(&until)))
    }

    /// Counts a request of a caller; those of nobody are not counted.
    ///
    /// # Errors
    /// There were too many; how long the caller should wait.
    pub fn count_request(&self, caller: &Caller) -> Result<(), Duration> {
        match &self.rates {
            Some(rates) if caller.kind != CallerKind::Anonymous => {
                rates.count(&(caller.kind, Arc::clone(&caller.name))).unwrap_or(Ok(()))
            }
            _ => Ok(()),
        }
    }
}

/// Counts for each of many.
#[derive(Debug)]
struct Keyed<K: Clone + Eq + Hash> {
    limiter: DefaultKeyedRateLimiter<K>,
    forgot: Mutex<Instant>,
}

impl<K: Clone + Eq + Hash> Keyed<K> {
    fn new(quota: Quota) -> Self {
        Self { limiter: RateLimiter::keyed(quota), forgot: Mutex::new(Instant::now()) }
    }

    /// `None` when there are too many to count one more.
    fn count(&self, key: &K) -> Option<Result<(), Duration>> {
        self.forget();
        if self.limiter.len() >= MOST_KEYS {
            return None;
        }
        Some(self.limiter.check_key(key).map_err(|until| wait(&until)))
    }

    /// Forgets those that may ask as often as if they had never asked. The limiter never does that by itself.
    fn forget(&self) {
        let mut forgot = self.forgot.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = if self.limiter.len() < MOST_KEYS { FORGET_AFTER } else { FORGET_SOON };
        if forgot.elapsed() >= pause {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
            *forgot = Instant::now();
        }
    }
}

fn wait(until: &NotUntil<<DefaultClock as governor::clock::Clock>::Instant>) -> Duration {
    until.wait_time_from(DefaultClock::default().now())
}

/// What stands for an address: of IPv6 the first 64 bits, because whoever has one address has all of those.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_tokens_are_counted_by_address_and_by_network() {
        let limits = Limits::new(0);
        let count = |address: &str| limits.count_failure(address.parse().unwrap());
        (0..30).for_each(|_| count("192.0.2.1").unwrap());
        let wait = count("::ffff:192.0.2.1").unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(2), "{wait:?}");
        assert!(count("192.0.2.2").is_ok());
        (0..30).for_each(|n| count(&format!("2001:db8::{n}")).unwrap());
        assert!(count("2001:db8::ffff:1").is_err() && count("2001:db8:0:1::1").is_ok());
    }

    #[test]
    fn what_is_counted_is_bounded() {
        let limits = Limits::new(0);
        let of = |n: u32| IpAddr::from(n.to_be_bytes());
        let refused = (0..20_000).filter(|n| limits.count_failure(of(*n)).is_err()).count();
        assert_eq!(limits.failures.limiter.len(), MOST_KEYS);
        // All others share one count.
        assert!((8_000..=9_000).contains(&refused), "{refused}");
    }

    #[test]
    fn a_caller_has_its_own_rate() {
        let limits = Limits::new(10);
        let caller = |name: &str| Caller { kind: CallerKind::Token, name: name.into(), ..Caller::anonymous(None) };
        let refused = |caller: &Caller| (0..1000).filter(|_| limits.count_request(caller).is_err()).count();
        assert!(refused(&caller("a")) > 900);
        assert!(limits.count_request(&caller("b")).is_ok());
        assert_eq!(refused(&Caller::anonymous(None)), 0);
        assert!((0..1000).all(|_| Limits::new(0).count_request(&caller("a")).is_ok()));
    }
}
