//! A real DNS server on loopback, with its own ideas, and a small resolver that asks it (RFC 1035): aliases in chains and
//! in circles, other families, answers that change.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mcp_transport::net::{Public, Resolve, danger};
use tokio::net::UdpSocket;

use super::support::{Authority, PUBLIC, Server, client, ok, target, within};

/// One record of a zone.
#[derive(Clone)]
enum Record {
    Address(IpAddr),
    Alias(&'static str),
}

type Zone = HashMap<&'static str, Vec<Vec<Record>>>;

fn address(text: &str) -> Record {
    Record::Address(text.parse().unwrap())
}

/// Answers each query from the zone: one list of records after the other, the last one for ever.
async fn server(zone: Zone) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let zone = Mutex::new(zone);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
            let reply = answer(&zone, &buffer[..length]);
            socket.send_to(&reply, peer).await.unwrap();
        }
    });
    address
}

fn answer(zone: &Mutex<Zone>, query: &[u8]) -> Vec<u8> {
    let (name, end) = read_name(query, 12);
    let kind = u16::from_be_bytes([query[end], query[end + 1]]);
    let records = zone.lock().unwrap().get_mut(name.as_str()).map(|answers| {
        // A changes from query to query; AAAA looks at what is there.
        if answers.len() > 1 && kind == 1 { answers.remove(0) } else { answers[0].clone() }
    });
    let mut body = Vec::new();
    let mut count = 0_u16;
    for record in records.iter().flatten() {
        let (of, data) = match record {
            Record::Address(IpAddr::V4(address)) => (1, address.octets().to_vec()),
            Record::Address(IpAddr::V6(address)) => (28, address.octets().to_vec()),
            Record::Alias(name) => (5, write_name(name)),
        };
        if of == kind || of == 5 {
            count += 1;
            // RFC 1035 4.1.4: the name of the question stands at byte 12.
            body.extend_from_slice(&[0xc0, 12]);
            body.extend_from_slice(&u16::to_be_bytes(of));
            body.extend_from_slice(&[0, 1, 0, 0, 0, 0]);
            body.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
            body.extend_from_slice(&data);
        }
    }
    let code = if records.is_some() { 0x80 } else { 0x83 };
    let mut reply = query[..2].to_vec();
    reply.extend_from_slice(&[0x81, code, 0, 1]);
    reply.extend_from_slice(&count.to_be_bytes());
    reply.extend_from_slice(&[0, 0, 0, 0]);
    reply.extend_from_slice(&query[12..end + 4]);
    reply.extend_from_slice(&body);
    reply
}

fn write_name(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn read_name(message: &[u8], mut at: usize) -> (String, usize) {
    let mut labels = Vec::new();
    loop {
        let length = message[at] as usize;
        if length >= 0xc0 {
            let (rest, _) = read_name(message, (length & 0x3f) << 8 | message[at + 1] as usize);
            labels.push(rest);
            return (labels.join("."), at + 2);
        }
        at += 1;
        if length == 0 {
            return (labels.join("."), at);
        }
        labels.push(String::from_utf8(message[at..at + length].to_vec()).unwrap());
        at += length;
    }
}

/// Asks for both families and follows aliases, ten at most.
struct Stub(SocketAddr);

impl Stub {
    async fn ask(&self, name: &str, kind: u16) -> io::Result<Vec<Record>> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let mut query = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend_from_slice(&write_name(name));
        query.extend_from_slice(&kind.to_be_bytes());
        query.extend_from_slice(&[0, 1]);
        socket.send_to(&query, self.0).await?;
        let mut reply = [0; 2048];
        let length = tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut reply)).await??;
        let reply = &reply[..length];
        if reply[3] & 0x0f != 0 {
            return Err(io::Error::other("no such name"));
        }
        let (_, mut at) = read_name(reply, 12);
        at += 4;
        let mut records = Vec::new();
        for _ in 0..u16::from_be_bytes([reply[6], reply[7]]) {
            let (_, start) = read_name(reply, at);
            let kind = u16::from_be_bytes([reply[start], reply[start + 1]]);
            let length = u16::from_be_bytes([reply[start + 8], reply[start + 9]]) as usize;
            let data = &reply[start + 10..start + 10 + length];
            records.push(match kind {
                1 => Record::Address(Ipv4Addr::from(<[u8; 4]>::try_from(data).unwrap()).into()),
                28 => Record::Address(Ipv6Addr::from(<[u8; 16]>::try_from(data).unwrap()).into()),
                _ => Record::Alias(Box::leak(read_name(reply, start + 10).0.into_boxed_str())),
            });
            at = start + 10 + length;
        }
        Ok(records)
    }
}

