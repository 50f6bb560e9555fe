//! A line between controller and agent that does what bad lines do, connection by connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};

/// Between two looks at whether a stalled line goes on.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const CHUNK: usize = 16 * 1024;
/// The first byte of a record, RFC 8446, 5.1.
const TLS_HANDSHAKE: u8 = 22;

/// What the line does to what passes, from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Nothing.
    Pass,
    /// Every connection is reset that long after it was made.
    Reset(Duration),
    /// It hands on one byte at a time.
    Slice,
    /// So many bytes a second, either way.
    Bandwidth(u32),
    /// It ends every connection that begins otherwise than TLS does.
    TlsAlone,
    /// It takes all and hands on nothing, and closes nothing.
    Stall,
    /// What goes to the agent is swallowed, and what the agent says is handed on: it is applied and never acknowledged.
    Swallow,
}

/// A connection, both of its sides.
struct Open {
    since: Instant,
    sides: [TcpStream; 2],
    /// It ends with a reset, and in no other way.
    broken: Arc<AtomicBool>,
}

/// A listener that leads to another.
pub struct Proxy {
    /// Where it listens.
    pub address: String,
    state: Arc<Mutex<State>>,
}

struct State {
    does: Does,
    open: Vec<Open>,
    /// How many connections were made.
    connections: usize,
    /// How many of them were reset.
    resets: usize,
}

impl Proxy {
    /// One on that address, to the agent at `target`. Its threads end with this process.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn to(target: &str, address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = State { does: Does::Pass, open: Vec::new(), connections: 0, resets: 0 };
        let (state, target) = (Arc::new(Mutex::new(state)), target.to_owned());
        let proxy = Self { address, state: Arc::clone(&state) };
        std::thread::spawn(move || {
            while let Ok((inner, _)) = listener.accept() {
                let Ok(outer) = TcpStream::connect(&target) else { continue };
                connect(&inner, &outer, &state);
            }
        });
        let state = Arc::clone(&proxy.state);
        std::thread::spawn(move || {
            loop {
                park_timeout(LOOK_AGAIN);
                reset_who_is_due(&state);
            }
        });
        proxy
    }

    /// From now on the line does that.
    pub fn does(&self, does: Does) {
        lock(&self.state).does = does;
    }

    /// Connections that were made, and those of them that were reset.
    pub fn connections(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.connections, state.resets)
    }

    /// Breaks every connection that is open.
    pub fn reset(&self) {
        lock(&self.state).reset(Duration::ZERO);
    }
}

impl State {
    /// Resets what has been open for so long.
    fn reset(&mut self, after: Duration) {
        for Open { sides, broken, .. } in self.open.extract_if(.., |open| open.since.elapsed() >= after) {
            self.resets += 1;
            broken.store(true, Ordering::Relaxed);
            for side in sides {
                // Its threads let go of it then, which resets it. Refused where it is gone already.
                drop(side.shutdown(Shutdown::Read));
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(inner: &TcpStream, outer: &TcpStream, state: &Arc<Mutex<State>>) {
    let copy = |socket: &TcpStream| socket.try_clone().expect("a file descriptor");
    let broken = Arc::new(AtomicBool::new(false));
    {
        let mut state = lock(state);
        state.connections += 1;
        state.open.push(Open { since: Instant::now(), sides: [copy(inner), copy(outer)], broken: Arc::clone(&broken) });
    }
    for (from, to, to_agent) in [(inner, outer, true), (outer, inner, false)] {
        let (mut from, mut to, state, broken) = (copy(from), copy(to), Arc::clone(state), Arc::clone(&broken));
        std::thread::spawn(move || {
            drop(carry(&mut from, &mut to, to_agent, &state));
            if broken.load(Ordering::Relaxed) {
                // Whoever closes it last resets it.
                let at_once = linger { l_onoff: 1, l_linger: 0 };
                let _ = setsockopt(&to, sockopt::Linger, &at_once);
            } else {
                drop(to.shutdown(Shutdown::Write));
            }
        });
    }
}

/// Hands bytes on until either side has ended.
fn carry(from: &mut TcpStream, to: &mut TcpStream, to_agent: bool, state: &Mutex<State>) -> io::Result<()> {
    let mut buffer = [0; CHUNK];
    let mut is_first = true;
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        let mut bytes = &buffer[..read];
        while !bytes.is_empty() {
            let does = lock(state).does;
            let now = match does {
                Does::TlsAlone if to_agent && is_first && bytes.first() != Some(&TLS_HANDSHAKE) => return Ok(()),
                Does::Pass | Does::Reset(_) | Does::TlsAlone => bytes.len(),
                Does::Slice => 1,
                Does::Bandwidth(_) => bytes.len().min(100),
                Does::Swallow if to_agent => break,
                Does::Swallow => bytes.len(),
                Does::Stall => {
                    park_timeout(LOOK_AGAIN);
                    continue;
                }
            };
            to.write_all(&bytes[..now])?;
            bytes = &bytes[now..];
            is_first = false;
            if let Does::Bandwidth(bytes_per_s) = does {
                let taken = Instant::now() + Duration::from_secs_f64(now as f64 / f64::from(bytes_per_s));
                while let Some(left) = taken.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                    park_timeout(left);
                }
            }
        }
    }
}

fn reset_who_is_due(state: &Mutex<State>) {
    let mut state = lock(state);
    if let Does::Reset(after) = state.does {
        state.reset(after);
    }
}
