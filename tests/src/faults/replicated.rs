//! A database and a replica that follows it, which can stop, fall behind and die.

use sqlx::{AssertSqlSafe, Row as _};

use super::PrivateDatabase;

/// Two servers of MySQL or MariaDB; what is written to the first arrives at the second.
#[derive(Debug)]
pub struct Replicated {
    /// What is written to.
    pub source: PrivateDatabase,
    /// What follows, and takes no writes of the server's user.
    pub replica: PrivateDatabase,
}

impl Replicated {
    /// Starts both, and the replication.
    pub async fn start() -> Self {
        let source = PrivateDatabase::start_with(&["--server-id=1", "--log-bin=binlog"]).await;
        let mut replica = PrivateDatabase::start_with(&["--server-id=2"]).await;
        source.execute("CREATE USER replica@'%' IDENTIFIED BY 'replica'").await;
        source.execute("GRANT REPLICATION SLAVE ON *.* TO replica@'%'").await;
        // Both have an empty database and its user already: what follows is what is written from now on.
        let position = match is_mysql() {
            true => "SHOW BINARY LOG STATUS",
            false => "SHOW MASTER STATUS",
        };
        let row = sqlx::raw_sql(AssertSqlSafe(position.to_owned()));
        let row = row.fetch_one(&mut source.administrator().await).await;
        let row = row.expect("the source says where its log ends");
        let (file, at): (String, u64) = (row.get_unchecked(0), row.get_unchecked(1));
        let port = source.port();
        let follow = match is_mysql() {
            true => format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {port}, SOURCE_USER = 'replica', \
                 SOURCE_PASSWORD = 'replica', SOURCE_LOG_FILE = '{file}', SOURCE_LOG_POS = {at}, SOURCE_SSL = 1"
            ),
            false => format!(
                "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {port}, MASTER_USER = 'replica', \
                 MASTER_PASSWORD = 'replica', MASTER_LOG_FILE = '{file}', MASTER_LOG_POS = {at}, MASTER_CONNECT_RETRY = 1"
            ),
        };
        replica.execute(&follow).await;
        replica.execute(if is_mysql() { "START REPLICA" } else { "START SLAVE" }).await;
        replica.set_args(&["--server-id=2", "--read-only=1"]);
        replica.execute("SET GLOBAL read_only = 1").await;
        Self { source, replica }
    }

    /// The replica receives what is written, and no longer shows it.
    pub async fn fall_behind(&self) {
        self.replica.execute(if is_mysql() { "STOP REPLICA SQL_THREAD" } else { "STOP SLAVE SQL_THREAD" }).await;
    }

    /// It shows all of it again.
    pub async fn catch_up(&self) {
        self.replica.execute(if is_mysql() { "START REPLICA SQL_THREAD" } else { "START SLAVE SQL_THREAD" }).await;
    }
}

fn is_mysql() -> bool {
    PrivateDatabase::product() == "MySQL"
}
