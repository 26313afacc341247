//! A key of Coinbase's developer platform (CDP), in every form in which it is handed out.

use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use secrecy::{ExposeSecret, SecretString};

/// Who signs, and with what. Printing it does not give the key away.
#[derive(Debug, Clone)]
pub struct CdpKey {
    /// `organizations/…/apiKeys/…`, or an id alone.
    pub name: String,
    /// `ES256` or `EdDSA`.
    pub algorithm: Algorithm,
    pub secret: EncodingKey,
}

/// What `CdpKey::read` can read.
pub(super) const READABLE: &str = "it is no key that can sign; give the private key of a CDP key \
    as it was handed out: an EC key (P-256) as PEM, or an Ed25519 key as base64 or PEM";

impl CdpKey {
    /// The secret itself tells which algorithm is meant: the one with which it can sign.
    pub fn read(name: String, secret: &SecretString) -> Option<Self> {
        let pkcs8 = pkcs8(secret.expose_secret())?;
        let of_curve = (Algorithm::ES256, EncodingKey::from_ec_der(&pkcs8));
        let of_edwards = (Algorithm::EdDSA, EncodingKey::from_ed_der(&pkcs8));
        let can_sign = |(algorithm, secret): &(Algorithm, EncodingKey)| {
            crypto::sign(b"anything", secret, *algorithm).is_ok()
        };
        let (algorithm, secret) = [of_curve, of_edwards].into_iter().find(can_sign)?;
        Some(Self { name, algorithm, secret })
    }
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
/// `[1] IMPLICIT BIT STRING`.
const PUBLIC_KEY: u8 = 0x81;

/// `id-ecPublicKey` on `prime256v1`.
const P256: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// `id-Ed25519`.
const ED25519: &[u8] = b"\x06\x03\x2b\x65\x70";
const SEED_BYTES: usize = 32;

/// Everything as PKCS #8, the one form the signer takes; `None` for what is no key.
fn pkcs8(secret: &str) -> Option<Vec<u8>> {
    // A key that came in one line of JSON or of an environment has its line ends spelled out.
    let text = secret.replace("\\n", "\n");
    match pem(&text) {
        Some(("", der)) => Some(der),
        Some(("EC ", sec1)) => private_key(P256, &sec1, &[]),
        Some(_) => None,
        None => ed25519(&STANDARD.decode(text.trim()).ok()?),
    }
}

/// The private key's block: what stands before `PRIVATE KEY` in its first line, and the contents.
fn pem(text: &str) -> Option<(&str, Vec<u8>)> {
    let (before, rest) = text.split_once("PRIVATE KEY-----")?;
    let (_, kind) = before.rsplit_once("-----BEGIN ")?;
    let (base64, _) = rest.split_once("-----END ")?;
    let base64: String = base64.split_whitespace().collect();
    Some((kind, STANDARD.decode(base64).ok()?))
}

/// A seed, and after it perhaps its public key, which the signer compares.
fn ed25519(raw: &[u8]) -> Option<Vec<u8>> {
    let (seed, public) = raw.split_at_checked(SEED_BYTES)?;
    matches!(public.len(), 0 | SEED_BYTES).then_some(())?;
    private_key(ED25519, &der(OCTETS, &[seed])?, public)
}

fn private_key(algorithm: &[u8], key: &[u8], public: &[u8]) -> Option<Vec<u8>> {
    let version = u8::from(!public.is_empty());
    let public = if public.is_empty() { Vec::new() } else { der(PUBLIC_KEY, &[&[0], public])? };
    let (version, algorithm) = (der(INTEGER, &[&[version]])?, der(SEQUENCE, &[algorithm])?);
    der(SEQUENCE, &[&version, &algorithm, &der(OCTETS, &[key])?, &public])
}

/// One value in DER; `None` if it is longer than any key of these curves.
fn der(tag: u8, content: &[&[u8]]) -> Option<Vec<u8>> {
    let content = content.concat();
    let length = u8::try_from(content.len()).ok()?;
    let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    Some([head, content].concat())
}

#[cfg(test)]
mod tests;
