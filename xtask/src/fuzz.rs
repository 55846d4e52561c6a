//! `cargo xtask fuzz admission`: a bounded campaign of bad input against the running webhook.
//!
//! It is generation, not coverage-guided fuzzing: seeded generators of arbitrary bytes, arbitrary JSON,
//! bent reviews, bent HTTP and bent TLS. The corpus in `tests/corpus/admission` is where the bent reviews
//! start from, and where an input goes that made the webhook fail; unit tests replay it. After the campaign
//! the webhook must be alive and ready, must have answered every whole request, must not have panicked, and
//! must not have grown.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value};
use skep_kit::admission::{Authority, Caller, How, Webhook};
use skep_kit::progress::Progress;
use skep_kit::{binaries, cache};

/// Attack the product with generated input
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What is attacked
    what: What,
    /// For how long
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Where the generators start; the same seed gives the same inputs in the same order
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum What {
    /// The review endpoint of the admission webhook
    Admission,
}

/// By how much the webhook may grow, in MiB.
const GROWTH: f64 = 8.0;
/// Parts of the campaign. In the first one buffers and allocator find their size; the second is compared with
/// the last. Of each, the least counts: what is held for a moment depends on what was just sent.
const PARTS: u32 = 5;
const HOOKS: [&str; 9] = [
    "clusterdeploymentvalidators",
    "clusterdeploymentcustomizationvalidators",
    "clusterimagesetvalidators",
    "clusterpoolvalidators",
    "clusterprovisionvalidators",
    "dnszonevalidators",
    "machinepoolvalidators",
    "selectorsyncsetvalidators",
    "syncsetvalidators",
];

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let What::Admission = arguments.what;
    let skep = binaries::build(&Progress::new())?.skep;
    let folder = tempfile::tempdir().context("make a folder")?;
    let authority = Authority::new()?;
    authority.issue(folder.path())?;
    let mut webhook = Webhook::alone(&skep, folder.path(), How::default())?;
    let corpus = corpus(&cache::checkout().join("tests/corpus/admission"))?;
    let mut campaign = Campaign {
        random: Random(arguments.seed),
        address: webhook.address,
        authority,
        caller: None,
        corpus,
        counts: [0; 5],
    };
    let length = Duration::from_secs(arguments.minutes * 60);
    let begun = Instant::now();
    let mut least = [f64::INFINITY; PARTS as usize];
    while begun.elapsed() < length {
        for _ in 0..500 {
            campaign.attack()?;
        }
        if webhook.process.answer("readyz").is_none() {
            bail!(
                "the webhook is not ready any more; its log:\n{}",
                tail(&webhook.process.log())
            );
        }
        let part = begun.elapsed().as_millis() * u128::from(PARTS) / length.as_millis().max(1);
        if let Some(least) = usize::try_from(part)
            .ok()
            .and_then(|part| least.get_mut(part))
        {
            *least = least.min(webhook.process.anonymous_mib()?);
        }
    }
    let [_, early, .., late] = least;
    let metrics = webhook.process.metrics()?;
    webhook.process.terminate()?;
    let log = webhook.process.log();
    for (what, count) in KINDS.iter().zip(campaign.counts) {
        println!("{count:>9}  {what}");
    }
    println!(
        "{:>9}  seconds, seed {}",
        begun.elapsed().as_secs(),
        arguments.seed
    );
    let shown: Vec<String> = least.iter().map(|mib| format!("{mib:.1}")).collect();
    println!(
        "{:>9}  MiB of its own, the least in each fifth: {}",
        "",
        shown.join(", ")
    );
    for verdict in ["allowed", "refused", "unreadable"] {
        let count = sum(
            &metrics,
            "skep_admission_reviews_total{",
            &format!("\"{verdict}\""),
        );
        println!("{count:>9}  reviews judged: {verdict}");
    }
    let count = sum(&metrics, "skep_admission_problems_total{", "");
    println!("{count:>9}  requests answered with an HTTP error");
    ensure!(
        !log.contains("panicked"),
        "a rule panicked:\n{}",
        tail(&log)
    );
    ensure!(
        late < early + GROWTH,
        "the webhook grew from {early:.1} to {late:.1} MiB"
    );
    Ok(())
}

fn corpus(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(
            entry
                .with_context(|| format!("list {}", folder.display()))?
                .path(),
        );
    }
    // The order of a folder is not the same everywhere, and the seed should mean something.
    paths.sort();
    let read = |path: std::path::PathBuf| {
        std::fs::read(&path).with_context(|| format!("read {}", path.display()))
    };
    paths.into_iter().map(read).collect()
}

