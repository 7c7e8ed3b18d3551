//! The key that signs tokens, in a file that processes share.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use pem::{EncodeConfig, LineEnding, Pem};
use serde_json::Value;
use tempfile::NamedTempFile;

/// How PEM calls a PKCS #8 private key (RFC 7468, section 10).
const LABEL: &str = "PRIVATE KEY";

/// Why the key cannot be used. One line, for the person who starts the program.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("cannot use the key file {path}: {reason}; choose another one with AUTH_DEV_KEY_FILE", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// The file holds something else.
    #[error(
        "{path} is not a key of the issuer for development (a private key for ES256, PKCS #8, in PEM): remove it, and a new one is made; \
         or choose another file with AUTH_DEV_KEY_FILE",
        path = path.display()
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// No key can be made.
    #[error("cannot make a key for the issuer for development")]
    Make,
}

/// A private key for ES256, and its public half.
pub(crate) struct SigningKey {
    encoding: EncodingKey,
    public: Jwk,
    header: Header,
}

impl SigningKey {
    /// The key in that file. Where there is none, it is made, with its folder; only its owner may read it. Processes that make it at
    /// the same time have the same one in the end.
    ///
    /// # Errors
    /// [`KeyError`] names the file.
    pub(crate) fn open(path: &Path) -> Result<Self, KeyError> {
        let failed = |reason| KeyError::File { path: path.to_owned(), reason };
        let text = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let random = SystemRandom::new();
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
                create(path, pkcs8.map_err(|_| KeyError::Make)?.as_ref()).map_err(failed)?;
                fs::read(path)
            }
            read => read,
        };
        Self::parse(&text.map_err(failed)?).ok_or_else(|| KeyError::NoKey { path: path.to_owned() })
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let pem = pem::parse(text).ok().filter(|pem| pem.tag() == LABEL)?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pem.contents()).ok()?;
        let encoding = EncodingKey::from_ec_der(pem.contents());
        let mut public = Jwk::from_encoding_key(&encoding, Algorithm::ES256).ok()?;
        let id = public.thumbprint(ThumbprintHash::SHA256).ok()?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let header = Header { kid: Some(id), ..Header::new(Algorithm::ES256) };
        Some(Self { encoding, public, header })
    }

    /// The keys that check its signatures.
    pub(crate) fn public(&self) -> JwkSet {
        JwkSet { keys: vec![self.public.clone()] }
    }

    /// A token with these claims.
    ///
    /// # Errors
    /// Signing failed.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, jsonwebtoken::errors::Error> {
        encode(&self.header, claims, &self.encoding)
    }
}

/// Writes the key whole, or leaves the file that another process has made meanwhile.
fn create(path: &Path, pkcs8: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Only its owner may read a temporary file.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(pem::encode_config(&Pem::new(LABEL, pkcs8), EncodeConfig::new().set_line_ending(LineEnding::LF)).as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::sync::Barrier;
    use std::thread;

    fn id(key: &SigningKey) -> String {
        key.header.kid.clone().unwrap()
    }

    #[test]
    fn it_is_made_once_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/folder/key.pem");
        let made = id(&SigningKey::open(&path).unwrap());
        assert_eq!(made, id(&SigningKey::open(&path).unwrap()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let files: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, ["key.pem"]);
    }

    #[test]
    fn those_who_make_it_at_the_same_time_agree() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        let ready = Barrier::new(8);
        let open = || {
            ready.wait();
            id(&SigningKey::open(&path).unwrap())
        };
        let ids: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    #[rstest]
    #[case("")]
    #[case("not a key")]
    #[case("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")]
    #[case("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
    fn a_file_that_is_no_key_is_named_and_kept(#[case] text: &str) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        fs::write(&path, text).unwrap();
        let error = SigningKey::open(&path).err().unwrap().to_string();
        assert!(error.contains(path.to_str().unwrap()) && error.contains("AUTH_DEV_KEY_FILE"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_folder_is_no_key_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = SigningKey::open(dir.path()).err().unwrap().to_string();
        assert!(error.contains(dir.path().to_str().unwrap()) && error.contains("AUTH_DEV_KEY_FILE"), "{error}");
    }
}
