//! The proxy between a bare TCP client and a bare TCP server.

#![cfg(test)]

use std::io::ErrorKind;

use opcua::types::{
    BinaryDecodable, BinaryEncodable, ContextOwned, CreateSessionRequest, DataChangeNotification, DateTime,
    MonitoredItemNotification, NodeId, NotificationMessage, ObjectId, PublishResponse, RequestHeader, ServiceFault,
    StatusCode,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    FaultProxy, Service,
    frame::{Frame, Frames},
};

/// Both ends of a connection through a proxy.
struct Line {
    proxy: FaultProxy,
    client: TcpStream,
    server: TcpStream,
}

impl Line {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = FaultProxy::start(listener.local_addr().unwrap().port()).await.unwrap();
        let address = proxy.url().strip_prefix("opc.tcp://").unwrap().to_owned();
        let client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        Self { proxy, client, server }
    }
}

/// A message on channel 1 for request 40.
fn message(sequence: u32, id: ObjectId, content: &impl BinaryEncodable) -> Frame {
    let owned = ContextOwned::default();
    let context = owned.context();
    let mut body = NodeId::from(id).encode_to_vec(&context);
    body.extend(content.encode_to_vec(&context));
    let headers = [1_u32, 1, sequence, 40].map(u32::to_le_bytes).concat();
    let size = u32::try_from(8 + headers.len()).unwrap();
    let empty = Frame { bytes: [b"MSGF".as_slice(), &size.to_le_bytes(), &headers].concat() };
    Frame::answering(&empty, sequence, &body)
}

fn create_session(sequence: u32) -> Frame {
    let header = RequestHeader { request_handle: 77, ..RequestHeader::default() };
    let request = CreateSessionRequest { request_header: header, ..CreateSessionRequest::default() };
    message(sequence, ObjectId::CreateSessionRequest_Encoding_DefaultBinary, &request)
}

fn notification(sequence: u32, number: u32) -> Frame {
    let items = vec![MonitoredItemNotification::default()];
    let response = PublishResponse {
        notification_message: NotificationMessage::data_change(number, DateTime::now(), items, Vec::new()),
        ..PublishResponse::default()
    };
    message(sequence, ObjectId::PublishResponse_Encoding_DefaultBinary, &response)
}

async fn receive(stream: &mut TcpStream) -> Frame {
    let (mut frames, mut byte) = (Frames::default(), [0]);
    loop {
        stream.read_exact(&mut byte).await.unwrap();
        frames.extend(&byte);
        if let Some(frame) = frames.next().unwrap() {
            return frame;
        }
    }
}

fn decode<T: BinaryDecodable>(frame: &Frame) -> (NodeId, T) {
    let owned = ContextOwned::default();
    let context = owned.context();
    let mut body = frame.body();
    (NodeId::decode(&mut body, &context).unwrap(), T::decode(&mut body, &context).unwrap())
}

#[tokio::test]
async fn without_a_fault_everything_passes_as_it_is() {
    let mut line = Line::open().await;
    let (request, response) = (create_session(1), notification(9, 1));
    line.client.write_all(&request.bytes).await.unwrap();
    assert_eq!(receive(&mut line.server).await, request);
    line.proxy.drip(7);
    line.server.write_all(&response.bytes).await.unwrap();
    assert_eq!(receive(&mut line.client).await, response);
    assert_eq!(line.proxy.played(), 0);
}

#[tokio::test]
async fn a_reset_is_seen_on_both_sides() {
    let mut line = Line::open().await;
    // Only a connection that is known to stand can be reset.
    line.client.write_all(&create_session(1).bytes).await.unwrap();
    receive(&mut line.server).await;
    line.proxy.reset();
    for stream in [&mut line.client, &mut line.server] {
        let error = stream.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
}

#[tokio::test]
async fn what_falls_into_a_hole_never_comes_out_of_it() {
    let mut line = Line::open().await;
    // More than all buffers on the way hold: whoever can write it although nobody reads it writes into a hole.
    let flood = vec![0; 64 * 1024 * 1024];
    line.proxy.open_hole();
    line.client.write_all(&flood).await.unwrap();
    line.proxy.close_hole();
    line.server.write_all(&flood).await.unwrap();
    line.proxy.reset();
    let error = line.client.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "until then it was open: {error}");
}

#[tokio::test]
async fn a_message_is_cut_within() {
    let mut line = Line::open().await;
    line.proxy.cut_within_message(30);
    let response = notification(9, 1);
    line.server.write_all(&response.bytes).await.unwrap();
    let mut heard = Vec::new();
    line.client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, response.bytes[..30]);
    assert_eq!(line.proxy.played(), 1);
}

#[tokio::test]
async fn a_refused_request_never_reaches_the_server_and_leaves_no_hole_in_the_numbers() {
    let mut line = Line::open().await;
    line.proxy.refuse(Service::CreateSession, StatusCode::BadTooManySessions, 1);
    line.client.write_all(&create_session(5).bytes).await.unwrap();
    let refused = receive(&mut line.client).await;
    let (id, fault): (_, ServiceFault) = decode(&refused);
    assert_eq!(id, NodeId::from(ObjectId::ServiceFault_Encoding_DefaultBinary));
    assert_eq!(fault.response_header.service_result, StatusCode::BadTooManySessions);
    assert_eq!(fault.response_header.request_handle, 77);
    assert_eq!(refused.bytes[20..24], 40_u32.to_le_bytes(), "for the client's own request");

    line.client.write_all(&create_session(6).bytes).await.unwrap();
    assert_eq!(receive(&mut line.server).await, create_session(5), "one less, since one was left out");
    let before = refused.sequence().unwrap();
    line.server.write_all(&notification(before, 1).bytes).await.unwrap();
    assert_eq!(receive(&mut line.client).await.sequence(), Some(before + 1), "one more, since one was added");
}

#[tokio::test]
async fn of_a_swallowed_notification_a_keep_alive_is_left() {
    let mut line = Line::open().await;
    line.proxy.swallow_notifications(1);
    for number in [3, 4] {
        line.server.write_all(&notification(number, number).bytes).await.unwrap();
    }
    let (_, emptied): (_, PublishResponse) = decode(&receive(&mut line.client).await);
    assert_eq!(emptied.notification_message.sequence_number, 3);
    assert_eq!(emptied.notification_message.notification_data, None);
    let (_, whole): (_, PublishResponse) = decode(&receive(&mut line.client).await);
    let data = whole.notification_message.notification_data.unwrap();
    assert!(data[0].inner_as::<DataChangeNotification>().is_some(), "{data:?}");
}
