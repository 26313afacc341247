//! What only a server can do to a store: go away, come back, and serve somebody else as well.

use barkeep::{
    config::{Config, StoreUrl},
    error::{ErrorClass, chain},
    store::{Store, StoreError},
};

use crate::support::postgres::{Cluster, PASSWORD};

async fn place(cluster: &Cluster) -> StoreUrl {
    cluster.database().await.parse().unwrap()
}

#[tokio::test]
async fn a_store_has_one_owner_who_is_named_to_the_next() {
    let cluster = Cluster::shared().await;
    let url = place(&cluster).await;
    let first = Store::open(&url).await.unwrap();
    let error = Store::open(&url).await.unwrap_err();
    let StoreError::Owned { by } = &error else { panic!("{error}") };
    let process = format!("barkeep, process {} at 127.0.0.1, since 20", std::process::id());
    assert!(by.starts_with(&process), "{by}");
    assert!(error.to_string().contains("stop it, or give this one a database of its own"));

    let guest = Store::visit(&url).await.unwrap();
    guest.record(&[], Some(("of_the_guest", 1))).await.unwrap();
    assert_eq!(first.lake_version("of_the_guest").await.unwrap(), Some(1));
    guest.close().await;

    first.close().await;
    Store::open(&url).await.unwrap().close().await;
    // A database next door has an owner of its own.
    let (one, other) = (place(&cluster).await, place(&cluster).await);
    let (one, other) = (Store::open(&one).await.unwrap(), Store::open(&other).await.unwrap());
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_restart_of_the_server_is_not_noticed_and_takes_nothing_from_the_owner() {
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
    assert!(matches!(Store::open(&url).await, Err(StoreError::Owned { .. })));
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
async fn who_lost_the_store_to_another_writes_no_more() {
    let cluster = Cluster::start().await;
    let url = place(&cluster).await;
    let loser = Store::open(&url).await.unwrap();
    loser.record(&[], Some(("t", 1))).await.unwrap();
    cluster.stop();
    cluster.resume().await;
    let winner = Store::open(&url).await.unwrap();
    winner.record(&[], Some(("t", 7))).await.unwrap();
    let error = loser.record(&[], Some(("t", 2))).await.unwrap_err();
    assert!(matches!(error, StoreError::Owned { .. }), "{error}");
    assert_eq!(loser.lake_version("t").await.unwrap(), Some(7));
    winner.close().await;
    loser.record(&[], Some(("t", 8))).await.unwrap();
    loser.close().await;
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
