//! Subscribing over MQTT 3.1.1 and 5.0, through the same guard.
//!
//! The session outlives the connection, and a message is acknowledged only when its taker has it: what comes while nobody listens, or is taken
//! by nobody because we were killed, the broker sends again (quality of service 1, at least once).

use std::fmt;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{Event, TimerKind};
use mqtt_protocol_core::mqtt::packet::{
    GenericPacketTrait as _, MaximumPacketSize, Packet, Property, Qos, RetainHandling,
    SessionExpiryInterval, SubEntry, SubOpts, v3_1_1, v5_0,
};
use mqtt_protocol_core::mqtt::{Connection, Version, role};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Url;

use super::{MqttVersion, connect, lost, malformed, received, tls};
use crate::{Outbound, OutboundError};

/// How long the broker keeps what comes while nobody listens, seconds.
const SESSION: u32 = 7 * 24 * 3600;
/// How often the connection is proved to be alive, seconds.
const KEEP_ALIVE: u16 = 30;

/// What to listen to.
#[derive(Clone)]
pub struct MqttSubscription {
    /// `mqtt://` or `mqtts://`, host and port only.
    pub url: Url,
    /// User name, if the broker wants one.
    pub user: Option<String>,
    /// Password, if the broker wants one.
    pub password: Option<SecretString>,
    /// Who we are to the broker, always the same: the session is kept under it.
    pub client_id: String,
    /// The version to speak.
    pub version: MqttVersion,
    /// Topic filters.
    pub topics: Vec<String>,
}

impl fmt::Debug for MqttSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttSubscription").field("version", &self.version).finish_non_exhaustive()
    }
}

/// A message that came. Debug output would show data, so there is none.
#[derive(Clone)]
pub struct MqttMessage {
    /// Its topic.
    pub topic: String,
    /// Its content.
    pub payload: Vec<u8>,
}

/// Who takes messages.
#[async_trait]
pub trait MqttTaker: Send + Sync {
    /// Has it when this answers `true`. `false`: it cannot now, and the broker is to send it again later.
    async fn take(&self, message: MqttMessage) -> bool;
}

impl Outbound {
    /// Subscribes and hands on what comes, until `end` or until the connection ends.
    pub async fn subscribe(
        &self,
        subscription: &MqttSubscription,
        taker: &dyn MqttTaker,
        end: impl Future<Output = ()> + Send,
    ) -> Result<(), OutboundError> {
        let opening = async {
            let (host, addresses) = self.addresses_for_mqtt(&subscription.url).await?;
            Ok::<_, OutboundError>((host, connect(&addresses).await?))
        };
        let opened = tokio::time::timeout(self.policy.timeout, opening).await;
        let (host, socket) = opened.unwrap_or(Err(OutboundError::Timeout))?;
        let (most, patience) = (self.policy.max_bytes, self.policy.timeout);
        if subscription.url.scheme() == "mqtt" {
            return Listening::over(socket, subscription, most, patience).until(taker, end).await;
        }
        let name = ServerName::try_from(host).map_err(|_| OutboundError::Setup)?;
        let shaking = TlsConnector::from(tls()?);
        let shaking = tokio::time::timeout(patience, shaking.connect(name, socket)).await;
        let stream = shaking.map_err(|_| OutboundError::Timeout)?.map_err(lost)?;
        Listening::over(stream, subscription, most, patience).until(taker, end).await
    }
}

