//! The daemon's API from outside: one HTTP client, its key, and what a refusal means.

mod error;
mod key;

use std::{io::Write, time::Duration};

use bytes::Bytes;
use reqwest::{
    Method, RequestBuilder, Response, StatusCode, header::RETRY_AFTER, redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::{Host, Url};
use uuid::Uuid;

pub use self::{
    error::{ClientError, Refusal},
    key::find_key,
};
use crate::error::chain;

/// Who does not take the connection in this time is not there.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Longer than the daemon itself lets a request take.
const PATIENCE: Duration = Duration::from_mins(1);
/// For what is long.
const LONG_PATIENCE: Duration = Duration::from_hours(1);
/// Between the attempts of a command that may be repeated.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// What is asked for, behind the path.
pub type Query = [(&'static str, String)];

/// Speaks to one daemon, with one key.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    server: Url,
    key: Option<SecretString>,
}

/// What the daemon said, as it said it and as it is read.
#[derive(Debug)]
pub struct Answer {
    pub text: String,
    pub value: Value,
}

/// An answer under way.
#[derive(Debug)]
pub struct Pieces<'a> {
    client: &'a Client,
    answer: Response,
}

impl Pieces<'_> {
    /// `None` at its end. An answer that is broken off is an error.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        self.answer.chunk().await.map_err(|error| self.client.unreachable(error))
    }
}

impl Client {
    /// Asks nobody yet.
    pub fn new(server: &str, key: Option<SecretString>) -> Result<Self, ClientError> {
        let server = address(server)?;
        #[expect(clippy::disallowed_methods, reason = "asks the daemon, not a provider")]
        let builder = reqwest::Client::builder();
        let builder = builder
            .connect_timeout(CONNECT_PATIENCE)
            .timeout(PATIENCE)
            // A key goes to whom it was meant for, and to nobody that one points to.
            .redirect(Policy::none());
        // A proxy that is set for the world is not asked for the neighbour.
        let builder = if is_here(&server) { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(|error| ClientError::Unusable {
            what: format!("no HTTP client can be made here: {}", chain(&error)),
            fix: "see that the TLS roots of this machine can be read",
        })?;
        Ok(Self { http, server, key })
    }

    pub async fn get(&self, path: &[&str], query: &Query) -> Result<Answer, ClientError> {
        self.send(Method::GET, self.asking(path, query), |request| request).await
    }

    /// Sent once: what became of it is not known if the connection is lost.
    pub async fn post(&self, path: &[&str], body: &Value) -> Result<Answer, ClientError> {
        self.send(Method::POST, self.url(path), |request| with_body(request, body)).await
    }

    /// Has something created, once, even if the connection is lost: the same intent is sent again
    /// under the same key, and the daemon answers with what it created the first time.
    pub async fn create(&self, path: &[&str], body: &Value) -> Result<Answer, ClientError> {
        let intent = Uuid::now_v7().to_string();
        let complete = |request| with_body(request, body);
        self.send_once(self.url(path), &intent, complete).await
    }

    /// Has the bytes, which are of that media type, taken in once, as `create` does.
    pub async fn upload(
        &self,
        path: &[&str],
        query: &Query,
        (kind, bytes): (&str, Bytes),
        intent: &str,
    ) -> Result<Answer, ClientError> {
        let complete = |request| with_bytes(request, kind, &bytes);
        self.send_once(self.asking(path, query), intent, complete).await
    }

    async fn send_once(
        &self,
        url: Url,
        intent: &str,
        complete: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, ClientError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let with_intent =
                |request: RequestBuilder| complete(request).header("idempotency-key", intent);
            let answer = self.send(Method::POST, url.clone(), with_intent).await;
            match (answer, pauses.next()) {
                (Err(error), Some(pause)) if error.is_passing() => tokio::time::sleep(pause).await,
                (answer, _) => return answer,
            }
        }
    }

    pub async fn put(&self, path: &[&str], body: &Value) -> Result<Answer, ClientError> {
        self.send(Method::PUT, self.url(path), |request| with_body(request, body)).await
    }

    pub async fn delete(&self, path: &[&str], query: &Query) -> Result<Answer, ClientError> {
        self.send(Method::DELETE, self.asking(path, query), |request| request).await
    }

