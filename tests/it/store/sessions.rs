//! What only a server can do to a store: go away, come back, and serve somebody else as well.

use barkeep::{
    config::{Config, StoreUrl},
    error::{ErrorClass, chain},
    store::Store,
};

use crate::support::postgres::{Cluster, PASSWORD};

async fn place(cluster: &Cluster) -> StoreUrl {
    cluster.database().await.parse().unwrap()
}

#[tokio::test]
async fn several_processes_use_one_store_side_by_side() {
    let cluster = Cluster::shared().await;
    let url = place(&cluster).await;
    // Also when they bring the schema up to date at the same time.
    let (first, second) = tokio::join!(Store::open(&url), Store::open(&url));
    let (first, second) = (first.unwrap(), second.unwrap());
    first.record(&[], Some(("t", 1))).await.unwrap();
    assert_eq!(second.lake_version("t").await.unwrap(), Some(1));
    second.record(&[], Some(("t", 2))).await.unwrap();
    assert_eq!(first.lake_version("t").await.unwrap(), Some(2));
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn a_restart_of_the_server_is_not_noticed() {
    let cluster = Cluster::start().await;
    let url = place(&cluster).await;
    let store = Store::open(&url).await.unwrap();
    for version in 1..4 {
        store.record(&[], Some(("t", version))).await.unwrap();
        assert_eq!(store.lake_version("t").await.unwrap(), Some(version));
        cluster.stop();
        cluster.resume().await;
        // The first statement after a restart, in turns a read and a write.
        if version % 2 == 0 {
            assert_eq!(store.lake_version("t").await.unwrap(), Some(version));
        }
    }
    store.record(&[], Some(("t", 4))).await.unwrap();
    store.close().await;
}

/// One session after the other is cut off, as by an operator: what was sent is not written twice.
#[tokio::test]
async fn a_session_that_is_cut_off_is_replaced() {
    let cluster = Cluster::shared().await;
    let url = place(&cluster).await;
    let store = Store::open(&url).await.unwrap();
    let database = url.to_string();
    let (_, database) = database.rsplit_once('/').unwrap();
    for version in 0..20 {
        store.record(&[], Some(("t", version))).await.unwrap();
        assert_eq!(store.lake_version("t").await.unwrap(), Some(version));
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname";
        cluster.execute(&format!("{cut} = '{database}'")).await;
    }
    store.close().await;
}

#[tokio::test]
async fn while_there_is_no_server_the_store_is_unavailable_and_its_password_stays_secret() {
    let cluster = Cluster::start().await;
    let url = place(&cluster).await;
    let store = Store::open(&url).await.unwrap();
    cluster.stop();
    let record = store.record(&[], Some(("t", 1))).await.unwrap_err();
    let read = store.lake_version("t").await.unwrap_err();
    let open = Store::open(&url).await.unwrap_err();
    let schema = Store::schema(&url).await.unwrap_err();
    for error in [record, read, open, schema] {
        assert_eq!(error.class(), ErrorClass::Unavailable);
        let said = format!("{}\n{error:?}\n{store:?}\n{url}\n{url:?}", chain(&error));
        assert!(!said.contains(PASSWORD), "{said}");
    }
    cluster.resume().await;
    store.record(&[], Some(("t", 1))).await.unwrap();
    assert_eq!(store.lake_version("t").await.unwrap(), Some(1));
    store.close().await;
}

#[tokio::test]
async fn a_url_may_come_from_a_file_and_a_wrong_password_is_not_repeated() {
    let cluster = Cluster::shared().await;
    let right = cluster.database().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store_url");
    let settings = |url: &str| {
        std::fs::write(&file, format!("{url}\n")).unwrap();
        let variable = ("BARKEEP__STORE__URL_FILE".to_owned(), file.display().to_string());
        Config::from_layers(None, [variable].into()).unwrap()
    };
    let config = settings(&right);
    assert!(!format!("{config:#?}").contains(PASSWORD));
    Store::open(&config.store_url).await.unwrap().close().await;

    let wrong = "another-secret-word";
    let config = settings(&right.replace(PASSWORD, wrong));
    let error = Store::open(&config.store_url).await.unwrap_err();
    let said = format!("{}\n{error:?}\n{config:#?}", chain(&error));
    assert!(said.contains("password authentication failed"), "{said}");
    assert!(!said.contains(wrong), "{said}");
}