struct Listening<'a, S> {
    stream: S,
    connection: Connection<role::Client>,
    subscription: &'a MqttSubscription,
    most: usize,
    patience: Duration,
    /// When the next ping is due, and until when its answer must be there.
    ping: Option<Instant>,
    pong: Option<Instant>,
    /// Bytes of a packet that is not whole yet.
    partial: usize,
    messages: Vec<(Option<u16>, MqttMessage)>,
    subscribed: bool,
    accepted: bool,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin + Send> Listening<'a, S> {
    fn over(
        stream: S,
        subscription: &'a MqttSubscription,
        most: usize,
        patience: Duration,
    ) -> Self {
        let version = match subscription.version {
            MqttVersion::V3_1_1 => Version::V3_1_1,
            MqttVersion::V5_0 => Version::V5_0,
        };
        let mut connection = Connection::<role::Client>::new(version);
        connection.set_auto_pub_response(false);
        connection.set_auto_ping_response(true);
        connection.set_pingresp_recv_timeout(10_000);
        Self {
            stream,
            connection,
            subscription,
            most,
            patience,
            ping: None,
            pong: None,
            partial: 0,
            messages: Vec::new(),
            subscribed: false,
            accepted: false,
        }
    }

    async fn until(
        mut self,
        taker: &dyn MqttTaker,
        end: impl Future<Output = ()> + Send,
    ) -> Result<(), OutboundError> {
        let begun = Instant::now();
        self.send(hello(self.subscription, self.most)?).await?;
        tokio::pin!(end);
        let mut buffer = vec![0; 16 << 10];
        loop {
            for (id, message) in std::mem::take(&mut self.messages) {
                if !taker.take(message).await {
                    // Not acknowledged: it comes again with the next connection.
                    return Err(OutboundError::Rejected);
                }
                if let Some(id) = id {
                    self.send(acknowledgement(self.subscription.version, id)?).await?;
                }
            }
            // Subscribing again to what the session holds changes nothing, and a broker may have forgotten it.
            if self.accepted && !self.subscribed {
                self.subscribed = true;
                let id = self.connection.acquire_packet_id().map_err(malformed)?;
                self.send(wish(self.subscription, id)?).await?;
            }
            if !self.subscribed && begun.elapsed() > self.patience {
                return Err(OutboundError::Timeout);
            }
            let soon = Instant::now() + Duration::from_secs(1);
            let timer =
                [self.ping, self.pong].into_iter().flatten().min().unwrap_or(soon).min(soon);
            tokio::select! {
                () = &mut end => return self.leave().await,
                read = self.stream.read(&mut buffer) => {
                    let read = read.map_err(lost)?;
                    if read == 0 {
                        return Err(OutboundError::Connection);
                    }
                    let bytes = buffer.get(..read).unwrap_or_default().to_vec();
                    self.hear(&bytes).await?;
                }
                () = tokio::time::sleep_until(timer) => self.tick().await?,
            }
        }
    }

    async fn tick(&mut self) -> Result<(), OutboundError> {
        let now = Instant::now();
        if self.pong.is_some_and(|at| at <= now) {
            self.pong = None;
            let events = self.connection.notify_timer_fired(TimerKind::PingrespRecv);
            self.act(events).await?;
        }
        if self.ping.is_some_and(|at| at <= now) {
            self.ping = None;
            let events = self.connection.notify_timer_fired(TimerKind::PingreqSend);
            self.act(events).await?;
        }
        Ok(())
    }

    async fn hear(&mut self, bytes: &[u8]) -> Result<(), OutboundError> {
        self.partial += bytes.len();
        let mut cursor = Cursor::new(bytes);
        loop {
            let before = cursor.position();
            let events = self.connection.recv(&mut cursor);
            if events.iter().any(|event| matches!(event, Event::NotifyPacketReceived(_))) {
                self.partial = usize::try_from(bytes.len() as u64 - cursor.position()).unwrap_or(0);
            }
            self.act(events).await?;
            if cursor.position() == before || cursor.position() >= bytes.len() as u64 {
                break;
            }
        }
        if self.partial > self.most { Err(OutboundError::TooLarge) } else { Ok(()) }
    }

    async fn send(&mut self, packet: Packet) -> Result<(), OutboundError> {
        let events = self.connection.send(packet);
        self.act(events).await
    }

    async fn act(&mut self, events: Vec<Event>) -> Result<(), OutboundError> {
        let mut ended = false;
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => {
                    // A broker that takes nothing any more is not waited for.
                    let writing = async {
                        self.stream.write_all(&packet.to_continuous_buffer()).await?;
                        self.stream.flush().await
                    };
                    let written = tokio::time::timeout(self.patience, writing).await;
                    written.map_err(|_| OutboundError::Timeout)?.map_err(lost)?;
                }
                Event::NotifyPacketReceived(packet) => self.came(&packet)?,
                Event::RequestTimerReset { kind, duration_ms } => {
                    let at = Instant::now() + Duration::from_millis(duration_ms);
                    match kind {
                        TimerKind::PingreqSend => self.ping = Some(at),
                        TimerKind::PingrespRecv => self.pong = Some(at),
                        TimerKind::PingreqRecv => {}
                    }
                }
                Event::RequestTimerCancel(kind) => match kind {
                    TimerKind::PingreqSend => self.ping = None,
                    TimerKind::PingrespRecv => self.pong = None,
                    TimerKind::PingreqRecv => {}
                },
                Event::NotifyPacketIdReleased(_) => {}
                Event::NotifyError(_) | Event::RequestClose => ended = true,
            }
        }
        if ended { Err(OutboundError::Connection) } else { Ok(()) }
    }

    fn came(&mut self, packet: &Packet) -> Result<(), OutboundError> {
        let mut progress = super::Progress::default();
        received(packet, &mut progress)?;
        self.accepted |= progress.connected;
        let refused = match packet {
            Packet::V3_1_1Suback(answer) => {
                answer.return_codes().iter().any(|code| !code.is_success())
            }
            Packet::V5_0Suback(answer) => {
                answer.reason_codes().iter().any(|code| !code.is_success())
            }
            Packet::V3_1_1Publish(message) => {
                let payload = message.payload().as_slice().to_vec();
                let message_of = MqttMessage { topic: message.topic_name().to_owned(), payload };
                self.messages.push((message.packet_id(), message_of));
                false
            }
            Packet::V5_0Publish(message) => {
                let payload = message.payload().as_slice().to_vec();
                let message_of = MqttMessage { topic: message.topic_name().to_owned(), payload };
                self.messages.push((message.packet_id(), message_of));
                false
            }
            _ => false,
        };
        if refused { Err(OutboundError::Rejected) } else { Ok(()) }
    }

    /// Says goodbye; the session stays.
    async fn leave(mut self) -> Result<(), OutboundError> {
        let bye = match self.subscription.version {
            MqttVersion::V3_1_1 => Packet::from(v3_1_1::Disconnect::new()),
            MqttVersion::V5_0 => v5_0::Disconnect::builder().build().map_err(malformed)?.into(),
        };
        // The broker keeps what is not acknowledged, whether it hears this or not.
        self.send(bye).await.ok();
        self.stream.shutdown().await.ok();
        Ok(())
    }
}

