//! Signatures by the Standard Webhooks specification, by one secret, or by several during a rotation: each signs every
//! call, so that an endpoint that knows any of them can verify it. Never shows a secret.

use standardwebhooks::{Webhook, WebhookError};

use crate::settings::{MAX_SECRETS, SettingsError};

const PREFIX: &str = "whsec_";

/// Signs calls.
pub(crate) struct Signer {
    secrets: Vec<Webhook>,
}

impl Signer {
    /// Reads the secrets; without any, calls are not signed.
    ///
    /// # Errors
    /// [`SettingsError::Secret`] or [`SettingsError::SecretCount`].
    pub(crate) fn new(secrets: &[String]) -> Result<Option<Self>, SettingsError> {
        if secrets.is_empty() {
            return Ok(None);
        }
        if secrets.len() > MAX_SECRETS {
            return Err(SettingsError::SecretCount);
        }
        let secrets = secrets
            .iter()
            .map(|secret| webhook(secret))
            .collect::<Result<_, _>>()?;
        Ok(Some(Self { secrets }))
    }

    /// The header `webhook-signature`: a signature by each secret, separated by spaces.
    ///
    /// # Errors
    /// If the body is not UTF-8.
    pub(crate) fn sign(
        &self,
        id: &str,
        timestamp: i64,
        body: &[u8],
    ) -> Result<String, WebhookError> {
        let signatures: Result<Vec<String>, _> = self
            .secrets
            .iter()
            .map(|secret| secret.sign(id, timestamp, body))
            .collect();
        Ok(signatures?.join(" "))
    }
}

fn webhook(secret: &str) -> Result<Webhook, SettingsError> {
    let key = secret.strip_prefix(PREFIX).ok_or(SettingsError::Secret)?;
    // 24 to 64 bytes are 32 to 88 characters of base64.
    if !(32..=88).contains(&key.len()) {
        return Err(SettingsError::Secret);
    }
    Webhook::new(secret).map_err(|_| SettingsError::Secret)
}

#[cfg(test)]
mod tests {
    use super::Signer;

    const GOOD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn error(secrets: &[&str]) -> String {
        let secrets: Vec<String> = secrets.iter().map(|&secret| secret.to_owned()).collect();
        Signer::new(&secrets).err().unwrap().to_string()
    }

    #[test]
    fn a_secret_is_checked_and_never_shown() {
        assert!(Signer::new(&[]).unwrap().is_none());
        assert!(Signer::new(&[GOOD.to_owned()]).unwrap().is_some());
        for secret in [
            "",
            "whsec_",
            "whsec_short",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_!!KQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            let error = error(&[GOOD, secret]);
            assert!(!error.contains("KQ9r"), "{error}");
        }
        assert!(error(&[GOOD; 5]).contains("at most 4"));
    }

    #[test]
    fn each_secret_signs() {
        let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let sign = |secrets: &[&str]| {
            let secrets: Vec<String> = secrets.iter().map(|&secret| secret.to_owned()).collect();
            let signer = Signer::new(&secrets).unwrap().unwrap();
            signer.sign("id", 1, b"{}").unwrap()
        };
        let (one, two) = (sign(&[GOOD]), sign(&[other]));
        assert_ne!(one, two);
        assert_eq!(sign(&[GOOD, other]), format!("{one} {two}"));
    }
}
