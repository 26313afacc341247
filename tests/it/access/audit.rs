//! What is told of who did what, and of the settings.

use barkeep::market::Scope;
use serde_json::Value;

use super::{get_with, guarded, make, revoke};

fn words(page: &Value, member: &str) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|entry| entry[member].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_audit_log_is_listed_newest_first_by_filter_and_page() {
    let app = guarded().await;
    let token = make(&app, "ops", Scope::Operate, None).await;
    for name in ["a", "b", "c"] {
        app.clock.advance(chrono::TimeDelta::seconds(1));
        make(&app, name, Scope::Read, None).await;
    }
    app.clock.advance(chrono::TimeDelta::seconds(1));
    revoke(&app, "b").await;
    let get = async |query: &str| get_with(&app, &format!("/v1/audit{query}"), &token).await;
    let all = get("").await.ok();
    assert_eq!(words(&all, "target"), ["b", "c", "b", "a", "ops"]);
    assert!(all["next"].is_null());
    assert_eq!(all["items"][1]["detail"]["scope"], "read");
    assert_eq!(words(&get("?command=key.revoke").await.ok(), "target"), ["b"]);
    assert_eq!(words(&get("?target=b").await.ok(), "command"), ["key.revoke", "key.create"]);
    assert_eq!(words(&get("?actor=command%20line&target=a").await.ok(), "target"), ["a"]);
    assert!(words(&get("?actor=somebody").await.ok(), "target").is_empty());
    let mut paged = Vec::new();
    let mut page = get("?limit=2").await.ok();
    loop {
        paged.extend(words(&page, "target"));
        // What comes meanwhile moves nothing that is still to be read.
        app.clock.advance(chrono::TimeDelta::seconds(1));
        make(&app, &format!("new-{}", paged.len()), Scope::Read, None).await;
        let Some(next) = page["next"].as_str() else { break };
        page = get(&format!("?limit=2&cursor={next}")).await.ok();
    }
    assert_eq!(paged, ["b", "c", "b", "a", "ops"]);
    for (query, field) in [
        ("?cursor=1.dl_2", "cursor"),
        ("?cursor=x.au_2", "cursor"),
        ("?actor=", "actor"),
        ("?target=%00", "target"),
        ("?limit=0", "limit"),
        ("?kind=key", "kind"),
    ] {
        assert_eq!(get(query).await.problem_of(query, 422)["field"], field);
    }
}

#[tokio::test]
async fn the_settings_in_effect_are_shown_to_whoever_may_change_everything() {
    let app = guarded().await;
    let token = make(&app, "admin", Scope::Admin, None).await;
    let settings = get_with(&app, "/v1/config", &token).await.ok();
    assert_eq!(settings["auth"]["mode"], "keys");
    assert_eq!(settings["ingest"]["history"], "8h");
    assert_eq!(settings["providers"]["oanda"]["token"], "");
    let shown = settings["store"]["url"].as_str().unwrap();
    assert_eq!(shown, app.app.config.store_url.to_string());
}