/// The sum of a counter over the labels that hold a text.
fn sum(metrics: &str, name: &str, label: &str) -> u64 {
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(label));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines
        .get(lines.len().saturating_sub(30)..)
        .unwrap_or_default()
        .join("\n")
}

const KINDS: [&str; 5] = [
    "bodies of arbitrary bytes",
    "bodies of arbitrary JSON",
    "bent reviews",
    "bent requests",
    "bent connections",
];

struct Campaign {
    random: Random,
    address: SocketAddr,
    authority: Authority,
    caller: Option<Caller>,
    corpus: Vec<Vec<u8>>,
    counts: [u64; 5],
}

impl Campaign {
    fn attack(&mut self) -> Result<()> {
        // Whole requests are cheap; connections are not.
        let kind = match self.random.below(100) {
            0..20 => 0,
            20..40 => 1,
            40..94 => 2,
            94..97 => 3,
            _ => 4,
        };
        if let Some(count) = self.counts.get_mut(kind) {
            *count += 1;
        }
        match kind {
            0 => {
                let length = self.random.length();
                let body = self.random.bytes(length);
                let hook = self.hook();
                self.post(&hook, &body)
            }
            1 => {
                let body = self.random.json(6).to_string();
                let hook = self.hook();
                self.post(&hook, body.as_bytes())
            }
            2 => {
                let (hook, body) = self.bent_review();
                self.post(&hook, &body)
            }
            3 => self.bent_request(),
            _ => self.bent_connection(),
        }
    }

    /// A whole request, which must be answered.
    fn post(&mut self, hook: &str, body: &[u8]) -> Result<()> {
        let mut caller = match self.caller.take() {
            Some(caller) => caller,
            None => Caller::connect(self.address, self.authority.pem())?,
        };
        let answered = caller.post(&format!("/{hook}"), body);
        let right = answered
            .as_ref()
            .is_ok_and(|(code, text)| is_right(*code, text));
        if !right {
            let told = answered.map_or_else(
                |error| format!("{error:#}"),
                |(code, text)| format!("{code}: {}", String::from_utf8_lossy(&text)),
            );
            let file = cache::checkout()
                .join("tests/corpus/admission")
                .join(format!("found-{:016x}.json", hash(body)));
            std::fs::write(&file, body).with_context(|| format!("write {}", file.display()))?;
            bail!(
                "{hook} did not answer as it should ({told}); the body is {}",
                file.display()
            );
        }
        self.caller = Some(caller);
        Ok(())
    }

    fn hook(&mut self) -> String {
        self.random
            .of(&HOOKS)
            .copied()
            .unwrap_or_default()
            .to_owned()
    }

    /// A hook and a body that was once a review, mostly one of that hook.
    fn bent_review(&mut self) -> (String, Vec<u8>) {
        let seed = self.random.of(&self.corpus).cloned().unwrap_or_default();
        let review = serde_json::from_slice::<Value>(&seed);
        let own = review.as_ref().ok().and_then(|review| {
            let resource = review.pointer("/request/resource/resource")?.as_str()?;
            Some(format!("{}validators", resource.trim_end_matches('s')))
        });
        let hook = match own {
            Some(own) if self.random.below(10) != 0 => own,
            _ => self.hook(),
        };
        let body = match review {
            Ok(mut review) if self.random.below(4) != 0 => {
                for _ in 0..=self.random.below(4) {
                    // The envelope is soon broken; what is in it has more to break.
                    let place = match self.random.below(20) {
                        0 => "",
                        1..4 => "/request",
                        4..12 => "/request/object",
                        _ => "/request/oldObject",
                    };
                    if let Some(value) = review.pointer_mut(place) {
                        self.random.bend(value);
                    }
                }
                review.to_string().into_bytes()
            }
            _ => self.random.bend_bytes(seed),
        };
        (hook, body)
    }

    /// A connection on which no HTTP is spoken, or almost. Any answer is right, and none.
    fn bent_request(&mut self) -> Result<()> {
        let (hook, body) = self.bent_review();
        let length = body.len();
        let head = match self.random.below(7) {
            0 => format!(
                "POST /{hook} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
                length / 2
            ),
            1 => format!("POST /{hook} HTTP/1.1\r\nhost: a\r\ncontent-length: -{length}\r\n\r\n"),
            2 => format!(
                "POST /{hook} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n"
            ),
            3 => format!(
                "{} /{hook} HTTP/1.1\r\nhost: a\r\n\r\n",
                "G".repeat(length.min(40_000))
            ),
            4 => format!("POST /{hook} HTTP/9.9\r\n\r\n"),
            5 => format!(
                "GET /{hook} HTTP/1.1\r\n{}\r\n",
                "a: b\r\n".repeat(length.min(2_000))
            ),
            _ => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        };
        let caller = Caller::connect(self.address, self.authority.pem());
        drop(caller?.raw_then_leave(&[head.as_bytes(), &body].concat()));
        Ok(())
    }

