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
