//! [`Client`]: one call to whichever member answers.

use core::time::Duration;
use std::io::BufReader;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::config::EtcdConfig;
use super::trouble::{Refused, Sort, Trouble};
use super::wire::{self, Authenticate, Authenticated};

/// Longest answer that is read.
const LONGEST_ANSWER: u64 = 64 << 20;
/// Between two rounds of asking all members.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How often a call gets a new token before it is given up.
const MOST_TOKENS: u32 = 3;

/// What asks etcd.
pub(super) struct Client {
    agent: ureq::Agent,
    config: EtcdConfig,
    /// Which member answered last.
    preferred: AtomicUsize,
    token: Mutex<Token>,
}

/// By what this user is known to etcd.
#[derive(Clone)]
enum Token {
    /// Not asked for yet, or no good any more.
    Missing,
    /// None is wanted: there is no user, or etcd knows none.
    Needless,
    Known(String),
}

/// An answer, and whether an earlier one to the same call was lost.
pub(super) struct Said<T> {
    pub answer: T,
    pub was_lost: bool,
}

impl Client {
    pub fn new(config: EtcdConfig) -> Self {
        let settings = ureq::Agent::config_builder()
            // No environment variable decides where a ledger is kept.
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("gpu-store/", env!("CARGO_PKG_VERSION")));
        #[cfg(feature = "etcd-tls")]
        let settings = settings.tls_config({
            let tls = ureq::tls::TlsConfig::builder().client_cert(config.tls.client.clone());
            match config.tls.authorities.clone() {
                Some(authorities) => tls.root_certs(authorities).build(),
                None => tls.build(),
            }
        });
        let token = if config.user.is_some() { Token::Missing } else { Token::Needless };
        Self {
            agent: settings.build().new_agent(),
            config,
            preferred: AtomicUsize::new(0),
            token: Mutex::new(token),
        }
    }

    pub const fn config(&self) -> &EtcdConfig {
        &self.config
    }

    /// Where it asks, for errors.
    pub fn place(&self) -> String {
        self.config.endpoints.join(",")
    }

    /// Asks one member after the other until one answers, the same thing each time.
    pub fn call<T: DeserializeOwned>(&self, path: &str, ask: &impl Serialize) -> Result<Said<T>, Trouble> {
        self.call_within(self.config.patience, path, ask)
    }

    /// The same, for no longer than this.
    pub fn call_within<T: DeserializeOwned>(
        &self,
        limit: Duration,
        path: &str,
        ask: &impl Serialize,
    ) -> Result<Said<T>, Trouble> {
        let body = body(ask)?;
        let deadline = Instant::now() + limit.min(self.config.patience);
        let (mut lost, mut why) = (None, "no member was asked".to_owned());
        let (mut tokens, mut pause, mut asked) = (0, FIRST_PAUSE, 0);
        loop {
            let Some(left) = left(deadline) else {
                return Err(lost.map_or(Trouble::Unsent(why), Trouble::Lost));
            };
            let member = self.preferred.load(Ordering::Relaxed) % self.config.endpoints.len();
            let trouble = match self.once(member, path, &body, left.min(self.config.request)) {
                Ok(answer) => return Ok(Said { answer, was_lost: lost.is_some() }),
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::Refused(refused) => match refused.sort() {
                    Sort::Token if self.config.user.is_some() && tokens < MOST_TOKENS => {
                        tokens += 1;
                        self.set_token(Token::Missing);
                        continue;
                    }
                    Sort::Passing => lost = Some(refused.message),
                    Sort::Busy => why = refused.message,
                    // What was lost before may have happened all the same.
                    Sort::Token | Sort::Final(_) => {
                        return Err(match lost {
                            Some(lost) => Trouble::Lost(format!("{lost}; then: {}", refused.message)),
                            None => Trouble::Refused(refused),
                        });
                    }
                },
                Trouble::Lost(reason) => lost = Some(reason),
                Trouble::Unsent(reason) => why = reason,
                Trouble::Overlong => return Err(Trouble::Overlong),
            }
            let next = (member + 1) % self.config.endpoints.len();
            let _ = self.preferred.compare_exchange(member, next, Ordering::Relaxed, Ordering::Relaxed);
            asked += 1;
            if asked % self.config.endpoints.len() == 0 {
                std::thread::sleep(self::left(deadline).unwrap_or_default().min(pause));
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Opens a stream of answers, of the member that answered last, for no longer than this.
    pub fn stream(
        &self,
        limit: Duration,
        path: &str,
        ask: &impl Serialize,
    ) -> Result<BufReader<ureq::BodyReader<'static>>, Trouble> {
        let body = body(ask)?;
        let member = self.preferred.load(Ordering::Relaxed) % self.config.endpoints.len();
        let response = self.send(member, path, &body, limit)?;
        if !response.status().is_success() {
            return Err(refusal(response));
        }
        Ok(BufReader::new(response.into_body().into_reader()))
    }

    /// Asks one member once.
    fn once<T: DeserializeOwned>(
        &self,
        member: usize,
        path: &str,
        body: &[u8],
        limit: Duration,
    ) -> Result<T, Trouble> {
        let mut response = self.send(member, path, body, limit)?;
        if !response.status().is_success() {
            return Err(refusal(response));
        }
        let bytes = match response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_vec() {
            Err(ureq::Error::BodyExceedsLimit(_)) => return Err(Trouble::Overlong),
            Err(error) => return Err(Trouble::Lost(error.to_string())),
            Ok(bytes) => bytes,
        };
        wire::read(&bytes).map_err(|error| Trouble::Lost(format!("an answer that cannot be read: {error}")))
    }

    fn send(
        &self,
        member: usize,
        path: &str,
        body: &[u8],
        limit: Duration,
    ) -> Result<ureq::http::Response<ureq::Body>, Trouble> {
        let token = self.token(member, limit)?;
        self.post(member, path, token.as_deref(), body, limit)
    }

    fn post(
        &self,
        member: usize,
        path: &str,
        token: Option<&str>,
        body: &[u8],
        limit: Duration,
    ) -> Result<ureq::http::Response<ureq::Body>, Trouble> {
        let endpoint = &self.config.endpoints[member];
        let request = self.agent.post(format!("{endpoint}/v3/{path}")).config();
        let connect = Some(limit.min(self.config.request));
        // Not the time of the whole: ureq then resolves in a thread of its own, at every request and
        // even what is a number.
        let request =
            request.timeout_connect(connect).timeout_send_request(connect).timeout_send_body(connect);
        let request = request.timeout_recv_response(Some(limit)).timeout_recv_body(Some(limit));
        let resolve = connect.filter(|_| !self.config.is_number(member));
        let request = request.timeout_resolve(resolve).build();
        let request = request.header("Content-Type", "application/json");
        let request = match token {
            Some(token) => request.header("Authorization", token),
            None => request,
        };
        request.send(body).map_err(|error| match Trouble::from(&error) {
            Trouble::Unsent(why) => Trouble::Unsent(format!("{endpoint}: {why}")),
            Trouble::Lost(why) => Trouble::Lost(format!("{endpoint}: {why}")),
            other => other,
        })
    }

    /// The token of the user, had anew where there is none.
    fn token(&self, member: usize, limit: Duration) -> Result<Option<String>, Trouble> {
        let known = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (known, &self.config.user) {
            (Token::Known(token), _) => Ok(Some(token)),
            (Token::Missing, Some((name, password))) => {
                let token = self.authenticate(member, limit, name, password)?;
                self.set_token(token.clone().map_or(Token::Needless, Token::Known));
                Ok(token)
            }
            _ => Ok(None),
        }
    }

    fn authenticate(
        &self,
        member: usize,
        limit: Duration,
        name: &str,
        password: &str,
    ) -> Result<Option<String>, Trouble> {
        let body = body(&Authenticate { name, password })?;
        // What this was for has not been sent yet.
        let unsent = |trouble| match trouble {
            Trouble::Lost(why) => Trouble::Unsent(why),
            other => other,
        };
        let mut response = self.post(member, "auth/authenticate", None, &body, limit).map_err(unsent)?;
        if !response.status().is_success() {
            return match refusal(response) {
                Trouble::Refused(refused) if refused.message.contains("authentication is not enabled") => {
                    Ok(None)
                }
                Trouble::Refused(refused) if refused.sort() == Sort::Passing => {
                    Err(Trouble::Unsent(refused.message))
                }
                trouble => Err(unsent(trouble)),
            };
        }
        let bytes = response.body_mut().read_to_vec().map_err(|error| Trouble::Unsent(error.to_string()))?;
        // What cannot be read is not repeated: it may be a token.
        let answer: Result<Authenticated, _> = wire::read(&bytes);
        let unread = |_| Trouble::Unsent("an answer without a token".to_owned());
        answer.map(|answer| Some(answer.token)).map_err(unread)
    }

    fn set_token(&self, token: Token) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }
}

fn body(ask: &impl Serialize) -> Result<Vec<u8>, Trouble> {
    // Plain structures of texts and numbers always have a JSON form.
    serde_json::to_vec(ask).map_err(|error| Trouble::Unsent(error.to_string()))
}

fn left(deadline: Instant) -> Option<Duration> {
    deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
}

/// What an answer that is none says.
fn refusal(mut response: ureq::http::Response<ureq::Body>) -> Trouble {
    /// Longer is no message of etcd's.
    const LONGEST: u64 = 64 << 10;
    let status = response.status().as_u16();
    let bytes = response.body_mut().with_config().limit(LONGEST).read_to_vec().unwrap_or_default();
    match wire::read::<wire::Refusal>(&bytes) {
        Ok(wire::Refusal { code, message, error }) if !message.is_empty() || !error.is_empty() => {
            Trouble::Refused(Refused { code, message: if message.is_empty() { error } else { message } })
        }
        // Something between here and etcd.
        _ if status >= 500 => Trouble::Lost(format!("HTTP status {status}")),
        _ => Trouble::Refused(Refused {
            code: 0,
            message: format!("HTTP status {status}, and nothing that etcd would say"),
        }),
    }
}
