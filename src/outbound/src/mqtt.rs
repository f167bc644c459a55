//! MQTT 3.1.1 and 5.0, through the same guard as HTTP: publishing here, subscribing in a module of its own.
//!
//! One publication is one connection: it goes to the addresses that were checked, says who it is, publishes, waits for what its quality of service
//! promises, and leaves. Packets are made and read by a library that does no I/O, so no name is resolved behind the guard's back.

mod subscribe;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::Event;
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait as _, Packet, Qos, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::{ConnectReasonCode, MqttError};
use mqtt_protocol_core::mqtt::{Connection, Version, role};
use percent_encoding::percent_decode_str;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, crypto::aws_lc_rs};
use url::Url;

use crate::{Outbound, OutboundError};

pub use subscribe::{MqttMessage, MqttSubscription, MqttTaker};

/// Longest packet taken from a broker, bytes: it has nothing to tell but acknowledgements.
const MAX_PACKET: usize = 64 << 10;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MqttVersion {
    /// 3.1.1.
    V3_1_1,
    /// 5.0.
    #[default]
    V5_0,
}

/// What is promised about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QualityOfService {
    /// 0: it leaves.
    #[default]
    AtMostOnce,
    /// 1: the broker has it.
    AtLeastOnce,
    /// 2: the broker has it once.
    ExactlyOnce,
}

/// One message to be published. Debug output shows nothing of it.
#[derive(Clone)]
pub struct Publication {
    /// `mqtt://` or `mqtts://`, with user name and password if need be; the path is the topic.
    pub url: Url,
    /// Who we are to the broker: 1 to 23 letters and digits.
    pub client_id: String,
    /// The version to speak.
    pub version: MqttVersion,
    /// The quality of service.
    pub qos: QualityOfService,
    /// The message.
    pub payload: Bytes,
}

impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publication").field("version", &self.version).finish_non_exhaustive()
    }
}

/// The topic that a URL names; `None` when it is none that can be published to.
pub fn topic(url: &Url) -> Option<String> {
    let path = url.path().strip_prefix('/')?;
    let topic = percent_decode_str(path).decode_utf8().ok()?;
    let fits = !topic.is_empty() && !topic.contains(['+', '#', '\0']) && topic.len() <= 65_535;
    fits.then(|| topic.into_owned())
}

impl Outbound {
    /// Publishes a message once, within the caps.
    pub async fn publish(&self, publication: &Publication) -> Result<(), OutboundError> {
        match tokio::time::timeout(self.policy.timeout, self.deliver(publication)).await {
            Ok(done) => done,
            Err(_) => Err(OutboundError::Timeout),
        }
    }

    async fn deliver(&self, publication: &Publication) -> Result<(), OutboundError> {
        let (host, addresses) = self.addresses_for_mqtt(&publication.url).await?;
        let socket = connect(&addresses).await?;
        if publication.url.scheme() == "mqtt" {
            return speak(socket, publication).await;
        }
        let name = ServerName::try_from(host).map_err(|_| OutboundError::Setup)?;
        let stream = TlsConnector::from(tls()?).connect(name, socket).await.map_err(lost)?;
        speak(stream, publication).await
    }
}

/// Trusts what the machine trusts.
fn tls() -> Result<Arc<ClientConfig>, OutboundError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = builder
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|_| OutboundError::Setup)?;
    Ok(Arc::new(config.with_no_client_auth()))
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, OutboundError> {
    TcpStream::connect(addresses).await.map_err(lost)
}

fn lost(_: std::io::Error) -> OutboundError {
    OutboundError::Connection
}

fn malformed(_: MqttError) -> OutboundError {
    OutboundError::Malformed("the message cannot be put into MQTT")
}

/// What has come about.
#[derive(Default)]
struct Progress {
    connected: bool,
    published: bool,
    /// We have said what we came for: that the connection ends is as it should be.
    leaving: bool,
}

async fn speak(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    publication: &Publication,
) -> Result<(), OutboundError> {
    let version = match publication.version {
        MqttVersion::V3_1_1 => Version::V3_1_1,
        MqttVersion::V5_0 => Version::V5_0,
    };
    let mut connection = Connection::<role::Client>::new(version);
    connection.set_auto_pub_response(true);
    let mut progress = Progress::default();

    let events = connection.send(hello(publication)?);
    act(&mut stream, events, &mut progress).await?;
    until(&mut stream, &mut connection, &mut progress, |progress| progress.connected).await?;

    let qos = match publication.qos {
        QualityOfService::AtMostOnce => Qos::AtMostOnce,
        QualityOfService::AtLeastOnce => Qos::AtLeastOnce,
        QualityOfService::ExactlyOnce => Qos::ExactlyOnce,
    };
    let id = match qos {
        Qos::AtMostOnce => None,
        _ => Some(connection.acquire_packet_id().map_err(malformed)?),
    };
    let events = connection.send(message(publication, qos, id)?);
    act(&mut stream, events, &mut progress).await?;
    if id.is_some() {
        until(&mut stream, &mut connection, &mut progress, |progress| progress.published).await?;
    }

    let bye = match publication.version {
        MqttVersion::V3_1_1 => Packet::from(v3_1_1::Disconnect::new()),
        MqttVersion::V5_0 => v5_0::Disconnect::builder().build().map_err(malformed)?.into(),
    };
    let events = connection.send(bye);
    progress.leaving = true;
    act(&mut stream, events, &mut progress).await?;
    // What was promised is done; how the connection ends changes nothing.
    stream.shutdown().await.ok();
    Ok(())
}

