//! How long it takes to say what an answer means: [`judge`] for each of the usual answers, and [`retry_after`].
//!
//! Every call ends here, so this bounds how many answers a second one processor can take. A confirmation, which is what
//! most answers are, is parsed and compared; the others also have their text cleaned, with a search for the API key. No
//! call is made: an answer is what the client would have read.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use imocha_cancel::invitation::InvitationId;
use imocha_cancel::outcome::Status;
use imocha_cancel::reply::{BodyEnd, Failure, Reply, Sent, retry_after};
use imocha_cancel::text::Scrubber;
use imocha_cancel::verdict::judge;

/// The allocator of the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As long as a key usually is.
const API_KEY: &str = "pVmG2kQy7ZcR4tXbN9sLwJ3hD6fAeUoK8iTqYzHx";
const ID: u64 = 2_932_950;
const CONFIRMATION: &str = r#"{"testInvitationId":2932950,"status":"cancelled"}"#;
/// The documented body of a refusal.
const REFUSAL: &str =
    r#"{"statusCode":400,"message":"Testinvitation state in inprogress, complete, and expired can not be cancelled."}"#;
/// What a gateway says for a server that failed.
const ERROR_PAGE: &str = "<html>\r\n<head><title>500 Internal Server Error</title></head>\r\n<body>\r\n<center><h1>500 \
                          Internal Server Error</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";

/// An answer, or that there was none.
type Answer = Result<Reply, Failure>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    judging(&mut criterion)?;
    waiting(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn judging(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let id = InvitationId::new(ID).ok_or("the ID is one")?;
    let scrubber = Scrubber::new(API_KEY.parse()?);
    let lost = Failure { sent: Sent::Maybe, what: "the connection broke: Connection reset by peer".to_owned() };
    let answers: [(_, Answer, _); 4] = [
        ("confirmed", Ok(reply(200, CONFIRMATION)), Status::Cancelled),
        ("refused", Ok(reply(400, REFUSAL)), Status::NotCancellable),
        ("failed_with_a_page", Ok(reply(500, ERROR_PAGE)), Status::ServerError),
        ("without_an_answer", Err(lost), Status::Unconfirmed),
    ];
    let mut group = criterion.benchmark_group("judge");
    group.throughput(Throughput::Elements(1));
    for (name, answer, status) in answers {
        assert_eq!(judge(id, &answer, None, &scrubber).status, status, "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| judge(id, black_box(&answer), None, &scrubber));
        });
    }
    group.finish();
    Ok(())
}

fn reply(http_status: u16, body: &str) -> Reply {
    Reply { http_status, body: body.as_bytes().to_vec(), body_end: BodyEnd::Complete, retry_after: None }
}

fn waiting(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let now = httpdate::parse_http_date("Tue, 20 Jan 2026 02:00:00 GMT")?;
    let mut group = criterion.benchmark_group("retry_after");
    group.throughput(Throughput::Elements(1));
    for (name, value) in [("seconds", "30"), ("date", "Tue, 20 Jan 2026 02:00:30 GMT")] {
        assert_eq!(retry_after(value, now), Some(Duration::from_secs(30)), "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| retry_after(black_box(value), now));
        });
    }
    group.finish();
    Ok(())
}
