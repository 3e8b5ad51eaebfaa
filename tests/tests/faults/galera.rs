//! A Galera cluster, one server beside each node: a node dies, and nothing that was acknowledged dies with it.

use steps_tests::faults::load::with_load;
use steps_tests::faults::{Galera, nodes_die_and_come_back};

#[test]
fn a_node_dies_and_comes_back() {
    with_load(async { nodes_die_and_come_back(Galera::start().await).await });
}
