//! `packaging/`: what is given to users beside the command keeps in step with it, and works.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use imocha_cancel::cli::Cli;
use imocha_cancel::config::DEFAULT_TIMEOUT;
use imocha_cancel::ending::ExitCode;

use crate::support::{Ended, PATIENCE, Place, asked_for, repository, sandbox};

const SERVICE: &str = "packaging/systemd/imocha-cancel@.service";
const TIMER: &str = "packaging/systemd/imocha-cancel@.timer";
const MANIFESTS: [&str; 2] = ["packaging/kubernetes/cronjob.yaml", "packaging/kubernetes/indexed-job.yaml"];

fn text(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap()
}

/// What stands behind each `key` at the beginning of a line, whatever its indentation.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.trim_start().strip_prefix(key)).map(str::trim).collect()
}

fn numbers(text: &str) -> Vec<u8> {
    text.trim_matches(['[', ']']).split([',', ' ']).filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn who_starts_runs_again_goes_by_the_exit_codes() {
    let final_ones = [ExitCode::RowsLeft, ExitCode::Refused].map(ExitCode::number);
    let open_ones = [ExitCode::Stopped, ExitCode::Interrupted, ExitCode::Terminated].map(ExitCode::number);
    let service = text(SERVICE);
    assert_eq!(values(&service, "Restart="), ["on-failure"]);
    assert_eq!(numbers(values(&service, "RestartPreventExitStatus=")[0]), final_ones);
    for manifest in MANIFESTS.map(text) {
        let policies: Vec<Vec<u8>> = values(&manifest, "values:").into_iter().map(numbers).collect();
        assert_eq!(policies, [final_ones.to_vec(), open_ones.to_vec()]);
        let actions = values(&manifest, "- action:");
        assert!(["FailJob", "FailIndex"].contains(&actions[0]), "{actions:?}");
        assert_eq!(actions[1..], ["Ignore", "Count"]);
        assert_eq!(values(&manifest, "restartPolicy:"), ["Never"]);
    }
    assert!(text("packaging/slurm/imocha-cancel.sbatch").contains(&format!("code == {} ", ExitCode::Stopped.number())));
}

#[test]
fn a_run_that_is_asked_to_end_is_given_longer_than_a_call_may_take() {
    let seconds = |text: &str| text.trim_end_matches('s').parse::<u64>().unwrap();
    let call = seconds(DEFAULT_TIMEOUT);
    assert!(seconds(values(&text(SERVICE), "TimeoutStopSec=")[0]) >= 2 * call);
    for manifest in MANIFESTS.map(text) {
        assert!(seconds(values(&manifest, "terminationGracePeriodSeconds:")[0]) >= 2 * call);
    }
}

#[test]
fn every_flag_in_the_packaging_is_one_of_run() {
    let parser = Cli::parser();
    let run = parser.find_subcommand("run").unwrap();
    let flags: BTreeSet<&str> = run.get_arguments().filter_map(clap::Arg::get_long).collect();
    let twins: BTreeSet<&str> = run.get_arguments().filter_map(|flag| flag.get_env()?.to_str()).collect();
    for path in
        [SERVICE, MANIFESTS[0], MANIFESTS[1], "packaging/slurm/imocha-cancel.sbatch", "packaging/systemd/nightly.env"]
    {
        let text = text(path);
        // A setting that is commented out is one still; prose, and what `sbatch` is told, is none.
        let is_prose = |line: &&str| ["# ", "#!", "#SBATCH", "//"].iter().any(|mark| line.starts_with(mark));
        let lines =
            text.lines().map(str::trim_start).filter(|line| !is_prose(line)).map(|line| line.trim_start_matches('#'));
        let words: Vec<&str> = lines.flat_map(|line| line.split([' ', '"', '=', ':', '{', '}', '$', '\''])).collect();
        let said = words
            .iter()
            .filter_map(|word| word.strip_prefix("--"))
            .filter(|flag| flag.starts_with(char::is_alphabetic));
        for flag in said {
            assert!(flags.contains(flag), "{path}: run has no --{flag}");
        }
        for twin in words.iter().filter(|word| word.starts_with("IMOCHA_CANCEL_")) {
            assert!(twins.contains(twin), "{path}: no flag of run has the twin {twin}");
        }
    }
}

#[test]
fn package_and_pages_have_the_version_and_the_date_of_the_changelog() {
    let changelog = text("packaging/debian/changelog");
    assert!(changelog.starts_with(concat!("imocha-cancel (", env!("CARGO_PKG_VERSION"), "-")), "{changelog}");
    let stamp = changelog.lines().find_map(|line| line.strip_prefix(" -- ")?.split_once(">  ")).unwrap().1;
    let date = jiff::fmt::rfc2822::parse(stamp).unwrap().date().to_string();
    let place = Place::new();
    let page = Ended::of(&mut place.command(["man"])).expect_code(0).stdout;
    let title = page.lines().find(|line| line.starts_with(".TH ")).unwrap();
    assert!(title.contains(&date), "{title} is not of {date}");
}

/// Runs what the service runs, for the list `input.csv` here.
#[cfg(target_os = "linux")]
fn run_service(place: &Place, base_url: &str) -> Ended {
    let service = text(SERVICE);
    let line = values(&service, "ExecStart=/bin/sh -c")[0].trim_matches('\'').replace("%%", "%");
    let line = line.replace("/usr/bin/imocha-cancel", env!("CARGO_BIN_EXE_imocha-cancel"));
    let mut shell = assert_cmd::Command::new("/bin/sh");
    shell.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).args(["-c", &line]).timeout(PATIENCE);
    for setting in values(&service, "Environment=") {
        let (name, value) = setting.split_once('=').unwrap();
        shell.env(name, value.replace("%S/imocha-cancel/%i", place.path("state").to_str().unwrap()));
    }
    shell.env("INPUT", place.path("input.csv")).env("STATE_DIRECTORY", place.path("state"));
    shell.env("CREDENTIALS_DIRECTORY", place.path("credentials")).env("IMOCHA_CANCEL_BASE_URL", base_url);
    Ended::of(&mut shell)
}

