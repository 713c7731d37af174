//! Every way in which the line to the API can fail, with real sockets, in clear and over TLS: a row is `unreachable`
//! only where certainly nothing was sent, `unconfirmed` where it is in doubt, and `cancelled` only on the strength of a
//! whole answer to its own request.

mod answers;
mod kept_alive;
mod no_connection;
mod peer;
mod proxies;
mod secrecy;

use crate::support::{Ended, Place, ResultsRow};
use crate::tls::{STRANGE, TRUSTED};

/// A time for one attempt that no test comes near, however slow the machine.
const LONG: &str = "50s";
/// A time for one attempt that is meant to pass. Half of it is for the connection, which even a busy machine makes in
/// that time.
const SHORT: &str = "3s";
const KEY: &str = "s3cret-key-of-the-account";

/// How a run is set up. Its rows are the IDs from 1 on.
#[derive(Clone, Copy)]
struct Run<'a> {
    base_url: &'a str,
    rows: u64,
    timeout: &'a str,
    attempts: &'a str,
    outage: &'a str,
    variables: &'a [(&'a str, &'a str)],
}

impl<'a> Run<'a> {
    fn of_one_row(base_url: &'a str) -> Self {
        Self { base_url, rows: 1, timeout: LONG, attempts: "1", outage: "0s", variables: &[] }
    }

    /// Runs it, one call at a time, and gives its rows. Neither they nor what was said hold the key.
    #[track_caller]
    fn rows(&self) -> Vec<ResultsRow> {
        let place = Place::with_input((1..=self.rows).fold("id\n".to_owned(), |text, id| format!("{text}{id}\n")));
        place.write("trusted.pem", TRUSTED.pem());
        place.write("system.pem", STRANGE.pem());
        let mut command = place.command(["run", "input.csv", "-yv", "--base-url", self.base_url]);
        command.args(["--concurrency", "1", "--rate", "unlimited", "--ca-file", "trusted.pem"]);
        command.args(["--timeout", self.timeout, "--max-attempts", self.attempts, "--max-outage", self.outage]);
        command.env("IMOCHA_API_KEY", KEY).env("SSL_CERT_FILE", place.path("system.pem"));
        let ended = Ended::of(command.envs(self.variables.iter().copied()));
        for text in [&ended.stdout, &ended.stderr, &place.read("input.results.csv")] {
            assert!(!text.contains("s3cret"), "{text}");
        }
        let rows = place.results();
        assert_eq!(u64::try_from(rows.len()), Ok(self.rows), "{}", ended.stderr);
        let all_cancelled = rows.iter().all(|row| row["status"] == "cancelled");
        assert_eq!(ended.code == 0, all_cancelled, "exit code {}: {rows:?}", ended.code);
        rows
    }

    #[track_caller]
    fn row(&self) -> ResultsRow {
        self.rows().pop().unwrap()
    }
}

/// The status and the HTTP status of a row.
fn statuses(row: &ResultsRow) -> (&str, &str) {
    (&row["status"], &row["http_status"])
}

/// Fails unless the row says that nothing was sent.
#[track_caller]
fn expect_unsent(case: &str, row: &ResultsRow) {
    assert_eq!(statuses(row), ("unreachable", ""), "{case}: {}", row["error"]);
    assert!(row["error"].starts_with("not sent: could not connect to "), "{case}: {}", row["error"]);
    assert_eq!(row["attempts"], "1", "{case}");
}
