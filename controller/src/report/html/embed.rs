//! What a page carries in itself: data for its script, and the policy that lets it run that script and nothing else.

use data_encoding::BASE64;
use minijinja::{Error, ErrorKind};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// JSON for a `<script type="application/json">`, where neither `</script>` nor `<!--` may stand (HTML Living Standard, 4.12.1.3).
pub(super) fn json(value: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string(value)
        .map_err(|source| Error::new(ErrorKind::BadSerialization, "the page's data").with_source(source))?;
    // Only strings have these characters, and in a string their escapes are the same.
    Ok(text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}

/// The Content-Security-Policy of a page with this one style and this one script (CSP Level 3, hash sources).
pub(super) fn policy(style: &str, script: &str) -> String {
    let hash = |text: &str| BASE64.encode(&Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(style),
        hash(script)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn data_can_not_end_the_element_it_is_in() {
        let embedded = json(&["</script><!-- <b>&amp;"]).unwrap();
        assert!(!embedded.contains(['<', '>', '&']), "{embedded}");
    }

    proptest! {
        #[test]
        fn data_is_read_as_it_was_written(text in any::<String>()) {
            let read: String = serde_json::from_str(&json(&text).unwrap()).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
