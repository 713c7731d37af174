//! Checks the proxy from the environment. If it cannot be used, the run is refused and the variable is named: the
//! library would silently ignore it, and the calls would go out directly. The value can hold a password, so it is never
//! shown.

use std::ffi::OsString;

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::config::BaseUrl;
use crate::error::{Cause, Refusal};

/// The variables for calls over https, in order of precedence. (Source: reqwest 0.13 and hyper-util 0.1. They take the
/// first variable of a pair that exists, and the second pair if the first pair names no proxy.)
const VARIABLES: [[&str; 2]; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];
const EXEMPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// If this variable is set, the library uses no proxy at all, because it assumes that it runs as a script of a web
/// server.
const SCRIPT_VARIABLE: &str = "REQUEST_METHOD";

/// Makes sure that the proxy will be used that the environment names for this address.
///
/// # Errors
///
/// If the environment names a proxy that cannot be used.
pub(super) fn check(base_url: &BaseUrl) -> Result<(), Refusal> {
    check_in(base_url, |name| std::env::var_os(name))
}

fn check_in(base_url: &BaseUrl, variable: impl Fn(&str) -> Option<OsString>) -> Result<(), Refusal> {
    // Unencrypted calls stay on this machine and use no proxy.
    let Ok(target) = base_url.as_url().as_str().parse::<Uri>() else { return Ok(()) };
    if base_url.is_plain() || is_exempt(&target, &variable) {
        return Ok(());
    }
    for [first, second] in VARIABLES {
        let is_set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let (name, value) = match (variable(first), is_set(second)) {
            (Some(empty), Some(_)) if empty.is_empty() => return Err(hidden(first, second)),
            (Some(value), _) if !value.is_empty() => (first, value),
            (Some(_), _) | (None, None) => continue,
            (None, Some(value)) => (second, value),
        };
        if let Some(reason) = fault(&value, &target) {
            return Err(unusable(name, reason));
        }
        if variable(SCRIPT_VARIABLE).is_some() {
            let message = format!("the proxy in {name} would not be used, because {SCRIPT_VARIABLE} is set");
            return Err(Refusal::new(Cause::Usage, message).hint(format!("unset {SCRIPT_VARIABLE}")));
        }
        return Ok(());
    }
    Ok(())
}

/// Whether `NO_PROXY` names the address.
fn is_exempt(target: &Uri, variable: &impl Fn(&str) -> Option<OsString>) -> bool {
    let exemptions = EXEMPTIONS.into_iter().find_map(|name| variable(name)?.into_string().ok()).unwrap_or_default();
    Matcher::builder().https("http://proxy").no(exemptions).build().intercept(target).is_none()
}

/// What is wrong with the address of a proxy.
fn fault(value: &OsString, target: &Uri) -> Option<&'static str> {
    const NO_ADDRESS: &str = "it is not an address such as http://proxy:3128";
    let Some(text) = value.to_str() else { return Some("it is not text") };
    let Some(taken) = Matcher::builder().https(text.to_owned()).build().intercept(target) else {
        return Some(NO_ADDRESS);
    };
    if !matches!(taken.uri().scheme_str(), Some("http" | "https")) {
        return Some("it is a SOCKS proxy, and only those of http and https can be used");
    }
    // Parse it a second time: the library ignores a port that is not valid.
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    Url::parse(&whole).is_err().then_some(NO_ADDRESS)
}

fn unusable(name: &str, reason: &str) -> Refusal {
    Refusal::new(Cause::Usage, format!("the proxy in {name} cannot be used: {reason}"))
        .hint(format!("set {name} to an address such as http://proxy:3128, or unset it to call without a proxy"))
}

fn hidden(empty: &str, hidden: &str) -> Refusal {
    Refusal::new(Cause::Usage, format!("{empty} is empty, and {hidden} names a proxy: nobody knows which is meant"))
        .hint(format!("unset {empty} to use the proxy, or {hidden} to call without one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_with(variables: &[(&str, &str)]) -> Result<(), String> {
        let base_url = "https://apiv3.imocha.io".parse().unwrap();
        let variable = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        check_in(&base_url, variable).map_err(|refusal| format!("{refusal} {:?}", refusal.hint))
    }

    #[test]
    fn a_proxy_that_can_be_used_is_taken_in_any_form() {
        for value in [
            "http://proxy:3128",
            "proxy:3128",
            "proxy",
            "https://proxy.example/",
            "http://me:s3cret@10.0.0.1:8080",
            "http://me:p%40ss@proxy:8080",
            "http://[::1]:3128",
            "",
        ] {
            for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
                assert_eq!(check_with(&[(name, value)]), Ok(()), "{name}={value}");
            }
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name_and_never_shown() {
        for value in [
            "http://",
            "://s3cret",
            "http//s3cret:3128",
            "ftp://s3cret:3128",
            "socks4://me:s3cret@proxy:1080",
            "socks5://me:s3cret@proxy:1080",
            "socks5h://s3cret:1080",
            "http://me:s3cret@proxy:99999",
            "http://me:s3cret@proxy:port",
            "http://me:s3c ret@proxy:3128",
            "http://s3cret:3128 ",
            "http://s3cret:3128\n",
            ":3128",
            " ",
            "s3cret proxy",
        ] {
            for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
                let refused = check_with(&[(name, value)]).unwrap_err();
                assert!(refused.contains(name) && !refused.contains("s3c"), "{name}={value:?}: {refused}");
            }
        }
    }

    #[test]
    fn only_what_would_be_used_is_looked_at() {
        let (good, bad) = ("http://proxy:3128", "garbage garbage");
        for fine in [
            vec![("HTTPS_PROXY", good), ("ALL_PROXY", bad)],
            vec![("HTTPS_PROXY", good), ("https_proxy", bad)],
            vec![("HTTP_PROXY", bad)],
            vec![("HTTPS_PROXY", bad), ("NO_PROXY", "imocha.io")],
            vec![("HTTPS_PROXY", bad), ("no_proxy", "*")],
            vec![("HTTPS_PROXY", ""), ("ALL_PROXY", good)],
            vec![("REQUEST_METHOD", "GET")],
        ] {
            assert_eq!(check_with(&fine), Ok(()), "{fine:?}");
        }
        for refused in [
            vec![("HTTPS_PROXY", bad), ("ALL_PROXY", good)],
            vec![("HTTPS_PROXY", ""), ("ALL_PROXY", bad)],
            vec![("HTTPS_PROXY", ""), ("https_proxy", good)],
            vec![("HTTPS_PROXY", bad), ("NO_PROXY", "elsewhere.example")],
            vec![("HTTPS_PROXY", good), ("REQUEST_METHOD", "GET")],
        ] {
            assert!(check_with(&refused).is_err(), "{refused:?}");
        }
        let plain = "http://127.0.0.1:8080".parse().unwrap();
        assert!(check_in(&plain, |_name| Some(bad.into())).is_ok());
    }
}
