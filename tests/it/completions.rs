//! What `completions` prints, loaded by the shells themselves. A shell that is not installed is left out by name.

use std::collections::BTreeSet;

use assert_cmd::Command;

use crate::support::{Ended, PATIENCE, Place, at_once};

/// Asks bash as its own line editor does: by calling the function that the script has registered.
const BASH: &str = r#"
source completions || exit
registered=$(complete -p imocha-cancel) || exit
[[ $registered == *"-o default"* ]] || exit
function=${registered#*-F }
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
# Only the line editor may set these options; outside of it, they are an error.
compopt() { :; }
"${function%% *}" imocha-cancel "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
# Where the function has nothing to say, `-o default` makes it the names of files.
if ((${#COMPREPLY[@]} == 0)); then mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"); fi
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// Asks zsh on a terminal of its own, since only its line editor completes. Each match that is offered is printed first.
const ZSH: &str = r#"
zmodload zsh/zpty || exit
zpty terminal zsh -f -i
tell() { zpty -w terminal "$1" }
tell 'PROMPT= RPROMPT='
tell 'autoload -Uz compinit; compinit -D -u'
tell 'source ./completions'
tell 'compadd() { local -a matches; builtin compadd -O matches "$@"; print -rl -- "" "<"${^matches}">"; builtin compadd "$@" }'
tell 'complete-and-end() { zle complete-word; print "THE""END"; exit }'
tell 'zle -N complete-and-end; bindkey "^I" complete-and-end; print "REA""DY"'
zpty -r terminal said '*READY*' || exit
zpty -w -n terminal "$*"$'\t'
zpty -r terminal said '*THEEND*' || exit
for line in ${(f)said//$'\r'}; do [[ $line == '<'*'>' ]] && print -r -- ${${line#<}%>}; done
exit 0
"#;

/// Asks fish, which has a command for that.
const FISH: &str = r#"
source completions; or exit
complete --do-complete="$argv" | string replace --regex '\t.*' ''
true
"#;

/// How a shell is started with a script, before the words of a command line.
const SHELLS: [(&str, &[&str]); 3] = [
    ("bash", &["--norc", "-c", BASH, "bash"]),
    ("zsh", &["-f", "-c", ZSH, "zsh"]),
    ("fish", &["--no-config", "-c", FISH]),
];

/// What this shell offers for the last of these words; `None` where it is not installed.
fn offered(place: &Place, shell: &str, arguments: &[&str], words: &[&str]) -> Option<BTreeSet<String>> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut command = Command::new(shell);
    command.env_clear().env("PATH", path).env("HOME", place.path(".")).env("TERM", "dumb").current_dir(place.path("."));
    let output = match command.args(arguments).args(words).timeout(PATIENCE).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        output => Ended::from(output.unwrap()).expect_code(0),
    };
    // Shells quote a name with a blank each in its own way.
    Some(output.stdout.lines().map(|line| line.replace(['\\', '\''], "")).filter(|line| !line.is_empty()).collect())
}

fn set<const N: usize>(words: [&str; N]) -> BTreeSet<String> {
    words.map(str::to_owned).into()
}

#[test]
fn shells_complete_commands_flags_values_and_files() {
    at_once(SHELLS, |(shell, arguments)| {
        let place = Place::new();
        let script = Ended::of(&mut place.command(["completions", shell])).expect_code(0).stdout;
        for (name, content) in [("completions", script.as_str()), ("round-7.csv", ""), ("round 8.csv", "")] {
            place.write(name, content);
        }
        let offered = |words: &[&str]| offered(&place, shell, arguments, &[&["imocha-cancel"], words].concat());
        let Some(commands) = offered(&[""]) else {
            println!("left out: {shell} is not installed");
            return;
        };
        assert!(commands.is_superset(&set(["run", "verify", "sandbox", "completions"])), "{shell}: {commands:?}");
        for (words, expected) in [
            (&["run", "--max-i"][..], set(["--max-input-age"])),
            (&["verify", "--sin"], set(["--since"])),
            (&["run", "rou"], set(["round 8.csv", "round-7.csv"])),
            (&["run", "--api-key-file", "rou"], set(["round 8.csv", "round-7.csv"])),
            (&["run", "--log-format", ""], set(["json", "text"])),
            (&["sandbox", "--retry-after", ""], set(["date", "none", "seconds"])),
        ] {
            assert_eq!(offered(words), Some(expected), "{shell}: {words:?}");
        }
        let none = offered(&["run", "--rate", "rou"]).unwrap();
        assert!(!none.contains("round-7.csv"), "{shell}: a rate is not a file: {none:?}");
    });
}

#[test]
fn other_shells_have_completions_and_one_that_is_not_known_is_refused() {
    let place = Place::new();
    Ended::of(&mut place.command(["completions", "csh"])).expect_code(2).expect_said(&["csh", "bash"]);
    for shell in ["elvish", "powershell"] {
        assert!(
            Ended::of(&mut place.command(["completions", shell])).expect_code(0).stdout.contains("--max-input-age")
        );
    }
}
