//! WebSockets of the server.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

use crate::contract::Contract;
use crate::server::Server;

/// The components of the document that describe the text frames of the server.
const FRAMES: [&str; 6] = [
    "StatusChange",
    "FinalStatus",
    "SubscribedFrame",
    "ResyncFrame",
    "ReconnectFrame",
    "ErrorFrame",
];

impl Server {
    pub async fn socket(&self) -> Socket {
        let (stream, _) = connect_async(format!("ws://{}/ws", self.address))
            .await
            .unwrap();
        Socket { stream }
    }

    /// A socket of the separate port.
    pub async fn separate_socket(&self) -> Socket {
        let (stream, _) = connect_async(format!("ws://{}/ws", self.ws_address))
            .await
            .unwrap();
        Socket { stream }
    }

    /// A socket whose connection takes little that is not read.
    pub async fn narrow_socket(&self) -> Socket {
        let tcp = TcpSocket::new_v4().unwrap();
        tcp.set_recv_buffer_size(4096).unwrap();
        let tcp = tcp.connect(self.address).await.unwrap();
        let url = format!("ws://{}/ws", self.address);
        let (stream, _) = client_async(url, MaybeTlsStream::Plain(tcp)).await.unwrap();
        Socket { stream }
    }

    /// A socket that has said `text`.
    pub async fn subscribed(&self, text: &str) -> Socket {
        let mut socket = self.socket().await;
        socket.say(text).await;
        socket
    }
}

pub struct Socket {
    pub stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    pub async fn say(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// Waits until everything said before was heard: commands are done in order, and so is a ping.
    pub async fn is_heard(&mut self) -> Vec<Value> {
        self.stream
            .send(Message::Ping("heard?".into()))
            .await
            .unwrap();
        let mut before = Vec::new();
        loop {
            match self.next_message().await {
                Message::Pong(bytes) if *bytes == *b"heard?" => return before,
                Message::Text(text) => before.push(serde_json::from_str(&text).unwrap()),
                _ => {}
            }
        }
    }

    async fn next_message(&mut self) -> Message {
        tokio::time::timeout(Duration::from_secs(20), self.stream.next())
            .await
            .expect("something comes")
            .expect("the socket is open")
            .unwrap()
    }

    /// The next text frame.
    pub async fn next(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.next_message().await {
                let frame = serde_json::from_str(&text).unwrap();
                Contract::get().validate_as_one_of(&FRAMES, &frame);
                return frame;
            }
        }
    }

    /// The next change: its order's id, version and status.
    pub async fn next_change(&mut self) -> (String, u64, String) {
        let frame = self.next().await;
        change(&frame).unwrap_or_else(|| panic!("{frame} is no change"))
    }

    /// Reads to the end: the last text frames, the code of the close frame, its reason.
    pub async fn closed(&mut self) -> (Vec<Value>, Option<(CloseCode, String)>) {
        let mut texts = Vec::new();
        let mut closing = None;
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.stream.next()).await;
            match next.expect("the socket ends") {
                Some(Ok(Message::Text(text))) => texts.push(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    closing = Some((frame.code, frame.reason.to_string()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (texts, closing),
            }
        }
    }

    pub async fn close_code(&mut self) -> u16 {
        let (_, closing) = self.closed().await;
        closing.map_or(1006, |(code, _)| code.into())
    }
}

/// A change's order, version and status (`erased` if there is none); `None` for any other frame.
pub fn change(frame: &Value) -> Option<(String, u64, String)> {
    Some((
        frame["order_id"].as_str()?.to_owned(),
        frame["version"].as_u64()?,
        frame["status"].as_str().unwrap_or("erased").to_owned(),
    ))
}
