//! HTTPS with a certificate of the test's own.

use std::{net::SocketAddr, process::Command, time::Duration};

use barkeep::serve::serve;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::support::test_app::{Setup, TestApp};

struct Https {
    address: SocketAddr,
    client: reqwest::Client,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    certificate: String,
    key: String,
    _app: TestApp,
}

async fn https() -> Https {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap().keep();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let certificate = write("cert.pem", cert.pem());
    let key = write("key.pem", signing_key.serialize_pem());
    // The settings of a test live as long as the program does.
    let leak = |text: &str| -> &'static str { text.to_owned().leak() };
    let settings = [("SERVER__TLS_CERT", leak(&certificate)), ("SERVER__TLS_KEY", leak(&key))];
    let app = TestApp::with(Setup { settings: settings.to_vec().leak(), ..Setup::default() }).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let serving = serve(app.app.clone(), listener, Box::pin(async { _ = stopped.await }));
    let served = tokio::spawn(async { serving.await.unwrap() });
    #[expect(clippy::disallowed_methods, reason = "asks the daemon, not a provider")]
    let client = reqwest::Client::builder()
        .no_proxy()
        .resolve("localhost", address)
        .timeout(Duration::from_secs(20))
        .tls_certs_only([reqwest::Certificate::from_pem(cert.pem().as_bytes()).unwrap()])
        .build()
        .unwrap();
    Https { address, client, stop, served, certificate, key, _app: app }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_never_shakes_hands_holds_up_nobody() {
    let https = https().await;
    let url = format!("https://localhost:{}/livez", https.address.port());
    let mut silent = TcpStream::connect(https.address).await.unwrap();
    for _ in 0..3 {
        let answer = https.client.get(&url).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "ok\n");
    }
    // Without TLS there is no answer, and nothing breaks.
    let plain = https.client.get(url.replace("https", "http")).send().await;
    assert!(plain.is_err(), "{plain:?}");
    assert_eq!(https.client.get(&url).send().await.unwrap().status(), 200);
    // The end does not wait for the silent one, which is left alone.
    https.stop.send(()).unwrap();
    https.served.await.unwrap();
    assert!(TcpStream::connect(https.address).await.is_err());
    drop(https.client);
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(15), silent.read_to_end(&mut rest)).await;
    assert!(rest.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_asks_in_the_language_that_is_spoken() {
    let https = https().await;
    let ask = |tls: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
        command.arg("health").env_clear().env("BARKEEP__SERVER__BIND", https.address.to_string());
        if tls {
            command.env("BARKEEP__SERVER__TLS_CERT", &https.certificate);
            command.env("BARKEEP__SERVER__TLS_KEY", &https.key);
        }
        command.output().unwrap()
    };
    let output = ask(true);
    assert!(output.status.success(), "{output:?}");
    assert!(!ask(false).status.success());
    https.stop.send(()).unwrap();
    https.served.await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_is_none_stops_the_start_and_says_which() {
    for (certificate, key, says) in [
        ("Cargo.toml", "Cargo.toml", "server.tls_cert Cargo.toml has no certificate"),
        ("absent.pem", "absent.pem", "server.tls_cert absent.pem is no file of PEM"),
    ] {
        let settings = [("SERVER__TLS_CERT", certificate), ("SERVER__TLS_KEY", key)];
        let app = TestApp::with(Setup { settings: settings.to_vec().leak(), ..Setup::default() });
        let app = app.await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let served = serve(app.app.clone(), listener, Box::pin(std::future::pending())).await;
        let error = barkeep::error::chain(&served.unwrap_err());
        assert!(error.contains(says), "{error}");
    }
}
