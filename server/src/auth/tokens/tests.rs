//! Forged, foreign, early, late and half-filled tokens: none is taken.

use data_encoding::BASE64URL_NOPAD as BASE64;
use ed25519_dalek::Signer as _;
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "gridledger-test";
const SESSION: [u8; 16] = [7; 16];

fn kept() -> KeptKey {
    KeptKey::make(0).expect("random bytes")
}

fn seed(key: &KeptKey) -> [u8; 32] {
    unhex(&key.seed).expect("a seed")
}

fn keys(kept: &[KeptKey]) -> Keys {
    Keys::of(kept, ISSUER, NOW).expect("good keys")
}

/// 2026-01-05 08:00 in Shanghai, ms since 1970.
const NOW: i64 = 1_767_571_200_000;

fn claims() -> Value {
    let now = NOW / 1000;
    json!({ "sub": "3", "iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 60, "sid": hex(&SESSION) })
}

fn header(key: &KeptKey) -> Value {
    json!({ "typ": "JWT", "alg": "EdDSA", "kid": key.kid })
}

fn signed_text(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        BASE64.encode(header.to_string().as_bytes()),
        BASE64.encode(claims.to_string().as_bytes())
    )
}

/// A token as somebody else's library would make it.
fn forge(header: &Value, claims: &Value, seed: &[u8; 32]) -> String {
    let text = signed_text(header, claims);
    let signature = SigningKey::from_bytes(seed).sign(text.as_bytes());
    format!("{text}.{}", BASE64.encode(&signature.to_bytes()))
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().expect("an object").remove(name);
    object
}

#[test]
fn a_token_reads_back() {
    let keys = keys(&[kept()]);
    let token = keys.sign(UserNo(3), SESSION, NOW).expect("signs");
    let claims = keys.read(&token, NOW).expect("a good token");
    assert_eq!((claims.user(), claims.session()), (Some(UserNo(3)), Some(SESSION)));
    assert_eq!(claims.exp - claims.iat, LIFE_SECONDS);
}

#[test]
fn the_forge_makes_good_tokens_when_it_has_the_key() {
    let key = kept();
    let token = forge(&header(&key), &claims(), &seed(&key));
    assert!(keys(&[key]).read(&token, NOW).is_some());
}

#[test]
fn claims_that_are_missing_or_wrong_are_refused() {
    let key = kept();
    let now = NOW / 1000;
    let bad = [
        ("no sub", without(claims(), "sub")),
        ("no iss", without(claims(), "iss")),
        ("no aud", without(claims(), "aud")),
        ("no exp", without(claims(), "exp")),
        ("no nbf", without(claims(), "nbf")),
        ("no sid", without(claims(), "sid")),
        ("another issuer", with(claims(), "iss", json!("somebody"))),
        ("another audience", with(claims(), "aud", json!("something"))),
        ("a list of audiences that lacks ours", with(claims(), "aud", json!(["something"]))),
        ("expired beyond the leeway", with(claims(), "exp", json!(now - 45))),
        ("expiry that is no number", with(claims(), "exp", json!("never"))),
        ("negative expiry", with(claims(), "exp", json!(-1))),
        ("not yet good", with(claims(), "nbf", json!(now + 90))),
        ("claims that are no object", json!([1])),
    ];
    let (seed, header) = (seed(&key), header(&key));
    let keys = keys(&[key]);
    for (what, claims) in bad {
        assert_eq!(keys.read(&forge(&header, &claims, &seed), NOW), None, "{what}");
    }
    let late = with(claims(), "exp", json!(now - 15));
    assert!(keys.read(&forge(&header, &late, &seed), NOW).is_some(), "within the leeway");
}

#[test]
fn headers_that_say_how_to_check_are_not_followed() {
    let (key, foreign) = (kept(), kept());
    let (own, other) = (seed(&key), seed(&foreign));
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(&public_key(&other)) });
    let good = header(&key);
    let foreign_key = [
        ("a foreign key under our kid", good.clone()),
        ("a key it brings along", with(good.clone(), "jwk", jwk)),
        ("a key behind an address", with(good.clone(), "jku", json!("https://example.org/keys"))),
        ("a certificate behind an address", with(good.clone(), "x5u", json!("https://example.org/c"))),
        ("an unknown kid", with(good.clone(), "kid", json!(foreign.kid))),
        ("a kid that is a query", with(good.clone(), "kid", json!("' OR 1=1 --"))),
        ("a chain it brings along", with(good.clone(), "x5c", json!([BASE64.encode(&public_key(&other))]))),
        ("a kid that is a path", with(good.clone(), "kid", json!("../../etc/passwd"))),
    ];
    let keys = keys(&[key]);
    for (what, header) in foreign_key {
        assert_eq!(keys.read(&forge(&header, &claims(), &other), NOW), None, "{what}");
    }
    let own_key = [
        ("no kid", without(good.clone(), "kid")),
        ("an empty kid", with(good.clone(), "kid", json!(""))),
        ("something critical", with(good.clone(), "crit", json!(["exp"]))),
        ("alg RS256", with(good.clone(), "alg", json!("RS256"))),
        ("alg ES256", with(good, "alg", json!("ES256"))),
    ];
    for (what, header) in own_key {
        assert_eq!(keys.read(&forge(&header, &claims(), &own), NOW), None, "{what}");
    }
}

