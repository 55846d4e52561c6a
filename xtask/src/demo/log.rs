//! The installer's log, followed from its first line while the pod runs.
//!
//! `kubectl logs --follow` fails while the container has not started, and ends when a connection does. It is
//! called again until the container has ended and was heard out; lines that were passed on already are
//! counted and skipped.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Before the log is asked for again.
const AGAIN: Duration = Duration::from_millis(300);

/// Lines that are shown within one second: what comes faster is nothing that a person reads.
const PER_SECOND: usize = 8;

/// What makes a line of the installer worth showing.
const TELLING: [&str; 2] = ["level=info", "level=warning"];

/// Lines that are shown however many there are.
const ALARMING: [&str; 2] = ["level=error", "level=fatal"];

/// How `kubectl` is called, for each try anew.
pub(super) type Kubectl = Box<dyn Fn(&[&str]) -> Command + Send>;

/// A log that is being followed. Dropping it ends that.
pub(super) struct Follower {
    over: Arc<AtomicBool>,
    child: Arc<Mutex<Option<Child>>>,
}

impl Follower {
    /// Passes on every line of a container's log once, in order, until `heard` says that nobody listens.
    pub(super) fn start(
        kubectl: Kubectl,
        namespace: String,
        pod: String,
        container: &'static str,
        heard: impl Fn(String) -> bool + Send + 'static,
    ) -> Self {
        let follower = Self {
            over: Arc::default(),
            child: Arc::default(),
        };
        let (over, child) = (Arc::clone(&follower.over), Arc::clone(&follower.child));
        std::thread::spawn(move || {
            let mut seen = 0;
            while !over.load(Ordering::Relaxed) {
                // Asked before the log is read: what the container says until its end is in the log then.
                let state = state_of(
                    &mut kubectl(&[
                        "get",
                        "pod",
                        &pod,
                        "-n",
                        &namespace,
                        "--ignore-not-found",
                        "-o",
                        "json",
                    ]),
                    container,
                );
                let arguments = ["logs", "--follow", &pod, "-n", &namespace, "-c", container];
                let whole = state != State::Waiting
                    && read(&mut kubectl(&arguments), &child, &over, &mut seen, &heard);
                if state == State::Gone || (state == State::Ended && whole) {
                    return;
                }
                std::thread::sleep(AGAIN);
            }
        });
        follower
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(child) = child.as_mut() {
            // It may have ended already; the thread waits for it.
            let _ = child.kill();
        }
    }
}

/// Where a container stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has not begun, or that cannot be told now.
    Waiting,
    Running,
    Ended,
    /// Its pod is no more.
    Gone,
}

fn state_of(kubectl: &mut Command, container: &str) -> State {
    let output = kubectl.stderr(Stdio::null()).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        return State::Waiting;
    };
    if output.stdout.trim_ascii().is_empty() {
        return State::Gone;
    }
    let pod: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let statuses = pod.pointer("/status/containerStatuses");
    let mut statuses = statuses
        .and_then(serde_json::Value::as_array)
        .into_iter()
        .flatten();
    let state = statuses
        .find(|status| status["name"] == container)
        .map(|status| &status["state"]);
    match state {
        Some(state) if state["terminated"].is_object() => State::Ended,
        Some(state) if state["running"].is_object() => State::Running,
        Some(_) | None => State::Waiting,
    }
}

/// Reads what `kubectl` prints; tells whether that was all of it.
fn read(
    kubectl: &mut Command,
    child: &Mutex<Option<Child>>,
    over: &AtomicBool,
    seen: &mut usize,
    heard: &impl Fn(String) -> bool,
) -> bool {
    let spawned = kubectl.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut spawned) = spawned else {
        return false;
    };
    let output = spawned.stdout.take();
    if over.load(Ordering::Relaxed) {
        let _ = spawned.kill();
    }
    *child.lock().unwrap_or_else(PoisonError::into_inner) = Some(spawned);
    let listened = output.is_none_or(|output| pass_on(output, seen, heard));
    let ended = child.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut ended) = ended else { return false };
    if !listened {
        over.store(true, Ordering::Relaxed);
        let _ = ended.kill();
    }
    ended.wait().is_ok_and(|status| status.success())
}

/// Passes on the lines after the first `seen`; tells whether anybody listens.
fn pass_on(output: impl Read, seen: &mut usize, heard: &impl Fn(String) -> bool) -> bool {
    let lines = BufReader::new(output).lines().map_while(Result::ok);
    for (number, line) in lines.enumerate() {
        if number >= *seen {
            *seen = number + 1;
            if !heard(line) {
                return false;
            }
        }
    }
    true
}

