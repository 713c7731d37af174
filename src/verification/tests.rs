use super::*;
use crate::outcome::Effect;

/// The table of the contract, read row by row.
fn expected(status: Status, listed: Listed) -> (Finding, Option<Status>) {
    let is_cancelled = matches!(listed, Listed::Cancelled | Listed::Both);
    let is_over = matches!(listed, Listed::Over(_) | Listed::Both);
    let never = [Status::Duplicate, Status::InvalidId].contains(&status);
    if never {
        (Finding::NothingToCheck, None)
    } else if status == Status::Cancelled && is_cancelled || status == Status::NotCancellable && is_over {
        (Finding::Confirmed, None)
    } else if status.effect() == Effect::Possible && is_cancelled != is_over {
        (Finding::Settled, Some(if is_cancelled { Status::Cancelled } else { Status::NotCancellable }))
    } else if status == Status::Cancelled && is_over {
        (Finding::Contradicted, None)
    } else if status == Status::Cancelled || status.effect() == Effect::Possible {
        (Finding::NotYetSeen, None)
    } else if is_cancelled {
        (Finding::AlreadyCancelled, None)
    } else {
        (Finding::NothingToCheck, None)
    }
}

#[test]
fn each_status_meets_each_list_as_the_contract_says() {
    for &status in Status::ALL {
        for listed in [Listed::Nowhere, Listed::Cancelled, Listed::Over(ListedState::Expired), Listed::Both] {
            assert_eq!(compare(status, listed), expected(status, listed), "{status} {listed:?}");
        }
    }
}

#[test]
fn lists_of_several_windows_are_one() {
    let listing = |ids: &[u64]| Listing { ids: ids.to_vec(), entries: 2, is_absent: false };
    let mut lists = Lists::default();
    lists.add(ListedState::Cancelled, listing(&[3, 9]));
    let mut older = Lists::default();
    older.add(ListedState::Cancelled, listing(&[1, 3]));
    older.add(ListedState::Expired, listing(&[1, 4]));
    lists.extend(older);
    assert_eq!(
        [1, 3, 4, 5].map(|id| lists.of(id)),
        [Listed::Both, Listed::Cancelled, Listed::Over(ListedState::Expired), Listed::Nowhere]
    );
    assert_eq!((lists.entries(ListedState::Cancelled), lists.all_entries()), (3, 5));
}
