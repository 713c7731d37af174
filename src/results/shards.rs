//! Tells whether results of shards are together what one run over the whole input would have left: each shard once, and
//! each row. It goes by the journals, which know of which input and which shard the results are.

use std::collections::BTreeMap;

use super::journal::Identity;
use crate::shard::ShardGap;

/// The shards of one input that there are results of.
#[derive(Debug)]
struct InputShards<'a> {
    /// The first of them.
    identity: &'a Identity,
    of: u32,
    input_rows: u64,
    /// How many results there are of each shard, and how many rows the first of them have.
    shards: BTreeMap<u32, (u64, u64)>,
}

/// What is missing in results, or there more than once, where they are of shards. For each results file there is what its
/// journal says it is, and how many rows it has.
///
/// Results of a whole input are left aside, and so are those of standard input: nobody knows whether two streams were the
/// same, or how many rows one had.
pub fn shard_gaps<'a>(results: impl IntoIterator<Item = (&'a Identity, u64)>) -> Vec<ShardGap> {
    let mut inputs: Vec<InputShards<'a>> = Vec::new();
    for (identity, rows) in results {
        let Some((shard, input_rows)) = identity.shard.and_then(|part| Some((part.shard, part.input_rows?))) else {
            continue;
        };
        let known = inputs.iter().position(|found| found.identity.is_of_same_shards(identity));
        let index = known.unwrap_or_else(|| {
            inputs.push(InputShards { identity, of: shard.of(), input_rows, shards: BTreeMap::new() });
            inputs.len() - 1
        });
        if let Some(found) = inputs.get_mut(index) {
            found.shards.entry(shard.number()).or_insert((0, rows)).0 += 1;
        }
    }
    inputs.iter().filter_map(InputShards::gap).collect()
}

impl InputShards<'_> {
    fn gap(&self) -> Option<ShardGap> {
        let gap = ShardGap {
            input: self.identity.input.clone(),
            of: self.of,
            missing: (1..=self.of).filter(|number| !self.shards.contains_key(number)).collect(),
            repeated: self.shards.iter().filter(|(_, (times, _))| *times > 1).map(|(&number, _)| number).collect(),
            rows: self.shards.values().map(|(_, rows)| rows).sum(),
            input_rows: self.input_rows,
        };
        let is_whole = gap.missing.is_empty() && gap.repeated.is_empty() && gap.rows == gap.input_rows;
        (!is_whole).then_some(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::RunNotes;
    use crate::shard::ShardPart;

    fn part(input: &str, shard: &str, input_rows: Option<u64>) -> Identity {
        Identity {
            input: input.to_owned(),
            bytes: 5,
            sha256: input.chars().take(1).collect(),
            base_url: "https://host".to_owned(),
            encoding: "UTF-8".to_owned(),
            delimiter: ',',
            header_line: Some(1),
            id_column: Some(1),
            filters: Vec::new(),
            short_rows: false,
            shard: Some(ShardPart { shard: shard.parse().unwrap(), input_rows }),
            notes: RunNotes::default(),
        }
    }

    fn gaps(results: &[(Identity, u64)]) -> Vec<ShardGap> {
        shard_gaps(results.iter().map(|(identity, rows)| (identity, *rows)))
    }

    #[test]
    fn each_shard_once_with_all_rows_is_whole_whatever_the_input_was_called_on_each_machine() {
        let all = [(part("a", "1/2", Some(9)), 4), (part("a copy", "2/2", Some(9)), 5)];
        assert_eq!(gaps(&all), []);
        let whole = Identity { shard: None, ..part("a", "1/1", None) };
        let streams = [(part("-", "1/2", None), 4), (part("-", "1/2", None), 4)];
        assert_eq!(gaps(&[&all[..], &streams, &[(whole, 3)]].concat()), []);
    }

    #[test]
    fn what_is_missing_or_there_twice_or_does_not_add_up_is_found_for_each_input() {
        let found = gaps(&[
            (part("a", "1/3", Some(9)), 4),
            (part("b", "1/1", Some(7)), 6),
            (part("a", "3/3", Some(9)), 2),
            (part("a", "3/3", Some(9)), 2),
            (part("a", "1/2", Some(9)), 4),
            (part("a", "2/2", Some(9)), 5),
        ]);
        let [first, second] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((&first.missing[..], &first.repeated[..], first.rows, first.input_rows), (&[2][..], &[3][..], 6, 9));
        assert_eq!((second.missing.len(), second.repeated.len(), second.rows, second.input_rows), (0, 0, 6, 7));
    }

    #[test]
    fn shards_that_were_read_otherwise_are_not_of_one_run() {
        let other = Identity { filters: vec!["a=b".to_owned()], ..part("a", "2/2", Some(9)) };
        let found = gaps(&[(part("a", "1/2", Some(9)), 4), (other, 5)]);
        assert_eq!(found.iter().map(|gap| gap.missing.clone()).collect::<Vec<_>>(), [[2], [1]]);
    }
}
