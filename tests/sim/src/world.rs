//! A simulated hub: the server, a virtual clock, the hub's own controllers, and an operator that
//! can be killed, stopped and started anew on the same store.
//!
//! Time stands still while anybody has something to do and jumps to the next timer when nobody
//! has: an hour of waiting costs nothing, and two runs of one seed are the same run.

use std::{
    sync::Arc,
    time::{Duration, Instant as WallInstant},
};

use futures::future::BoxFuture;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    actors::{self, Programs},
    apiserver::{ApiServer, Clock, Latency, effects::Process},
    transcript,
};

/// What a world is made of.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub seed: u64,
    /// The date of the virtual clock when the world begins.
    pub start: Timestamp,
    pub latency: Latency,
    /// How long it takes until a dead operator runs again.
    pub restart_after: Duration,
    /// A world that sends more requests than this has a hot loop.
    pub requests: u64,
    /// Real time that one world may take; a loop without any request is caught by this.
    pub wall: Duration,
}

impl Settings {
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            start: Timestamp::from_second(1_767_225_600).unwrap(),
            latency: Latency::default(),
            restart_after: Duration::from_secs(3),
            requests: 200_000,
            wall: Duration::from_mins(2),
        }
    }
}

/// What the operator is given at the start of each of its lives.
#[derive(Clone)]
pub struct Life {
    /// Its client of the hub.
    pub client: kube::Client,
    /// Itself, as the server sees it: for effects outside the hub ([`ApiServer::around`]) and for a
    /// transport under its own layers ([`ApiServer::endpoint_of`]).
    pub process: Arc<Process>,
    pub server: ApiServer,
    pub seed: u64,
}

impl Life {
    /// The date now.
    pub fn now(&self) -> Timestamp {
        self.server.clock().now()
    }
}

/// How the operator is started; called once per life.
pub type Operator = Arc<dyn Fn(Life) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// The running simulation; clones share it.
#[derive(Clone)]
pub struct World {
    pub server: ApiServer,
    settings: Settings,
    state: Arc<Mutex<State>>,
    control: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// Whether the operator should be running.
    wanted: bool,
    /// The life that a person killed and the supervisor has not buried yet.
    lives: u64,
    process: Option<Arc<Process>>,
    ends: Vec<String>,
    tasks: Vec<JoinHandle<()>>,
    wall: Option<WallInstant>,
}

/// Runs `body` in a new world and returns what it returns.
pub fn simulate<T, F>(settings: Settings, body: impl FnOnce(World) -> F) -> T
where
    F: Future<Output = T>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    // A task that never waits stops everything, the checks of this world included.
    let (over, running) = std::sync::mpsc::channel::<()>();
    let limit = settings.wall * 2;
    std::thread::spawn(move || {
        if running.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            eprintln!(
                "a simulated world took more than {limit:?}: some task loops without waiting"
            );
            std::process::exit(101);
        }
    });
    let result = runtime.block_on(async {
        let server = ApiServer::new(
            settings.seed,
            Clock::starting_at(settings.start),
            settings.latency,
        );
        let world = World {
            server,
            settings,
            state: Arc::new(Mutex::new(State {
                wall: Some(WallInstant::now()),
                ..State::default()
            })),
            control: Arc::new(Notify::new()),
        };
        body(world).await
    });
    drop(over);
    result
}

impl World {
    pub fn settings(&self) -> Settings {
        self.settings
    }

    pub fn now(&self) -> Timestamp {
        self.server.clock().now()
    }

    /// Virtual time since the world began.
    pub fn elapsed(&self) -> Duration {
        self.server.clock().elapsed()
    }

    /// The client of a person or another controller.
    pub fn client(&self, name: &str) -> kube::Client {
        self.server.client(&format!("actor/{name}"))
    }

    /// Starts the hub's own controllers and a node that runs `programs` as pods.
    pub fn start_actors(&self, programs: Arc<dyn Programs>) {
        let server = &self.server;
        let tasks = [
            tokio::spawn(actors::garbage_collector(server.clone())),
            tokio::spawn(actors::namespace_controller(server.clone())),
            tokio::spawn(actors::jobs::controller(server.clone())),
            tokio::spawn(actors::kubelet::node(server.clone(), programs)),
        ];
        self.state.lock().tasks.extend(tasks);
    }

