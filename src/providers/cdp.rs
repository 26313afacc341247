//! The token with which one request to Coinbase's developer platform proves who sends it.

use chrono::{DateTime, Utc};
use jsonwebtoken::{Header, encode, errors::Error};
use secrecy::SecretString;
use serde::Serialize;
use url::{Position, Url};
use uuid::Uuid;

use crate::config::CdpKey;

/// Coinbase takes a token for two minutes.
const LIFETIME_SECONDS: i64 = 120;

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    iss: &'static str,
    nbf: i64,
    exp: i64,
    /// `GET host/path`: a token is good for one address, whatever is asked there.
    uri: String,
}

/// A token for a `GET` of `url` at `now`. Each has a nonce of its own and is to be sent once.
pub(super) fn token(key: &CdpKey, url: &Url, now: DateTime<Utc>) -> Result<SecretString, Error> {
    let mut header = Header::new(key.algorithm);
    header.kid = Some(key.name.clone());
    header.nonce = Some(Uuid::now_v7().simple().to_string());
    let claims = Claims {
        sub: &key.name,
        iss: "cdp",
        nbf: now.timestamp(),
        exp: now.timestamp() + LIFETIME_SECONDS,
        uri: format!("GET {}", &url[Position::BeforeHost..Position::AfterPath]),
    };
    encode(&header, &claims, &key.secret).map(SecretString::from)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};

    use super::*;

    const EC: &str = include_str!("../../tests/fixtures/coinbase_advanced/test_key_es256_sec1.pem");
    const EC_PUBLIC: &str =
        include_str!("../../tests/fixtures/coinbase_advanced/test_key_es256_public.pem");
    const ED: &str =
        include_str!("../../tests/fixtures/coinbase_advanced/test_key_ed25519_pkcs8.pem");
    const ED_PUBLIC: &str =
        include_str!("../../tests/fixtures/coinbase_advanced/test_key_ed25519_public.pem");
    const NAME: &str = "organizations/o/apiKeys/k";

    /// Both kinds of key, and the public half of each.
    fn keys() -> [(CdpKey, DecodingKey); 2] {
        let read = |secret: &str| CdpKey::read(NAME.to_owned(), &secret.into()).unwrap();
        [
            (read(EC), DecodingKey::from_ec_pem(EC_PUBLIC.as_bytes()).unwrap()),
            (read(ED), DecodingKey::from_ed_pem(ED_PUBLIC.as_bytes()).unwrap()),
        ]
    }

    /// Header and claims of a token that the public key verifies, whatever the time is.
    fn verified(token: &str, algorithm: Algorithm, public: &DecodingKey) -> (Header, Value) {
        let mut validation = Validation::new(algorithm);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let told = decode(token, public, &validation).unwrap();
        (told.header, told.claims)
    }

    #[test]
    fn a_token_says_who_asks_what_and_until_when() {
        let address = "https://me:pw@api.coinbase.com/api/v3/brokerage/products/BTC-USD/candles";
        let url = format!("{address}?start=1&end=2").parse().unwrap();
        for (key, public) in keys() {
            for now in ["2024-04-04T01:00:00Z", "2024-04-04T01:02:01.9Z"] {
                let now: DateTime<Utc> = now.parse().unwrap();
                let token = token(&key, &url, now).unwrap();
                let (header, claims) = verified(token.expose_secret(), key.algorithm, &public);
                assert_eq!((header.alg, header.kid.as_deref()), (key.algorithm, Some(NAME)));
                assert_eq!(header.nonce.unwrap().len(), 32);
                let expected = json!({
                    "sub": NAME,
                    "iss": "cdp",
                    "nbf": now.timestamp(),
                    "exp": now.timestamp() + 120,
                    "uri": "GET api.coinbase.com/api/v3/brokerage/products/BTC-USD/candles",
                });
                assert_eq!(claims, expected);
            }
        }
    }

    #[test]
    fn no_two_tokens_are_the_same() {
        let url = "https://api.coinbase.com/".parse().unwrap();
        for (key, public) in keys() {
            let nonce = || {
                let token = token(&key, &url, DateTime::UNIX_EPOCH).unwrap();
                verified(token.expose_secret(), key.algorithm, &public).0.nonce
            };
            assert_ne!(nonce(), nonce());
        }
    }
}
