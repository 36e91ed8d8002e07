//! etcd through TLS: certificates of an authority of one's own, made by OpenSSL.

#[path = "support/etcd.rs"]
mod etcd;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use etcd::Etcd;
use gpu_core::ledger::Position;
use gpu_store::{Append, ErrorKind, EtcdConfig, EtcdJournal, Journal, Stream};

/// An authority with certificates of a server on the loopback and of a client.
struct Authority(PathBuf);

impl Authority {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("gpu-store-tls-{}-{count}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let authority = Self(folder);
        authority.openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority",
        );
        // The gateway asks etcd with the server's certificate: it has to be a client's, too.
        authority.signed("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n");
        authority.signed("client", "extendedKeyUsage=clientAuth\n");
        authority
    }

    fn signed(&self, name: &str, extensions: &str) {
        fs::write(self.0.join("ext"), extensions).unwrap();
        self.openssl(&format!(
            "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        let sign = "x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext";
        self.openssl(&format!("{sign} -in {name}.csr -out {name}.pem"));
    }

    fn openssl(&self, words: &str) {
        let output = Command::new("openssl").args(words.split(' ')).current_dir(&self.0).output();
        let output = output.expect("openssl is installed");
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(authority: &Authority, clients: bool) -> Etcd {
    let files = |_: &Path| {
        let mut words = vec![
            "--cert-file".to_owned(),
            authority.file("server.pem"),
            "--key-file".to_owned(),
            authority.file("server.key"),
        ];
        if clients {
            // The one alone would ask for certificates, too.
            words.extend(["--client-cert-auth".into(), "--trusted-ca-file".into(), authority.file("ca.pem")]);
        }
        words
    };
    Etcd::start_with("https", files)
}

fn config(etcd: &Etcd) -> EtcdConfig {
    EtcdConfig::new(&etcd.url()).unwrap().patience(Duration::from_secs(20))
}

fn works(config: EtcdConfig) {
    let journal = EtcdJournal::open(config).unwrap();
    let stream = Stream::ledger("node-1".parse().unwrap());
    let done = journal.append(&stream, Position(0), &[b"a"]).unwrap();
    assert_eq!(done, Append::Appended { last: Position(1) });
    assert_eq!(journal.wait(&stream, Position(0), Duration::from_secs(5)).unwrap(), Position(1));
}

/// Refused before anything is sent: no password goes to somebody else.
fn refused(config: EtcdConfig) {
    let config = config.user("gpu", "s3cret").patience(Duration::from_secs(3));
    let error = EtcdJournal::open(config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
}

#[test]
#[ignore = "needs etcd and openssl: .ci/run installs them"]
fn a_server_is_known_by_its_authority() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let etcd = start(&authority, false);
    works(config(&etcd).authorities(&authority.read("ca.pem")).unwrap());
    refused(config(&etcd).authorities(&stranger.read("ca.pem")).unwrap());
    // The authorities of browsers know nothing of it.
    refused(config(&etcd));
    // Without TLS nobody is spoken to.
    refused(EtcdConfig::new(&etcd.url().replace("https", "http")).unwrap());
}

#[test]
#[ignore = "needs etcd and openssl: .ci/run installs them"]
fn a_client_is_known_by_its_certificate() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let etcd = start(&authority, true);
    let plain = || config(&etcd).authorities(&authority.read("ca.pem")).unwrap();
    let with =
        |of: &Authority| plain().client_certificate(&of.read("client.pem"), &of.read("client.key")).unwrap();
    works(with(&authority));
    refused(plain());
    refused(with(&stranger));
}

#[test]
fn what_is_no_certificate_or_key_is_refused_without_being_repeated() {
    let config = EtcdConfig::new("https://127.0.0.1:1").unwrap();
    let key = b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0IGtleQ==\n-----END PRIVATE KEY-----\n";
    for (chain, key) in [(&b""[..], &key[..]), (b"no certificate", key), (key, b"")] {
        let error = config.clone().client_certificate(chain, key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!format!("{error:?}").contains("c2Vj"), "{error:?}");
    }
    assert_eq!(config.authorities(b"").unwrap_err().kind(), ErrorKind::Invalid);
}
