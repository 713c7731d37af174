//! The SHA-256 of a file, as `sha256sum` prints it.

use std::fmt;
use std::str::FromStr;

use super::ConfigError;

/// How many hexadecimal digits there are (source: FIPS 180-4; 256 bits, 4 a digit).
const DIGITS: usize = 64;

/// The SHA-256 of all bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sha256Sum(pub [u8; 32]);

impl FromStr for Sha256Sum {
    type Err = ConfigError;

    /// Reads 64 hexadecimal digits, in upper or lower case.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = |what: String| {
            ConfigError::new(format!(
                "a fingerprint has {DIGITS} hexadecimal digits, as --dry-run and sha256sum print it; {what}"
            ))
        };
        if let Some(other) = text.chars().find(|character| !character.is_ascii_hexdigit()) {
            return Err(wrong(format!("{other:?} is none")));
        }
        if text.len() != DIGITS {
            return Err(wrong(format!("this has {}", text.len())));
        }
        let mut sum = Self([0; 32]);
        let digits = text.chars().filter_map(|digit| digit.to_digit(16)).filter_map(|digit| u8::try_from(digit).ok());
        for (index, digit) in digits.enumerate() {
            if let Some(byte) = sum.0.get_mut(index / 2) {
                *byte = *byte << 4 | digit;
            }
        }
        Ok(sum)
    }
}

impl fmt::Display for Sha256Sum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_in_any_case_and_written_as_sha256sum_writes_it() {
        let written = "b5f7fa3f2a656de858ab82c59fc00e13f9e8191df86f01751f032388a76a4e2b";
        for spelling in [written.to_owned(), written.to_uppercase()] {
            assert_eq!(spelling.parse::<Sha256Sum>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_no_fingerprint_is_told_in_what_it_differs() {
        let told = |text: &str| text.parse::<Sha256Sum>().unwrap_err().to_string();
        assert!(told("").contains("64 hexadecimal digits") && told("").ends_with("this has 0"));
        assert!(told(&"a".repeat(63)).ends_with("this has 63"));
        assert!(told(&"a".repeat(65)).ends_with("this has 65"));
        assert!(told(&format!("{}g", "a".repeat(63))).ends_with("'g' is none"));
        assert!(told(&format!("sha256:{}", "a".repeat(64))).ends_with("'s' is none"));
        assert!(told("é").ends_with("'é' is none"));
    }
}
