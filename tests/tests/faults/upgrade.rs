//! A rolling upgrade: a newer server has already changed the schema, and this one goes on serving.

use steps_tests::{DatabaseKind, Server, TestDb, on_both_stores};

on_both_stores!(an_older_server_goes_on_serving_and_starts_again);

async fn an_older_server_goes_on_serving_and_starts_again(db: TestDb) {
    let server = Server::start(&db).await;
    let fields = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "started")];
    server.record(&fields).await.recorded();
    // What a newer server's migration does: it adds.
    db.execute("ALTER TABLE steps ADD COLUMN cost INTEGER").await;
    db.execute("ALTER TABLE deployments ADD COLUMN cost INTEGER").await;
    db.execute("CREATE TABLE novelties (id INTEGER NOT NULL PRIMARY KEY)").await;
    let checksum = if db.kind() == DatabaseKind::Sqlite { "x'00'" } else { "0x00" };
    let applied = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES \
                   (9999, 'novelties', TRUE, ";
    db.execute(&format!("{applied}{checksum}, 0)")).await;
    server.record(&fields).await.recorded();
    assert_eq!(server.deployments("").await.lines().count(), 3);
    server.stop().await;
    let again = Server::start(&db).await;
    again.record(&fields).await.recorded();
    assert_eq!(again.deployments("").await.lines().count(), 4);
    again.stop().await;
}
