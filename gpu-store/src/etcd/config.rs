//! [`EtcdConfig`]: where etcd is, and how it is asked.

use core::fmt;
use core::time::Duration;

use crate::error::{Error, ErrorKind};

/// Where etcd is, and how it is asked.
///
/// ```
/// use gpu_store::EtcdConfig;
/// let config = EtcdConfig::new("http://10.0.0.1:2379,http://10.0.0.2:2379")?.user("gpu", "s3cret");
/// assert_eq!(config.endpoints().count(), 2);
/// assert!(!format!("{config:?}").contains("s3cret"));
/// assert!(EtcdConfig::new("10.0.0.1:2379").is_err());
/// # Ok::<(), gpu_store::Error>(())
/// ```
#[derive(Clone)]
pub struct EtcdConfig {
    pub(super) endpoints: Vec<String>,
    pub(super) prefix: String,
    pub(super) user: Option<(String, String)>,
    pub(super) request: Duration,
    pub(super) patience: Duration,
    #[cfg(feature = "etcd-tls")]
    pub(super) tls: Tls,
}

/// What TLS goes by.
#[cfg(feature = "etcd-tls")]
#[derive(Clone, Default)]
pub(super) struct Tls {
    pub authorities: Option<ureq::tls::RootCerts>,
    pub client: Option<ureq::tls::ClientCert>,
}

impl EtcdConfig {
    /// How long one member is waited for, unless it is said otherwise.
    pub const REQUEST: Duration = Duration::from_secs(3);
    /// How long all of them are, unless it is said otherwise.
    pub const PATIENCE: Duration = Duration::from_secs(10);

    /// The members at these addresses, separated by commas: `http://HOST:PORT`, and with the feature
    /// `etcd-tls` `https://HOST:PORT`. They are asked in turn: the one that answered last, and when it
    /// does not the next. A name is resolved anew for each request; a number costs nothing.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for what is no such address.
    pub fn new(endpoints: &str) -> Result<Self, Error> {
        let endpoints = endpoints.split(',').map(|text| endpoint(text.trim())).collect::<Result<_, _>>()?;
        Ok(Self {
            endpoints,
            prefix: "gpu-store/".to_owned(),
            user: None,
            request: Self::REQUEST,
            patience: Self::PATIENCE,
            #[cfg(feature = "etcd-tls")]
            tls: Tls::default(),
        })
    }

    /// The same, with all keys below this one: printable ASCII that ends in `/`. Who uses another
    /// prefix sees other streams.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for what is no such prefix.
    pub fn prefix(self, prefix: &str) -> Result<Self, Error> {
        let is_plain = prefix.len() <= 256 && prefix.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain || !prefix.ends_with('/') {
            let detail = "a prefix is at most 256 printable characters without spaces, the last one a slash";
            return Err(Error::new(ErrorKind::Invalid, "etcd prefix", detail));
        }
        Ok(Self { prefix: prefix.to_owned(), ..self })
    }

    /// The same, as this user of etcd's. The password is shown by nothing here. Who switches on the
    /// messages of level *trace* of the crate `ureq_proto`, though, is shown all that is sent.
    #[must_use]
    pub fn user(self, name: &str, password: &str) -> Self {
        Self { user: Some((name.to_owned(), password.to_owned())), ..self }
    }

    /// The same, with so long for one member to be reached, to take what it is sent, and to answer,
    /// each, before the next is asked: at least a millisecond.
    #[must_use]
    pub fn request_timeout(self, limit: Duration) -> Self {
        Self { request: limit.max(Duration::from_millis(1)), ..self }
    }

    /// The same, with so long for all of them before a call gives up.
    #[must_use]
    pub fn patience(self, limit: Duration) -> Self {
        Self { patience: limit.max(Duration::from_millis(1)), ..self }
    }

    /// The same, trusting certificates of these authorities alone, given as PEM; otherwise those
    /// that browsers trust.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for text without a certificate.
    #[cfg(feature = "etcd-tls")]
    pub fn authorities(mut self, pem: &[u8]) -> Result<Self, Error> {
        self.tls.authorities = Some(certificates(pem)?.into());
        Ok(self)
    }

