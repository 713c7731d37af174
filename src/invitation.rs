//! Holds the number that names one invitation at iMocha, and turns the cell of a spreadsheet into it.
//!
//! The rule of this room: either a cell means exactly one ID, in a spelling that cannot mean another one, or it is not
//! an ID and the reason is given. Nothing is guessed, because a wrong guess e-mails the wrong person.

use std::fmt;

use thiserror::Error;

/// The ID of one test invitation: a positive 64-bit integer (iMocha's documentation calls its `testInvitationId`
/// "Integer64"), so from 1 to 9,223,372,036,854,775,807.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InvitationId(u64);

/// Why a cell is not the ID of an invitation. The operator reads these texts in the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotAnId {
    /// Nothing but blanks and quotes.
    #[error("the cell is empty")]
    Empty,
    /// A minus sign before the number.
    #[error("a negative number: an ID is 1 or more")]
    Negative,
    /// A plus sign before the number.
    #[error("a number with a sign: an ID has digits only")]
    PlusSign,
    /// Nothing but zeros.
    #[error("zero: an ID is 1 or more")]
    Zero,
    /// More than 63 bits.
    #[error("too large: an ID is at most 9223372036854775807")]
    TooLarge,
    /// `2932950.5`.
    #[error("a fraction: an ID is a whole number")]
    Fraction,
    /// `9007199254740993.0`: the program that wrote the `.0` cannot store all digits before it.
    #[error("a decimal number so large that its last digits may have been lost: export the column as text")]
    InexactDecimal,
    /// `292.000`: either with decimals, or 292,000 with the thousands separator of some countries.
    #[error(
        "may be a number with a thousands separator, or one with three decimals: export the column as Text, or as Number \
         without either"
    )]
    MaybeThousands,
    /// `9007199254741000`: a spreadsheet keeps 15 digits and writes zeros for the rest.
    #[error(
        "a number so large that a spreadsheet writes zeros for its last digits, as here: export the column as text"
    )]
    Rounded,
    /// `2.93295E+06`.
    #[error(
        "scientific notation: Excel has turned the ID into this and its digits may be lost: export again with the \
         column formatted as Text, or as Number without decimals"
    )]
    Scientific,
    /// `2,932,950`.
    #[error("thousands separators: export the column as Text, or as Number without them")]
    Grouped,
    /// `٢٩٣٢٩٥٠`.
    #[error("digits of another script: write them as 0 to 9")]
    ForeignDigits,
    /// `2932950, 2932951`.
    #[error("more than one number in the cell: give each ID its own row")]
    Several,
    /// Anything else.
    #[error("text, not a number")]
    Text,
}

/// Every whole number below this is exact in the floating-point numbers of spreadsheets and databases (IEEE 754
/// binary64 has 53 bits of significand), so a `.0` after it means that no digit was lost.
const EXACT_DECIMALS_END: u64 = 1 << 53;

/// A number that a spreadsheet has rounded to its digits ends in at least as many zeros as this.
const ROUNDED_STEP: u64 = 1000;

/// The most digits before the first thousands separator, and the decimals that may be a group after it.
const FIRST_GROUP_DIGITS: usize = 3;
const GROUP_OF_ZEROS: &str = "000";

