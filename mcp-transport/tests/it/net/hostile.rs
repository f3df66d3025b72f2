//! Check 86, 87, 91: what leads to a forbidden place is really tried, and nobody comes there.

use std::sync::Arc;

use http::header::LOCATION;
use http::{Response, StatusCode};
use mcp_transport::net::{Public, Redirects, Target, danger};

use super::support::{Authority, Names, PUBLIC, Server, client, ok, within};

/// URLs without a lookup. `PORT` is that of a listener on every address of this machine.
const URLS: &[&str] = &[
    // Loopback, in every spelling.
    "http://127.0.0.1:PORT/",
    "https://127.0.0.1:PORT/",
    "http://127.0.0.2:PORT/",
    "http://127.255.255.254:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://2130706433:PORT/",
    "http://017700000001:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://0177.0.0.0x1:PORT/",
    "http://0x7f.1:PORT/",
    "http://0x7f.0x0.0x0.0x1:PORT/",
    "http://0x7f000001:PORT/",
    "http://0X7F000001:PORT/",
    "http://0x7f.0.1:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://127.0.0.1..:PORT/",
    "http://１２７.0.0.1:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://127。0。0。1:PORT/",
    "http://127．0．0．1:PORT/",
    "http://127%2e0%2e0%2e1:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://00000177.0.0.1:PORT/",
    // This machine without a name for it.
    "http://0.0.0.0:PORT/",
    "http://0:PORT/",
    "http://0x0:PORT/",
    "http://00.0.0.0:PORT/",
    "http://0.0.0.1:PORT/",
    "http://255.255.255.255:PORT/",
    "http://4294967295:PORT/",
    // IPv6.
    "http://[::1]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[0000::0001]:PORT/",
    "http://[::]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[::7f00:1]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::FFFF:7f00:1]:PORT/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/",
    "http://[::ffff:0.0.0.0]:PORT/",
    "http://[::ffff:a9fe:a9fe]:PORT/",
    "http://[::ffff:0:127.0.0.1]:PORT/",
    "http://[64:ff9b::7f00:1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[64:ff9b::a9fe:a9fe]:PORT/",
    "http://[64:ff9b:1::7f00:1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[2002:a9fe:a9fe::1]:PORT/",
    "http://[2001:0:7f00:1::80ff:fffe]:PORT/",
    "http://[2a00:1450::200:5efe:7f00:1]:PORT/",
    "http://[fe80::1]:PORT/",
    "http://[fe80::1%25lo]:PORT/",
    "http://[fe80::1%lo]:PORT/",
    "http://[fe80::5efe:7f00:1]:PORT/",
    "http://[fec0::1]:PORT/",
    "http://[fc00::1]:PORT/",
    "http://[fd00::2]:PORT/",
    "http://[fd00:ec2::254]:PORT/",
    "http://[fd20:ce::254]:PORT/",
    "http://[ff02::1]:PORT/",
    "http://[100::1]:PORT/",
    "http://[2001:db8::1]:PORT/",
    "http://[3fff::1]:PORT/",
    "http://[2001:2::1]:PORT/",
    "http://[2001:20::1]:PORT/",
    "http://[5f00::1]:PORT/",
    "http://[4000::1]:PORT/",
    // Private, shared, link-local and reserved IPv4.
    "http://10.0.0.1:PORT/",
    "http://10.255.255.255:PORT/",
    "http://012.0.0.1:PORT/",
    "http://167772161:PORT/",
    "http://172.16.0.1:PORT/",
    "http://172.31.255.254:PORT/",
    "http://192.168.0.1:PORT/",
    "http://192.0.0.1:PORT/",
    "http://192.0.0.192:PORT/",
    "http://192.0.2.2:PORT/",
    "http://100.64.0.1:PORT/",
    "http://100.100.100.200:PORT/",
    "http://169.254.169.254:PORT/latest/meta-data/",
    "http://169.254.169.254/computeMetadata/v1/",
    "http://0xa9fea9fe:PORT/",
    "http://2852039166:PORT/",
    "http://0251.0376.0251.0376:PORT/",
    "http://169.254.170.2:PORT/v2/credentials",
    "http://168.63.129.16:PORT/",
    "http://161.26.0.10:PORT/",
    "http://198.18.0.1:PORT/",
    "http://198.51.100.1:PORT/",
    "http://203.0.113.1:PORT/",
    "http://192.88.99.1:PORT/",
    "http://224.0.0.1:PORT/",
    "http://239.255.255.250:PORT/",
    "http://240.0.0.1:PORT/",
    // Names that mean this machine or its neighbours.
    "http://localhost:PORT/",
    "https://localhost:PORT/",
    "http://LOCALHOST:PORT/",
    "http://localhost.:PORT/",
    "http://ⓛocalhost:PORT/",
    "http://ｌｏｃａｌｈｏｓｔ:PORT/",
    "http://lo\u{ad}calhost:PORT/",
    "http://app.localhost:PORT/",
    "http://localhost.localdomain:PORT/",
    "http://ip6-localhost:PORT/",
    "http://vm:PORT/",
    "http://printer.local:PORT/",
    "http://metadata.google.internal:PORT/",
    "http://router.home.arpa:PORT/",
    "http://1.0.0.127.in-addr.arpa:PORT/",
    "http://hidden.onion:PORT/",
    // What two programs read in two ways.
    "http://user@127.0.0.1:PORT/",
    "http://public.example@127.0.0.1:PORT/",
    "http://public.example:80@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT@public.example/",
    "http://public.example%40127.0.0.1:PORT/",
    "http://public.example\\@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\\@public.example/",
    "http://public.example#@127.0.0.1:PORT/",
    "http:127.0.0.1:PORT/",
    "http:/127.0.0.1:PORT/",
    "http:///127.0.0.1:PORT/",
    "http:\\\\127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    " http://127.0.0.1:PORT/",
    "ht\ttp://127.0.0.1:PORT/",
    "http://127.0.0.1\t:PORT/",
    "http://127.0.0.1:PORT/\r\nHost: public.example",
    "http://127.0.0.1\0.public.example:PORT/",
    "http://127.0.0.1%00.public.example:PORT/",
    "http://[::1]public.example:PORT/",
    "http://[::1:PORT/",
    // Other schemes.
    "ftp://127.0.0.1:PORT/",
    "gopher://127.0.0.1:PORT/_GET%20/",
    "ws://127.0.0.1:PORT/",
    "unix:///var/run/docker.sock",
    "file:///etc/passwd",
    "jar:http://127.0.0.1:PORT/!/",
    "HTTP+unix://%2Fvar%2Frun%2Fdocker.sock/",
];

