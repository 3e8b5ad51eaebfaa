//! Signatures of JSON Web Tokens are checked by ring: it is there already, for TLS. Only algorithms with a public key are known.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature as ring_signature;
use ring::signature::{RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};

/// The algorithms whose signatures are accepted. Those with a shared secret are not: whoever knows the public key could sign.
pub const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: no_signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

/// Makes ring check the signatures of this process.
pub fn install() {
    // It may be installed already.
    let _: std::result::Result<(), _> = PROVIDER.install_default();
}

fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    match ALGORITHMS.contains(algorithm) && key.family() == family(*algorithm) {
        true => Ok(Box::new(Ring { algorithm: *algorithm, key: key.clone() })),
        false => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

/// What kind of key an algorithm needs.
pub fn family(algorithm: Algorithm) -> AlgorithmFamily {
    let families = [AlgorithmFamily::Rsa, AlgorithmFamily::Ec, AlgorithmFamily::Ed];
    let found = families.into_iter().find(|family| family.algorithms().contains(&algorithm));
    found.unwrap_or(AlgorithmFamily::Hmac)
}

struct Ring {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for Ring {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for Ring {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let rsa = match self.algorithm {
            Algorithm::RS256 => Some(&ring_signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RS384 => Some(&ring_signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RS512 => Some(&ring_signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::PS256 => Some(&ring_signature::RSA_PSS_2048_8192_SHA256),
            Algorithm::PS384 => Some(&ring_signature::RSA_PSS_2048_8192_SHA384),
            Algorithm::PS512 => Some(&ring_signature::RSA_PSS_2048_8192_SHA512),
            _ => None,
        };
        let other: Option<&'static dyn VerificationAlgorithm> = match self.algorithm {
            Algorithm::ES256 => Some(&ring_signature::ECDSA_P256_SHA256_FIXED),
            Algorithm::ES384 => Some(&ring_signature::ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDSA => Some(&ring_signature::ED25519),
            _ => None,
        };
        let verified = match (self.key.kind(), rsa, other) {
            (DecodingKeyKind::RsaModulusExponent { n, e }, Some(parameters), _) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            (DecodingKeyKind::SecretOrDer(key), None, Some(algorithm)) => {
                UnparsedPublicKey::new(algorithm, key).verify(message, signature)
            }
            _ => return Err(signature::Error::new()),
        };
        verified.map_err(|_| signature::Error::new())
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::crypto::verify;

    use super::*;

    const MESSAGE: &[u8] = b"the same text for all";
    /// Made with Python's cryptography; the private keys are gone.
    const N: &str = "zkz6T49O4J5lxlK28C5qpu9cXEV7g9qWNm8Ker5qgd8S1hcTMbq_mn7hTTiWOLjKyMbeZLRapDl_AK8dwdZKlaTcNYohd-iKyjLVEG3tcqSlha3JaOlTkI5UBxp2QYxffH8RS6xB9V3oOyRP-mlF-94EW3ClgzdMmk-aba17aFKDNcqrR8TkVw_hNc_Gjm-56h9w1LfvyyQNT1g5osOGNwd0fzoiVbUm6g6uCxuDIU7pQ73VAHhag5lBLpZ2PKP6NpdAo-mjmXS_OLTtYwMs53jtby7XDb_e6Sg7e0Ae_gKgrtTuQUV-XrjkQKt1fv9O4ymVBdKER_jt4lcXno_Kgw";
    const RS256: &str = "ihb2S2jpKJlrwXXob0ZA0s4kPp7kV5x3_na-JuSV9bXZX9ohdcT3TJ10UWzND6TU8moKLbx7mDlg8IqAe2R7beIN5GvcmpTEOSkZho4FglAUscWR56DWVMqRVCWhY32SQDx6G7TxjgtErKi85RfKqu2P_9jFHLdLq5jGzTGTRXSD3Xk2683J5LVhQ0sld0ncp8Z_quibOlaQ1tbSjAA6cPtBT4bp0ZsjDRUHAq_picFKjoH23LWmGvYEorh2IW6lI9tAw2esPJn4rn7Jk4r4sNn80lOo1Pn_6ABbydtaMrQsb1MtegbnVAMDUjrtik_lhTGrVKfvNQYmJO8hmp1oBw";
    const PS256: &str = "ULAlexCJB4KgNUgC_DtmcQf9yf6XbUsA7FoERgmj1kYIa4zzqs7bce1g-el73KYOJIHmAj9Bdq0s2qFl5VDZipwkQItDY1xwQrYSDnbuRj24Qz8BXDYEJe4F79xeU42Wt2nRFOBTqwF64IhohdpzICCfkamZKLcwaEH-1TtxkB1OqeI9W6r7YuSp1hPp17SZ7ItlljwEl7kvfUr2DU9wgK4umSexyu1rZukfu83XT_-Khk0zwN3bq5-zprLo1Z1IBPxLktqGOUHySMX_vUsWLKA_xaDeBnTePhUuay5yB66MlNFBFnWMYL7NoUqJ0Dfh22H28Kt2vHs_Wf2OVR2mDA";
    /// A key of 1024 bits, and a right signature of it.
    const SHORT_N: &str = "vx5V81i2r7Rk3GFuLVujpntwcKeBrNr9eGydZqzBizcxAR51KaIauRjIYb2csMpcRa3PCy1f_BM2iteWDUB8_pkEcO8IW1DrORtk9pQACsy_sLvCMhNQf5oKN4oHeXOxuNUgHmYpAyXuHMbRoxogNNDifgD8hxihfN5L8935K2E";
    const SHORT_RS256: &str = "lio4JEGkRVW3TTBvHeHDSQ3JpzLFzvcLv9jC9gvw3qkohNCsHU_6NakxWDuBNxw9Gwc6R-1d4XqveeGqrqYJdREndLzcszjtfr3ISl5zo_DDM6H5vvrqFbxE6TaT989Vy5q3Lb1XA8Ux2Hq-DXgvQkqQvvtL0aUMKatjSgEwFtU";

    #[test]
    fn rsa_signatures_are_checked_and_weak_keys_are_not_used() {
        install();
        let check = |n: &str, signature: &str, message: &[u8], algorithm| {
            verify(signature, message, &DecodingKey::from_rsa_components(n, "AQAB").unwrap(), algorithm)
        };
        assert!(check(N, RS256, MESSAGE, Algorithm::RS256).unwrap());
        assert!(check(N, PS256, MESSAGE, Algorithm::PS256).unwrap());
        assert!(!check(N, RS256, b"another text", Algorithm::RS256).unwrap());
        assert!(!check(N, RS256, MESSAGE, Algorithm::RS512).unwrap());
        assert!(!check(N, PS256, MESSAGE, Algorithm::RS256).unwrap());
        assert!(!check(SHORT_N, SHORT_RS256, MESSAGE, Algorithm::RS256).unwrap());
        assert!(!check(N, "", MESSAGE, Algorithm::RS256).unwrap());
        // The key of one family is not one of another.
        for algorithm in [Algorithm::HS256, Algorithm::ES256, Algorithm::EdDSA] {
            assert!(check(N, RS256, MESSAGE, algorithm).is_err(), "{algorithm:?}");
        }
        let secret = DecodingKey::from_secret(N.as_bytes());
        assert!([Algorithm::HS256, Algorithm::RS256].iter().all(|it| verify(RS256, MESSAGE, &secret, *it).is_err()));
    }
}