    /// The same, with a certificate of one's own, and its key, given as PEM. It opens the connection;
    /// which user of etcd's one is, the gateway does not take from it.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for text without a certificate or key.
    #[cfg(feature = "etcd-tls")]
    pub fn client_certificate(mut self, chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        // What the parser says of a key is not repeated.
        let key = ureq::tls::PrivateKey::from_pem(key)
            .map_err(|_| Error::new(ErrorKind::Invalid, "etcd client key", "no private key in PEM"))?;
        self.tls.client = Some(ureq::tls::ClientCert::new_with_certs(&certificates(chain)?, key));
        Ok(self)
    }

    /// True where a member's address is a number, so that no name has to be resolved.
    pub(super) fn is_number(&self, member: usize) -> bool {
        let authority = self.endpoints[member].split_once("://").map_or("", |(_, authority)| authority);
        authority.parse::<std::net::SocketAddr>().is_ok()
    }

    /// The members' addresses.
    pub fn endpoints(&self) -> impl ExactSizeIterator<Item = &str> {
        self.endpoints.iter().map(String::as_str)
    }
}

impl fmt::Debug for EtcdConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("EtcdConfig");
        out.field("endpoints", &self.endpoints).field("prefix", &self.prefix);
        out.field("user", &self.user.as_ref().map(|(name, _)| name));
        out.field("request_timeout", &self.request).field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// An address as it is asked: without a slash at its end. What is wrong is told without repeating it:
/// it may hold a password.
fn endpoint(text: &str) -> Result<String, Error> {
    let refuse = |detail: &str| Err(Error::new(ErrorKind::Invalid, "etcd address", detail));
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    match scheme {
        "http" => {}
        "https" if cfg!(feature = "etcd-tls") => {}
        "https" => return refuse("https needs the feature etcd-tls"),
        _ => return refuse("http://HOST:PORT or https://HOST:PORT is asked for"),
    }
    if authority.contains('@') {
        return refuse("user and password do not belong into an address");
    }
    let is_plain = authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]%".contains(&byte));
    let port = authority.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
    match port {
        Some((host, Ok(1..))) if !host.is_empty() && is_plain => Ok(format!("{scheme}://{authority}")),
        _ => refuse("http://HOST:PORT or https://HOST:PORT is asked for"),
    }
}

#[cfg(feature = "etcd-tls")]
fn certificates(pem: &[u8]) -> Result<Vec<ureq::tls::Certificate<'static>>, Error> {
    let of = |item| match item {
        Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    };
    let found: Vec<_> = ureq::tls::parse_pem(pem).filter_map(of).collect();
    if found.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "etcd certificate", "no certificate in PEM"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused_without_being_repeated() {
        for good in ["http://127.0.0.1:2379", "http://[::1]:2379/", "http://etcd-0.etcd.example:1"] {
            assert!(EtcdConfig::new(good).is_ok(), "{good}");
        }
        let bad = [
            "",
            "http://",
            "http://:2379",
            "http://host",
            "http://host:0",
            "http://host:65536",
            "ftp://host:1",
            "host:1",
            "http://host:1/v3",
            "http://host:1,",
            "http://us er:1",
            "http://root:pa55@host:1",
            "http://host:1,http://root:pa55@host:1",
        ];
        for bad in bad {
            let error = EtcdConfig::new(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
            assert!(!format!("{error} {error:?}").contains("pa55"), "{error}");
        }
        assert_eq!(EtcdConfig::new("https://host:1").is_ok(), cfg!(feature = "etcd-tls"));
    }

    #[test]
    fn prefixes_are_read_or_refused() {
        let config = EtcdConfig::new("http://host:1").unwrap();
        assert!(config.clone().prefix("/a/b/").is_ok());
        for bad in ["", "a", "a b/", "é/", &"x/".repeat(200)] {
            assert_eq!(config.clone().prefix(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
        }
    }
}
