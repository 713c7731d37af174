//! Certificates for servers on the loopback interface, from authorities made in the test.

use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ALL_VERSIONS, RootCertStore, ServerConfig, SupportedProtocolVersion};

/// The authority that `--ca-file` names in these tests.
pub(crate) static TRUSTED: LazyLock<Authority> = LazyLock::new(|| Authority::new("trusted"));
/// Another one. Where the system's root certificates are wanted, it stands for them.
pub(crate) static STRANGE: LazyLock<Authority> = LazyLock::new(|| Authority::new("strange"));

/// What a server shows, and its key.
type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// An authority that signs certificates.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, format!("{name} authority of a test"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// Its own certificate, for `--ca-file`.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for these names and addresses, after `change`.
    pub(crate) fn identity(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.into(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }

    /// A server's settings with a certificate that is right for this machine.
    pub(crate) fn server(&self) -> ServerConfig {
        server(self.identity(&LOOPBACK, |_params| {}), ALL_VERSIONS)
    }

    /// The same, for a server that wants a certificate of the client as well.
    pub(crate) fn demanding_server(&self, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build().unwrap();
        let (certificate, key) = self.identity(&LOOPBACK, |_params| {});
        ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], key)
            .unwrap()
    }
}

/// The names of this machine.
pub(crate) const LOOPBACK: [&str; 2] = ["localhost", "127.0.0.1"];

/// The settings of a server that shows `identity` and speaks these versions.
pub(crate) fn server(identity: Identity, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.0], identity.1)
        .unwrap()
}
