//! The secret of an API key: shown once, when it is made, and kept nowhere.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{TryRngCore, rngs::OsRng};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// `bk_` and 256 random bits. Printing it for debugging does not give it away.
#[derive(Debug)]
pub struct Token(SecretString);

/// Every token begins with it, so that scanners of source code know one when they see it.
const PREFIX: &str = "bk_";
const BYTES: usize = 32;

impl Token {
    /// A new one; fails if the machine has no source of chance.
    pub fn generate() -> Result<Self, rand::rand_core::OsError> {
        let mut bytes = [0; BYTES];
        OsRng.try_fill_bytes(&mut bytes)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into()))
    }

    /// The whole of it, for the one who asked for it.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// As the store keeps it.
    pub fn hash(&self) -> String {
        hash(self.0.expose_secret()).map(char::from).iter().collect()
    }
}

/// What is kept of a token: 64 hexadecimal digits. Its 256 bits cannot be guessed, so they need no
/// slow hash and no salt.
pub(super) fn hash(text: &str) -> [u8; 2 * BYTES] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 2 * BYTES];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(Sha256::digest(text)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
    digits
}

/// Takes the same time wherever the two differ.
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differing = one.iter().zip(other).fold(0, |bits, (a, b)| bits | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differing) == 0
}

/// Whether a text could be a token at all.
pub(super) fn is_token(text: &str) -> bool {
    let random = text.strip_prefix(PREFIX).unwrap_or_default();
    let is_digit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    random.len() == (8 * BYTES).div_ceil(6) && random.chars().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_256_random_bits_and_does_not_print() {
        let tokens = [Token::generate().unwrap(), Token::generate().unwrap()];
        let [one, other] = tokens.each_ref().map(|token| token.secret().expose_secret());
        assert!(is_token(one) && is_token(other) && one != other, "{one} {other}");
        assert!(!format!("{tokens:?}").contains(&one[3..]));
        assert_ne!(tokens[0].hash(), tokens[1].hash());
        for text in ["", "bk_", &one[3..], &one[1..], &one[..45], &format!("{one}A"), "bk_é"] {
            assert!(!is_token(text), "{text}");
        }
    }

    #[test]
    fn what_is_kept_is_the_sha_256() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash("abc"), known.as_bytes());
        assert!(is_same(&hash("abc"), known.as_bytes()));
        let mut last = known.as_bytes().to_vec();
        last[63] = b'e';
        assert!(!is_same(&last, known.as_bytes()) && !is_same(b"", known.as_bytes()));
    }
}
