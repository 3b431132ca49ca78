//! The listeners: all are bound before the first one is announced, and each is announced on standard output with its real
//! address. Called by the roles that have edges.

use std::io::{self, Write as _};
use std::net::SocketAddr;

use edge_grpc::GrpcEdge;
use edge_http::EdgeState;
use tokio::net::{TcpListener, TcpSocket};

use crate::config::Config;
use crate::error::ServerError;
use crate::supervisor::Supervisor;

/// Connections that wait in the system until they are accepted.
const BACKLOG: u32 = 4096;

/// A bound listener and its real address.
type Bound = (TcpListener, SocketAddr);

/// Binds the addresses of the configuration and serves both edges on them, under `supervisor`. Returns the address of HTTP.
///
/// # Errors
/// An address that is taken or not allowed, or a closed standard output.
pub fn serve(
    config: &Config,
    http: &EdgeState,
    grpc: GrpcEdge,
    supervisor: &mut Supervisor,
) -> Result<SocketAddr, ServerError> {
    let (listener, http_addr) = bind(config.http.addr, "http.addr")?;
    let websocket = bind_if_set(config.http.ws_addr, "http.ws_addr")?;
    let calls = bind_if_set(config.grpc.addr, "grpc.addr")?;
    let (soft, hard) = (supervisor.soft.clone(), supervisor.hard.clone());
    let tokens = || (soft.clone(), hard.clone());

    let (soft, hard) = tokens();
    let serving = edge_http::serve(listener, http.clone(), soft, hard);
    supervisor.spawn("HTTP", async move {
        serving.await;
        Ok(())
    });
    if let Some((listener, addr)) = websocket {
        let (soft, hard) = tokens();
        let serving = edge_http::serve_websockets(listener, http.clone(), soft, hard);
        supervisor.spawn("the WebSocket port", async move {
            serving.await;
            Ok(())
        });
        announce("websocket", "ws", addr, "/ws")?;
    }
    if let Some((listener, addr)) = calls {
        let (soft, hard) = tokens();
        let serving = edge_grpc::serve(listener, grpc, soft, hard);
        supervisor.spawn("gRPC", async move {
            serving.await;
            Ok(())
        });
        announce("grpc", "grpc", addr, "")?;
    }
    announce("http", "http", http_addr, "")?;
    Ok(http_addr)
}

fn bind_if_set(
    addr: Option<SocketAddr>,
    setting: &'static str,
) -> Result<Option<Bound>, ServerError> {
    addr.map(|addr| bind(addr, setting)).transpose()
}

/// Binds an address; the error names the setting to change.
fn bind(addr: SocketAddr, setting: &'static str) -> Result<Bound, ServerError> {
    let bound = || -> io::Result<Bound> {
        let socket = match addr {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        // A restart must not wait until the old connections have been forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let listener = socket.listen(BACKLOG)?;
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    };
    bound().map_err(|source| ServerError::Listen {
        addr,
        setting,
        source,
    })
}

/// Prints one line for a listener that answers.
fn announce(name: &str, scheme: &str, addr: SocketAddr, path: &str) -> Result<(), ServerError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{name}: listening on {scheme}://{addr}{path}")
        .and_then(|()| out.flush())
        .map_err(ServerError::Announce)
}