fn hello(publication: &Publication) -> Result<Packet, OutboundError> {
    let text = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = Some(publication.url.username()).filter(|user| !user.is_empty()).map(text);
    let password = publication.url.password().map(text);
    macro_rules! connect {
        ($version:ident, $clean:ident) => {{
            let mut hello = $version::Connect::builder()
                .client_id(publication.client_id.as_str())
                .map_err(malformed)?
                .$clean(true)
                .keep_alive(0);
            if let Some(user) = &user {
                hello = hello.user_name(user.as_str()).map_err(malformed)?;
            }
            if let Some(password) = &password {
                hello = hello.password(password.as_str()).map_err(malformed)?;
            }
            Ok(hello.build().map_err(malformed)?.into())
        }};
    }
    match publication.version {
        MqttVersion::V3_1_1 => connect!(v3_1_1, clean_session),
        MqttVersion::V5_0 => connect!(v5_0, clean_start),
    }
}

fn message(publication: &Publication, qos: Qos, id: Option<u16>) -> Result<Packet, OutboundError> {
    let topic = topic(&publication.url)
        .ok_or(OutboundError::Malformed("the url names no topic that can be published to"))?;
    macro_rules! publish {
        ($version:ident) => {{
            let mut message = $version::Publish::builder()
                .topic_name(topic.as_str())
                .map_err(malformed)?
                .qos(qos)
                .payload(publication.payload.to_vec());
            if let Some(id) = id {
                message = message.packet_id(id);
            }
            Ok(message.build().map_err(malformed)?.into())
        }};
    }
    match publication.version {
        MqttVersion::V3_1_1 => publish!(v3_1_1),
        MqttVersion::V5_0 => publish!(v5_0),
    }
}

/// Reads until something has come about.
async fn until(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    connection: &mut Connection<role::Client>,
    progress: &mut Progress,
    done: impl Fn(&Progress) -> bool,
) -> Result<(), OutboundError> {
    let mut buffer = [0; 1024];
    let mut taken = 0;
    while !done(progress) {
        let read = stream.read(&mut buffer).await.map_err(lost)?;
        taken += read;
        if read == 0 {
            return Err(OutboundError::Connection);
        }
        if taken > MAX_PACKET {
            return Err(OutboundError::TooLarge);
        }
        let mut bytes = Cursor::new(buffer.get(..read).unwrap_or_default());
        // A read can end one packet and begin another.
        loop {
            let before = bytes.position();
            let events = connection.recv(&mut bytes);
            act(stream, events, progress).await?;
            if bytes.position() == before || bytes.position() >= read as u64 {
                break;
            }
        }
    }
    Ok(())
}

/// Does what the protocol asks for.
async fn act(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    events: Vec<Event>,
    progress: &mut Progress,
) -> Result<(), OutboundError> {
    let mut ended = false;
    for event in events {
        match event {
            Event::RequestSendPacket { packet, .. } => {
                stream.write_all(&packet.to_continuous_buffer()).await.map_err(lost)?;
                stream.flush().await.map_err(lost)?;
            }
            Event::NotifyPacketReceived(packet) => received(&packet, progress)?,
            Event::NotifyPacketIdReleased(_) => progress.published = true,
            // A refusal tells more than the end that goes with it.
            Event::NotifyError(_) | Event::RequestClose => ended = true,
            // A connection this short needs no pings.
            Event::RequestTimerReset { .. } | Event::RequestTimerCancel(_) => {}
        }
    }
    if ended && !progress.leaving { Err(OutboundError::Connection) } else { Ok(()) }
}

fn received(packet: &Packet, progress: &mut Progress) -> Result<(), OutboundError> {
    let accepted = match packet {
        Packet::V3_1_1Connack(answer) => {
            progress.connected = true;
            answer.return_code().is_success()
        }
        Packet::V5_0Connack(answer) => {
            progress.connected = true;
            answer.reason_code() == ConnectReasonCode::Success
        }
        Packet::V5_0Puback(answer) => answer.reason_code().is_none_or(|code| code.is_success()),
        Packet::V5_0Pubrec(answer) => answer.reason_code().is_none_or(|code| code.is_success()),
        Packet::V5_0Disconnect(_) => false,
        _ => true,
    };
    if accepted { Ok(()) } else { Err(OutboundError::Rejected) }
}

#[cfg(test)]
mod tests {
    use super::topic;

    #[test]
    fn the_path_is_the_topic() {
        for (url, expected) in [
            ("mqtt://host/town/air", Some("town/air")),
            ("mqtts://user:secret@host:8883/a%20b", Some("a b")),
            ("mqtt://host/", None),
            ("mqtt://host", None),
            ("mqtt://host/town/+/air", None),
            ("mqtt://host/town/%23", None),
        ] {
            assert_eq!(topic(&url.parse().unwrap()).as_deref(), expected, "{url}");
        }
    }
}
