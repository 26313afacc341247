//! An hour of a backfill that uses up a rate limit, with live polls in between.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use barkeep::{
    clock::{Clock, SystemClock},
    config::Config,
    market::{Series, Timeframe, Window},
    providers::{AlphaVantage, Context, Lane, Provider},
    simulate::{self, SimulatedExchange, SimulatedProvider, SimulationConfig},
    telemetry::Metrics,
};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::net::TcpListener;

const LIMIT: &str = "75/min";
const PER_HOUR: f64 = 75.0 * 60.0;
/// The hour takes two minutes.
const SPEED: f64 = 30.0;
/// Pages that the backfill asks for at the same time.
const IN_FLIGHT: usize = 4;

pub(crate) async fn measure() {
    let clock = Arc::new(SystemClock::scaled(SystemClock::real().now(), SPEED));
    let exchange = Arc::new(SimulatedExchange::new(&SimulationConfig::default(), clock.clone()));
    let limit = LIMIT.parse().expect("a limit");
    exchange.set_limits(SimulatedProvider::AlphaVantage, &[limit]);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(simulate::serve(listener, exchange.clone(), std::future::pending()));
    let provider = Arc::new(alpha_vantage(&url, &(clock.clone() as Arc<dyn Clock>)));
    // What may be sent at once after a pause is spent first; the hour begins after it.
    let began = clock.now() + TimeDelta::minutes(1);
    let ends = began + TimeDelta::hours(1);
    let sent = Arc::new(AtomicUsize::new(0));
    let backfill = (0..IN_FLIGHT).map(|lane| {
        let (provider, clock, sent) = (provider.clone(), clock.clone(), sent.clone());
        tokio::spawn(async move {
            for month in (0..).skip(lane).step_by(IN_FLIGHT) {
                if clock.now() >= ends {
                    break;
                }
                fetch(&provider, old_month(month), Lane::Backfill).await;
                sent.fetch_add(
                    usize::from((began..ends).contains(&clock.now())),
                    Ordering::Relaxed,
                );
            }
        })
    });
    let backfill: Vec<_> = backfill.collect();
    let (mut polls, mut longest) = (0, TimeDelta::zero());
    while clock.now() < ends {
        clock.sleep(std::time::Duration::from_secs(7)).await;
        let asked_at = clock.now();
        fetch(&provider, newest(asked_at), Lane::Live).await;
        if (began..ends).contains(&clock.now()) {
            polls += 1;
            longest = longest.max(clock.now() - asked_at);
        }
    }
    for task in backfill {
        task.await.expect("no panic");
    }
    let backfilled = sent.load(Ordering::Relaxed);
    let used = (backfilled + polls) as f64 / PER_HOUR * 100.0;
    let counters = exchange.counters(SimulatedProvider::AlphaVantage);
    println!("budget: an hour against {LIMIT}, {IN_FLIGHT} pages of a backfill at a time");
    println!("{:24} {backfilled:>12} of the backfill, {polls} live polls", "requests");
    println!("{:24} {used:>12.1} % of what is allowed", "used");
    println!(
        "{:24} {:>12} ; the most in any minute: {}",
        "throttled", counters.throttled, counters.most[LIMIT]
    );
    println!(
        "{:24} {:>12.2} s (requests are {:.2} s apart)",
        "longest live poll",
        longest.num_milliseconds() as f64 / 1e3,
        60.0 / 75.0
    );
}

async fn fetch(provider: &AlphaVantage, (series, window): (Series, Window), lane: Lane) {
    provider.fetch(&series, window, lane).await.expect("an answer");
}

fn old_month(number: i64) -> (Series, Window) {
    let series: Series = "alpha_vantage/IBM/15m".parse().expect("a series");
    let start: DateTime<Utc> = "2016-01-01T05:00:00Z".parse().expect("an instant");
    let start = start + TimeDelta::days(30 * (number % 100));
    (series, Window::new(start, start + TimeDelta::days(1)))
}

fn newest(now: DateTime<Utc>) -> (Series, Window) {
    let series: Series = "alpha_vantage/BTCUSD/1m".parse().expect("a series");
    let end = Timeframe::M1.floor(now);
    (series, Window::new(end - TimeDelta::minutes(4), end))
}

fn alpha_vantage(url: &str, clock: &Arc<dyn Clock>) -> AlphaVantage {
    let settings = [
        ("API_KEY", "a-key-of-a-figure"),
        ("PLAN", "premium"),
        ("LIMITS", LIMIT),
        ("URL", url),
        ("RETRIES", "0"),
    ];
    let name = |name| format!("BARKEEP__PROVIDERS__ALPHA_VANTAGE__{name}");
    let environment: HashMap<_, _> =
        settings.map(|(key, value)| (name(key), value.to_owned())).into();
    let config = Config::from_layers(None, environment).expect("valid settings");
    let metrics = Metrics::new().expect("metrics");
    let context = Context { clock, metrics: &metrics, spend_log: None };
    let opened = AlphaVantage::open(&config.providers.alpha_vantage, &context);
    opened.expect("a client").expect("a key")
}
