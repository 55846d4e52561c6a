//! A TCP proxy in this process, before an API server that cannot be switched off and on again: while
//! it is shut there is no connection, as there is none to a cluster whose machines are off.
//!
//! The port stays reserved while nobody listens on it, so that a client is refused by the kernel and
//! nobody else gets the port. It forwards bytes and knows nothing of what they mean.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, mpsc};

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, JoinSet};

/// Whether there is a way through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the server.
    Open,
    /// Connections are refused.
    Refused,
    /// Connections are taken and nothing is ever answered.
    Silent,
}

/// A gate. It starts refused; dropping it cuts everything.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    behind: SocketAddr,
    /// Holds the port; nobody listens on it.
    _reserved: TcpSocket,
    runtime: Option<Runtime>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    way: Way,
    listening: Option<(JoinHandle<()>, mpsc::Receiver<()>)>,
    connections: JoinSet<()>,
}

/// Fields are dropped in this order: whoever waits for the end finds the port free.
struct Listening {
    listener: TcpListener,
    _ending: mpsc::Sender<()>,
}

impl Gate {
    /// A gate on a free port of an address of this machine, before a server.
    pub fn before(behind: SocketAddr, address: IpAddr) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("gate")
            .build()
            .context("start the gate's runtime")?;
        let reserved = socket(SocketAddr::new(address, 0))?;
        let address = reserved.local_addr().context("read the gate's port")?;
        Ok(Self {
            address,
            behind,
            _reserved: reserved,
            runtime: Some(runtime),
            state: Arc::new(Mutex::new(State {
                way: Way::Refused,
                listening: None,
                connections: JoinSet::new(),
            })),
        })
    }

    /// Where clients go.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens or shuts it. Connections that exist are cut when it shuts.
    pub fn set(&self, way: Way) -> Result<()> {
        let Some(runtime) = &self.runtime else {
            return Ok(());
        };
        let mut state = self.state.lock();
        if state.way == way {
            return Ok(());
        }
        let _inside = runtime.enter();
        if let Some((listening, ended)) = state.listening.take() {
            // Until the listener is gone, the kernel takes connections for it.
            listening.abort();
            drop(state);
            let _ = ended.recv();
            state = self.state.lock();
        }
        state.connections.abort_all();
        state.way = way;
        if way != Way::Refused {
            let listener = socket(self.address)?
                .listen(1024)
                .context("listen on the gate's port")?;
            let (ending, ended) = mpsc::channel();
            let listening = Listening {
                listener,
                _ending: ending,
            };
            let work = listen(listening, Arc::clone(&self.state), self.behind);
            state.listening = Some((runtime.spawn(work), ended));
        }
        Ok(())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // In whatever runtime the owner is.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn socket(address: SocketAddr) -> Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.context("make a socket")?;
    socket.set_reuseaddr(true).context("prepare a socket")?;
    socket.set_reuseport(true).context("prepare a socket")?;
    socket
        .bind(address)
        .with_context(|| format!("bind {address}"))?;
    Ok(socket)
}

async fn listen(listening: Listening, state: Arc<Mutex<State>>, behind: SocketAddr) {
    while let Ok((client, _)) = listening.listener.accept().await {
        let mut state = state.lock();
        while state.connections.try_join_next().is_some() {}
        if state.way == Way::Silent {
            state.connections.spawn(hold(client));
        } else {
            state.connections.spawn(forward(client, behind));
        }
    }
}

/// Never ends by itself.
async fn hold(client: TcpStream) {
    std::future::pending::<()>().await;
    drop(client);
}

async fn forward(mut client: TcpStream, behind: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(behind).await {
        // Either side may break off; the other learns it by the end of its stream.
        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::Ipv4Addr;

    use super::*;

    /// A server that says one word to everybody.
    fn greeter() -> SocketAddr {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                stream.unwrap().write_all(b"hello").unwrap();
            }
        });
        address
    }

    fn greeting(gate: &Gate) -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect(gate.address())?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn it_lets_through_refuses_and_keeps_its_port() {
        let gate = Gate::before(greeter(), IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        for _ in 0..3 {
            let refused = greeting(&gate).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            gate.set(Way::Open).unwrap();
            assert_eq!(greeting(&gate).unwrap(), "hello");
            gate.set(Way::Refused).unwrap();
        }
    }

    #[test]
    fn silence_ends_with_the_next_change() {
        let gate = Gate::before(greeter(), IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        gate.set(Way::Silent).unwrap();
        let mut stream = std::net::TcpStream::connect(gate.address()).unwrap();
        stream.set_nonblocking(true).unwrap();
        let nothing = stream.read(&mut [0; 8]).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        stream.set_nonblocking(false).unwrap();
        gate.set(Way::Open).unwrap();
        // Cut without a word: by an end or by a reset.
        let end = stream.read(&mut [0; 8]);
        assert!(end.as_ref().map_or(true, |read| *read == 0), "{end:?}");
        assert_eq!(greeting(&gate).unwrap(), "hello");
    }
}