    /// A connection on which no TLS is spoken, or half of it.
    fn bent_connection(&mut self) -> Result<()> {
        let mut hello = Caller::hello(self.address)?;
        match self.random.below(3) {
            0 => {
                let length = self.random.length();
                hello = self.random.bytes(length);
            }
            1 => hello.truncate(self.random.below(hello.len())),
            _ => hello = self.random.bend_bytes(hello),
        }
        let mut stream = TcpStream::connect(self.address).context("connect")?;
        stream
            .set_read_timeout(Some(Duration::from_millis(20)))
            .context("set up the connection")?;
        // It may be closed at the first byte.
        let _ = stream.write_all(&hello);
        if self.random.below(4) == 0 {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        let mut answer = [0; 1024];
        let _ = stream.read(&mut answer);
        Ok(())
    }
}

/// A review gets a review; everything else an error that says what it is.
fn is_right(code: u16, text: &[u8]) -> bool {
    let Ok(answer) = serde_json::from_slice::<Value>(text) else {
        return false;
    };
    match code {
        200 => answer["response"]["allowed"].is_boolean(),
        400 | 413 => answer["kind"] == "Status",
        _ => false,
    }
}

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The same numbers for the same seed on every machine, for years.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % limit).unwrap_or_default()
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    /// Mostly short, sometimes long.
    fn length(&mut self) -> usize {
        let size = 1 << self.below(17);
        self.below(size)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 14] = [
            "a",
            "spec",
            "name",
            "",
            "\u{0}",
            "\u{2028}",
            "é",
            "\u{1f680}",
            "true",
            "-1",
            "(",
            "*.",
            "a.b",
            "\n",
        ];
        let count = self.below(6);
        let mut text: String = (0..count)
            .filter_map(|_| self.of(&PIECES).copied())
            .collect();
        if self.below(200) == 0 {
            text = text.repeat(20_000);
        }
        text
    }

    fn json(&mut self, depth: usize) -> Value {
        let kinds = if depth == 0 { 6 } else { 8 };
        match self.below(kinds) {
            0 => Value::Null,
            1 => Value::Bool(self.below(2) == 0),
            2 => Value::from(i64::from_le_bytes(self.next().to_le_bytes())),
            3 => Value::from(f64::from_bits(self.next())),
            4 => Value::from(self.below(3)),
            5 => Value::from(self.text()),
            6 => (0..self.below(5)).map(|_| self.json(depth - 1)).collect(),
            _ => {
                let entries = (0..self.below(5)).map(|_| (self.text(), self.json(depth - 1)));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }

    /// Changes one value somewhere inside.
    fn bend(&mut self, value: &mut Value) {
        let inside = self.below(5) != 0;
        match value {
            Value::Object(fields) if inside && !fields.is_empty() => {
                let at = self.below(fields.len());
                if self.below(12) == 0 {
                    let key = fields.keys().nth(at).cloned().unwrap_or_default();
                    let moved = fields.remove(&key).unwrap_or_default();
                    let key = self.text();
                    fields.insert(key, moved);
                } else if let Some(field) = fields.values_mut().nth(at) {
                    self.bend(field);
                }
            }
            Value::Array(items) if inside && !items.is_empty() => {
                let at = self.below(items.len());
                if self.below(8) == 0 {
                    let copy = items.get(at).cloned().unwrap_or_default();
                    items.resize(items.len() + self.below(50), copy);
                } else if let Some(item) = items.get_mut(at) {
                    self.bend(item);
                }
            }
            other => *other = self.json(3),
        }
    }

    fn bend_bytes(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len());
            match self.below(4) {
                0 => bytes.truncate(at),
                1 => {
                    let more = self.bytes(8);
                    bytes.splice(at..at, more);
                }
                2 => {
                    let end = (at + self.below(64)).min(bytes.len());
                    bytes.drain(at..end);
                }
                _ => {
                    let bent = self.next().to_le_bytes()[0];
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = bent;
                    }
                }
            }
        }
        bytes
    }
}
