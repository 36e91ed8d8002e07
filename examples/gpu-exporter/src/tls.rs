//! [`Tls`]: encrypted connections, where the build has them.

#[cfg(feature = "tls")]
pub use with::Tls;
#[cfg(not(feature = "tls"))]
pub use without::Tls;

#[cfg(feature = "tls")]
mod with {
    use std::io;
    use std::path::Path;
    use std::sync::Arc;

    use tokio::io::{AsyncRead, AsyncWrite};
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio_rustls::server::TlsStream;

    /// Encrypts connections with one certificate.
    #[derive(Clone)]
    pub struct Tls(TlsAcceptor);

    impl Tls {
        /// Reads certificate chain and key.
        pub fn open(certificate: &Path, key: &Path) -> Result<Self, String> {
            let at = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let chain =
                CertificateDer::pem_file_iter(certificate).map_err(|error| at(certificate, &error))?;
            let chain = chain.collect::<Result<Vec<_>, _>>().map_err(|error| at(certificate, &error))?;
            let private = PrivateKeyDer::from_pem_file(key).map_err(|error| at(key, &error))?;
            let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
                .map_err(|error| at(certificate, &error))?;
            Ok(Self(TlsAcceptor::from(Arc::new(config))))
        }

        pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
            self.0.accept(stream).await
        }
    }
}

#[cfg(not(feature = "tls"))]
mod without {
    use std::io;
    use std::path::Path;

    use tokio::io::{AsyncRead, AsyncWrite};

    /// There is none in this build.
    #[derive(Clone)]
    pub enum Tls {}

    impl Tls {
        pub fn open(_: &Path, _: &Path) -> Result<Self, String> {
            Err("this build has no TLS".to_owned())
        }

        #[allow(clippy::unused_async)] // as the other
        pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, _: S) -> io::Result<S> {
            match *self {}
        }
    }
}
