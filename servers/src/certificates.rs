//! Certificates for servers that speak TLS, from an authority that exists for one server.

use std::io;

use crate::launch::Site;

/// Whom clients have to trust.
pub(crate) const AUTHORITY: &str = "authority.pem";
/// What the server shows.
pub(crate) const SERVER: &str = "server.pem";
/// What only the server has.
pub(crate) const KEY: &str = "server.key";
/// Both in one file, for servers that want it so.
pub(crate) const BOTH: &str = "server-and-key.pem";

/// Puts a certificate for `localhost` and `127.0.0.1` into the folder.
///
/// # Errors
/// When it can't be made or written.
#[cfg(feature = "tls")]
pub(crate) fn write(site: &Site) -> io::Result<()> {
    let [authority, server, key] = make().map_err(io::Error::other)?;
    site.write(AUTHORITY, &authority)?;
    site.write(SERVER, &server)?;
    site.write(KEY, &key)?;
    site.write(BOTH, &(server + &key)).map(|_| ())
}

/// Without its feature, no server has TLS.
///
/// # Errors
/// Always.
#[cfg(not(feature = "tls"))]
pub(crate) fn write(_site: &Site) -> io::Result<()> {
    Err(io::Error::other("this was built without the feature `tls`"))
}

#[cfg(feature = "tls")]
fn make() -> Result<[String; 3], rcgen::Error> {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    let mut authority = CertificateParams::new([])?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "an authority for tests");
    let key = KeyPair::generate()?;
    let certificate = authority.self_signed(&key)?.pem();
    let issuer = Issuer::new(authority, key);

    let mut server = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    server.distinguished_name.push(DnType::CommonName, "a server for tests");
    let key = KeyPair::generate()?;
    Ok([certificate, server.signed_by(&key, &issuer)?.pem(), key.serialize_pem()])
}