#[async_trait]
impl Resolve for Stub {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut found = Vec::new();
        for kind in [1, 28] {
            let mut asked = name.to_owned();
            let mut aliases = 0;
            loop {
                let records = self.ask(&asked, kind).await?;
                let alias = records.iter().find_map(|record| match record {
                    Record::Alias(alias) => Some((*alias).to_owned()),
                    Record::Address(_) => None,
                });
                found.extend(records.iter().filter_map(|record| match record {
                    Record::Address(address) => Some(*address),
                    Record::Alias(_) => None,
                }));
                let Some(alias) = alias else { break };
                aliases += 1;
                if aliases > 10 {
                    return Err(io::Error::other("the aliases have no end"));
                }
                asked = alias;
            }
        }
        Ok(found)
    }
}

#[tokio::test]
async fn attack_087_aliases_and_changing_answers_over_real_dns() {
    let server_of_http = Server::plain(ok).await;
    let zone = Zone::from([
        ("good.example", vec![vec![address(PUBLIC)]]),
        ("alias.example", vec![vec![Record::Alias("second.example")]]),
        ("second.example", vec![vec![Record::Alias("good.example")]]),
        ("to-loopback.example", vec![vec![Record::Alias("localhost.evil.example")]]),
        ("localhost.evil.example", vec![vec![address("127.0.0.1")]]),
        ("to-inside.example", vec![vec![Record::Alias("one.example")]]),
        ("one.example", vec![vec![Record::Alias("two.example")]]),
        ("two.example", vec![vec![address("10.0.0.1")]]),
        ("circle.example", vec![vec![Record::Alias("elcric.example")]]),
        ("elcric.example", vec![vec![Record::Alias("circle.example")]]),
        ("mixed.example", vec![vec![address(PUBLIC), address("169.254.169.254")]]),
        ("v6.example", vec![vec![address(PUBLIC), address("::1")]]),
        ("mapped.example", vec![vec![address("::ffff:127.0.0.1")]]),
        ("rebind.example", vec![vec![address(PUBLIC)], vec![address("127.0.0.1")]]),
        ("empty.example", vec![vec![]]),
    ]);
    let port = server_of_http.port();
    let builder = client(danger::any_port(danger::plain_http(Public::new())), &Authority::new())
        .resolver(Arc::new(Stub(server(zone).await)));
    let client = danger::dial_instead(builder, format!("{PUBLIC}:{port}").parse().unwrap(), server_of_http.address)
        .build()
        .unwrap();
    let fetch = async |name: &str| {
        let url = target(&format!("http://{name}:{port}/"));
        within(client.get(&url, 100)).await
    };
    for name in ["good.example", "alias.example"] {
        assert_eq!(fetch(name).await.unwrap().into_body(), "reached", "{name}");
    }
    for name in ["to-loopback.example", "to-inside.example", "mixed.example", "v6.example", "mapped.example"] {
        assert!(fetch(name).await.unwrap_err().is_forbidden(), "{name}");
    }
    // The first question is for A, the second for AAAA: the answer has changed in between, and only what was judged counts.
    let first = fetch("rebind.example").await;
    assert!(first.is_ok() || first.unwrap_err().is_forbidden());
    assert!(fetch("rebind.example").await.unwrap_err().is_forbidden());
    for name in ["circle.example", "empty.example", "nothing.example"] {
        assert!(fetch(name).await.unwrap_err().is_unavailable(), "{name}");
    }
    // Only the three good ones have come.
    assert_eq!(server_of_http.connections(), 3);
}
