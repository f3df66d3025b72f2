//! The key that both servers sign with.

use std::error::Error;
use std::fs;
use std::path::Path;

use mcp_oauth::jose::{Algorithm, SigningKey};

/// The key in this file (PKCS#8 in DER), which is made if it is not there; without a file a new one.
///
/// # Errors
/// If the file holds another kind of key, or cannot be read or made.
pub fn signing_key(algorithm: Algorithm, file: Option<&Path>) -> Result<SigningKey, Box<dyn Error + Send + Sync>> {
    let Some(file) = file else { return Ok(SigningKey::generate(algorithm)?) };
    if !file.exists() {
        // A key for measurements protects nothing: nobody's permissions are looked at.
        fs::write(file, SigningKey::generate(algorithm)?.to_pkcs8())?;
    }
    let key = SigningKey::from_pkcs8(&fs::read(file)?)?;
    if key.algorithm() != algorithm {
        return Err(format!("the key in {} is for {}", file.display(), key.algorithm()).into());
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_one_key_of_one_algorithm() {
        let file = std::env::temp_dir().join(format!("bench-key-{}", std::process::id()));
        let made = signing_key(Algorithm::Es256, Some(&file)).unwrap();
        let read = signing_key(Algorithm::Es256, Some(&file)).unwrap();
        let other = signing_key(Algorithm::Rs256, Some(&file));
        fs::remove_file(&file).unwrap();
        assert_eq!(made.key_id(), read.key_id());
        assert!(other.is_err());
    }
}
