//! Talking to the server in TLS, by rustls.

#[cfg(feature = "tls")]
pub(crate) use within::Lazy;
#[cfg(not(feature = "tls"))]
pub(crate) use without::Lazy;

#[cfg(feature = "tls")]
mod within {
    use std::fmt;
    use std::path::{Path, PathBuf};

    use mysql_async::{ClientIdentity, Opts, OptsBuilder, SslOpts};
    use rustls::RootCertStore;
    use rustls::crypto::{CryptoProvider, ring};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::sync::OnceCell;

    use crate::config::Config;
    use crate::error::Failure;

    /// Reads the certificates when they are needed for the first time.
    pub(crate) struct Lazy {
        files: Files,
        options: OnceCell<SslOpts>,
    }

    #[derive(Clone)]
    struct Files {
        ca: Option<PathBuf>,
        identity: Option<(PathBuf, PathBuf)>,
    }

    impl Lazy {
        pub(crate) fn new(config: &Config) -> Self {
            let identity = config.tls_certificate.clone().zip(config.tls_key.clone());
            Self { files: Files { ca: config.tls_ca.clone(), identity }, options: OnceCell::new() }
        }

        pub(crate) async fn set(&self, options: OptsBuilder) -> Result<Opts, Failure> {
            let tls = self.options.get_or_try_init(|| self.read()).await?;
            Ok(options.ssl_opts(tls.clone()).into())
        }

        async fn read(&self) -> Result<SslOpts, Failure> {
            let files = self.files.clone();
            let read = tokio::task::spawn_blocking(move || files.read()).await;
            read.unwrap_or_else(|cause| Err(Failure::config("the certificates were not read").because(cause)))
        }
    }

    impl Files {
        fn read(&self) -> Result<SslOpts, Failure> {
            choose_provider();
            let trusted = match &self.ca {
                Some(file) => certificates(file, "tls_ca is not readable")?,
                None => rustls_native_certs::load_native_certs().certs,
            };
            let usable = |cert: &CertificateDer<'_>| RootCertStore::empty().add(cert.clone()).is_ok();
            let roots = trusted.into_iter().filter(usable).map(|cert| cert.to_vec().into());
            let roots: Vec<_> = roots.collect();
            if roots.is_empty() {
                return Err(Failure::config("there is no certificate to trust; set tls_ca"));
            }
            let options = SslOpts::default().with_disable_built_in_roots(true).with_root_certs(roots);
            Ok(options.with_client_identity(self.identity()?))
        }

        fn identity(&self) -> Result<Option<ClientIdentity>, Failure> {
            let Some((cert, key)) = &self.identity else { return Ok(None) };
            // Read here to see whether they can be, and by the client for each connection.
            PrivateKeyDer::from_pem_file(key)
                .map_err(|cause| Failure::config("tls_key is not readable").because(cause))?;
            certificates(cert, "tls_certificate is not readable")?;
            Ok(Some(ClientIdentity::new(cert.clone().into(), key.clone().into())))
        }
    }

    /// The client takes the process's own cryptography and panics if it can't tell which that is, as when crates of the
    /// application bring several. What the application chose stays.
    fn choose_provider() {
        if CryptoProvider::get_default().is_none() {
            // Somebody else may just have done it.
            let _ = ring::default_provider().install_default();
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
    use mysql_async::{Opts, OptsBuilder};

    use crate::config::Config;
    use crate::error::Failure;

    /// What stands here when the crate is built without TLS. The configuration is refused before it is asked.
    #[derive(Debug)]
    pub(crate) struct Lazy;

    impl Lazy {
        pub(crate) fn new(_: &Config) -> Self {
            Self
        }

        pub(crate) async fn set(&self, _: OptsBuilder) -> Result<Opts, Failure> {
            Err(Failure::config("tls needs the feature `tls` of this crate"))
        }
    }
}
