//! [`Answers`]: what each request gets.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gpu_accounting::openmetrics::Format;
use http_body_util::Full;
use hyper::header::{ACCEPT, ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};

use crate::account::Account;

type Answer = Response<Full<Bytes>>;

const INDEX: &str = "gpu-exporter: /metrics for Prometheus, /healthz for whoever restarts it\n";

pub struct Answers {
    pub account: Arc<Account>,
    /// Who reads metrics has to send this.
    pub token: Option<String>,
    /// A look that is older than this is no sign of health; `None` when no more looks are to come.
    pub stale: Option<Duration>,
}

impl Answers {
    pub fn to<B>(&self, request: &Request<B>) -> Answer {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match request.uri().path() {
            "/metrics" if !self.is_allowed(request) => {
                let mut answer = plain(StatusCode::UNAUTHORIZED, "a bearer token is asked for\n");
                answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                answer
            }
            "/metrics" => self.metrics(request),
            "/healthz" => self.health(),
            "/" => plain(StatusCode::OK, INDEX),
            _ => plain(StatusCode::NOT_FOUND, "there are /metrics and /healthz\n"),
        }
    }

    fn is_allowed<B>(&self, request: &Request<B>) -> bool {
        let Some(token) = &self.token else { return true };
        let sent = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent = sent.and_then(|value| value.split_once(' '));
        sent.is_some_and(|(scheme, sent)| {
            scheme.eq_ignore_ascii_case("bearer") && is_same(sent.trim(), token)
        })
    }

    fn metrics<B>(&self, request: &Request<B>) -> Answer {
        let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
        let format = Format::accepted(accept);
        let Some(page) = self.account.page(format) else {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "no look at the GPUs is done yet\n");
        };
        with_type(StatusCode::OK, format.content_type(), page)
    }

    /// Healthy while looks go on, whatever they find.
    fn health(&self) -> Answer {
        match (self.account.age(), self.stale) {
            (None, _) => plain(StatusCode::SERVICE_UNAVAILABLE, "no look at the GPUs is done yet\n"),
            (Some(age), Some(stale)) if age > stale => {
                plain(StatusCode::SERVICE_UNAVAILABLE, "the last look at the GPUs is too long ago\n")
            }
            (Some(_), _) => plain(StatusCode::OK, "ok\n"),
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    with_type(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn with_type(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// Whether two texts are the same, in a time that does not tell where they differ.
fn is_same(one: &str, other: &str) -> bool {
    let differ = one.bytes().zip(other.bytes()).fold(0, |differ, (one, other)| differ | (one ^ other));
    one.len() == other.len() && differ == 0
}