    /// Starts the operator and keeps it alive: after each crash it is started anew.
    pub fn start_operator(&self, operator: Operator) {
        self.state.lock().wanted = true;
        let supervisor = tokio::spawn(self.clone().supervise(operator));
        self.state.lock().tasks.push(supervisor);
    }

    /// SIGKILL: the operator is gone at once and started anew a little later.
    pub fn kill_operator(&self) {
        if let Some(process) = self.state.lock().process.as_ref() {
            process.kill();
        }
        self.control.notify_one();
    }

    /// The operator is gone and stays away.
    pub fn stop_operator(&self) {
        self.state.lock().wanted = false;
        self.kill_operator();
    }

    /// Starts a stopped operator again.
    pub fn resume_operator(&self) {
        self.state.lock().wanted = true;
        self.control.notify_one();
    }

    /// How many lives the operator has had.
    pub fn lives(&self) -> u64 {
        self.state.lock().lives
    }

    /// Lives that ended by themselves: with an error, a panic, or simply by returning.
    pub fn unexpected_ends(&self) -> Vec<String> {
        self.state.lock().ends.clone()
    }

    async fn supervise(self, operator: Operator) {
        let crashed = self.server.effects().bell();
        loop {
            while !self.state.lock().wanted {
                self.control.notified().await;
            }
            let process = {
                let mut state = self.state.lock();
                state.lives += 1;
                let process = Process::new("operator", state.lives);
                state.process = Some(Arc::clone(&process));
                process
            };
            let life = Life {
                client: self.server.client_of(&process),
                process: Arc::clone(&process),
                server: self.server.clone(),
                seed: self.settings.seed,
            };
            let mut task = tokio::spawn(operator(life));
            let end = tokio::select! {
                biased;
                () = crashed.notified() => None,
                () = self.control.notified() => None,
                ended = &mut task => Some(match ended {
                    Ok(Ok(())) => "the operator returned".to_owned(),
                    Ok(Err(error)) => format!("the operator failed: {error:#}"),
                    Err(error) => format!("the operator panicked: {error}"),
                }),
            };
            process.kill();
            task.abort();
            if let Some(end) = end {
                let at = self.elapsed().as_secs_f64();
                self.state
                    .lock()
                    .ends
                    .push(format!("{at:.1}s life {}: {end}", process.life));
            }
            tokio::time::sleep(self.settings.restart_after).await;
        }
    }

    /// Waits until `look` finds something, and panics with the transcript if it takes longer than
    /// `within` of virtual time.
    pub async fn until<T>(
        &self,
        what: &str,
        within: Duration,
        mut look: impl FnMut(&ApiServer) -> Option<T>,
    ) -> T {
        let deadline = self.elapsed() + within;
        loop {
            if let Some(found) = look(&self.server) {
                return found;
            }
            self.check(what);
            if self.elapsed() >= deadline {
                self.give_up(&format!("not within {within:?}: {what}"));
            }
            // Not everything that is waited for rings the server's bell: clouds do not.
            let patience = Duration::from_secs(1).min(deadline.saturating_sub(self.elapsed()));
            let _ = tokio::time::timeout(patience, self.server.changed()).await;
        }
    }

    /// Waits until nothing was changed, by anybody, for this long.
    pub async fn quiet(&self, during: Duration) {
        loop {
            let before = self.changes();
            tokio::time::sleep(during).await;
            self.check("quiet");
            if self.changes() == before {
                return;
            }
        }
    }

    fn changes(&self) -> usize {
        let effects = self.server.effects();
        let counted = |effect: &&crate::apiserver::effects::Effect| {
            effect.request.plural != "leases" && effect.changed()
        };
        effects.log().iter().filter(counted).count()
    }

    fn check(&self, what: &str) {
        if self.server.requests() > self.settings.requests {
            self.give_up(&format!(
                "a hot loop: too many requests while waiting for {what}"
            ));
        }
        let wall = self
            .state
            .lock()
            .wall
            .map(|start| start.elapsed())
            .unwrap_or_default();
        if wall > self.settings.wall {
            self.give_up(&format!(
                "a hot loop: {wall:?} of real time, waiting for {what}"
            ));
        }
    }

    fn give_up(&self, why: &str) -> ! {
        let ends = self.unexpected_ends().join("\n");
        panic!(
            "{why}\n{ends}\n{}\n{}\n{}",
            transcript::conditions_of_all(&self.server),
            transcript::events(&self.server),
            transcript::render(&self.server, transcript::Show::All)
        );
    }
}
