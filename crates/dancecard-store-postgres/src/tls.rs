//! Talking to the server in TLS, by rustls.

#[cfg(feature = "tls")]
pub(crate) use within::Lazy;
#[cfg(not(feature = "tls"))]
pub(crate) use without::Lazy;

#[cfg(feature = "tls")]
mod within {
    use std::fmt;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ClientConfig, RootCertStore};
    use tokio::sync::OnceCell;
    use tokio_postgres_rustls::MakeRustlsConnect;

    use crate::config::Config;
    use crate::error::Failure;

    /// Reads the certificates when they are needed for the first time.
    pub(crate) struct Lazy {
        files: Files,
        connector: OnceCell<MakeRustlsConnect>,
    }

    #[derive(Clone)]
    struct Files {
        ca: Option<PathBuf>,
        identity: Option<(PathBuf, PathBuf)>,
    }

    impl Lazy {
        pub(crate) fn new(config: &Config) -> Self {
            let identity = config.tls_certificate.clone().zip(config.tls_key.clone());
            Self { files: Files { ca: config.tls_ca.clone(), identity }, connector: OnceCell::new() }
        }

        pub(crate) async fn connector(&self) -> Result<MakeRustlsConnect, Failure> {
            self.connector.get_or_try_init(|| self.read()).await.cloned()
        }

        async fn read(&self) -> Result<MakeRustlsConnect, Failure> {
            let files = self.files.clone();
            let read = tokio::task::spawn_blocking(move || files.read()).await;
            read.unwrap_or_else(|cause| Err(Failure::config("the certificates were not read").because(cause)))
        }
    }

    impl Files {
        fn read(&self) -> Result<MakeRustlsConnect, Failure> {
            let refused = |cause| Failure::config("the TLS settings don't go together").because(cause);
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let builder = ClientConfig::builder_with_provider(provider);
            let builder = builder.with_safe_default_protocol_versions().map_err(refused)?;
            let builder = builder.with_root_certificates(self.roots()?);
            let config = match &self.identity {
                None => builder.with_no_client_auth(),
                Some((cert, key)) => {
                    let key = PrivateKeyDer::from_pem_file(key)
                        .map_err(|cause| Failure::config("tls_key is not readable").because(cause))?;
                    builder
                        .with_client_auth_cert(certificates(cert, "tls_certificate is not readable")?, key)
                        .map_err(refused)?
                }
            };
            Ok(MakeRustlsConnect::new(config))
        }

        fn roots(&self) -> Result<RootCertStore, Failure> {
            let trusted = match &self.ca {
                Some(file) => certificates(file, "tls_ca is not readable")?,
                None => rustls_native_certs::load_native_certs().certs,
            };
            let mut roots = RootCertStore::empty();
            match roots.add_parsable_certificates(trusted) {
                (0, _) => Err(Failure::config("there is no certificate to trust; set tls_ca")),
                _ => Ok(roots),
            }
        }
    }

    fn certificates(file: &Path, remedy: &'static str) -> Result<Vec<CertificateDer<'static>>, Failure> {
        let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
        read.map_err(|cause| Failure::config(remedy).because(cause))
    }

    impl fmt::Debug for Lazy {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Tls").finish_non_exhaustive()
        }
    }
}

#[cfg(not(feature = "tls"))]
mod without {
    use tokio_postgres::NoTls;

    use crate::config::Config;
    use crate::error::Failure;

    /// What stands here when the crate is built without TLS. The configuration is refused before it is asked.
    #[derive(Debug)]
    pub(crate) struct Lazy;

    impl Lazy {
        pub(crate) fn new(_: &Config) -> Self {
            Self
        }

        pub(crate) async fn connector(&self) -> Result<NoTls, Failure> {
            Err(Failure::config("tls needs the feature `tls` of this crate"))
        }
    }
}
