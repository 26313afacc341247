//! The figures of the README: `cargo bench` measures all, `cargo bench -- NAME …` some.
//!
//! Times of the same kind are measured in one run on one machine and compared as ratios.

mod bare;
mod budget;
mod commits;
mod end_to_end;
mod freshness;
mod indicators;
mod layout;
mod listings;
mod machine;
mod merge;
mod models;
mod reads;
mod replicas;
mod restart;
#[expect(dead_code, clippy::unwrap_used, reason = "of the tests' stage a figure needs a part")]
#[path = "../it/crash/stage.rs"]
mod stage;
#[expect(dead_code, clippy::unwrap_used, reason = "of what tests share a figure needs a part")]
#[path = "../it/support"]
mod support {
    pub(crate) mod daemon;
    pub(crate) mod files;
    pub(crate) mod postgres;
}
mod ticks;
mod upkeep;
mod workload;
mod year;

fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let names: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|given| given == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        if wanted("commits") {
            commits::measure().await;
        }
        if wanted("end_to_end") {
            end_to_end::measure().await;
        }
        if wanted("budget") {
            budget::measure().await;
        }
        if wanted("freshness") {
            freshness::measure().await;
        }
        if wanted("indicators") {
            indicators::measure().await;
        }
        if wanted("restart") {
            restart::measure().await;
        }
        if wanted("layout") {
            layout::measure().await;
        }
        if wanted("listings") {
            listings::measure().await;
        }
        if wanted("merge") {
            merge::measure().await;
        }
        if wanted("models") {
            models::measure().await;
        }
        if wanted("reads") {
            reads::measure().await;
        }
        if wanted("year") {
            year::measure().await;
        }
        if wanted("replicas") {
            replicas::measure().await;
        }
        if wanted("ticks") {
            ticks::measure().await;
        }
        if wanted("upkeep") {
            upkeep::measure().await;
        }
    });
}
