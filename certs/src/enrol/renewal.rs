//! Another certificate for an agent that has one, over a key that was just made. What it is called and whom it lets in stay.

use std::time::SystemTime;

use super::agent::{AgentState, is_for, key_and_request};
use crate::certificate::{CertificateFault, Holder, Validity};
use crate::{CertError, Identity};

/// Why a certificate was not renewed; the one before stays in use.
#[derive(Debug, thiserror::Error)]
pub enum RenewalRefusal {
    /// Nothing to renew.
    #[error("this agent is not enrolled: there is no certificate to renew")]
    NotEnrolled,
    /// Whoever has kept the key of a certificate that is over shall not get another for it.
    #[error("the agent's certificate has expired and cannot be renewed any more: enrol the agent again")]
    Expired,
    /// A certificate without the request it answers, or for the request of another controller.
    #[error("no renewal with that key is under way: another may have overtaken it")]
    NotUnderWay,
    /// A certificate for someone else.
    #[error("the new certificate is for {new}, this agent is {old}")]
    AnotherHolder {
        /// Whom it names.
        new: Holder,
        /// Whom the present one names.
        old: Holder,
    },
    /// A step back.
    #[error("the new certificate does not end later than the present one")]
    NoLonger,
    /// Keys or files.
    #[error(transparent)]
    Certificates(#[from] CertError),
}

impl From<CertificateFault> for RenewalRefusal {
    fn from(fault: CertificateFault) -> Self {
        Self::Certificates(fault.into())
    }
}

impl AgentState {
    /// From when until when the agent's certificate is good, once enrolled.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn validity(&self) -> Result<Option<Validity>, CertError> {
        Ok(self.identity()?.map(|identity| identity.validity()).transpose()?)
    }

    /// Makes a new key and returns the request for its certificate, as PEM. An earlier request is forgotten.
    ///
    /// # Errors
    /// When the agent is not enrolled or its certificate is over.
    pub fn begin_renewal(&self) -> Result<String, RenewalRefusal> {
        let mut under_way = self.under_way();
        self.renewable()?;
        let (key, request) = key_and_request()?;
        under_way.renewal = Some(key);
        Ok(request)
    }

    /// Keeps the certificate for the key made by [`Self::begin_renewal`], with that key, in place of the present ones.
    ///
    /// # Errors
    /// When the certificate is not for that key, not for this agent, or ends no later than the present one.
    pub fn complete_renewal(&self, certificate: &str) -> Result<Identity, RenewalRefusal> {
        let mut under_way = self.under_way();
        let present = self.renewable()?;
        let key = under_way.renewal.as_ref().ok_or(RenewalRefusal::NotUnderWay)?;
        if !is_for(certificate, key)? {
            return Err(RenewalRefusal::NotUnderWay);
        }
        let next = present.renewed(certificate.to_owned(), key.serialize_pem());
        // The trust domain is part of it: who lost the agent to another controller meanwhile cannot get it back in this way.
        let (new, old) = (next.holder()?, present.holder()?);
        if new != old {
            return Err(RenewalRefusal::AnotherHolder { new, old });
        }
        if next.validity()?.not_after_unix_s <= present.validity()?.not_after_unix_s {
            return Err(RenewalRefusal::NoLonger);
        }
        self.replace(&next)?;
        under_way.renewal = None;
        Ok(next)
    }

