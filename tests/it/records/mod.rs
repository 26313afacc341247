//! Decisions and executions: taken, kept once, told, refused and replayed.

mod crash;
mod former;
mod ingest;
mod letters;

use serde_json::{Value, json};

use crate::support::test_app::TestApp;

const DECISIONS: &str = "/v1/ingest/decisions";
const EXECUTIONS: &str = "/v1/ingest/executions";

/// A decision of so many minutes after ten o'clock.
fn decision(id: &str, minute: u32) -> Value {
    json!({
        "id": id, "asset_pair": "ETH-USD", "timestamp": format!("2024-03-06T10:{minute:02}:00"),
        "action": "BUY", "confidence": 80, "ai_provider": "ensemble", "whatever": [1, {"a": "b"}],
    })
}

fn trade(id: &str, status: &str) -> Value {
    json!({
        "trade_id": id, "product": "EUR_USD", "platform": "oanda", "side": "LONG", "status": status,
        "entry_time": "2024-03-06T10:00:00Z", "entry_price": "1.19111", "entry_size": "2101.0",
        "exit_time": "2024-03-06T11:00:00Z", "exit_price": "1.19111", "realized_pnl": "0E-30",
    })
}

/// Landed, revised, unchanged and refused.
fn counts(answer: &Value) -> [i64; 4] {
    ["landed", "revised", "unchanged", "refused"].map(|name| answer[name].as_i64().unwrap())
}

async fn ingest(app: &TestApp, path: &str, body: &Value) -> [i64; 4] {
    counts(&app.post(path, body).await.ok())
}

/// What a question in SQL gives, as JSON rows.
async fn ask(app: &TestApp, query: &str) -> Value {
    app.post("/v1/sql", &json!({ "query": query })).await.ok()["rows"].clone()
}
