//! What is being done and how long it usually takes: a spinner on a terminal, plain lines elsewhere,
//! always on stderr. It must never be needed to act: [`Progress::silent`] serves tests.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Where steps are shown. Cheap to clone; clones share the display.
#[derive(Clone, Debug)]
pub struct Progress {
    show: Show,
}

#[derive(Clone, Debug)]
enum Show {
    Spinners(MultiProgress),
    Lines,
    Nothing,
}

impl Progress {
    /// Spinners when stderr is a terminal, else one line at the start and end of each step.
    pub fn new() -> Self {
        let show = if std::io::stderr().is_terminal() {
            Show::Spinners(MultiProgress::new())
        } else {
            Show::Lines
        };
        Self { show }
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self {
            show: Show::Nothing,
        }
    }

    /// Begins a step. `usually` says how long it takes, for a person who wonders whether it hangs;
    /// empty when that is not worth saying. A step that is dropped before [`Step::done`] is shown as
    /// failed.
    pub fn step(&self, what: impl Into<String>, usually: &str) -> Step {
        let what = what.into();
        let hint = if usually.is_empty() {
            String::new()
        } else {
            format!(" (usually {usually})")
        };
        let bar = match &self.show {
            Show::Spinners(all) => {
                let bar = all.add(ProgressBar::new_spinner());
                // The template is a constant that parses; the default style serves as well.
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
                    bar.set_style(style);
                }
                bar.enable_steady_tick(Duration::from_millis(120));
                bar.set_message(format!("{what}{hint}"));
                Some(bar)
            }
            Show::Lines => {
                eprintln!("… {what}{hint}");
                None
            }
            Show::Nothing => None,
        };
        Step {
            progress: self.clone(),
            what,
            hint,
            bar,
            began: Instant::now(),
            ended: false,
        }
    }

    /// A line between the steps.
    pub fn say(&self, line: impl AsRef<str>) {
        match &self.show {
            // Falling out of the display leaves nothing to do about it.
            Show::Spinners(all) => drop(all.println(line.as_ref())),
            Show::Lines => eprintln!("{}", line.as_ref()),
            Show::Nothing => {}
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// One thing being done.
#[derive(Debug)]
pub struct Step {
    progress: Progress,
    what: String,
    hint: String,
    bar: Option<ProgressBar>,
    began: Instant,
    ended: bool,
}

impl Step {
    /// Says more about what is happening just now.
    pub fn detail(&self, detail: impl AsRef<str>) {
        let detail = detail.as_ref();
        match &self.bar {
            Some(bar) => bar.set_message(format!("{}{}: {detail}", self.what, self.hint)),
            None => self.progress.say(format!("  {}: {detail}", self.what)),
        }
    }

    /// The step succeeded.
    pub fn done(self) {
        self.done_with("");
    }

    /// The step succeeded, with something to say about it.
    pub fn done_with(mut self, result: impl AsRef<str>) {
        self.end("✓", result.as_ref());
    }

    fn end(&mut self, mark: &str, result: &str) {
        self.ended = true;
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let colon = if result.is_empty() { "" } else { ": " };
        let seconds = self.began.elapsed().as_secs_f64();
        self.progress.say(format!(
            "{mark} {}{colon}{result} ({seconds:.1} s)",
            self.what
        ));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.ended {
            self.end("✗", "");
        }
    }
}
