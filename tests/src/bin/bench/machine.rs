//! How fast this machine is at this moment, so that two runs can be compared.

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use steps_tests::{DatabaseKind, Server, TestDb, block_on};

use crate::post::mysqlslap;
use crate::tools::product;

const TIME: Duration = Duration::from_secs(1);

/// How often a second the disk takes a block and says that it is safe, how often a processor sorts numbers, and how many single
/// rows the database commits for one client.
pub fn speed() -> anyhow::Result<String> {
    let mut file = tempfile::tempfile()?;
    let flushes = a_second(|| {
        file.write_all(&[7; 4096])?;
        flush(&file)
    })?;
    let sorts = a_second(|| {
        let mut numbers: Vec<u64> = (0..10_000_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        numbers.sort_unstable();
        std::hint::black_box(numbers);
        Ok(())
    })?;
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async { Server::start(&db).await.stop().await });
    let commits = mysqlslap(&db, 1, TIME.as_secs())?;
    Ok(format!(
        "this machine now: {flushes:.0} flushes of a file a second, {sorts:.0} sorts of 10,000 numbers, {commits:.0} commits of \
         mysqlslap for one client, {}",
        product()
    ))
}

fn flush(file: &File) -> anyhow::Result<()> {
    Ok(file.sync_data()?)
}

fn a_second(mut once: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < TIME {
        once()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}
