//! `--rate auto` against a limiter that nobody here wrote: nginx with `limit_req`. Left out where nginx is not installed.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::support::{Ended, Place, column, wait_until};

/// Calls a second that nginx lets through, and how many it lets come early.
const LIMIT: f64 = 40.0;
const BURST: u32 = 10;

/// nginx, which ends with the test.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its main process ends its workers when it is asked to, and not when it is killed.
        let ended = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        drop(ended.and_then(|_| self.0.wait()));
    }
}

/// Two ports that are free.
fn free_ports() -> [u16; 2] {
    let listeners = [(), ()].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Starts nginx in this place: a limit in front, and behind it the documented confirmation.
fn start(place: &Place, [limited, confirming]: [u16; 2]) -> Option<Nginx> {
    let directory = place.path("nginx");
    fs::create_dir(&directory).unwrap();
    let directory = directory.display();
    let path = r"^/v3/invitations/(\d+)/cancel$";
    let configuration = format!(
        "daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;
         events {{ worker_connections 256; }}
         http {{
           access_log off;
           client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
           fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
           limit_req_zone $http_x_api_key zone=api:1m rate={LIMIT}r/s; limit_req_status 429;
           server {{
             listen 127.0.0.1:{limited};
             location ~ {path} {{ limit_req zone=api burst={BURST} nodelay; proxy_pass http://127.0.0.1:{confirming}; }}
           }}
           server {{
             listen 127.0.0.1:{confirming};
             location ~ {path} {{
               default_type application/json;
               return 200 '{{\"testInvitationId\":$1,\"status\":\"cancelled\"}}';
             }}
           }}
         }}"
    );
    place.write("nginx.conf", configuration);
    let mut nginx = Command::new("nginx");
    nginx.arg("-c").arg(place.path("nginx.conf")).stderr(Stdio::null());
    let nginx = Nginx(nginx.spawn().ok()?);
    wait_until("nginx", || TcpStream::connect(("127.0.0.1", limited)).is_ok());
    Some(nginx)
}

/// Runs over so many rows, cold and with what was found: for each the name, the share of the limit that was used, and the
/// share of the calls that were told 429. `None` where nginx is not installed.
fn measured(rows: usize) -> Option<[(&'static str, f64, f64); 2]> {
    let place = Place::with_input((0..rows).fold("id\n".to_owned(), |text, row| format!("{text}{row}01\n")));
    let ports = free_ports();
    let Some(_nginx) = start(&place, ports) else {
        println!("left out: nginx is not installed");
        return None;
    };
    let base_url = format!("http://127.0.0.1:{}", ports[0]);
    let run = |name, further: &[&str]| {
        let mut command =
            place.command(["run", "input.csv", "-y", "--json", "--rate", "auto", "--base-url", &base_url]);
        let command = command.args(further).env("IMOCHA_API_KEY", "key").env("XDG_STATE_HOME", place.path("state"));
        let summary = Ended::of(command).expect_code(0).json();
        assert_eq!(column(&place.results(), "status"), vec!["cancelled"; rows]);
        let (seconds, calls) = (summary["duration_s"].as_f64().unwrap(), summary["calls"]["total"].as_f64().unwrap());
        println!("{name}: {rows} rows in {seconds:.1} s, {calls} calls, {}", summary["rate"]);
        let reached = summary["rate"]["reached_per_second"].as_f64().unwrap();
        // On a busy machine less is found; no more than the limit and its burst ever is.
        assert!((10.0..=50.0).contains(&reached), "{name}: {reached}");
        let at_the_limit = f64::from(u32::try_from(rows).unwrap()) / LIMIT;
        (name, at_the_limit / seconds, summary["rate"]["limited"].as_f64().unwrap() / calls)
    };
    Some([run("cold", &[]), run("with what was found", &["--overwrite"])])
}

#[test]
fn the_limit_of_nginx_is_found_and_used() {
    // The time is for the longer test to judge; here the limit is found, and few calls are too many.
    for (name, _, refused) in measured(400).into_iter().flatten() {
        assert!(refused < 0.04, "{name}: {refused}");
    }
}

#[test]
#[ignore = "takes two minutes, on a machine with nothing else to do"]
fn most_of_the_limit_of_nginx_is_used() {
    for ((name, used, refused), least) in measured(1_800).into_iter().flatten().zip([0.85, 0.92]) {
        println!("{name}: {used:.3} of the limit used, {:.2} % of the calls refused", refused * 100.0);
        assert!(used >= least && refused < 0.015, "{name}: {used}, {refused}");
    }
}
