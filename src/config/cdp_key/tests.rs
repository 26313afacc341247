//! Every form of both kinds of key, and what is none. The keys are made for these tests.

use jsonwebtoken::DecodingKey;

use super::*;

const SEC1: &str =
    include_str!("../../../tests/fixtures/coinbase_advanced/test_key_es256_sec1.pem");
const EC_PKCS8: &str =
    include_str!("../../../tests/fixtures/coinbase_advanced/test_key_es256_pkcs8.pem");
const EC_PUBLIC: &str =
    include_str!("../../../tests/fixtures/coinbase_advanced/test_key_es256_public.pem");
const ED_PKCS8: &str =
    include_str!("../../../tests/fixtures/coinbase_advanced/test_key_ed25519_pkcs8.pem");
const ED_PUBLIC: &str =
    include_str!("../../../tests/fixtures/coinbase_advanced/test_key_ed25519_public.pem");
const OTHER_CURVE: &str =
    include_str!("../../../tests/fixtures/coinbase_advanced/test_key_of_another_curve.pem");

const SEED: &[u8; 32] = b"this is a test key, never use it";

fn read(secret: &str) -> Option<CdpKey> {
    CdpKey::read("name".to_owned(), &secret.to_owned().into())
}

fn public_ed25519() -> Vec<u8> {
    let base64 = ED_PUBLIC.lines().nth(1).unwrap();
    STANDARD.decode(base64).unwrap().split_off(12)
}

/// What the key signs, its public half verifies.
fn assert_signs(secret: &str, algorithm: Algorithm, public: &DecodingKey) {
    let key = read(secret).unwrap();
    assert_eq!(key.algorithm, algorithm);
    let signature = crypto::sign(b"a message", &key.secret, algorithm).unwrap();
    assert!(crypto::verify(&signature, b"a message", public, algorithm).unwrap());
    assert!(!crypto::verify(&signature, b"another", public, algorithm).unwrap());
}

#[test]
fn an_ec_key_is_read_from_both_kinds_of_pem() {
    let public = DecodingKey::from_ec_pem(EC_PUBLIC.as_bytes()).unwrap();
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----";
    for pem in [
        SEC1,
        EC_PKCS8,
        SEC1.trim(),
        &SEC1.replace('\n', "\\n"),
        &SEC1.replace('\n', "\r\n"),
        &format!("{parameters}\n{SEC1}"),
    ] {
        assert_signs(pem, Algorithm::ES256, &public);
    }
}

#[test]
fn an_ed25519_key_is_read_from_pem_and_from_its_bytes() {
    let public = DecodingKey::from_ed_pem(ED_PUBLIC.as_bytes()).unwrap();
    let both = [&SEED[..], &public_ed25519()].concat();
    for secret in [ED_PKCS8.to_owned(), STANDARD.encode(SEED), STANDARD.encode(both)] {
        assert_signs(&secret, Algorithm::EdDSA, &public);
    }
}

#[test]
fn what_cannot_sign_is_no_key() {
    let halves_that_do_not_belong_together = [*SEED, *SEED].concat();
    let torn = &SEC1[..SEC1.len() / 2];
    for secret in [
        "",
        "not base64 at all",
        "-----BEGIN EC PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----",
        torn,
        OTHER_CURVE,
        EC_PUBLIC,
        &EC_PKCS8.replace("BEGIN ", "BEGIN ENCRYPTED "),
        &EC_PKCS8.replace("BEGIN ", "BEGIN RSA "),
        &STANDARD.encode([7; 31]),
        &STANDARD.encode([7; 33]),
        &STANDARD.encode(halves_that_do_not_belong_together),
        &format!("-----BEGIN EC PRIVATE KEY-----\n{}\n-----END", STANDARD.encode([7; 300])),
    ] {
        assert!(read(secret).is_none(), "{secret:?} was read");
    }
}

#[test]
fn t78_printing_a_key_does_not_give_it_away() {
    for secret in [SEC1, ED_PKCS8, &STANDARD.encode(SEED)] {
        let key = read(secret).unwrap();
        let bytes = format!("{:?}", key.secret.as_bytes());
        let printed = format!("{key:?} {key:#?}");
        assert!(printed.contains("name"), "{printed}");
        for part in [bytes.trim_matches(['[', ']']), "test key", &secret[40..]] {
            assert!(!printed.contains(part), "{printed}");
        }
    }
}
