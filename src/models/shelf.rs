//! Where models come from: those that Barkeep brings, and the files of a folder.

use std::path::Path;

use super::{Model, ModelError, graph};

/// File and text of each model that Barkeep brings.
const OWN: [(&str, &str); 18] = [
    ("silver/anomalies.sql", include_str!("silver/anomalies.sql")),
    ("silver/decision_history.sql", include_str!("silver/decision_history.sql")),
    ("silver/market_at_moments.sql", include_str!("silver/market_at_moments.sql")),
    ("silver/market_data.sql", include_str!("silver/market_data.sql")),
    ("silver/market_data_enriched.sql", include_str!("silver/market_data_enriched.sql")),
    ("silver/market_regime.sql", include_str!("silver/market_regime.sql")),
    ("silver/moments.sql", include_str!("silver/moments.sql")),
    ("silver/multi_timeframe_analysis.sql", include_str!("silver/multi_timeframe_analysis.sql")),
    ("silver/portfolio_snapshots.sql", include_str!("silver/portfolio_snapshots.sql")),
    ("silver/risk_events.sql", include_str!("silver/risk_events.sql")),
    ("silver/trade_lifecycle.sql", include_str!("silver/trade_lifecycle.sql")),
    (
        "gold/mart_daily_portfolio_summary.sql",
        include_str!("gold/mart_daily_portfolio_summary.sql"),
    ),
    ("gold/mart_data_quality.sql", include_str!("gold/mart_data_quality.sql")),
    ("gold/mart_ensemble_effectiveness.sql", include_str!("gold/mart_ensemble_effectiveness.sql")),
    ("gold/mart_market_regime_stats.sql", include_str!("gold/mart_market_regime_stats.sql")),
    ("gold/mart_provider_attribution.sql", include_str!("gold/mart_provider_attribution.sql")),
    ("gold/mart_risk_utilization.sql", include_str!("gold/mart_risk_utilization.sql")),
    ("gold/mart_trading_performance.sql", include_str!("gold/mart_trading_performance.sql")),
];

/// Every model, in the order in which they are built. Without a folder there are only our own.
pub(super) fn models(folder: Option<&Path>) -> Result<Vec<Model>, ModelError> {
    let own = OWN.iter().map(|(file, text)| Model::read(file, text));
    let mut models: Vec<Model> = own.collect::<Result<_, _>>()?;
    if let Some(folder) = folder {
        for (file, text) in texts(folder)? {
            models.push(Model::read(&file, &text)?);
        }
    }
    graph::in_order(models)
}

/// The `.sql` files of a folder and those below it, by name.
fn texts(folder: &Path) -> Result<Vec<(String, String)>, ModelError> {
    let failed = |source| ModelError::Folder { path: folder.display().to_string(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            found.extend(texts(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            let text = std::fs::read_to_string(&path).map_err(failed)?;
            found.push((path.display().to_string(), text));
        }
    }
    found.sort();
    Ok(found)
}
