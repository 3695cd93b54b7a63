use bytes::Bytes;
use opcua::{
    core::{Message as _, ResponseMessage},
    crypto::SecurityPolicy,
    types::{
        BinaryEncodable, ByteString, ChannelSecurityToken, ContextOwned, MessageSecurityMode, OpenSecureChannelResponse,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::opcua::connect::security::{
    self,
    tests::{Pair, pair},
};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(10);
const ACKNOWLEDGE: &[u8] = b"ACKF\x1c\0\0\0\0\0\0\0\xff\xff\0\0\xff\xff\0\0\0\0\0\0\0\0\0\0";

/// Opens a channel to a peer that answers the hello with these bytes and then nothing more.
async fn open(answer: &[u8], hello: Duration, limit: Duration) -> Problem {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let peer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(answer).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.ok();
    };
    let opening = Channel::open(stream, "opc.tcp://plc", None, hello, limit);
    let (opened, ()) = tokio::join!(opening, peer);
    opened.unwrap_err()
}

#[tokio::test]
async fn the_hello_has_its_own_time_and_opening_that_of_a_request() {
    assert_eq!(open(b"", SHORT, LONG).await, Problem::Mute { limit: SHORT });
    let problem = open(ACKNOWLEDGE, LONG, SHORT).await;
    assert_eq!(problem, Problem::Timeout { step: Step::OpenSecureChannel, limit: SHORT });
    assert!(problem.to_string().contains("request_timeout"), "{problem}");
}

async fn read_frame(stream: &mut TcpStream) -> Bytes {
    let mut frame = vec![0; 8];
    stream.read_exact(&mut frame).await.unwrap();
    let size = u32::from_le_bytes(frame[4..].try_into().unwrap()) as usize;
    frame.resize(size, 0);
    stream.read_exact(&mut frame[8..]).await.unwrap();
    Bytes::from(frame)
}

/// Opens a channel to a peer that answers OpenSecureChannel with what is made of it, and hangs up.
async fn open_to(security: Option<Security>, answer: impl FnOnce(Bytes) -> Bytes) -> Result<Arc<Channel>, Problem> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let peer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_frame(&mut stream).await;
        stream.write_all(ACKNOWLEDGE).await.unwrap();
        let request = read_frame(&mut stream).await;
        stream.write_all(&answer(request)).await.unwrap();
    };
    let opening = Channel::open(stream, "opc.tcp://plc", security, LONG, LONG);
    let (opened, ()) = tokio::join!(opening, peer);
    opened
}

/// The server's answer to OpenSecureChannel, with a nonce of this length.
fn opened(server: Option<&Security>, request: &Bytes, nonce: usize) -> Bytes {
    let (_, chunk) = security::open_open(server, request).unwrap();
    let response = ResponseMessage::from(OpenSecureChannelResponse {
        response_header: opcua::types::ResponseHeader::default(),
        server_protocol_version: 0,
        security_token: ChannelSecurityToken { channel_id: 5, token_id: 7, ..ChannelSecurityToken::default() },
        server_nonce: ByteString::from(vec![1; nonce]),
    });
    let context = ContextOwned::default();
    let mut body = response.type_id().encode_to_vec(&context.context());
    response.encode(&mut body, &context.context()).unwrap();
    security::seal_open(server, 5, 1, chunk.request_id, &body).unwrap().freeze()
}

#[tokio::test]
async fn what_a_server_does_wrong_while_the_channel_is_opened_is_not_laid_on_our_certificate() {
    let Pair { client, server } = pair(SecurityPolicy::Basic256Sha256, MessageSecurityMode::SignAndEncrypt, 2048);
    let answered = open_to(Some(client.clone()), |request| opened(Some(&server), &request, 32)).await;
    assert!(answered.is_ok(), "else this test says nothing");
    let short = open_to(Some(client.clone()), |request| opened(Some(&server), &request, 16)).await;
    let told = short.unwrap_err().about_certificate("ab12").to_string();
    assert!(told.contains("nonce") && !told.contains("certificate"), "{told}");
    let hung_up = open_to(Some(client), |_| Bytes::new()).await;
    let told = hung_up.unwrap_err().about_certificate("ab12").to_string();
    assert!(told.contains("does not trust this client's certificate"), "{told}");
}

#[tokio::test]
async fn an_error_on_an_open_channel_is_the_end_of_the_connection_and_no_refusal() {
    let refusal = b"ERRF\x10\0\0\0\0\0\x13\x80\xff\xff\xff\xff";
    let answer = |request: Bytes| Bytes::from([&opened(None, &request, 0)[..], refusal].concat());
    let problem = open_to(None, answer).await.unwrap().ended().await;
    assert!(problem.is_of_the_connection() && !problem.needs_a_person(), "{problem}");
    assert!(problem.to_string().contains("BadSecurityChecksFailed"), "{problem}");
}
