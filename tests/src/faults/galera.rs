//! A Galera cluster of three MariaDB nodes on loopback, whose nodes can be killed.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, MySqlConnection};
use tempfile::TempDir;

use super::private_database::program;
use super::{Cluster, free_port};
use crate::eventually;

/// Where Debian keeps the library that replicates.
const PROVIDER: &str = "/usr/lib/galera/libgalera_smm.so";

/// Whom the nodes run as: what copies a database to a joining node asks for a user of its own.
const USER: &str = "mysql";

/// Three nodes; they are gone with this.
#[derive(Debug)]
pub struct Galera {
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    folder: TempDir,
    /// For clients, for the group, for changes that were missed, and for copies.
    ports: [u16; 4],
    child: Option<Child>,
}

impl Galera {
    /// Starts a cluster with an empty database `steps` and a user `steps` who may do all with it.
    pub async fn start() -> Self {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push(Node::new().await);
        }
        let mut cluster = Self { nodes };
        for node in 0..3 {
            cluster.spawn(node, node == 0);
            cluster.joined(node).await;
        }
        let mut administrator = cluster.nodes[0].connect().await.expect("the first node");
        for statement in [
            "CREATE DATABASE steps CHARACTER SET utf8mb4",
            "CREATE USER steps@'%' IDENTIFIED BY 'steps'",
            "GRANT ALL ON steps.* TO steps@'%'",
        ] {
            run(&mut administrator, statement).await;
        }
        cluster
    }

    /// Waits until a node is in the cluster and has all of its data.
    async fn joined(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        let state = "SELECT CAST(variable_value AS SIGNED) FROM information_schema.global_status \
                     WHERE variable_name = 'wsrep_local_state'";
        eventually("the node has joined", async || {
            if let Ok(Some(status)) = node.child.as_mut().expect("it was started").try_wait() {
                panic!("a node ended: {status}\n{}", node.log());
            }
            let mut connection = node.connect().await?;
            let state: i64 = sqlx::query_scalar(state).fetch_one(&mut connection).await.ok()?;
            // 4 is "Synced".
            (state == 4).then_some(())
        })
        .await;
    }

    fn spawn(&mut self, node: usize, first: bool) {
        let group: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.ports[1])).collect();
        let Node { folder, ports: [port, base, missed, copies], child } = &mut self.nodes[node];
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut command = program("mariadbd");
        command.args([
            "--no-defaults",
            "--bind-address=127.0.0.1",
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
        ]);
        command.args([format!("--user={USER}"), format!("--port={port}"), format!("--datadir={}", path("data"))]);
        command.args([format!("--socket={}", path("socket")), format!("--pid-file={}", path("pid"))]);
        command.args([format!("--tmpdir={}", path("tmp")), "--max-connections=100".to_owned()]);
        command.args(["--wsrep-on=ON", "--wsrep-cluster-name=steps", "--wsrep-sst-method=rsync"]);
        command.arg(format!("--wsrep-provider={PROVIDER}"));
        command.arg(format!("--wsrep-cluster-address=gcomm://{}", group.join(",")));
        command.arg(format!("--wsrep-node-name=node-{node}"));
        command.arg(format!("--wsrep-node-address=127.0.0.1:{base}"));
        command.arg(format!("--wsrep-node-incoming-address=127.0.0.1:{port}"));
        command.arg(format!("--wsrep-sst-receive-address=127.0.0.1:{copies}"));
        command.arg(format!(
            "--wsrep-provider-options=base_port={base};gmcast.listen_addr=tcp://127.0.0.1:{base};\
             ist.recv_addr=127.0.0.1:{missed}"
        ));
        if first {
            command.arg("--wsrep-new-cluster");
        }
        let log = File::options().create(true).append(true).open(path("log")).expect("a file for the log");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        *child = Some(command.spawn().unwrap_or_else(|error| panic!("mariadbd does not start: {error}")));
    }
}

impl Cluster for Galera {
    const NODE: &str = "Galera";

    fn url(&self, node: usize) -> String {
        let [port, ..] = self.nodes[node].ports;
        format!("mysql://steps:steps@127.0.0.1:{port}/steps")
    }

    fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    async fn rejoin(&mut self, node: usize) {
        self.spawn(node, false);
        self.joined(node).await;
    }
}

impl Node {
    async fn new() -> Self {
        let folder = TempDir::with_prefix("steps-galera-").expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("its permissions");
        fs::create_dir(folder.path().join("tmp")).expect("a folder");
        let mut install = program("mariadb-install-db");
        install.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
        install.arg(format!("--user={USER}")).arg(format!("--datadir={}", folder.path().join("data").display()));
        let made = install.stdin(Stdio::null()).output().expect("mariadb-install-db starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let owned = Command::new("chown").args(["-R", USER]).arg(folder.path()).status().expect("chown starts");
        assert!(owned.success());
        let mut ports = [0; 4];
        for port in &mut ports {
            *port = free_port().await;
        }
        Self { folder, ports, child: None }
    }

    async fn connect(&self) -> Option<MySqlConnection> {
        let socket: PathBuf = self.folder.path().join("socket");
        MySqlConnectOptions::new().username("root").socket(socket).database("mysql").connect().await.ok()
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("mariadbd can be killed");
            child.wait().expect("a child can be waited for");
        }
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of a Galera node ---\n{}\n---", self.log());
        }
        self.kill();
    }
}

async fn run(connection: &mut MySqlConnection, statement: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}
