//! A closed loop: each connection asks again as soon as it is answered.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// Writes the n-th request, whole, into the buffer.
pub type Source<'a> = dyn Fn(u64, &mut Vec<u8>) + Send + Sync + 'a;

/// What a slice of load gave.
#[derive(Debug, Clone, Default)]
pub struct Slice {
    /// Requests answered.
    pub requests: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// Microseconds from the first byte sent to the last one received, of each request.
    pub micros: Vec<u32>,
}

impl Slice {
    /// Requests a second.
    #[expect(clippy::cast_precision_loss, reason = "counts of a measurement")]
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// Body.
    pub body: Vec<u8>,
}

/// Asks from one thread over `connections` connections for `time`. Every answer must have the status, else the measurement fails.
pub fn run(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    status: u16,
    source: &Source<'_>,
) -> anyhow::Result<Slice> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(ask(address, connections, time, status, source))
        });
        thread.join().map_err(|_| anyhow::anyhow!("the load generator panicked"))?
    })
}

async fn ask(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    status: u16,
    source: &Source<'_>,
) -> anyhow::Result<Slice> {
    let next = Cell::new(0_u64);
    let micros = Rc::new(RefCell::new(Vec::with_capacity(1 << 16)));
    let mut lines = Vec::with_capacity(connections);
    for _ in 0..connections {
        lines.push(Connection::open(address).await?);
    }
    let begun = Instant::now();
    let end = begun + time;
    let asking = lines.into_iter().map(|mut line| {
        let (next, micros) = (&next, Rc::clone(&micros));
        async move {
            let mut request = Vec::with_capacity(4096);
            loop {
                let sent = Instant::now();
                if sent >= end {
                    return anyhow::Ok(());
                }
                let n = next.replace(next.get() + 1);
                request.clear();
                source(n, &mut request);
                line.send(&request).await?;
                let got = line.receive().await?;
                ensure!(got.status == status, "{status} was expected: {}", line.text(&got));
                let took = u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX);
                micros.borrow_mut().push(took);
            }
        }
    });
    LocalSet::new().run_until(futures_util::future::try_join_all(asking)).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let micros = micros.take();
    Ok(Slice { requests: micros.len() as u64, seconds, micros })
}

/// Asks once on a connection of its own.
pub fn once(address: SocketAddr, request: &[u8]) -> anyhow::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut line = Connection::open(address).await?;
        line.send(request).await?;
        let got = line.receive().await?;
        let head = String::from_utf8_lossy(&line.read[..got.head]).into_owned();
        let body = line.read[got.head..got.head + got.body].to_vec();
        Ok(Answer { status: got.status, head, body })
    })
}

/// One keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection(…)")
    }
}

/// Where an answer is in the buffer.
#[derive(Debug, Clone, Copy)]
pub struct Got {
    /// HTTP status.
    pub status: u16,
    head: usize,
    body: usize,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("no connection")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::with_capacity(64 << 10) })
    }

    /// Sends a request.
    pub async fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.write_all(request).await?)
    }

    /// Reads one answer, which must say how long it is.
    pub async fn receive(&mut self) -> anyhow::Result<Got> {
        self.read.clear();
        loop {
            if let Some(got) = parse(&self.read)?
                && self.read.len() >= got.head + got.body
            {
                return Ok(got);
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                bail!("the connection was closed before the answer was whole");
            }
        }
    }

    /// The body of the answer that was received last.
    pub fn body(&self, got: &Got) -> &[u8] {
        self.read.get(got.head..got.head + got.body).unwrap_or_default()
    }

    /// The answer that was received last, as text.
    pub fn text(&self, got: &Got) -> String {
        String::from_utf8_lossy(&self.read[..got.head + got.body]).into_owned()
    }
}

fn parse(read: &[u8]) -> anyhow::Result<Option<Got>> {
    let Some(end) = memchr::memmem::find(read, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = &read[..end];
    let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    let status: u16 = status.and_then(|digits| digits.parse().ok()).context("no HTTP status")?;
    let mut body = 0;
    for line in head.split(|byte| *byte == b'\n') {
        const NAME: &[u8] = b"content-length:";
        if line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME) {
            let text = String::from_utf8_lossy(&line[NAME.len()..]);
            body = text.trim().parse().context("a content-length that is no number")?;
        }
    }
    Ok(Some(Got { status, head: end + 4, body }))
}
