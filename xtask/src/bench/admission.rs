//! The admission webhook on one processor: how long a review takes at the rate of a busy hub, what it costs,
//! and how many it takes at most.
//!
//! No API server is part of it: callers hold connections and post reviews as API servers do, on the other
//! processors. The mix is what reaches a webhook on a hub with clusters: creations and updates of clusters
//! of 10 KB with status (old and new object, so 20 KB and more a review), machine pools, sync sets, attempts,
//! and some that are refused. Each latency is counted from the moment at which the review was due, so that a
//! slow answer is not hidden by the reviews that it delays.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use skep_kit::admission::{Authority, Caller, How, Webhook, samples, stay_on};
use skep_kit::progress::Progress;

use super::Record;
use super::latency::quantile;

/// Reviews a second.
const RATE: u32 = 500;
const CALLERS: u32 = 4;
const WARM: Duration = Duration::from_secs(2);
const PACED: Duration = Duration::from_secs(30);
const FLOOD: Duration = Duration::from_secs(5);
/// The webhook's processor.
const ITS: usize = 0;

pub(super) fn measure(record: &mut Record, program: &Path, progress: &Progress) -> Result<()> {
    let folder = tempfile::tempdir().context("make a folder")?;
    let authority = Authority::new()?;
    authority.issue(folder.path())?;
    let processors = std::thread::available_parallelism().context("count the processors")?;
    let alone = processors.get() > 1;
    let how = How {
        processor: Some(ITS),
        arguments: vec!["--linger=0".to_owned()],
        ..How::default()
    };
    let mut webhook = Webhook::alone(program, folder.path(), how)?;
    let bodies: Vec<(String, Vec<u8>)> = samples()
        .into_iter()
        .map(|(path, review)| (path, review.to_string().into_bytes()))
        .collect();
    let bytes: usize = bodies.iter().map(|(_, body)| body.len()).sum();
    record.condition("reviews_of_the_mix", bodies.len());
    record.condition("mean_bytes_of_a_review", bytes / bodies.len());
    record.condition("webhook_alone_on_its_processor", alone);
    let load = Load {
        address: webhook.address,
        authority: authority.pem(),
        bodies: &bodies,
        apart: alone,
    };
    let step = progress.step(format!("review at {RATE}/s"), "32 s");
    load.run(WARM, Some(RATE))?;
    let cpu = webhook.process.processor_seconds()?;
    let begun = Instant::now();
    let took = load.run(PACED, Some(RATE))?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = webhook.process.processor_seconds()? - cpu;
    let memory = webhook.process.resident_mib()?;
    step.done();
    let count = count(took.len());
    let how = format!("{count} reviews in {seconds:.0} s over {CALLERS} connections");
    record.figure("p50_ms", quantile(took.clone(), 0.5), "-", how.clone());
    record.figure("p99_ms", quantile(took, 0.99), "below 2", how.clone());
    record.figure("requests_per_second", count / seconds, "500 asked for", how);
    let how = "run time of its threads (schedstat) while it was asked so";
    record.figure("cpu_ms_per_review", cpu * 1000.0 / count, "below 0.05", how);
    record.figure("rss_mib", memory, "below 20", "VmRSS after that");
    let step = progress.step("review without pause", "5 s");
    let begun = Instant::now();
    let flood = load.run(FLOOD, None)?;
    let rate = self::count(flood.len()) / begun.elapsed().as_secs_f64();
    step.done();
    let how = format!("{CALLERS} callers without pause");
    record.figure("most_requests_per_second", rate, "-", how.clone());
    record.figure(
        "rss_after_flood_mib",
        webhook.process.resident_mib()?,
        "-",
        how,
    );
    webhook.process.terminate()
}

struct Load<'a> {
    address: SocketAddr,
    authority: &'a str,
    bodies: &'a [(String, Vec<u8>)],
    /// Callers keep off the webhook's processor.
    apart: bool,
}

impl Load<'_> {
    /// Posts for a while, at a rate or as fast as the webhook answers; milliseconds of each answer.
    fn run(&self, length: Duration, rate: Option<u32>) -> Result<Vec<f64>> {
        std::thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|number| scope.spawn(move || self.call(number, length, rate)))
                .collect();
            let mut took = Vec::new();
            for caller in callers {
                took.extend(caller.join().map_err(|_| anyhow!("a caller panicked"))??);
            }
            Ok(took)
        })
    }

    fn call(&self, number: u32, length: Duration, rate: Option<u32>) -> Result<Vec<f64>> {
        if self.apart {
            stay_on(ITS + 1)?;
        }
        let mut caller = Caller::connect(self.address, self.authority)?;
        let mut took = Vec::new();
        let begun = Instant::now();
        let between = rate.map(|rate| Duration::from_secs(1) * CALLERS / rate);
        let all = self.bodies.iter().cycle().skip(number as usize);
        for (turns, (path, body)) in (0_u32..).zip(all) {
            let due = match between {
                // Spread evenly over the callers.
                Some(between) => begun + between * turns + between * number / CALLERS,
                None => Instant::now(),
            };
            if due.duration_since(begun) >= length {
                return Ok(took);
            }
            // The rate is the thing that is measured at; nothing is waited for here.
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let (code, answer) = caller.post(path, body)?;
            ensure!(
                code == 200,
                "{path}: {code} {}",
                String::from_utf8_lossy(&answer)
            );
            took.push(due.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(took)
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