#[test]
fn unsigned_and_symmetric_tokens_are_refused() {
    let key = kept();
    let public = public_key(&seed(&key));
    let mut tokens = Vec::new();
    for alg in ["none", "None", "NONE", ""] {
        let text = signed_text(&with(header(&key), "alg", json!(alg)), &claims());
        tokens.push((format!("alg {alg:?} without a signature"), format!("{text}.")));
        tokens.push((format!("alg {alg:?} without the part"), text));
    }
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(algorithm) };
        let secret = EncodingKey::from_secret(&public);
        let token = jsonwebtoken::encode(&header, &claims(), &secret).expect("signs");
        tokens.push((format!("{algorithm:?} with the public key as secret"), token));
    }
    let unsigned = signed_text(&header(&key), &claims());
    tokens.push(("EdDSA with an empty signature".into(), format!("{unsigned}.")));
    tokens.push(("EdDSA with zeros".into(), format!("{unsigned}.{}", BASE64.encode(&[0; 64]))));
    let keys = keys(&[key]);
    for (what, token) in tokens {
        assert_eq!(keys.read(&token, NOW), None, "{what}");
    }
}

#[test]
fn a_changed_token_is_refused() {
    let key = kept();
    let token = forge(&header(&key), &claims(), &seed(&key));
    let parts: Vec<&str> = token.split('.').collect();
    let other = BASE64.encode(with(claims(), "sub", json!("1")).to_string().as_bytes());
    let keys = keys(&[key]);
    assert_eq!(keys.read(&format!("{}.{other}.{}", parts[0], parts[2]), NOW), None);
    for text in ["", ".", "..", "a.b.c", &token[..token.len() - 4], &"a".repeat(LONGEST_BYTES + 1)] {
        assert_eq!(keys.read(text, NOW), None, "{text}");
    }
}

#[test]
fn a_rotated_key_checks_and_no_longer_signs() {
    let (old, new) = (kept(), kept());
    let before = keys(std::slice::from_ref(&old)).sign(UserNo(1), SESSION, NOW).expect("signs");
    let new_kid = new.kid.clone();
    let keys = keys(&[new, KeptKey { state: KeyState::Previous, ..old }]);
    assert!(keys.read(&before, NOW).is_some());
    let after = keys.sign(UserNo(1), SESSION, NOW).expect("signs");
    let header = jsonwebtoken::decode_header(&after).expect("a header");
    assert_eq!(header.kid, Some(new_kid));
}

#[test]
fn keys_without_a_current_one_are_damaged() {
    let old = KeptKey { state: KeyState::Previous, ..kept() };
    assert!(matches!(Keys::of(&[old], ISSUER, NOW), Err(AuthError::KeysDamaged)));
    assert!(matches!(Keys::of(&[], ISSUER, NOW), Err(AuthError::KeysDamaged)));
}
