//! README.md: what it tells an operator to type works as it says.

use std::fs;

use crate::support::{Ended, Place, repository, sandbox};

fn readme() -> String {
    fs::read_to_string(repository("README.md")).unwrap()
}

/// The lines of all fenced blocks in this language.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).flat_map(|rest| rest.split("```").next().unwrap().lines()).map(str::to_owned).collect()
}

/// The commands for the product in the blocks for a shell, without how it is started.
fn product_commands() -> Vec<Vec<String>> {
    let commands = blocks("sh");
    let own = commands.iter().filter_map(|line| {
        line.strip_prefix("cargo run --release -- ")
            .or_else(|| line.strip_prefix("imocha-cancel "))
            .or_else(|| line.split_once(" | imocha-cancel ").map(|(_before, own)| own))
    });
    own.map(|line| {
        line.split('#').next().unwrap().split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect()
    })
    .collect()
}

#[test]
fn every_command_of_the_readme_works() {
    let commands = product_commands();
    assert!(commands.len() >= 6, "the commands are found: {commands:?}");
    let kinds = ["run", "verify", "report"];
    for command in commands.iter().filter(|command| kinds.contains(&command[0].as_str())) {
        let server = sandbox();
        let place = Place::with_input("testInvitationId,team\n31,a\n32,b\n");
        fs::create_dir(place.path("samples")).unwrap();
        fs::copy(repository("samples/invitations.csv"), place.path("samples/invitations.csv")).unwrap();
        fs::copy(place.path("input.csv"), place.path("round-7.csv")).unwrap();
        place.write("key.txt", server.api_key());
        if command[0] != "run" {
            let mut run = place.command(["run", "round-7.csv", "--yes", "-q", "--base-url", &server.base_url()]);
            Ended::of(run.env("IMOCHA_API_KEY", server.api_key())).expect_code(0);
        }
        // Nobody is there to answer a question here; all else is as a person would type it.
        let mut process = place.command(command);
        if command[0] == "run"
            && !command.iter().any(|word| ["--yes", "-y", "--dry-run", "-n", "--sandbox"].contains(&word.as_str()))
        {
            process.arg("--yes");
        }
        process.env("IMOCHA_CANCEL_BASE_URL", server.base_url()).env("IMOCHA_API_KEY", server.api_key());
        process.env("IMOCHA_CANCEL_RATE", "unlimited").write_stdin("testInvitationId\n33\n");
        let ended = Ended::of(&mut process);
        assert!(ended.code == 0 || ended.code == 1, "{command:?}: {}", ended.stderr);
    }
}

#[test]
fn the_test_command_of_the_readme_is_what_the_check_runs() {
    assert!(blocks("sh").iter().any(|line| line.starts_with("cargo test")));
    let check = fs::read_to_string(repository(".ci/run")).unwrap();
    assert!(check.contains(" cargo test"), "{check}");
}

#[test]
fn the_help_in_the_readme_is_the_help_of_the_binary() {
    let place = Place::new();
    let help = Ended::of(&mut place.command(["run", "--help"])).expect_code(0).stdout;
    let told: String = blocks("help").into_iter().map(|line| line + "\n").collect();
    assert_eq!(told, help, "the block in README.md should be what `imocha-cancel run --help` prints");
}
