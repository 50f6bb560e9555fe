//! Who is believed: what the library checks of a certificate (its authority, its dates, its purpose, its DNS name), and that
//! it names one holder, of the right role. Without the last, a certificate with two names could pass for either.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore, SignatureScheme,
};

use crate::certificate::{CertificateFault, Holder, Role};
use crate::{CertError, agent_dns_name};

/// Lets in controllers of one authority.
///
/// # Errors
/// When there is no authority.
pub(crate) fn controllers(
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, CertError> {
    let standard = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
    Ok(Arc::new(Controllers { standard }))
}

/// Believes agents of one authority, each as itself.
///
/// # Errors
/// When there is no authority.
pub(crate) fn agents(
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, CertError> {
    let standard = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
    Ok(Arc::new(Agents { standard }))
}

/// The error of a handshake, with what is wrong with a certificate in words. The library shows a reason that is not its own as
/// it shows itself to programmers.
pub fn in_words(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(Error::InvalidCertificate(CertificateError::Other(OtherError(fault)))) => {
            io::Error::new(error.kind(), fault.clone())
        }
        _ => error,
    }
}

fn refused(fault: CertificateFault) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(fault))))
}

#[derive(Debug)]
struct Controllers {
    standard: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for Controllers {
    fn offer_client_auth(&self) -> bool {
        self.standard.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.standard.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.standard.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.standard.verify_client_cert(end_entity, intermediates, now)?;
        Holder::with_role(end_entity, Role::Controller).map_err(refused)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.standard.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.standard.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.standard.supported_verify_schemes()
    }
}

#[derive(Debug)]
struct Agents {
    standard: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Agents {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        asked_for: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.standard.verify_server_cert(end_entity, intermediates, asked_for, ocsp_response, now)?;
        let holder = Holder::with_role(end_entity, Role::Agent).map_err(refused)?;
        if agent_dns_name(&holder.name) == asked_for.to_str() {
            Ok(verified)
        } else {
            Err(refused(CertificateFault::Name { found: holder.name }))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.standard.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.standard.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.standard.supported_verify_schemes()
    }
}