#[cfg(target_os = "linux")]
#[test]
fn the_service_has_results_for_each_list_goes_on_with_them_and_refuses_a_stale_one() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n2\n");
    for directory in ["state", "credentials"] {
        fs::create_dir(place.path(directory)).unwrap();
    }
    place.write("credentials/imocha-api-key", server.api_key());
    let base_url = server.base_url();
    run_service(&place, &base_url).expect_code(0);
    run_service(&place, &base_url).expect_code(0);
    assert_eq!(asked_for(&server).len(), 2, "the second start has nothing left to do");
    let results =
        || fs::read_dir(place.path("state")).unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let of_lists = || results().filter(|name| name.ends_with("Z.results.csv")).count();
    assert_eq!(of_lists(), 1);

    let written = |ago: u64| {
        let file = fs::File::options().append(true).open(place.path("input.csv")).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(ago)).unwrap();
    };
    place.write("input.csv", "id\n3\n");
    written(3600);
    run_service(&place, &base_url).expect_code(0);
    assert_eq!((of_lists(), asked_for(&server).len()), (2, 3), "another list has results of its own");
    place.write("input.csv", "id\n4\n");
    written(13 * 3600);
    run_service(&place, &base_url).expect_code(2).expect_said(&["--max-input-age"]);
    assert_eq!(asked_for(&server).len(), 3);
}

#[cfg(target_os = "linux")]
#[test]
fn systemd_has_no_findings_and_the_service_is_little_exposed() {
    let place = Place::new();
    Ended::of(&mut place.command(["man", "man/man1"])).expect_code(0);
    // It looks whether the pages are there that the units name, with `man`.
    let has_man = Command::new("man").arg("--version").output().is_ok();
    let instance = |unit: &str| {
        let name = Path::new(unit).file_name().unwrap().to_str().unwrap().replace('@', "@nightly");
        let text = text(unit);
        place.write(&name, if has_man { text } else { text.replace("man:imocha-cancel-run(1) ", "") });
        place.path(&name)
    };
    let (service, timer) = (instance(SERVICE), instance(TIMER));
    let mut verify = Command::new("systemd-analyze");
    verify.arg("verify").args([&service, &timer]).env("MANPATH", place.path("man"));
    let Ok(verified) = verify.output() else {
        println!("left out: systemd-analyze is not installed");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&verified.stderr), "");
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--no-pager", "--threshold=15"]).arg(&service);
    let security = security.output().unwrap();
    assert!(security.status.success(), "{}", String::from_utf8_lossy(&security.stdout));
}
