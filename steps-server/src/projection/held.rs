//! Which buckets are being folded, so that folds of one server at the same time never wait for each other's locks.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::store::Bucket;

/// The buckets that folds of this server have at this moment.
#[derive(Debug, Default)]
pub struct Held {
    buckets: Mutex<BTreeSet<Bucket>>,
    /// Some are free again.
    freed: Notify,
}

/// Buckets that one fold has until this is dropped.
#[derive(Debug)]
pub struct Claim {
    held: Arc<Held>,
    pub buckets: Vec<Bucket>,
}

impl Held {
    /// Those that some fold has.
    pub fn buckets(&self) -> Vec<Bucket> {
        self.lock().iter().copied().collect()
    }

    /// Takes those of these buckets that no fold has.
    pub fn claim(self: &Arc<Self>, buckets: impl Iterator<Item = Bucket>) -> Claim {
        let mut held = self.lock();
        Claim { held: Arc::clone(self), buckets: buckets.filter(|bucket| held.insert(*bucket)).collect() }
    }

    /// Waits until some are free again that a fold has when this is called.
    pub fn freed(&self) -> impl Future<Output = ()> + '_ {
        self.freed.notified()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        held.retain(|bucket| !self.buckets.contains(bucket));
        drop(held);
        self.held.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_one_fold_has_no_other_gets_until_it_is_dropped() {
        let held = Arc::new(Held::default());
        let first = held.claim([1, 2].into_iter());
        let second = held.claim([2, 3].into_iter());
        assert_eq!((&first.buckets[..], &second.buckets[..], held.buckets()), (&[1, 2][..], &[3][..], vec![1, 2, 3]));
        let freed = held.freed();
        drop(first);
        freed.await;
        assert_eq!((held.buckets(), held.claim([1, 2, 3].into_iter()).buckets.clone()), (vec![3], vec![1, 2]));
    }
}
