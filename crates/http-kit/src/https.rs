//! Connections to other servers.

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;

/// Connects by HTTP or HTTPS, with the certificate authorities that the machine trusts. Where it has none, only plain HTTP works, and
/// each request by HTTPS fails.
pub fn connector() -> HttpsConnector<HttpConnector> {
    let builder = match HttpsConnectorBuilder::new().with_native_roots() {
        Ok(builder) => builder,
        Err(error) => {
            tracing::warn!(%error, "no certificate authorities were found");
            let config = rustls::ClientConfig::builder().with_root_certificates(rustls::RootCertStore::empty());
            HttpsConnectorBuilder::new().with_tls_config(config.with_no_client_auth())
        }
    };
    builder.https_or_http().enable_http1().build()
}
