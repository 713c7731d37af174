//! Reads the API key and extra root certificates. The key never passes through an argument, a log or an error.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use reqwest::Certificate;

use crate::config::{ApiKey, ConfigError};
use crate::error::{Cause, Refusal};
use crate::text::quoted_path;

/// The environment variable that holds the key.
const KEY_VARIABLE: &str = "IMOCHA_API_KEY";
/// The systemd credential that holds the key, and the variable that names its directory (source: systemd.exec(5)).
const CREDENTIAL: &str = "imocha-api-key";
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
/// The most bytes that are read of a file with a key or certificates: a bundle of all public roots has about 250 KiB.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Reads the API key from `file` if one is given, else from the environment, else from the systemd credential.
///
/// # Errors
///
/// If none of these exists, or the first that exists holds no usable key.
pub(super) fn api_key(file: Option<&Path>) -> Result<ApiKey, Refusal> {
    if let Some(file) = file {
        return from_file(file);
    }
    if let Some(value) = std::env::var_os(KEY_VARIABLE) {
        // A value that is not UTF-8 has characters that no key has, so parsing refuses it.
        return value.to_string_lossy().parse().map_err(|error: ConfigError| {
            Refusal::new(Cause::NoKey, format!("the API key in ${KEY_VARIABLE} cannot be used: {error}"))
                .hint("set it to the key that iMocha gave you")
        });
    }
    if let Some(directory) = std::env::var_os(CREDENTIALS_VARIABLE) {
        let file = PathBuf::from(directory).join(CREDENTIAL);
        if file.exists() {
            return from_file(&file);
        }
    }
    Err(Refusal::new(Cause::NoKey, "there is no API key")
        .hint(format!("set {KEY_VARIABLE} in the environment, or name a file that holds the key with --api-key-file")))
}

fn from_file(path: &Path) -> Result<ApiKey, Refusal> {
    let unusable = |reason: &str| {
        Refusal::new(Cause::NoKey, format!("the API key in {} cannot be used{reason}", quoted_path(path)))
    };
    let hint = "the file should hold the key alone, on one line";
    let bytes = read(path).map_err(|error| unreadable_key(path, error))?;
    let text = String::from_utf8(bytes).map_err(|_not_text| unusable(": it is not text").hint(hint))?;
    let key = text.parse().map_err(|error: ConfigError| unusable(&format!(": {error}")).hint(hint))?;
    #[cfg(unix)]
    warn_if_open_to_all(path);
    Ok(key)
}

/// Why the file with the key cannot be read, and what to do.
fn unreadable_key(path: &Path, error: io::Error) -> Refusal {
    let shown = quoted_path(path);
    let refusal = |message: String| Refusal::new(Cause::NoKey, message);
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename if may_be_a_key(path) => {
            refusal("there is no file of the name that --api-key-file gives (not shown: it may be a key)".to_owned())
                .hint("it takes the name of a file that holds the key; the key itself goes into IMOCHA_API_KEY")
        }
        io::ErrorKind::NotFound => refusal(format!("there is no file {shown} with the API key")).hint(
            "write the key alone into a file that only you can read, and name it with --api-key-file; or set \
             IMOCHA_API_KEY",
        ),
        io::ErrorKind::IsADirectory => {
            refusal(format!("the API key should be in {shown}, which is a directory")).hint("name the file in it")
        }
        io::ErrorKind::PermissionDenied => refusal(format!("the API key in {shown} may not be read by this user"))
            .hint("give the file to the user that the run belongs to (chown), with mode 600"),
        _ => refusal(format!("the API key in {shown} could not be read")).caused_by(error),
    }
}

/// Whether somebody may have given the key itself where the name of its file belongs.
fn may_be_a_key(path: &Path) -> bool {
    /// Names of files that have no dot and no directory are shorter. Chosen by us.
    const LONGEST_NAME: usize = 20;
    let name = path.as_os_str().to_string_lossy();
    name.len() >= LONGEST_NAME && !name.contains(['/', '\\', '.'])
}

/// Warns about a key that everybody on the machine can read; that is not a reason to refuse the run.
#[cfg(unix)]
fn warn_if_open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0) {
        tracing::warn!(file = ?path, "everybody on this machine can read the API key; `chmod 600` keeps it to you");
    }
}

/// The certificates in a PEM file.
///
/// # Errors
///
/// If the file cannot be read, or holds no certificate.
pub(super) fn root_certificates(path: &Path) -> Result<Vec<Certificate>, Refusal> {
    let unusable = || Refusal::new(Cause::Usage, format!("the certificates in {} cannot be used", quoted_path(path)));
    let bytes = read(path).map_err(|error| {
        unusable().caused_by(error).hint("name a file with --ca-file that this user may read, or leave it out")
    })?;
    let hint = "the file should hold certificates in PEM form (-----BEGIN CERTIFICATE-----)";
    let certificates = Certificate::from_pem_bundle(&bytes).map_err(|_unreadable| unusable().hint(hint))?;
    if certificates.is_empty() {
        return Err(unusable().hint(hint));
    }
    Ok(certificates)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
