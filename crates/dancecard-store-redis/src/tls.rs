//! TLS, if the feature is on.

#[cfg(feature = "tls")]
pub(crate) use with::Tls;
#[cfg(not(feature = "tls"))]
pub(crate) use without::Tls;

#[cfg(feature = "tls")]
mod with {
    use std::fmt;
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;

    use dancecard_core::Result;
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

    use crate::config::Config;
    use crate::error::{Trouble, refuse};
    use crate::wire::Duplex;

    /// How connections are encrypted.
    #[derive(Clone)]
    pub(crate) struct Tls(TlsConnector);

    impl Tls {
        /// # Errors
        /// `Config` when a file is missing or holds something else, or there is nobody to trust.
        pub(crate) fn new(config: &Config) -> Result<Self> {
            let roots = match &config.tls_ca {
                Some(file) => trusted(certificates(file, "tls_ca")?, "tls_ca")?,
                None => trusted(rustls_native_certs::load_native_certs().certs, "the system")?,
            };
            // Named, so that it does not matter which others the application's crates bring.
            let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|_| refuse("TLS can't be set up"))?
                .with_root_certificates(roots);
            let settings = match (&config.tls_certificate, &config.tls_key) {
                (Some(certificate), Some(key)) => {
                    let chain = certificates(certificate, "tls_certificate")?;
                    builder
                        .with_client_auth_cert(chain, private_key(key)?)
                        .map_err(|_| refuse("tls_certificate and tls_key do not belong together"))?
                }
                _ => builder.with_no_client_auth(),
            };
            Ok(Self(TlsConnector::from(Arc::new(settings))))
        }

        pub(crate) async fn wrap(
            &self,
            host: &str,
            stream: TcpStream,
        ) -> std::result::Result<Box<dyn Duplex>, Trouble> {
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| Trouble::config("the host is no name that a certificate could have"))?;
            match self.0.connect(name, stream).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(untrusted(error)),
                Err(error) => Err(Trouble::from(error)),
            }
        }
    }

    fn untrusted(error: std::io::Error) -> Trouble {
        Trouble::config("no TLS with this server: it speaks none, or its certificate is not trusted")
            .with_cause(error)
    }

    fn certificates(file: &Path, setting: &'static str) -> Result<Vec<CertificateDer<'static>>> {
        let text = read(file, setting)?;
        let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        match found {
            Ok(found) if !found.is_empty() => Ok(found),
            _ => Err(refuse(format!("the file of {setting} holds no certificate in PEM"))),
        }
    }

    fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>> {
        let text = read(file, "tls_key")?;
        PrivateKeyDer::from_pem_slice(&text)
            .map_err(|_| refuse("the file of tls_key holds no private key in PEM"))
    }

    fn read(file: &Path, setting: &'static str) -> Result<Vec<u8>> {
        fs::read(file).map_err(|cause| {
            refuse(format!("the file of {setting} can't be read; it must exist")).with_source(cause)
        })
    }

    fn trusted(certificates: Vec<CertificateDer<'static>>, whose: &'static str) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(refuse(format!(
                "{whose} has no certificate to trust; set tls_ca to a file that has"
            )));
        }
        Ok(roots)
    }

    impl fmt::Debug for Tls {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Tls")
        }
    }
}

#[cfg(not(feature = "tls"))]
mod without {
    use dancecard_core::Result;
    use tokio::net::TcpStream;

    use crate::config::Config;
    use crate::error::{Trouble, refuse};
    use crate::wire::Duplex;

    /// Nothing that could exist.
    #[derive(Debug, Clone)]
    pub(crate) enum Tls {}

    impl Tls {
        pub(crate) fn new(_: &Config) -> Result<Self> {
            Err(refuse("this build has no TLS; build it with the feature `tls`"))
        }

        pub(crate) async fn wrap(
            &self,
            _: &str,
            _: TcpStream,
        ) -> std::result::Result<Box<dyn Duplex>, Trouble> {
            match *self {}
        }
    }
}
