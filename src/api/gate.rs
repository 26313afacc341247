//! What every request passes before a route sees it: whether it was meant for this machine, whose
//! it is, whether its caller has had enough, and whether it is too large.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{AUTHORIZATION, CONTENT_LENGTH, HOST, ORIGIN, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use futures::FutureExt;

use super::{Problem, caller::Standing, extract::quoted, tables::rows};
use crate::{
    access::{Hosts, Refusal, Turn},
    app::App,
    config::AuthMode,
};

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The request with the standing of its caller, or the answer to one that is not let in.
pub(super) async fn admitted(app: &App, mut request: Request) -> Result<Request, Response> {
    admit(app, &request).map_err(IntoResponse::into_response)?;
    let standing = match claim(app, &request) {
        Claim::Standing(standing) => standing,
        Claim::Token(token) => standing_of(app, &token).await,
    };
    if let Some(refused) = out_of_turn(app, &request, &standing) {
        return Err(refused);
    }
    request.extensions_mut().insert(standing);
    Ok(request)
}

/// The same, unless the caller's key has to be looked up first; then nothing has happened.
pub(super) fn admitted_at_once(app: &App, request: &Request) -> Option<Result<Standing, Response>> {
    if let Err(problem) = admit(app, request) {
        return Some(Err(problem.into_response()));
    }
    let standing = match claim(app, request) {
        Claim::Standing(standing) => standing,
        Claim::Token(token) => standing_of(app, &token).now_or_never()?,
    };
    Some(out_of_turn(app, request, &standing).map_or(Ok(standing), Err))
}

/// The answer to whoever has had enough.
fn out_of_turn(app: &App, request: &Request, standing: &Standing) -> Option<Response> {
    match turn(app, request, standing) {
        Turn::Granted => None,
        Turn::Refused { retry_after } => Some(enough(app.access.limiter.per_second(), retry_after)),
    }
}

/// What can be said of a request without knowing whose it is.
fn admit(app: &App, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    if app.config.auth.mode == AuthMode::None {
        is_meant_for(&app.access.hosts, request)?;
    }
    if !request.method().is_safe() && is_from_elsewhere(headers) {
        let detail = "the request was sent by a page of another site";
        let problem = Problem::new(StatusCode::FORBIDDEN, "cross_site", detail);
        return Err(problem.fix("send it from a program, or from a page of this address"));
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length: Option<u64> = length.and_then(|length| length.parse().ok());
    let is_of_rows = request.extensions().get().is_some_and(rows::is_route);
    let (most, setting) = if is_of_rows {
        (app.config.server.max_rows_body, "server.max_rows_body")
    } else {
        (app.config.server.max_body, "server.max_body")
    };
    if length.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > most)) {
        return Err(too_long(most, setting));
    }
    Ok(())
}

/// The problem of whoever sends more than the setting allows.
pub(super) fn too_long(most: usize, setting: &str) -> Problem {
    let detail = format!("the body is longer than {most} bytes");
    let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail);
    problem.fix(&format!("send less at once, or raise {setting}"))
}

/// Every browser says whom it means to ask; a program that does not is none.
fn is_meant_for(hosts: &Hosts, request: &Request) -> Result<(), Problem> {
    let of_headers = request.headers().get_all(HOST).iter().map(HeaderValue::as_bytes);
    let of_uri = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    for host in of_headers.chain(of_uri) {
        let host = String::from_utf8_lossy(host);
        if !hosts.is_ours(&host) {
            return Err(unknown_host(&host));
        }
    }
    Ok(())
}

/// The problem of whoever means another machine.
pub(super) fn unknown_host(host: &str) -> Problem {
    let detail = format!("this is not {}", quoted(host));
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", detail).fix(
        "ask for localhost, or add the name to server.hosts; with auth.mode = \"keys\" any name will \
         do",
    )
}

/// Whether a browser sent it for a page of another site, by its own account.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    if let Some(site) = headers.get(SITE) {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let text = |name| headers.get(name).map(HeaderValue::as_bytes);
    let Some(origin) = text(ORIGIN) else { return false };
    let origin = origin.strip_prefix(b"http://").or(origin.strip_prefix(b"https://"));
    origin.is_none() || origin != text(HOST)
}

/// What a request says of itself.
#[derive(Debug)]
enum Claim {
    /// Nothing that has to be looked up.
    Standing(Standing),
    Token(String),
}

fn claim(app: &App, request: &Request) -> Claim {
    let auth = app.config.auth;
    let is_open = auth.open_metrics && request.uri().path() == "/metrics";
    if auth.mode == AuthMode::None || is_open {
        return Claim::Standing(Standing::Local);
    }
    let Some(given) = request.headers().get(AUTHORIZATION) else {
        return Claim::Standing(Standing::Stranger(None));
    };
    let Some(token) = given.to_str().ok().and_then(bearer) else {
        let wrong = "the authorization is not of the form Bearer bk_…".to_owned();
        return Claim::Standing(Standing::Stranger(Some(wrong)));
    };
    Claim::Token(token.to_owned())
}

async fn standing_of(app: &App, token: &str) -> Standing {
    match app.access.keyring.open(token).await {
        Ok(bearer) => Standing::Bearer(bearer),
        Err(Refusal::Unavailable) => Standing::Unknown,
        Err(refusal) => Standing::Stranger(Some(refusal.to_string())),
    }
}

pub(super) fn bearer(given: &str) -> Option<&str> {
    let (scheme, token) = given.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Who shares a bucket of the limiter.
#[derive(Debug, Hash)]
enum Spender<'a> {
    Key(&'a str),
    Address(IpAddr),
    /// Without a connection, as in tests.
    Somebody,
}

fn turn(app: &App, request: &Request, standing: &Standing) -> Turn {
    let peer = request.extensions().get::<ConnectInfo<Peer>>();
    let spender = match (standing, peer) {
        (Standing::Bearer(bearer), _) => Spender::Key(&bearer.name),
        (_, Some(ConnectInfo(Peer(peer)))) => Spender::Address(network(peer.ip())),
        (_, None) => Spender::Somebody,
    };
    app.access.limiter.take(spender, app.clock.now())
}

/// Whoever has one IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// The problem of whoever asks too much.
pub(super) fn too_many(per_second: u32) -> Problem {
    let detail = format!("more than {per_second} requests in a second");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
        .fix("wait as long as Retry-After says, or raise server.requests_per_second")
}

fn enough(per_second: u32, retry_after: i64) -> Response {
    let mut response = too_many(per_second).into_response();
    let said = [
        (RETRY_AFTER, retry_after.to_string()),
        (HeaderName::from_static("ratelimit"), format!("\"caller\";r=0;t={retry_after}")),
        (HeaderName::from_static("ratelimit-policy"), format!("\"caller\";q={per_second};w=1")),
    ];
    for (name, value) in said {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
