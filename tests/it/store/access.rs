//! API keys and the audit log that tells of them.

use barkeep::{
    access::Token,
    market::{By, Scope},
    store::{ApiKey, AuditEntry, AuditFilter, Store, StoreError},
};
use serde_json::json;

use super::{Bench, both, minute};

fn key(id: &str, name: &str, made: i64) -> ApiKey {
    ApiKey {
        id: id.to_owned(),
        name: name.to_owned(),
        hash: Token::generate().unwrap().hash(),
        scope: Scope::Operate,
        created_at: minute(made),
        expires_at: Some(minute(100)),
        revoked_at: None,
        last_used_at: None,
    }
}

fn entry(command: &str, name: &str) -> AuditEntry {
    let by = By { actor: "command line".to_owned(), request: String::new() };
    AuditEntry::new(minute(1), &by, command, &name, json!({}))
}

async fn told(store: &Store) -> usize {
    store.audit(&AuditFilter::default(), 100).await.unwrap().len()
}

#[tokio::test]
async fn a_key_reads_back_as_it_was_made_and_its_name_is_taken_until_it_is_revoked() {
    for Bench { store, .. } in both().await {
        let first = key("key_1", "ops", 1);
        let made = entry("key.create", "ops");
        // Told twice, as after a lost answer, it is made once.
        for _ in 0..2 {
            store.add_api_key(&first, &made).await.unwrap();
        }
        assert_eq!(store.api_keys().await.unwrap(), std::slice::from_ref(&first));
        let second = key("key_2", "ops", 2);
        let refused = store.add_api_key(&second, &entry("key.create", "ops")).await;
        assert!(matches!(refused, Err(StoreError::MovedOn { .. })), "{refused:?}");
        assert_eq!(told(&store).await, 1, "what was not done is not told");

        store.used_api_key("key_1", minute(5)).await.unwrap();
        store.used_api_key("key_1", minute(4)).await.unwrap();
        let revoked = entry("key.revoke", "ops");
        for _ in 0..2 {
            store.revoke_api_key("ops", minute(6), &revoked).await.unwrap();
        }
        let refused = store.revoke_api_key("ops", minute(7), &entry("key.revoke", "ops")).await;
        assert!(matches!(refused, Err(StoreError::MovedOn { .. })), "{refused:?}");
        assert!(store.living_api_keys().await.unwrap().is_empty());
        store.add_api_key(&second, &entry("key.create", "ops")).await.unwrap();
        let last = ApiKey { revoked_at: Some(minute(6)), last_used_at: Some(minute(5)), ..first };
        assert_eq!(store.api_keys().await.unwrap(), [second.clone(), last]);
        assert_eq!(store.living_api_keys().await.unwrap(), [second]);
        assert_eq!(told(&store).await, 3);
    }
}

#[tokio::test]
async fn a_visitor_makes_keys_that_the_owner_sees() {
    for Bench { store, url, .. } in both().await {
        let visitor = Store::visit(&url).await.unwrap();
        let made = key("key_1", "ops", 1);
        visitor.add_api_key(&made, &entry("key.create", "ops")).await.unwrap();
        assert_eq!(store.living_api_keys().await.unwrap(), [made]);
        visitor.revoke_api_key("ops", minute(2), &entry("key.revoke", "ops")).await.unwrap();
        assert!(store.living_api_keys().await.unwrap().is_empty());
        visitor.close().await;
    }
}

/// Of two at once who want the same name, one gets it.
#[tokio::test]
async fn a_name_is_given_once() {
    for Bench { store, url, .. } in both().await {
        let visitor = Store::visit(&url).await.unwrap();
        let (one, other) = (key("key_1", "ops", 1), key("key_2", "ops", 1));
        let (made, told_of) = (entry("key.create", "ops"), entry("key.create", "ops"));
        let (a, b) =
            tokio::join!(store.add_api_key(&one, &made), visitor.add_api_key(&other, &told_of));
        assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
        assert_eq!(store.living_api_keys().await.unwrap().len(), 1);
        assert_eq!(told(&store).await, 1);
        visitor.close().await;
    }
}