/// The pairs of quotes that may be around the digits: those of programs, and those of word processors.
const QUOTES: [(char, char); 6] = [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’'), ('„', '“'), ('«', '»')];

impl InvitationId {
    /// The largest ID.
    pub const MAX: Self = Self(u64::MAX >> 1);

    /// The ID with this number, if it is from 1 to [`i64::MAX`].
    pub fn new(number: u64) -> Option<Self> {
        (1..=Self::MAX.0).contains(&number).then_some(Self(number))
    }

    /// Reads the cell of a spreadsheet.
    ///
    /// There may be blanks of any kind around the digits, one pair of quotes, and Excel's mark for text, a leading `'`.
    /// Before the digits there may be zeros, and after them `.0` with any number of zeros, unless that could be a group
    /// of thousands.
    ///
    /// # Errors
    ///
    /// For every other cell, what it is instead.
    pub fn from_cell(cell: &str) -> Result<Self, NotAnId> {
        // A short cut for most cells: to look for points and quotes takes a third of the time of a whole survey.
        if is_number(cell) {
            return Self::from_digits(cell, None);
        }
        let text = without_wrapping(cell);
        let (digits, decimals) = text.split_once('.').map_or((text, None), |(digits, behind)| (digits, Some(behind)));
        let is_zeros = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte == b'0');
        if !is_number(digits) || !decimals.is_none_or(is_zeros) {
            return Err(NotAnId::of(text));
        }
        Self::from_digits(digits, decimals)
    }

    /// Reads an ID from digits, and the zeros after a point if there is one.
    fn from_digits(digits: &str, decimals: Option<&str>) -> Result<Self, NotAnId> {
        let number = match digits.parse::<u64>() {
            Ok(0) => return Err(NotAnId::Zero),
            Ok(number) => number,
            Err(_) => return Err(NotAnId::TooLarge),
        };
        let id = Self::new(number).ok_or(NotAnId::TooLarge)?;
        if digits.len() <= FIRST_GROUP_DIGITS && decimals == Some(GROUP_OF_ZEROS) {
            Err(NotAnId::MaybeThousands)
        } else if number < EXACT_DECIMALS_END {
            Ok(id)
        } else if decimals.is_some() {
            Err(NotAnId::InexactDecimal)
        } else if number.is_multiple_of(ROUNDED_STEP) {
            Err(NotAnId::Rounded)
        } else {
            Ok(id)
        }
    }

    /// How many digits the number has.
    pub(crate) fn digits(self) -> u32 {
        self.0.ilog10() + 1
    }

    /// The number, from 1 to [`i64::MAX`].
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for InvitationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl NotAnId {
    /// Finds out what kind of text a cell is that is not an ID. This only chooses the words of the reason; nothing is
    /// sent because of it.
    fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self::Empty;
        }
        if let Some(sign) = text.chars().next().filter(|first| matches!(first, '+' | '-' | '\u{2212}'))
            && text.chars().nth(1).is_some_and(char::is_numeric)
        {
            return if sign == '+' { Self::PlusSign } else { Self::Negative };
        }
        if is_scientific(text) {
            Self::Scientific
        } else if is_of_another_script(text) {
            Self::ForeignDigits
        } else if is_grouped(text) {
            Self::Grouped
        } else if is_fraction(text) {
            Self::Fraction
        } else if is_several(text) {
            Self::Several
        } else {
            Self::Text
        }
    }
}

/// Whether a character is a blank or has no width: it is invisible at the edge of a cell.
pub(crate) fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}')
}

/// Whether a character is a quote, of programs or of word processors.
pub(crate) fn is_quote(character: char) -> bool {
    QUOTES.iter().any(|(open, close)| character == *open || character == *close)
}

/// Removes the blanks from both ends of a cell.
pub(crate) fn without_blanks(cell: &str) -> &str {
    cell.trim_matches(is_blank)
}

/// Removes what may be around the digits of an ID.
fn without_wrapping(cell: &str) -> &str {
    let text = without_blanks(cell);
    let unquoted = QUOTES.iter().find_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close));
    let text = without_blanks(unquoted.unwrap_or(text));
    text.strip_prefix('\'').map_or(text, without_blanks)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_scientific(text: &str) -> bool {
    text.split_once(['e', 'E']).is_some_and(|(mantissa, exponent)| {
        let (whole, part) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
        is_number(whole) && is_number(part) && is_number(exponent.trim_start_matches(['+', '-']))
    })
}

fn is_of_another_script(text: &str) -> bool {
    text.chars().all(|character| character.is_numeric() || is_blank(character))
        && !text.is_ascii()
        && text.chars().any(|character| character.is_numeric() && !character.is_ascii())
}

/// Whether the text has groups of three digits, or of two before the last three, as in `29,32,950`.
fn is_grouped(text: &str) -> bool {
    let separator = |character: char| matches!(character, ',' | '.' | '\'' | '’' | '_') || character.is_whitespace();
    let mut groups: Vec<&str> = text.split(separator).collect();
    let (last, first) = (groups.pop(), groups.first().copied());
    last.is_some_and(|group| is_number(group) && group.len() == 3)
        && first.is_some_and(|group| group.len() <= 3)
        && groups.iter().all(|group| is_number(group))
        && groups.iter().skip(1).all(|group| matches!(group.len(), 2 | 3))
}

/// Whether the text is digits with a point or a comma; after a comma there are too few digits for a second ID.
fn is_fraction(text: &str) -> bool {
    text.split_once(['.', ',']).is_some_and(|(whole, part)| {
        let plain = |digits: &str| digits.is_empty() || is_number(digits);
        plain(whole) && plain(part) && text.len() > 1 && (text.contains('.') || part.len() < 4)
    })
}

fn is_several(text: &str) -> bool {
    let separator =
        |character: char| matches!(character, ',' | ';' | '/' | '|' | '&' | '-') || character.is_whitespace();
    let numbers: Vec<&str> = text.split(separator).filter(|number| !number.is_empty()).collect();
    numbers.len() > 1 && numbers.into_iter().all(is_number)
}

#[cfg(test)]
mod tests;
