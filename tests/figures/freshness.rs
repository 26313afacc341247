//! How fast one asks whether to trade, against a handler that answers the same bytes from a constant.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router, ServiceExt,
    extract::Request,
    http::header::CONTENT_TYPE,
    response::Response,
    routing::{IntoMakeService, get},
};
use barkeep::{api, jobs::JobSpec};
use chrono::TimeDelta;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::Service;

use crate::workload::{Workload, midnight, run_all};

const SERIES: usize = 600;
const CONNECTIONS: usize = 64;
const SECONDS: u64 = 5;
const RUNS: usize = 3;

pub(crate) async fn measure() {
    let workload = Workload::start(SERIES).await;
    let settings = [
        ("INGEST__HISTORY", "10m"),
        ("LAKE__COMMIT_LINGER", "0s"),
        // Asked more often than anybody may; what it costs to count stays in.
        ("SERVER__REQUESTS_PER_SECOND", "1000000000"),
    ];
    let app = workload.app(&settings).await;
    barkeep::telemetry::init_logging(&app.config.log).expect("a log");
    run_all(&app, 64, JobSpec::Poll).await;
    let daemon = serve(api::service(app.clone()).into_make_service()).await;
    println!(
        "freshness: {CONNECTIONS} connections, {SERIES} series, a candle each landing all the time"
    );
    println!("{:24} {:>12} {:>10} {:>10}", "", "answers/s", "p50 ms", "p99 ms");
    let stop = Arc::new(AtomicBool::new(false));
    // Ingestion at full speed: as soon as every series has its next candle, the clock moves on.
    let ingesting = tokio::spawn({
        let (app, stop, clock) = (app.clone(), stop.clone(), workload.clock.clone());
        async move {
            for minute in 1.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                clock.set(midnight() + TimeDelta::minutes(minute));
                run_all(&app, 16, JobSpec::Poll).await;
            }
        }
    });
    let landed = app.landed();
    let began = Instant::now();
    for (what, path) in [
        ("one series", "/v1/freshness?series=coinbase/C000USD/1m"),
        ("all series", "/v1/freshness"),
    ] {
        let size = ask_once(daemon, path).await;
        let body: &'static str = Box::leak("x".repeat(size).into_boxed_str());
        let bare = move || async move { ([(CONTENT_TYPE, "application/json")], body) };
        let bare = Router::new().route("/v1/freshness", get(bare));
        let bare = serve(bare.into_make_service()).await;
        let (mut best, mut best_bare) = (0.0_f64, 0.0_f64);
        for _ in 0..RUNS {
            best_bare = best_bare.max(load(&format!("{what}, constant"), bare, path).await);
            best = best.max(load(&format!("{what}, barkeep"), daemon, path).await);
        }
        println!(
            "{:24} {:>12.2} of the constant, {size} bytes",
            "ratio of the best",
            best / best_bare
        );
    }
    let rate = (app.landed() - landed) as f64 / began.elapsed().as_secs_f64();
    println!("{:24} {rate:>12.0} candles/s landed meanwhile", "");
    stop.store(true, Ordering::Relaxed);
    ingesting.await.expect("no panic");
}

async fn serve<S>(service: IntoMakeService<S>) -> SocketAddr
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// Answers a second, all connections together.
async fn load(what: &str, address: SocketAddr, path: &'static str) -> f64 {
    let until = Instant::now() + Duration::from_secs(SECONDS);
    let clients = (0..CONNECTIONS).map(|_| {
        tokio::spawn(async move {
            let mut client = Client::open(address, path).await;
            let mut waits = Vec::new();
            while Instant::now() < until {
                let began = Instant::now();
                client.ask().await;
                waits.push(began.elapsed());
            }
            waits
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut waits = Vec::new();
    for client in clients {
        waits.extend(client.await.expect("no panic"));
    }
    waits.sort_unstable();
    let at = |percent: usize| waits[(waits.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    let rate = waits.len() as f64 / SECONDS as f64;
    println!("{what:24} {rate:>12.0} {:>10.2} {:>10.2}", at(50), at(99));
    rate
}

async fn ask_once(address: SocketAddr, path: &str) -> usize {
    Client::open(address, path).await.ask().await
}

/// One kept connection, and no more of HTTP than it takes.
struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Client {
    async fn open(address: SocketAddr, path: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes();
        Self { stream, request, answer: Vec::new() }
    }

    /// The length of the body.
    async fn ask(&mut self) -> usize {
        self.stream.write_all(&self.request).await.expect("a connection");
        self.answer.clear();
        loop {
            self.stream.read_buf(&mut self.answer).await.expect("an answer");
            let Some(head) = self.answer.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let text = String::from_utf8_lossy(&self.answer[..head]).to_ascii_lowercase();
            assert!(text.starts_with("http/1.1 200"), "{text}");
            let length = text.split("content-length: ").nth(1).expect("a length");
            let length = length.split("\r\n").next().and_then(|n| n.parse().ok());
            let length: usize = length.expect("a number");
            if self.answer.len() >= head + 4 + length {
                return length;
            }
        }
    }
}
