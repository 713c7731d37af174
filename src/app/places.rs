//! Tells from the flags where the rows come from and where the results go: a file, or a standard stream.

use std::path::{Path, PathBuf};

use crate::cli::RunArgs;
use crate::shard::Shard;

/// The argument that means standard input or standard output.
const DASH: &str = "-";

/// Whether a path stands for standard input or standard output.
pub(super) fn is_dash(path: &Path) -> bool {
    path == Path::new(DASH)
}

impl RunArgs {
    /// Whether the input is standard input.
    pub(super) fn reads_standard_input(&self) -> bool {
        is_dash(&self.input)
    }

    /// Whether the operator sends the results to standard output.
    pub(super) fn writes_standard_output(&self) -> bool {
        self.results.output.as_deref().is_some_and(is_dash)
    }

    /// The path of the results file; `None` if the results go to standard output.
    pub(super) fn results_path(&self) -> Option<PathBuf> {
        match &self.results.output {
            Some(_dash) if self.writes_standard_output() => None,
            Some(path) => Some(path.clone()),
            None if self.reads_standard_input() => None,
            None => Some(default_output(&self.input, self.reading.shard)),
        }
    }
}

/// The path of the results beside their input: `round.csv` gives `round.results.csv`, and the second of eight shards
/// `round.shard-2-of-8.results.csv`, so that shards which share a directory do not share their results.
pub(super) fn default_output(input: &Path, shard: Option<Shard>) -> PathBuf {
    let is_csv = input.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let stem = if is_csv { input.with_extension("") } else { input.to_owned() };
    let mut name = stem.into_os_string();
    if let Some(shard) = shard {
        name.push(format!(".shard-{}-of-{}", shard.number(), shard.of()));
    }
    name.push(".results.csv");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_lie_beside_their_input() {
        for (input, output) in [
            ("round.csv", "round.results.csv"),
            ("a/Round 7.CSV", "a/Round 7.results.csv"),
            ("round.txt", "round.txt.results.csv"),
            ("round", "round.results.csv"),
            ("round.results.csv", "round.results.results.csv"),
        ] {
            assert_eq!(default_output(Path::new(input), None), Path::new(output));
        }
        let shard = "2/8".parse().ok();
        assert_eq!(default_output(Path::new("a/round.csv"), shard), Path::new("a/round.shard-2-of-8.results.csv"));
    }
}
