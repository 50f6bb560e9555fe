//! Whether TCP passes from one host to another, on the ports that servers will listen on: asked before the first cell, where
//! it takes a moment, and not by a cell that waits for a server it cannot reach.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A host of a network answers within milliseconds; a packet may be lost once, and the kernel sends it again after a second.
const LIMIT: Duration = Duration::from_secs(4);

/// Listens on those of the ports that are free; 0 stands for any.
pub(crate) async fn listen(address: IpAddr, ports: &[u16]) -> Vec<TcpListener> {
    let mut listeners = Vec::new();
    for &port in ports {
        // One that is taken is the business of the server that wants it.
        if let Ok(listener) = TcpListener::bind((address, port)).await {
            listeners.push(listener);
        }
    }
    listeners
}

/// Lets one caller in and is gone: the port is free again before the caller knows that it got through.
pub(crate) async fn answer_once(listener: TcpListener) {
    let Ok((mut socket, _)) = listener.accept().await else { return };
    drop(listener);
    // The caller closes first, so that the port is not left waiting on this side.
    if socket.write_all(&[0]).await.is_ok() {
        drop(socket.read_u8().await);
    }
}

/// Calls every address.
///
/// # Errors
/// Which could not be reached, and why.
pub(crate) async fn call(targets: &[SocketAddr]) -> Result<(), String> {
    for target in targets {
        let called = timeout(LIMIT, async { TcpStream::connect(target).await?.read_u8().await });
        let why = match called.await {
            Ok(Ok(_)) => continue,
            Ok(Err(error)) => error,
            Err(_) => io::Error::other(format!("no answer within {LIMIT:?}")),
        };
        return Err(format!("no TCP connection to {target}: {why}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn a_port_that_answered_is_free_again() {
        let mut listeners = listen(HERE, &[0]).await;
        let listener = listeners.pop().expect("a free port");
        let target = listener.local_addr().expect("an address");
        let answering = tokio::spawn(answer_once(listener));
        call(&[target]).await.expect("it answers");
        TcpListener::bind(target).await.expect("the port is free");
        answering.await.expect("it ends");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_left_out() {
        let taken = TcpListener::bind((HERE, 0)).await.expect("a port");
        let port = taken.local_addr().expect("an address").port();
        assert!(listen(HERE, &[port]).await.is_empty());
    }

    #[tokio::test]
    async fn an_address_that_nobody_listens_on_is_named() {
        let listener = TcpListener::bind((HERE, 0)).await.expect("a port");
        let target = listener.local_addr().expect("an address");
        drop(listener);
        let why = call(&[target]).await.expect_err("nobody listens");
        assert!(why.starts_with(&format!("no TCP connection to {target}: ")), "{why}");
    }
}
