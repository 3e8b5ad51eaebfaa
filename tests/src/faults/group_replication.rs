//! Three nodes of MySQL Group Replication on loopback, each of which takes writes and can be killed.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, MySqlConnection};
use tempfile::TempDir;

use super::private_database::{mysql_program, user};
use super::{Cluster, free_port};
use crate::eventually;

const GROUP: &str = "5e7e5000-0000-4000-8000-000000000001";
/// What is asked of a node when a test has failed.
const STATE: &str = "SELECT member_port, member_state FROM performance_schema.replication_group_members; \
                     SELECT trx_mysql_thread_id, trx_state, trx_started, trx_rows_locked, trx_query FROM information_schema.innodb_trx; \
                     SHOW FULL PROCESSLIST";

/// Three nodes; they are gone with this.
#[derive(Debug)]
pub struct GroupReplication {
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    folder: TempDir,
    port: u16,
    /// For the group.
    group_port: u16,
    child: Option<Child>,
}

impl GroupReplication {
    /// Starts a group with an empty database `steps` and a user `steps` who may do all with it.
    pub async fn start() -> Self {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push(Node::new().await);
        }
        let mut group = Self { nodes };
        group.spawn(0);
        let mut administrator = group.nodes[0].answering().await;
        for statement in [
            "SET GLOBAL group_replication_bootstrap_group = ON",
            "START GROUP_REPLICATION",
            "SET GLOBAL group_replication_bootstrap_group = OFF",
        ] {
            run(&mut administrator, statement).await;
        }
        group.nodes[0].online().await;
        for statement in [
            "CREATE DATABASE steps CHARACTER SET utf8mb4",
            "CREATE USER steps@'%' IDENTIFIED BY 'steps'",
            "GRANT ALL ON steps.* TO steps@'%'",
        ] {
            run(&mut administrator, statement).await;
        }
        for node in 1..3 {
            group.rejoin(node).await;
        }
        group
    }

    fn spawn(&mut self, node: usize) {
        let seeds: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.group_port)).collect();
        let id = node + 1;
        let Node { folder, port, group_port, child } = &mut self.nodes[node];
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut command = mysqld();
        command.arg(user()).args(["--bind-address=127.0.0.1", "--report-host=127.0.0.1", "--max-connections=100"]);
        command.args([format!("--server-id={id}"), format!("--port={port}"), format!("--datadir={}", path("data"))]);
        command.args([format!("--socket={}", path("socket")), format!("--pid-file={}", path("pid"))]);
        command.arg("--plugin-load-add=group_replication.so");
        command.args(["--group-replication-start-on-boot=OFF", "--group-replication-single-primary-mode=OFF"]);
        command.arg("--group-replication-enforce-update-everywhere-checks=ON");
        command.arg(format!("--group-replication-group-name={GROUP}"));
        command.arg(format!("--group-replication-local-address=127.0.0.1:{group_port}"));
        command.arg(format!("--group-replication-group-seeds={}", seeds.join(",")));
        let log = File::options().create(true).append(true).open(path("log")).expect("a file for the log");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        *child = Some(command.spawn().unwrap_or_else(|error| panic!("mysqld does not start: {error}")));
    }
}

impl Cluster for GroupReplication {
    const NODE: &str = "MySQL";

    fn url(&self, node: usize) -> String {
        format!("mysql://steps:steps@127.0.0.1:{}/steps", self.nodes[node].port)
    }

    fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    async fn rejoin(&mut self, node: usize) {
        self.spawn(node);
        let node = &mut self.nodes[node];
        let mut administrator = node.answering().await;
        // The group refuses it until it has noticed that it was gone.
        eventually("the node may join", async || {
            sqlx::raw_sql("START GROUP_REPLICATION USER = 'root'").execute(&mut administrator).await.ok()
        })
        .await;
        node.online().await;
    }
}

impl Node {
    async fn new() -> Self {
        let folder = TempDir::with_prefix("steps-group-").expect("a temporary folder");
        let mut install = mysqld();
        install.arg("--initialize-insecure").arg(user());
        install.arg(format!("--datadir={}", folder.path().join("data").display()));
        let made = install.stdin(Stdio::null()).output().expect("mysqld starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self { folder, port: free_port().await, group_port: free_port().await, child: None }
    }

    /// A connection of the administrator, as soon as the node answers.
    async fn answering(&mut self) -> MySqlConnection {
        let socket = self.folder.path().join("socket");
        let options = MySqlConnectOptions::new().username("root").socket(socket).database("mysql");
        eventually("the node answers", async || {
            if let Ok(Some(status)) = self.child.as_mut().expect("it was started").try_wait() {
                panic!("a node ended: {status}\n{}", self.log());
            }
            options.connect().await.ok()
        })
        .await
    }

    /// Waits until it is in the group.
    async fn online(&mut self) {
        let state = "SELECT COUNT(*) FROM performance_schema.replication_group_members \
                     WHERE member_id = @@server_uuid AND member_state = 'ONLINE'";
        let mut administrator = self.answering().await;
        eventually("the node is in the group", async || {
            let online: i64 = sqlx::query_scalar(state).fetch_one(&mut administrator).await.ok()?;
            (online == 1).then_some(())
        })
        .await;
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("mysqld can be killed");
            child.wait().expect("a child can be waited for");
            // A killed server leaves it, and it would be taken for the next one's.
            let _ = std::fs::remove_file(self.folder.path().join("socket"));
        }
    }

    /// Who it takes to be in the group, and what it is doing.
    fn state(&self) -> String {
        // A test has failed already: nothing here may fail.
        let Some(mut client) = mysql_program("mysql") else { return String::new() };
        client.args(["--user=root", "--connect-timeout=5", "--table"]);
        client.arg(format!("--socket={}", self.folder.path().join("socket").display()));
        client.args(["--execute", STATE]);
        match client.stdin(Stdio::null()).output() {
            Ok(said) => format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr)),
            Err(error) => format!("mysql does not start: {error}"),
        }
    }

    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- MySQL node at {} ---\n{}\n{}\n---", self.port, self.log(), self.state());
        }
        self.kill();
    }
}

fn mysqld() -> Command {
    mysql_program("mysqld").expect("tests/with-mysql runs this test")
}

async fn run(connection: &mut MySqlConnection, statement: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}
