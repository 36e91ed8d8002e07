//! [`Server`]: connections, as many as are allowed at once, none for longer than it needs.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

use crate::answer::Answers;
use crate::tls::Tls;

/// A client that sends nothing for so long, within a request or between two, is cut off: Prometheus
/// keeps its connection from scrape to scrape.
const SILENCE: Duration = Duration::from_secs(90);
/// So long, at most, is spent on telling a client that there is no room.
const REFUSAL: Duration = Duration::from_secs(2);
/// Clients that are told so at once, beside those that are served; further ones wait to be accepted.
const REFUSALS: usize = 256;

const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
Content-Length: 22\r\nRetry-After: 1\r\nConnection: close\r\n\r\ntoo many connections\r\n";

pub struct Server {
    listener: TcpListener,
    answers: Arc<Answers>,
    tls: Option<Tls>,
    /// A client that does not take what it is sent for so long is cut off, and one that does not come
    /// to the end of a request's head.
    patience: Duration,
    room: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
}

impl Server {
    /// Listens there.
    ///
    /// # Errors
    /// In words, when the address is taken or not this machine's.
    pub async fn bind(
        address: SocketAddr,
        (connections, patience): (usize, Duration),
        answers: Answers,
        tls: Option<Tls>,
    ) -> Result<Self, String> {
        let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => format!("{address} is in use: another program listens there"),
            io::ErrorKind::PermissionDenied => format!("{address}: this user may not listen there"),
            _ => format!("{address}: {error}"),
        })?;
        Ok(Self {
            listener,
            answers: Arc::new(answers),
            tls,
            patience,
            room: Arc::new(Semaphore::new(connections)),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
        })
    }

    /// Where it listens: the port that was chosen, when any was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until it is dropped.
    pub async fn serve(&self) {
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                // No descriptor is left, or the client has gone: the next may fare better.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            if let Ok(place) = Arc::clone(&self.room).try_acquire_owned() {
                let (answers, tls, patience) = (Arc::clone(&self.answers), self.tls.clone(), self.patience);
                tokio::spawn(async move {
                    connection(stream, answers, tls, patience).await;
                    drop(place);
                });
                continue;
            }
            // Clients are refused in the order in which they come; while too many are being told,
            // nobody else is accepted.
            let Ok(place) = Arc::clone(&self.refusals).acquire_owned().await else { return };
            tokio::spawn(async move {
                let _ = tokio::time::timeout(REFUSAL, refuse(stream)).await;
                drop(place);
            });
        }
    }
}

/// Says that there is no room, and waits until the client has read it: a connection that is closed
/// with something unread in it is reset, and the answer lost.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(NO_ROOM).await?;
    stream.shutdown().await?;
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

async fn connection(stream: TcpStream, answers: Arc<Answers>, tls: Option<Tls>, patience: Duration) {
    // A page is one write.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_read_timeout(Some(SILENCE));
    stream.set_write_timeout(Some(patience));
    let stream = Box::pin(stream);
    match tls {
        None => serve(stream, answers, patience).await,
        Some(tls) => {
            if let Ok(stream) =
                tokio::time::timeout(patience, tls.accept(stream)).await.unwrap_or_else(timed_out)
            {
                serve(Box::pin(stream), answers, patience).await;
            }
        }
    }
}

fn timed_out<T>(_: tokio::time::error::Elapsed) -> io::Result<T> {
    Err(io::ErrorKind::TimedOut.into())
}

async fn serve<S: AsyncRead + AsyncWrite>(stream: Pin<Box<S>>, answers: Arc<Answers>, patience: Duration) {
    let service = service_fn(move |request| {
        let answer = answers.to(&request);
        async move { Ok::<_, std::convert::Infallible>(answer) }
    });
    // What fails here is the client's: it has gone, is too slow, or speaks something else.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
