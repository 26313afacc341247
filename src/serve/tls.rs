//! HTTPS: the daemon's certificate, and connections whose handshakes nobody else waits for.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::serve::Listener;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{config::TlsConfig, lifecycle::Lifecycle};

/// A client that takes longer has not meant it.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// So many at the same time; others wait in the queue of the system.
const HANDSHAKES: usize = 1_024;
/// Connections that are ready and not yet answered.
const READY: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("server.tls_cert {0} is no file of PEM certificates")]
    Certificate(PathBuf, #[source] pem::Error),
    #[error("server.tls_cert {0} has no certificate in it")]
    Empty(PathBuf),
    #[error("server.tls_key {0} is no file with a PEM private key")]
    Key(PathBuf, #[source] pem::Error),
    #[error("server.tls_cert and server.tls_key do not go together")]
    Pair(#[from] rustls::Error),
}

/// Certificate and key, read from their files.
pub(super) fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    let TlsConfig { certificate: path, key } = config;
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| TlsError::Certificate(path.clone(), error))?;
    if chain.is_empty() {
        return Err(TlsError::Empty(path.clone()));
    }
    let key =
        PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::Key(key.clone(), error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Gives connections in the order in which their handshakes end.
#[derive(Debug)]
pub(super) struct TlsListener {
    address: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl TlsListener {
    /// Listens until the program stops.
    pub(super) fn new(
        listener: TcpListener,
        acceptor: TlsAcceptor,
        lifecycle: &Lifecycle,
    ) -> io::Result<Self> {
        let (to, ready) = mpsc::channel(READY);
        let address = listener.local_addr()?;
        let stop = lifecycle.clone();
        lifecycle.spawn(async move {
            tokio::select! {
                () = stop.stopping() => {}
                () = shake_hands(listener, acceptor, to, &stop) => {}
            }
        });
        Ok(Self { address, ready })
    }
}

async fn shake_hands(
    mut listener: TcpListener,
    acceptor: TlsAcceptor,
    to: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
    lifecycle: &Lifecycle,
) {
    let places = Arc::new(Semaphore::new(HANDSHAKES));
    while let Ok(place) = places.clone().acquire_owned().await {
        let (stream, peer) = Listener::accept(&mut listener).await;
        let (acceptor, to) = (acceptor.clone(), to.clone());
        lifecycle.spawn_detached(async move {
            let done = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
            drop(place);
            match done {
                // Nobody takes it any more once the program stops.
                Ok(Ok(stream)) => _ = to.send((stream, peer)).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