    fn renewable(&self) -> Result<Identity, RenewalRefusal> {
        let present = self.identity()?.ok_or(RenewalRefusal::NotEnrolled)?;
        if present.validity()?.is_over(SystemTime::now()) { Err(RenewalRefusal::Expired) } else { Ok(present) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Authority, files};

    const LIFE: Duration = Duration::from_secs(600);

    fn authority(name: &str) -> Authority {
        Authority::ephemeral(name, LIFE).expect("an authority")
    }

    fn enrolled(identity: &Identity) -> (tempfile::TempDir, AgentState) {
        let folder = tempfile::tempdir().expect("a folder");
        let state = AgentState::open(folder.path()).expect("a state");
        files::save(&folder.path().join("identity.json"), identity).expect("writable");
        (folder, state)
    }

    /// The certificate and key in use.
    fn in_use(state: &AgentState) -> String {
        serde_json::to_string(&state.identity().expect("readable").expect("enrolled")).expect("JSON")
    }

    #[test]
    fn a_renewed_certificate_has_a_new_key_and_ends_later() {
        let authority = authority("mine");
        let (_folder, state) = enrolled(&authority.agent("hurin", LIFE).expect("an identity"));
        let before = state.identity().expect("readable").expect("enrolled");
        let request = state.begin_renewal().expect("begun");
        let signed = authority.sign_agent("hurin", &request).expect("signed");
        state.complete_renewal(&signed).expect("completed");
        let after = state.identity().expect("readable").expect("enrolled");
        assert_eq!(after.certificate(), signed);
        assert_eq!(after.holder(), before.holder());
        let end = |identity: &Identity| identity.validity().expect("dates").not_after_unix_s;
        assert!(end(&after) > end(&before));
        let json = |identity: &Identity| serde_json::to_value(identity).expect("JSON");
        assert_ne!(json(&after)["key"], json(&before)["key"]);
        assert_eq!(json(&after)["trusted"], json(&before)["trusted"]);
        // The request is used up.
        assert!(matches!(state.complete_renewal(&signed), Err(RenewalRefusal::NotUnderWay)));
    }

    #[test]
    fn s6_a_certificate_that_does_not_fit_is_refused_and_changes_nothing() {
        let authority = authority("mine");
        let (_folder, state) = enrolled(&authority.agent("hurin", LIFE).expect("an identity"));
        let before = in_use(&state);
        let other_key = authority.agent("hurin", 2 * LIFE).expect("an identity");
        assert!(matches!(state.complete_renewal(other_key.certificate()), Err(RenewalRefusal::NotUnderWay)));
        let request = state.begin_renewal().expect("begun");
        assert!(matches!(state.complete_renewal(other_key.certificate()), Err(RenewalRefusal::NotUnderWay)));
        let other_name = authority.sign_agent("morwen", &request).expect("signed");
        assert!(matches!(state.complete_renewal(&other_name), Err(RenewalRefusal::AnotherHolder { .. })));
        let other_domain = self::authority("theirs").sign_agent("hurin", &request).expect("signed");
        assert!(matches!(state.complete_renewal(&other_domain), Err(RenewalRefusal::AnotherHolder { .. })));
        assert!(state.complete_renewal("no certificate").is_err());
        assert_eq!(in_use(&state), before);
        // None of that stands in the way of the right one.
        let signed = authority.sign_agent("hurin", &request).expect("signed");
        state.complete_renewal(&signed).expect("completed");
    }

    #[test]
    fn a_certificate_that_ends_no_later_is_refused() {
        let authority = authority("mine");
        let forty_days = Duration::from_secs(40 * 24 * 3600);
        let (_folder, state) = enrolled(&authority.agent("hurin", forty_days).expect("an identity"));
        let request = state.begin_renewal().expect("begun");
        let signed = authority.sign_agent("hurin", &request).expect("signed");
        assert!(matches!(state.complete_renewal(&signed), Err(RenewalRefusal::NoLonger)));
    }

    #[test]
    fn a_request_that_another_has_overtaken_is_refused_and_the_other_is_not() {
        let authority = authority("mine");
        let (_folder, state) = enrolled(&authority.agent("hurin", LIFE).expect("an identity"));
        let (first, second) = (state.begin_renewal().expect("begun"), state.begin_renewal().expect("begun"));
        let sign = |request: &str| authority.sign_agent("hurin", request).expect("signed");
        assert!(matches!(state.complete_renewal(&sign(&first)), Err(RenewalRefusal::NotUnderWay)));
        state.complete_renewal(&sign(&second)).expect("completed");
    }

    #[test]
    fn who_is_not_enrolled_or_has_expired_cannot_renew() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = AgentState::open(folder.path()).expect("a state");
        assert!(matches!(state.begin_renewal(), Err(RenewalRefusal::NotEnrolled)));
        let (_folder, state) = enrolled(&expired("hurin"));
        assert!(matches!(state.begin_renewal(), Err(RenewalRefusal::Expired)));
    }

    /// An identity whose certificate was good for an hour, two hours ago.
    fn expired(agent: &str) -> Identity {
        let mut params = crate::authority::dated(agent, LIFE);
        params.not_before = time::OffsetDateTime::now_utc() - Duration::from_secs(2 * 3600);
        params.not_after = time::OffsetDateTime::now_utc() - Duration::from_secs(3600);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signed").pem();
        Identity::new(certificate.clone(), key.serialize_pem(), certificate.clone(), certificate)
    }
}
