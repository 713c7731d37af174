//! Tells what a cell of the first row is: an ID, a damaged ID, or the name of a column.

use crate::invitation::{InvitationId, NotAnId};
use crate::row::column_key;

/// The usual names of the ID column, as [`column_key`] writes them.
pub(super) const ID_NAMES: [&str; 2] = ["testinvitationid", "invitationid"];

/// A name that many kinds of columns have. It counts only if no other column name speaks of invitations; beside such a
/// column, it is usually the key of another database.
pub(super) const SHORT_ID_NAME: &str = "id";

/// The part of a name that speaks of invitations, as [`column_key`] writes it: `Invite ID`, `imocha_invitation_id`.
pub(super) const INVITATION_STEM: &str = "invit";

/// Words with that stem that mean people, dates or actions instead: `Invitee phone`, `Invited at`.
const NO_INVITATIONS: [&str; 4] = ["invitee", "inviter", "invited", "inviting"];

/// Other properties of an invitation, which may also be numbers.
const OTHER_THINGS: [&str; 6] = ["phone", "mobile", "mail", "count", "time", "numberof"];

/// Words that name columns (chosen by us: those that exports use, in the languages in which they come). A row with none
/// of them is not certain to be a header.
const COLUMN_WORDS: [&str; 56] = [
    "id",
    "ids",
    "nr",
    "num",
    "number",
    "numbers",
    "nummer",
    "numero",
    "número",
    "code",
    "key",
    "name",
    "names",
    "vorname",
    "nachname",
    "nom",
    "nombre",
    "email",
    "emails",
    "mail",
    "phone",
    "phones",
    "mobile",
    "telephone",
    "telefon",
    "telefono",
    "status",
    "state",
    "estado",
    "statut",
    "date",
    "datum",
    "fecha",
    "candidate",
    "candidates",
    "kandidat",
    "employee",
    "employees",
    "invitation",
    "invitations",
    "invite",
    "invites",
    "einladung",
    "invitación",
    "score",
    "roll",
    "column",
    "comment",
    "note",
    "address",
    "city",
    "country",
    "department",
    "role",
    "reference",
    "url",
];

/// Words that turn a column's name after them into a remark: `no ID`, `wrong number`.
const REMARKS: [&str; 14] = [
    "no", "not", "none", "n", "missing", "without", "unknown", "wrong", "invalid", "bad", "old", "lost", "see",
    "changed",
];

/// Whether a cell is an ID.
pub(super) fn is_id(cell: &str) -> bool {
    InvitationId::from_cell(cell).is_ok()
}

/// Whether a cell is text: not an ID, and not one that a spreadsheet has damaged, which is data too.
pub(super) fn is_text(cell: &str) -> bool {
    InvitationId::from_cell(cell) == Err(NotAnId::Text)
}

/// Whether a cell has letters and no digits.
pub(super) fn is_name(cell: &str) -> bool {
    cell.chars().any(char::is_alphabetic) && !cell.chars().any(char::is_numeric)
}

/// Whether the header of a single column says that the column holds invitations.
pub(super) fn names_invitations(name: &str) -> bool {
    let key = column_key(name);
    if key == SHORT_ID_NAME || key == "ids" {
        return true;
    }
    let without_others = NO_INVITATIONS.iter().fold(key.clone(), |key, word| key.replace(word, ""));
    without_others.contains(INVITATION_STEM) && !OTHER_THINGS.iter().any(|thing| key.contains(thing))
}

/// Whether a cell looks like the name of a column: one of its words is in [`COLUMN_WORDS`].
pub(super) fn is_column_name(cell: &str) -> bool {
    let words = words(cell);
    let is_remark = words.len() > 1 && words.first().is_some_and(|word| REMARKS.contains(&word.as_str()));
    is_text(cell) && !is_remark && words.iter().any(|word| COLUMN_WORDS.contains(&word.as_str()))
}

/// The words of a name in lower case; they are the same for `Test ID`, `test_id` and `testId`.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut was_lowercase = false;
    for character in name.chars() {
        let begins = was_lowercase && character.is_uppercase();
        if begins || !character.is_alphabetic() {
            words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
        }
        if character.is_alphabetic() {
            word.extend(character.to_lowercase());
        }
        was_lowercase = character.is_lowercase();
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_into_its_words() {
        assert_eq!(words("testInvitationId (2) E-Mail_a"), ["test", "invitation", "id", "e", "mail", "a"]);
        assert!(words(" 5 ").is_empty());
    }

    #[test]
    fn a_single_column_names_invitations_or_something_else() {
        let invitations =
            ["id", " IDs ", "Invite ID", "Invitations to cancel", "imocha_invitation_ids", "Cancelled invites"];
        assert!(invitations.into_iter().all(names_invitations));
        let others =
            ["phone", "Test ID", "Employee No", "Invitee phone", "Invited at", "invite count", "Candidate ID", "ids 2"];
        assert_eq!(others.into_iter().find(|name| names_invitations(name)), None);
    }

    #[test]
    fn a_remark_is_no_column_name() {
        for (cell, is) in [
            ("Nummer", true),
            ("Phone 1", true),
            ("Employee No", true),
            ("no ID", false),
            ("wrong number", false),
            ("Ann", false),
            ("x9", false),
            ("5", false),
        ] {
            assert_eq!(is_column_name(cell), is, "{cell}");
        }
    }
}
