//! An S3 server on this machine. Its conditional PUT is atomic, or on request as careless as that of
//! stores that are not fit for a lake.

use std::{net::SocketAddr, sync::Arc};

use hyper::{Method, Request, body::Incoming, header::IF_NONE_MATCH, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Mutex};

pub(crate) const KEY_ID: &str = "keeper";
pub(crate) const SECRET: &str = "of-the-bar";

pub(crate) struct Bucket {
    pub(crate) address: SocketAddr,
    /// What it holds, as files below the name of the bucket.
    pub(crate) folder: TempDir,
}

impl Bucket {
    pub(crate) const NAME: &str = "lake";

    pub(crate) async fn start(is_atomic: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(Self::NAME)).unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let turn = Arc::new(Mutex::new(()));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (service, turn) = (service.clone(), turn.clone());
                let answer = service_fn(move |request: Request<Incoming>| {
                    let (service, turn) = (service.clone(), turn.clone());
                    async move {
                        let is_conditional = request.headers().contains_key(IF_NONE_MATCH)
                            && [Method::PUT, Method::POST].contains(request.method());
                        // The server looks whether an object is there, and then writes it.
                        let is_alone = is_conditional && is_atomic;
                        let _turn = if is_alone { Some(turn.lock().await) } else { None };
                        service.call(request.map(s3s::Body::from)).await
                    }
                });
                tokio::spawn(async move {
                    let connections = Builder::new(TokioExecutor::new());
                    connections.serve_connection(TokioIo::new(stream), answer).await.ok();
                });
            }
        });
        Self { address, folder }
    }

    /// Settings of a lake below `prefix`, by the names of environment variables without their prefix.
    pub(crate) fn settings(&self, prefix: &str) -> Vec<(&'static str, String)> {
        vec![
            ("LAKE__URL", format!("s3://{}/{prefix}", Self::NAME)),
            ("LAKE__S3__ENDPOINT", format!("http://{}", self.address)),
            ("LAKE__S3__REGION", "eu-central-1".to_owned()),
            ("LAKE__S3__ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("LAKE__S3__SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }
}
