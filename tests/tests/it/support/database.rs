//! A PostgreSQL database for one test.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::NoTls;
use url::Url;

/// A fresh database, dropped with its owner.
pub(crate) struct Database {
    name: String,
    /// `postgres://…`
    pub(crate) url: String,
}

fn server() -> Url {
    let url = std::env::var("TEST_POSTGRES_URL").unwrap_or_else(|_| {
        panic!("TEST_POSTGRES_URL names no PostgreSQL for tests; run `cargo xtask test`, which starts one")
    });
    Url::parse(&url).expect("TEST_POSTGRES_URL is no URL")
}

/// Runs statements in a database.
pub(crate) async fn execute(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

impl Database {
    /// A name that no other test and no other run at the same time has.
    pub(crate) async fn fresh() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tsunagu_it_{}_{number}", std::process::id());
        execute(server().as_str(), &format!("CREATE DATABASE {name}")).await;
        let mut url = server();
        url.set_path(&name);
        Self { name, url: url.into() }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(execute(server().as_str(), &sql));
        });
        // A failing test has said why already; a second panic would hide it.
        dropped.join().ok();
    }
}