fn hello(subscription: &MqttSubscription, most: usize) -> Result<Packet, OutboundError> {
    macro_rules! credentials {
        ($hello:ident) => {{
            let mut hello = $hello;
            if let Some(user) = &subscription.user {
                hello = hello.user_name(user.as_str()).map_err(malformed)?;
            }
            if let Some(password) = &subscription.password {
                hello = hello.password(password.expose_secret()).map_err(malformed)?;
            }
            Ok(hello.build().map_err(malformed)?.into())
        }};
    }
    let id = subscription.client_id.as_str();
    match subscription.version {
        MqttVersion::V3_1_1 => {
            let hello = v3_1_1::Connect::builder().client_id(id).map_err(malformed)?;
            let hello = hello.clean_session(false).keep_alive(KEEP_ALIVE);
            credentials!(hello)
        }
        MqttVersion::V5_0 => {
            let expiry = SessionExpiryInterval::new(SESSION).map_err(malformed)?;
            let hello = v5_0::Connect::builder().client_id(id).map_err(malformed)?;
            let hello = hello.clean_start(false).keep_alive(KEEP_ALIVE);
            // A broker leaves out what is larger, where it would otherwise stand in the way of all that follows.
            let largest = u32::try_from(most).unwrap_or(u32::MAX).max(1);
            let largest = MaximumPacketSize::new(largest).map_err(malformed)?;
            let hello = hello.props(vec![
                Property::SessionExpiryInterval(expiry),
                Property::MaximumPacketSize(largest),
            ]);
            credentials!(hello)
        }
    }
}

fn wish(subscription: &MqttSubscription, id: u16) -> Result<Packet, OutboundError> {
    let entry = |topic: &String| {
        // What is retained comes with a new subscription alone, not each time we come back (MQTT 5; 3.1.1 cannot say so).
        let options = SubOpts::new().set_qos(Qos::AtLeastOnce);
        let options = match subscription.version {
            MqttVersion::V3_1_1 => options,
            MqttVersion::V5_0 => options.set_rh(RetainHandling::SendRetainedIfNotExists),
        };
        SubEntry::new(topic, options).map_err(malformed)
    };
    let entries = subscription.topics.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    Ok(match subscription.version {
        MqttVersion::V3_1_1 => {
            let wish = v3_1_1::Subscribe::builder().packet_id(id).entries(entries);
            wish.build().map_err(malformed)?.into()
        }
        MqttVersion::V5_0 => {
            let wish = v5_0::Subscribe::builder().packet_id(id).entries(entries);
            wish.build().map_err(malformed)?.into()
        }
    })
}

fn acknowledgement(version: MqttVersion, id: u16) -> Result<Packet, OutboundError> {
    Ok(match version {
        MqttVersion::V3_1_1 => {
            v3_1_1::Puback::builder().packet_id(id).build().map_err(malformed)?.into()
        }
        MqttVersion::V5_0 => {
            v5_0::Puback::builder().packet_id(id).build().map_err(malformed)?.into()
        }
    })
}
