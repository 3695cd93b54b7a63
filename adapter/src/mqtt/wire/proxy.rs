//! The way through an HTTP proxy, which is asked by CONNECT (RFC 9110, section 9.3.6).

use std::io;

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::config::Proxy;

/// The longest head of an answer that is taken, in bytes.
const MAX_HEAD: usize = 8 << 10;
/// The longest reason of an answer that is shown, in characters.
const MAX_WORDS: usize = 80;

/// What a proxy says instead of leading on.
#[derive(Debug)]
pub(in crate::mqtt) enum ProxyAnswer {
    /// An HTTP status that is no success, and its words.
    Status(u16, String),
    /// Something that is no HTTP.
    NoHttp,
    /// A head without an end.
    TooLong,
    /// It hung up.
    Closed,
    /// Nothing, in the time that there is.
    Silence,
    /// The network says no.
    Io(io::Error),
}

/// Asks the proxy behind `stream` to lead to `target` (host and port). Nothing behind its answer is read.
pub(super) async fn ask<S>(stream: &mut S, proxy: &Proxy, target: &str) -> Result<(), ProxyAnswer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let login = proxy.login.as_ref().map(|login| STANDARD.encode(login.expose_secret()));
    let login = login.map(|login| format!("Proxy-Authorization: Basic {login}\r\n")).unwrap_or_default();
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n");
    stream.write_all(request.as_bytes()).await.map_err(of_io)?;
    let head = head(stream).await?;
    let (status, words) = status(&head).ok_or(ProxyAnswer::NoHttp)?;
    if (200..300).contains(&status) { Ok(()) } else { Err(ProxyAnswer::Status(status, words)) }
}

/// The answer's head. It is read byte by byte: what follows belongs to somebody else.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, ProxyAnswer> {
    const START: &[u8] = b"HTTP/1.";
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        if head.len() == MAX_HEAD {
            return Err(ProxyAnswer::TooLong);
        }
        head.push(stream.read_u8().await.map_err(of_io)?);
        // Something else may never send the end of a head.
        if !START.starts_with(head.get(..START.len()).unwrap_or(&head)) {
            return Err(ProxyAnswer::NoHttp);
        }
    }
    Ok(head)
}

/// Status and words of `HTTP/1.1 407 Proxy Authentication Required`.
fn status(head: &[u8]) -> Option<(u16, String)> {
    let head = String::from_utf8_lossy(head);
    let mut parts = head.lines().next()?.splitn(3, ' ');
    parts.next()?;
    let status = parts.next().filter(|digits| digits.len() == 3)?.parse().ok()?;
    let words = parts.next().unwrap_or_default().trim();
    Some((status, words.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()))
}

fn of_io(error: io::Error) -> ProxyAnswer {
    if super::failure::is_end(error.kind()) { ProxyAnswer::Closed } else { ProxyAnswer::Io(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(said: &[u8]) -> (Result<(), ProxyAnswer>, Vec<u8>) {
        let (mut client, mut server) = tokio::io::duplex(1 << 16);
        server.write_all(said).await.unwrap();
        server.shutdown().await.unwrap();
        let proxy = Proxy::parse("http://joe:s3cret@proxy:3128").unwrap();
        let answer = ask(&mut client, &proxy, "[::1]:8883").await;
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        (answer, rest)
    }

    #[tokio::test]
    async fn a_proxy_is_asked_with_host_and_login() {
        let (mut client, mut server) = tokio::io::duplex(1 << 16);
        server.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let proxy = Proxy::parse("http://joe:s3cret@proxy:3128").unwrap();
        ask(&mut client, &proxy, "[::1]:8883").await.unwrap();
        drop(client);
        let mut asked = String::new();
        server.read_to_string(&mut asked).await.unwrap();
        let expected =
            "CONNECT [::1]:8883 HTTP/1.1\r\nHost: [::1]:8883\r\nProxy-Authorization: Basic am9lOnMzY3JldA==\r\n\r\n";
        assert_eq!(asked, expected);
    }

    #[tokio::test]
    async fn what_follows_the_answer_is_left_alone() {
        let (answer, rest) = answer(b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n\x20\x02").await;
        assert!(answer.is_ok());
        assert_eq!(rest, b"\x20\x02");
    }

    #[tokio::test]
    async fn each_other_answer_is_told_apart() {
        let (told, _) = answer(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
        assert!(matches!(told, Err(ProxyAnswer::Status(407, words)) if words == "Proxy Authentication Required"));
        assert!(matches!(answer(b"HTTP/1.1 403\r\n\r\n").await.0, Err(ProxyAnswer::Status(403, _))));
        assert!(matches!(answer(b"\x20\x02\x00\x00").await.0, Err(ProxyAnswer::NoHttp)));
        assert!(matches!(answer(b"SSH-2.0").await.0, Err(ProxyAnswer::NoHttp)));
        assert!(matches!(answer(b"HTTP/1.1 abc\r\n\r\n").await.0, Err(ProxyAnswer::NoHttp)));
        assert!(matches!(answer(b"").await.0, Err(ProxyAnswer::Closed)));
        assert!(matches!(answer(b"HTTP/1.1 200 OK\r\n").await.0, Err(ProxyAnswer::Closed)));
        let endless = [b"HTTP/1.1 200 OK\r\n".as_slice(), &[b'x'; MAX_HEAD]].concat();
        assert!(matches!(answer(&endless).await.0, Err(ProxyAnswer::TooLong)));
    }
}