/// Chooses what of the log a person is shown.
pub(super) struct Shown {
    everything: bool,
    second: u64,
    within: usize,
    left_out: usize,
}

impl Shown {
    pub(super) const fn new(everything: bool) -> Self {
        Self {
            everything,
            second: 0,
            within: 0,
            left_out: 0,
        }
    }

    /// The lines to show now that this one has come, so long after the start.
    pub(super) fn of(&mut self, line: &str, elapsed: Duration) -> Vec<String> {
        let has = |words: &[&str]| words.iter().any(|word| line.contains(word));
        if self.everything {
            return vec![message_of(line)];
        }
        if !has(&TELLING) && !has(&ALARMING) {
            return Vec::new();
        }
        let mut shown = Vec::new();
        if elapsed.as_secs() != self.second {
            (self.second, self.within) = (elapsed.as_secs(), 0);
        }
        if self.within >= PER_SECOND && !has(&ALARMING) {
            self.left_out += 1;
            return shown;
        }
        if self.left_out > 0 {
            shown.push(format!("(… {} more; --verbose shows all)", self.left_out));
            self.left_out = 0;
        }
        self.within += 1;
        shown.push(message_of(line));
        shown
    }
}

/// The message of a line in the installer's format; any other line as it is.
fn message_of(line: &str) -> String {
    let Some((_, message)) = line.split_once("msg=") else {
        return line.to_owned();
    };
    let quoted = message
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    quoted.map_or_else(|| message.to_owned(), |text| text.replace("\\\"", "\""))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn a_log_that_is_read_again_is_not_told_again() {
        let heard = RefCell::new(Vec::new());
        let hear = |line: String| {
            heard.borrow_mut().push(line);
            heard.borrow().len() < 5
        };
        let mut seen = 0;
        assert!(pass_on(&b"a\nb\n"[..], &mut seen, &hear));
        assert!(pass_on(&b""[..], &mut seen, &hear));
        assert!(pass_on(&b"a\nb\nc\nd\n"[..], &mut seen, &hear));
        assert_eq!(*heard.borrow(), ["a", "b", "c", "d"]);
        assert!(!pass_on(&b"a\nb\nc\nd\ne\nf\n"[..], &mut seen, &hear));
        assert_eq!(*heard.borrow(), ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn what_comes_too_fast_is_counted_and_errors_are_always_shown() {
        let mut shown = Shown::new(false);
        let line = "time=\"x\" level=info msg=\"Creating \\\"it\\\"...\"";
        let at = |milliseconds| Duration::from_millis(milliseconds);
        for n in 0..12 {
            let expected = if n < 8 {
                vec!["Creating \"it\"..."]
            } else {
                vec![]
            };
            assert_eq!(shown.of(line, at(1000 + n)), expected, "{n}");
        }
        let error = shown.of("level=error msg=refused", at(1500));
        assert_eq!(error, ["(… 4 more; --verbose shows all)", "refused"]);
        assert_eq!(shown.of(line, at(1600)), Vec::<String>::new());
        let later = shown.of(line, at(2000));
        assert_eq!(
            later,
            ["(… 1 more; --verbose shows all)", "Creating \"it\"..."]
        );
        assert_eq!(
            shown.of("level=debug msg=x", at(2100)),
            Vec::<String>::new()
        );
        assert_eq!(Shown::new(true).of("any", at(0)), ["any"]);
    }

    #[test]
    fn a_container_is_heard_out_before_it_counts_as_ended() {
        let pod = |state: &str| {
            let pod = format!(
                "{{\"status\":{{\"containerStatuses\":[{{\"name\":\"installer\",\"state\":{{\"{state}\":{{}}}}}}]}}}}"
            );
            let mut command = Command::new("echo");
            command.arg(pod);
            command
        };
        assert_eq!(state_of(&mut pod("waiting"), "installer"), State::Waiting);
        assert_eq!(state_of(&mut pod("running"), "installer"), State::Running);
        assert_eq!(state_of(&mut pod("terminated"), "installer"), State::Ended);
        assert_eq!(state_of(&mut pod("running"), "other"), State::Waiting);
        assert_eq!(
            state_of(&mut Command::new("true"), "installer"),
            State::Gone
        );
        assert_eq!(
            state_of(&mut Command::new("false"), "installer"),
            State::Waiting
        );
    }
}
