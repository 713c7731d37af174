use std::num::NonZeroU32;

use super::*;

#[test]
fn a_rate_is_read_in_every_promised_spelling() {
    let limited = |calls, seconds| {
        Ok(Rate::Limited { calls: NonZeroU32::new(calls).unwrap(), period: Duration::from_secs(seconds) })
    };
    assert_eq!("5/s".parse(), limited(5, 1));
    assert_eq!("300/m".parse(), limited(300, 60));
    assert_eq!("10000/h".parse(), limited(10_000, 3600));
    assert_eq!("5/15s".parse(), limited(5, 15));
    assert_eq!("unlimited".parse(), Ok(Rate::Unlimited));
    for wrong in ["", "5", "0/s", "-1/s", "+5/s", "5/", "/s", "5/x", "0.5/s", "1/2d", "5000000000/s", "2000000000/s"] {
        assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
    }
}

#[test]
fn the_time_for_a_run_counts_the_gaps_between_calls() {
    let rate: Rate = "5/s".parse().unwrap();
    assert_eq!(rate.time_for(0), Duration::ZERO);
    assert_eq!(rate.time_for(1), Duration::ZERO);
    assert_eq!(rate.time_for(5001), Duration::from_secs(1000));
    assert_eq!(Rate::Unlimited.time_for(u64::MAX), Duration::ZERO);
}

#[test]
fn plain_http_is_for_this_machine_alone() {
    for good in [
        "https://apiv3.imocha.io",
        "https://gateway.example/imocha/",
        "http://127.0.0.1:8080",
        "http://localhost:1",
        "http://[::1]:9",
    ] {
        assert!(good.parse::<BaseUrl>().is_ok(), "{good}");
    }
    for bad in [
        "http://apiv3.imocha.io",
        "http://127.0.0.1.example",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "apiv3.imocha.io",
        "https://user:word@host",
        "https://host/?a=b",
        "https://host/#x",
        "https://",
    ] {
        assert!(bad.parse::<BaseUrl>().is_err(), "{bad}");
    }
}

#[test]
fn a_base_url_reads_the_same_with_and_without_a_last_slash() {
    let url: BaseUrl = "https://gateway.example:8443/imocha//".parse().unwrap();
    assert_eq!(url.to_string(), "https://gateway.example:8443/imocha");
    assert_eq!(url.host(), "gateway.example:8443");
}

#[test]
fn a_key_is_one_line_of_visible_characters_and_is_never_printed() {
    let key: ApiKey = "\u{feff} s3cret\r\n".parse().unwrap();
    assert_eq!(key.expose(), "s3cret");
    assert!(!format!("{key:?}").contains("s3cret"));
    for bad in ["", " \n", "two\nlines", "two words", "schlüssel", &"x".repeat(5000)] {
        let error = bad.parse::<ApiKey>().unwrap_err().to_string();
        assert!(bad.trim().is_empty() || !error.contains(bad), "{error}");
    }
}

#[test]
fn what_stands_around_a_key_is_told_without_a_part_of_it() {
    for (text, said) in [
        ("\"S3CRETkey\"", "quotes"),
        ("'S3CRETkey", "quotes"),
        ("“S3CRETkey”", "quotes"),
        ("IMOCHA_API_KEY=S3CRETkey", "NAME="),
        ("export IMOCHA_API_KEY=S3CRETkey", "NAME="),
        ("IMOCHA_API_KEY = S3CRETkey", "NAME="),
        ("apiKey=S3CRETkey", "NAME="),
        ("id='S3CRETkey'x", "NAME="),
        ("A_KEY=\"S3CRETkey\"", "NAME="),
        ("x-api-key: S3CRETkey", "header"),
        ("Bearer S3CRETkey", "header"),
    ] {
        let error = text.parse::<ApiKey>().unwrap_err().to_string();
        assert!(error.contains(said) && !error.contains("S3CRET") && !error.contains("IMOCHA"), "{text}: {error}");
    }
    for key in ["c2VjcmV0LWtleQ==", "abc=def", "a_b=c", "key", "S3CRET=", "=x"] {
        assert_eq!(key.parse::<ApiKey>().unwrap().expose(), key);
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    for bad in ["0", "1001", "-1", "+4", "four", ""] {
        assert!(bad.parse::<Concurrency>().is_err(), "{bad}");
    }
    for bad in ["99ms", "11m", "30", "fast"] {
        assert!(bad.parse::<Timeout>().is_err(), "{bad}");
    }
    assert_eq!("2m".parse::<Timeout>().unwrap().get(), Duration::from_secs(120));
}