/// What the name `name.example` answers.
const ANSWERS: &[&[&str]] = &[
    &["127.0.0.1"],
    &["127.0.0.53"],
    &["0.0.0.0"],
    &["10.0.0.1"],
    &["172.16.0.1"],
    &["192.168.1.1"],
    &["192.0.2.2"],
    &["169.254.169.254"],
    &["100.64.0.1"],
    &["100.100.100.200"],
    &["168.63.129.16"],
    &["198.18.0.1"],
    &["192.0.0.170"],
    &["224.0.0.1"],
    &["255.255.255.255"],
    &["::1"],
    &["::"],
    &["::ffff:127.0.0.1"],
    &["::ffff:93.184.216.34"],
    &["::127.0.0.1"],
    &["fd00::2"],
    &["fd00:ec2::254"],
    &["fe80::1"],
    &["fec0::1"],
    &["64:ff9b::127.0.0.1"],
    &["64:ff9b::10.0.0.1"],
    &["64:ff9b:1::8.8.8.8"],
    &["2002:7f00:1::1"],
    &["2001::1"],
    &["2001:db8::1"],
    &["ff02::1"],
    // Mixed: any forbidden one refuses all, wherever it stands.
    &[PUBLIC, "127.0.0.1"],
    &["127.0.0.1", PUBLIC],
    &[PUBLIC, "2606:2800:21f:cb07::1", "::1"],
    &["2606:2800:21f:cb07::1", "10.0.0.1"],
    &["8.8.8.8", "8.8.4.4", "1.1.1.1", "9.9.9.9", "8.8.8.9", "1.0.0.1", "4.4.4.4", "5.5.5.5", "6.6.6.6", "127.0.0.1"],
];

/// A listener on every address of this machine.
async fn everywhere() -> Server {
    let everywhere = Server::start("[::]:0", None, ok).await;
    // It counts: an operator's client comes through, in both families.
    let operator = client(mcp_transport::net::Policy::operator(), &Authority::new()).build().unwrap();
    for (before, host) in ["127.0.0.1", "127.255.255.254", "[::1]", "0x7f.1"].into_iter().enumerate() {
        assert_eq!(everywhere.connections(), before);
        let url = Target::parse(&format!("http://{host}:{}/", everywhere.port())).unwrap();
        assert_eq!(within(operator.get(&url, 100)).await.unwrap().into_body(), "reached");
    }
    everywhere
}

