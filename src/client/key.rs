//! The key that is sent along, from a file or the environment. No message repeats any of it.

use std::{fs, path::Path};

use secrecy::SecretString;

use super::ClientError;

const VARIABLE: &str = "BARKEEP_KEY";

/// The key of the file, or else of the environment; none if neither has one.
pub fn find_key(file: Option<&Path>) -> Result<Option<SecretString>, ClientError> {
    let Some(path) = file else {
        // It is no setting: those are printed.
        let given = std::env::var_os(VARIABLE).unwrap_or_default();
        let text = given.into_string().map_err(|_| unreadable(VARIABLE, "is no text"))?;
        return if text.trim().is_empty() { Ok(None) } else { checked(VARIABLE, &text).map(Some) };
    };
    let place = format!("the key file {}", path.display());
    let text = fs::read_to_string(path)
        .map_err(|error| unreadable(&place, &format!("cannot be read: {}", error.kind())))?;
    checked(&place, &text).map(Some)
}

fn checked(place: &str, text: &str) -> Result<SecretString, ClientError> {
    let key = text.trim();
    if key.is_empty() {
        return Err(unreadable(place, "is empty"));
    }
    if !key.chars().all(|c| c.is_ascii_graphic()) {
        return Err(unreadable(place, "holds more than one word of plain characters"));
    }
    Ok(key.into())
}

fn unreadable(place: &str, how: &str) -> ClientError {
    let what = format!("{place} {how}");
    ClientError::Unusable { what, fix: "it holds one key, as `barkeep keys create` printed it" }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn t78_a_key_is_read_with_its_line_end_and_never_told() {
        assert_eq!(checked("x", "bk_secret\r\n").unwrap().expose_secret(), "bk_secret");
        for bad in ["", " \n", "bk_secret\nbk_other", "bk_secret\u{7f}x", "bk_sécret"] {
            let error = checked("the key file x", bad).unwrap_err();
            assert!(error.to_string().starts_with("the key file x"), "{error}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
            assert!(!format!("{error} {error:?}").contains("sécret"), "{error}");
        }
    }
}
