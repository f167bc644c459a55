//! Many connections that ask: again as soon as they are answered (closed loop), or at moments of their own (open loop).

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

/// Whom to ask, and how.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// Who answers.
    pub address: SocketAddr,
    /// Connections at once, all from one thread.
    pub connections: usize,
    /// The status that every answer must have, else the measurement fails.
    pub status: u16,
}

/// When the connections ask, and until when.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// At once after each answer, for so long.
    For(Duration),
    /// At once after each answer, so often altogether.
    Times(u64),
    /// On average so often a second altogether, at random moments, for so long.
    Open(Duration, f64),
}

impl Ask {
    /// Asks again as soon as it is answered, for `time`.
    pub fn run(&self, time: Duration, source: &Source<'_>) -> anyhow::Result<Slice> {
        self.start(Pace::For(time), source)
    }

    /// Asks so often.
    pub fn times(&self, count: u64, source: &Source<'_>) -> anyhow::Result<Slice> {
        self.start(Pace::Times(count), source)
    }

    /// Asks at random moments, on average `rate` times a second, whether answers come or not: an answer's time counts from the moment at which it
    /// should have been asked for, if the connection was still busy then.
    pub fn paced(&self, time: Duration, rate: f64, source: &Source<'_>) -> anyhow::Result<Slice> {
        self.start(Pace::Open(time, rate), source)
    }

    fn start(&self, pace: Pace, source: &Source<'_>) -> anyhow::Result<Slice> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(self.ask(pace, source))
            });
            thread.join().map_err(|_| anyhow::anyhow!("the load generator panicked"))?
        })
    }

    async fn ask(&self, pace: Pace, source: &Source<'_>) -> anyhow::Result<Slice> {
        let next = Cell::new(0_u64);
        let micros = Rc::new(RefCell::new(Vec::with_capacity(1 << 16)));
        let mut lines = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            lines.push(Connection::open(self.address).await?);
        }
        let begun = Instant::now();
        let asking = lines.into_iter().zip(1..).map(|(mut line, number)| {
            let (next, micros) = (&next, Rc::clone(&micros));
            let mut moments = Moments::of(pace, self.connections, begun, number);
            async move {
                let mut request = Vec::with_capacity(4096);
                while let Some(sent) = moments.next(next.get()).await {
                    let n = next.replace(next.get() + 1);
                    request.clear();
                    source(n, &mut request);
                    line.send(&request).await?;
                    let got = line.receive().await?;
                    let expected = self.status;
                    ensure!(got.status == expected, "{expected} was expected: {}", line.text(&got));
                    let took = u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX);
                    micros.borrow_mut().push(took);
                }
                anyhow::Ok(())
            }
        });
        LocalSet::new().run_until(futures_util::future::try_join_all(asking)).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let micros = micros.take();
        Ok(Slice { requests: micros.len() as u64, seconds, micros })
    }
}

/// When one connection asks.
struct Moments {
    pace: Pace,
    begun: Instant,
    /// Mean wait between two moments of an open loop.
    mean: Duration,
    due: Instant,
    random: u64,
}

impl Moments {
    #[expect(clippy::cast_precision_loss, reason = "a handful of connections")]
    fn of(pace: Pace, connections: usize, begun: Instant, number: u64) -> Self {
        let mean = match pace {
            Pace::Open(_, rate) => Duration::from_secs_f64(connections as f64 / rate.max(1.0)),
            _ => Duration::ZERO,
        };
        let mut moments = Self { pace, begun, mean, due: begun, random: number };
        moments.due = begun + moments.wait();
        moments
    }

    /// Waits of a Poisson process, the same in every run.
    #[expect(clippy::cast_precision_loss, reason = "a random share")]
    fn wait(&mut self) -> Duration {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let share = ((self.random >> 11) as f64 + 1.0) / ((1_u64 << 53) as f64 + 1.0);
        self.mean.mul_f64(-share.ln())
    }

    /// Waits for the next moment and gives what its answer is timed from; `None` at the end.
    async fn next(&mut self, asked: u64) -> Option<Instant> {
        let now = Instant::now();
        match self.pace {
            Pace::For(time) => (now < self.begun + time).then_some(now),
            Pace::Times(count) => (asked < count).then_some(now),
            Pace::Open(time, _) => {
                let due = self.due;
                if due >= self.begun + time {
                    return None;
                }
                self.due = due + self.wait();
                if due <= now {
                    return Some(due);
                }
                tokio::time::sleep_until(due.into()).await;
                // The timer is coarse, and its delay is not the server's.
                Some(Instant::now())
            }
        }
    }
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
