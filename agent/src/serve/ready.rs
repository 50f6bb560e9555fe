//! Readiness: one real exchange of the server's own protocol, that leaves neither thread nor process behind.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rpycbench_measure::ServerKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cpu_time::{Tree, tree};

/// RPyC's request for the root object, sequence number 0, in the layout of RPyC 6 (length, no compression, request,
/// `(0, (GETROOT, ()))`, flusher).
const RPYC_GET_ROOT: [u8; 14] = [0, 0, 0, 8, 0, 0x01, 0x11, 0x50, 0x11, 0x53, 0x11, 0x51, 0x02, 0x0a];
/// RPyC's request to close, sequence number 1; it is never answered.
const RPYC_CLOSE: [u8; 14] = [0, 0, 0, 8, 0, 0x01, 0x11, 0x51, 0x11, 0x52, 0x11, 0x51, 0x02, 0x0a];
/// The first byte of a reply in RPyC 6.
const RPYC_REPLY: u8 = 0x02;
/// The answer holds the service's name and two numbers: some hundred bytes.
const RPYC_REPLY_LIMIT: usize = 64 * 1024;
/// An answer to the probe is a hundred bytes.
const HTTP_REPLY_LIMIT: u64 = 64 * 1024;
/// Between two looks at something that is about to be there.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Returns once the server has answered and is as idle as before it was asked.
pub(super) async fn wait(kind: ServerKind, address: SocketAddr, keeper: i32) -> Result<(), String> {
    let socket = loop {
        match TcpStream::connect(address).await {
            Ok(socket) => break socket,
            // It has its port but does not listen yet.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                lives(tree(keeper))?;
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(error) => return Err(format!("cannot connect to {address}: {error}")),
        }
    };
    match kind {
        ServerKind::Rpyc(_) => rpyc(socket).await,
        ServerKind::Flask(_) => http(socket, address).await,
    }
    .map_err(|error| format!("no proper answer from {address}: {error}"))?;
    // What served the probe (a thread, a forked child) ends after the connection does.
    loop {
        let now = tree(keeper);
        lives(now)?;
        if is_idle(now) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// A server that has ended is not waited for.
fn lives(tree: Tree) -> Result<(), String> {
    if tree.processes == 0 { Err("it ended before it was ready".to_owned()) } else { Ok(()) }
}

/// True for one process with one thread, which is what every server here is without connections.
fn is_idle(tree: Tree) -> bool {
    tree.processes == 1 && tree.threads == 1
}

async fn rpyc(mut socket: TcpStream) -> io::Result<()> {
    socket.write_all(&RPYC_GET_ROOT).await?;
    let length = socket.read_u32().await? as usize;
    if length > RPYC_REPLY_LIMIT {
        return Err(io::Error::other(format!("an answer of {length} bytes")));
    }
    // Compression flag, payload, flusher.
    let mut frame = vec![0; 1 + length + 1];
    socket.read_exact(&mut frame).await?;
    if frame[1] != RPYC_REPLY {
        return Err(io::Error::other("the answer is not in the layout of RPyC 6"));
    }
    socket.write_all(&RPYC_CLOSE).await?;
    // The server closes first; what it may still say does not matter.
    socket.read_to_end(&mut Vec::new()).await.map(drop)
}

async fn http(mut socket: TcpStream, address: SocketAddr) -> io::Result<()> {
    let request = format!("GET /ping HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    socket.take(HTTP_REPLY_LIMIT).read_to_end(&mut answer).await?;
    let status = answer.split(|&byte| byte == b'\r').next().unwrap_or_default();
    if status.ends_with(b" 200 OK") {
        Ok(())
    } else {
        Err(io::Error::other(String::from_utf8_lossy(status).into_owned()))
    }
}
