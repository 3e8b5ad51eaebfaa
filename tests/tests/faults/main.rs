//! What dies, stalls, fills up and comes back: clients, servers, databases, disks, networks.

mod balancer;
mod clients;
mod clock;
mod database;
mod file;
mod full;
#[cfg(feature = "soak")]
mod galera;
#[cfg(feature = "soak")]
mod group_replication;
mod http2;
mod kill;
mod network;
mod overload;
mod pages;
mod read_only;
mod read_url;
mod replicas;
mod sqlite;
mod tls;
mod upgrade;
mod waiting;