    /// Has the answer to a body written to `out` as it comes, in whichever form it is.
    pub async fn download(
        &self,
        path: &[&str],
        query: &Query,
        body: &Value,
        out: &mut (dyn Write + Send),
    ) -> Result<(), ClientError> {
        let complete = |request| with_body(request, body).timeout(LONG_PATIENCE);
        let url = self.asking(path, query);
        let answer = self.answered(Method::POST, url, complete).await?;
        let mut pieces = Pieces { client: self, answer };
        while let Some(piece) = pieces.next().await? {
            out.write_all(&piece).map_err(ClientError::Unwritten)?;
        }
        out.flush().map_err(ClientError::Unwritten)
    }

    /// The whole answer to bytes of that media type, in whichever form it is.
    pub async fn exchange(
        &self,
        path: &[&str],
        query: &Query,
        (kind, bytes): (&str, Bytes),
    ) -> Result<Bytes, ClientError> {
        let complete = |request| with_bytes(request, kind, &bytes);
        let answer = self.answered(Method::POST, self.asking(path, query), complete).await?;
        answer.bytes().await.map_err(|error| self.unreachable(error))
    }

    /// The answer to a question as it comes, in whichever form it is.
    pub async fn stream(&self, path: &[&str], query: &Query) -> Result<Pieces<'_>, ClientError> {
        let complete = |request: RequestBuilder| request.timeout(LONG_PATIENCE);
        let answer = self.answered(Method::GET, self.asking(path, query), complete).await?;
        Ok(Pieces { client: self, answer })
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn asking(&self, path: &[&str], query: &Query) -> Url {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, ClientError> {
        let answer = self.answered(method, url, complete).await?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| self.unreachable(error))?;
        let text = self.redacted(&String::from_utf8_lossy(&body));
        if status == StatusCode::NO_CONTENT || text.is_empty() {
            return Ok(Answer { text: Value::Null.to_string(), value: Value::Null });
        }
        match serde_json::from_str(&text) {
            Ok(value) => Ok(Answer { text, value }),
            Err(error) => Err(self.unreadable(error.to_string())),
        }
    }

    /// An answer that is no refusal.
    async fn answered(
        &self,
        method: Method,
        url: Url,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, ClientError> {
        let request = complete(self.http.request(method, url));
        let request = match &self.key {
            Some(key) => request.bearer_auth(key.expose_secret()),
            None => request,
        };
        let answer = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let may_pass = answer.headers().contains_key(RETRY_AFTER);
        let body = answer.bytes().await.map_err(|error| self.unreachable(error))?;
        let text = self.redacted(&String::from_utf8_lossy(&body));
        let refusal = Refusal::read(status, may_pass, self.key.is_some(), &text);
        Err(ClientError::Refused(Box::new(refusal)))
    }

    /// An answer that makes no sense to whoever asked.
    pub fn unreadable(&self, reason: String) -> ClientError {
        ClientError::Unreadable { server: self.server.to_string(), reason }
    }

    fn unreachable(&self, error: reqwest::Error) -> ClientError {
        let reason = self.redacted(&chain(&error.without_url()));
        ClientError::Unreachable { server: self.server.to_string(), reason }
    }

    /// Whoever repeats our key must not have it printed.
    fn redacted(&self, text: &str) -> String {
        match &self.key {
            Some(key) => text.replace(key.expose_secret(), "[key]"),
            None => text.to_owned(),
        }
    }
}

fn with_body(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

fn with_bytes(request: RequestBuilder, kind: &str, bytes: &Bytes) -> RequestBuilder {
    request.header("content-type", kind).body(bytes.clone()).timeout(LONG_PATIENCE)
}

/// The text is not repeated: whoever writes a password into it shall not read it in a log.
fn address(text: &str) -> Result<Url, ClientError> {
    let unusable = |what: &str| ClientError::Unusable {
        what: format!("the server's address {what}"),
        fix: "write --server or BARKEEP_SERVER like https://barkeep.example:8380",
    };
    let url: Url = text.trim().parse().map_err(|_| unusable("is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(unusable("is not one of http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable("holds a name or a password; a key goes into --key-file"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(unusable("has a query or a fragment"));
    }
    Ok(url)
}

fn is_here(server: &Url) -> bool {
    match server.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
