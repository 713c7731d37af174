//! The page of `report` in a real browser. Left out where there is no Chromium: on the PATH, or named by `$CHROMIUM`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

use crate::canned::{Answer, Canned};
use crate::support::{Ended, PATIENCE, Place};

/// The names under which systems install it.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A page that shows another one in a frame, uses its filter, and writes down what is seen then. Both are files, and the
/// browser is told that they are of one origin.
const OBSERVER: &str = r#"<!doctype html><meta charset="utf-8"><pre id="seen"></pre>
<iframe id="frame" src="page.html" width="360" height="800"></iframe>
<script>
frame.onload = () => {
  const page = frame.contentDocument, root = page.documentElement;
  const visible = selector => [...page.querySelectorAll(selector)].filter(part => part.getClientRects().length);
  const rows = () => visible(".rows tbody tr").map(row => row.className);
  const result = {
    all: rows(),
    wider_than_its_frame: root.scrollWidth > root.clientWidth,
    colour_of_the_first_bar: frame.contentWindow.getComputedStyle(page.querySelector("rect.good")).fill,
    loaded: frame.contentWindow.performance.getEntriesByType("resource").length,
  };
  for (const button of page.querySelectorAll(".filter input")) {
    button.click();
    result[button.id] = { rows: rows(), tables: visible(".rows").length };
  }
  seen.textContent = JSON.stringify(result);
};
</script>"#;

/// The browser; `None`, with a line that says so, where there is none.
fn browser(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let directories = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&directories).flat_map(|place| BROWSERS.map(|name| place.join(name)));
    let found = named.or_else(|| places.find(|path| path.is_file()));
    if found.is_none() {
        // Not by a macro: the harness keeps what these print to itself when a test passes.
        let line = format!("left out: {test}, for there is no Chromium on the PATH or in $CHROMIUM\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    found
}

/// What the browser says of a file of this place: the document, and the messages of its console.
fn visit(browser: &Path, place: &Place, file: &str) -> (String, Vec<String>) {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files"]);
    command.args(["--enable-logging=stderr", "--dump-dom"]).env("HOME", profile.path()).timeout(PATIENCE);
    command.arg(format!("--user-data-dir={}", profile.path().join("profile").display()));
    command.arg(format!("file://{}", place.path(file).display()));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let messages = said.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    (String::from_utf8(output.stdout).unwrap(), messages)
}

/// A page with rows of each kind that is listed, and with all that the input has about them.
fn place_with_page() -> Place {
    let server = Canned::serve(|path, _before| match path.split('/').nth(3).unwrap() {
        "2" | "3" => Answer::json("400 Bad Request", "{}"),
        "4" => Answer::HangUp,
        "5" => Answer::json("404 Not Found", "{}"),
        _ => Answer::cancelled(path),
    });
    let hostile = "</td><script>document.title = 1</script><img src=http://127.0.0.1:9/ onerror=alert(1)>\u{202e}";
    let place = Place::with_input(format!("id,Name\n1,a\n2,{hostile}\n3,c\n4,{hostile}\n5,e\nx,f\n1,g\n"));
    place.run_at(&server.base_url, "key", &["--max-attempts", "1", "--max-outage", "0s"]).expect_code(1);
    let report = ["report", "input.results.csv", "--columns", "Name", "-o", "page.html"];
    Ended::of(&mut place.command(report)).expect_code(0);
    place
}

#[test]
fn the_filter_works_without_a_script_and_nothing_is_loaded() {
    let Some(browser) = browser("the_filter_works_without_a_script_and_nothing_is_loaded") else { return };
    let place = place_with_page();
    place.write("observer.html", OBSERVER);
    let (document, messages) = visit(&browser, &place, "observer.html");
    assert_eq!(messages, <[String; 0]>::default());
    let (_, seen) = document.split_once("<pre id=\"seen\">").unwrap();
    let seen: Value = serde_json::from_str(seen.split_once("</pre>").unwrap().0).unwrap();
    let all = ["unconfirmed", "not_cancellable", "not_cancellable", "not_found", "invalid_id"];
    assert_eq!(seen["all"], Value::from(all.to_vec()), "{seen}");
    assert_eq!(seen["show-all"]["rows"], seen["all"]);
    for (status, rows) in [("unconfirmed", 1), ("not_cancellable", 2), ("not_found", 1), ("invalid_id", 1)] {
        let shown = &seen[format!("show-{status}")];
        assert_eq!(shown["rows"], Value::from(vec![status; rows]), "{seen}");
        assert_eq!(shown["tables"], 1, "a table without a row is not shown: {seen}");
    }
    assert_eq!((&seen["wider_than_its_frame"], &seen["loaded"]), (&false.into(), &0.into()), "{seen}");
    assert_ne!(seen["colour_of_the_first_bar"], "rgb(0, 0, 0)", "its own style is not blocked: {seen}");
}

#[test]
fn the_browser_has_nothing_to_complain_about_and_would_block_what_does_not_belong() {
    let name = "the_browser_has_nothing_to_complain_about_and_would_block_what_does_not_belong";
    let Some(browser) = browser(name) else { return };
    let place = place_with_page();
    let (document, messages) = visit(&browser, &place, "page.html");
    assert_eq!(messages, <[String; 0]>::default());
    assert!(document.contains("<title>Cancelled invitations: input.results.csv</title>"), "{document}");
    let foreign = "<img src=\"http://127.0.0.1:9/x.png\"><script>document.title = 'taken'</script></main>";
    place.write("page.html", place.read("page.html").replace("</main>", foreign));
    let (document, messages) = visit(&browser, &place, "page.html");
    assert!(!document.contains("<title>taken"), "{document}");
    let blocked = |what: &str| {
        messages.iter().any(|message| message.contains("Content Security Policy") && message.contains(what))
    };
    assert!(blocked("img-src") && blocked("script-src"), "{messages:?}");
}