/// The rules as they are, and with everything loosened but the addresses, so that these alone have to hold.
fn rules() -> [Public; 2] {
    [Public::new(), danger::any_port(danger::plain_http(Public::new()))]
}

#[tokio::test]
async fn attack_086_hostile_urls_reach_nobody() {
    let everywhere = everywhere().await;
    let before = everywhere.connections();
    for public in rules() {
        // Whoever asks for a name is sent here.
        let names = Names::new(&[("*", &[&["127.0.0.1", "::1"]])]);
        let client = client(public, &Authority::new()).resolver(Arc::clone(&names) as _).build().unwrap();
        for url in URLS {
            let url = url.replace("PORT", &everywhere.port().to_string());
            match Target::parse(&url) {
                Err(_) => {}
                Ok(target) => {
                    let error = within(client.get(&target, 100)).await.unwrap_err();
                    assert!(error.is_forbidden(), "{url}: {error:?}");
                    assert_eq!(error.to_string(), "the request to the other server failed");
                }
            }
            assert_eq!(everywhere.connections(), before, "{url}");
        }
        // Nothing was looked up, but for the one name that is public to look at: what follows it is a fragment.
        assert!(names.lookups() <= 1, "{}", names.lookups());
    }
    assert!(URLS.len() + ANSWERS.len() >= 120, "{}", URLS.len() + ANSWERS.len());
}

#[tokio::test]
async fn attack_087_hostile_answers_reach_nobody() {
    let everywhere = everywhere().await;
    let before = everywhere.connections();
    let authority = Authority::new();
    for public in rules() {
        for answer in ANSWERS {
            for port in [everywhere.port(), 443, 80] {
                let names = Names::new(&[("name.example", &[answer])]);
                // Were one of the public addresses dialled, it would be counted as well.
                let mut builder = client(public.clone(), &authority).resolver(names);
                for address in answer.iter().filter(|address| !address.contains(':')) {
                    let from = format!("{address}:{port}").parse().unwrap();
                    builder = danger::dial_instead(builder, from, ([127, 0, 0, 1], everywhere.port()).into());
                }
                let client = builder.build().unwrap();
                for scheme in ["https", "http"] {
                    let url = Target::parse(&format!("{scheme}://name.example:{port}/")).unwrap();
                    let error = within(client.get(&url, 100)).await.unwrap_err();
                    assert!(error.is_forbidden(), "{answer:?} {port}: {error:?}");
                }
            }
            assert_eq!(everywhere.connections(), before, "{answer:?}");
        }
    }
}

/// A public server that redirects to each of the hostile URLs, to a client that follows.
#[tokio::test]
async fn attack_088_hostile_redirects_reach_nobody() {
    let everywhere = everywhere().await;
    let before = everywhere.connections();
    let port = everywhere.port().to_string();
    let urls: Arc<Vec<String>> = Arc::new(URLS.iter().map(|url| url.replace("PORT", &port)).collect());
    let places = Arc::clone(&urls);
    let public = Server::plain(move |seen| {
        let index: usize = seen.uri.path().trim_start_matches('/').parse().unwrap();
        let mut response = Response::builder().status(StatusCode::TEMPORARY_REDIRECT);
        // What cannot stand in a header cannot come back in one.
        if let Ok(value) = http::HeaderValue::from_bytes(places[index].as_bytes()) {
            response = response.header(LOCATION, value);
        }
        response.body(Default::default()).unwrap()
    })
    .await;
    let names = Names::new(&[("start.example", &[&[PUBLIC]]), ("*", &[&["127.0.0.1", "::1"]])]);
    let builder = client(danger::any_port(danger::plain_http(Public::new())), &Authority::new())
        .resolver(Arc::clone(&names) as _)
        .redirects(Redirects::Follow { max: 3 });
    let client =
        danger::dial_instead(builder, format!("{PUBLIC}:80").parse().unwrap(), public.address).build().unwrap();
    for (index, url) in urls.iter().enumerate() {
        let start = Target::parse(&format!("http://start.example/{index}")).unwrap();
        match within(client.get(&start, 100)).await {
            // No location that could be written, so the redirect itself is the answer.
            Ok(response) => assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT, "{url:?}"),
            Err(error) => assert!(error.is_forbidden() || error.is_redirect(), "{url:?}: {error:?}"),
        }
        assert_eq!(everywhere.connections(), before, "{url}");
    }
    assert!(public.connections() >= urls.len());
}
