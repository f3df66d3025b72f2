//! 106: noise, nothing, and bodies without an end, at every endpoint.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::Full;
use tower_service::Service as _;

use super::surface::{ENDPOINTS, FORMS, PAGES};
use crate::support::{App, Bed, Browser, FORM, Keeper, Reply, on_every_store, request};

/// A small generator (xorshift64*): the same bytes in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> usize {
        usize::try_from(self.next() % bound).unwrap()
    }

    fn bytes(&mut self, longest: u64) -> Vec<u8> {
        let length = self.below(longest);
        (0..length).map(|_| self.next().to_le_bytes()[3]).collect()
    }
}

/// A body that goes on for ever, and counts how much of it is read.
struct Endless(Arc<AtomicUsize>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        const PIECE: &[u8] = &[b'a'; 16 * 1024];
        self.0.fetch_add(PIECE.len(), Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(PIECE)))))
    }
}

on_every_store! {
    // Noise at every endpoint: it is refused, nothing panics, nothing is answered as if it were right, and nothing
    // stays.
    async fn attack_106_noise(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
        let names = [
            "authorization",
            "content-type",
            "cookie",
            "origin",
            "sec-fetch-site",
            "host",
            "if-none-match",
            "accept",
            "content-length",
            "transfer-encoding",
            "x-forwarded-for",
            "dpop",
            "expect",
        ];
        let (before, clients) = (bed.grants().await, bed.clients().await);
        for round in 0..40 {
            for (path, methods) in ENDPOINTS {
                for method in methods {
                    let query: String = noise
                        .bytes(200)
                        .iter()
                        .map(|byte| match byte % 5 {
                            0 => "&".to_owned(),
                            1 => "=".to_owned(),
                            2 => format!("%{byte:02x}"),
                            3 => "%".to_owned(),
                            _ => char::from(b'a' + byte % 26).to_string(),
                        })
                        .collect();
                    let uri = if noise.below(2) == 0 { path.to_owned() } else { format!("{path}?{query}") };
                    let mut asked = Request::builder().method(*method).uri(uri).header("host", "as.example");
                    for _ in 0..noise.below(6) {
                        let name = names[noise.below(names.len() as u64)];
                        let value: Vec<u8> =
                            noise.bytes(300).into_iter().filter(|byte| *byte >= 32 && *byte != 127).collect();
                        asked = asked.header(name, value);
                    }
                    if noise.below(2) == 0 {
                        let media_type = if path.starts_with("/register") { "application/json" } else { FORM.1 };
                        asked = asked.header("content-type", media_type);
                    }
                    // Every other body has the beginning of a good one.
                    let mut body = noise.bytes(2000);
                    if round % 2 == 0 {
                        let start = if path.starts_with("/register") {
                            "{\"redirect_uris\":["
                        } else {
                            "grant_type=authorization_code&code="
                        };
                        body = [start.as_bytes(), &body].concat();
                    }
                    let answer = bed.send(asked.body(Full::new(body.into())).unwrap()).await;
                    let document = path.contains("well-known") || path == "/jwks";
                    let expected = if document {
                        200..=400
                    } else if PAGES.contains(&path) {
                        200..=403
                    } else {
                        400..=401
                    };
                    assert!(expected.contains(&answer.status), "{method} {path}: {answer:?}");
                    let away = answer.header("location");
                    assert!(away.is_empty() || !away.contains("code="), "{method} {path}: {answer:?}");
                }
            }
        }
        assert_eq!((bed.grants().await, bed.clients().await), (before, clients));
        assert_eq!(bed.get("/.well-known/oauth-authorization-server").await.status, 200);
    }

    // The same with nothing at all, and with more than anybody needs: 64 KiB are read, and not a piece more.
    async fn attack_106_no_body_and_one_without_an_end(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        for (path, methods) in ENDPOINTS {
            for method in methods {
                let read = Arc::new(AtomicUsize::new(0));
                let mut asked = Request::builder().method(*method).uri(path).header("host", "as.example");
                asked = asked.header(FORM.0, FORM.1);
                asked = asked.header("content-length", "104857600");
                let answer: Response<Full<Bytes>> =
                    bed.service().call(asked.body(Endless(Arc::clone(&read))).unwrap()).await.unwrap();
                let answer = Reply::read(answer).await;
                assert_eq!(answer.status, 413, "{method} {path}: {answer:?}");
                assert!(read.load(Ordering::SeqCst) <= 80 * 1024, "{method} {path}: {read:?}");
            }
        }
        for path in FORMS {
            let answer = bed.send(request(Method::POST, path, &[FORM], "")).await;
            assert!([400, 401].contains(&answer.status), "{path}: {answer:?}");
            assert!(!answer.json()["error"].as_str().unwrap().is_empty());
        }
        bed.send(request(Method::POST, "/authorize", &[FORM], "")).await.is_stale();
        bed.send(request(Method::GET, "/authorize", &[], "")).await.is_refused_here(400, "invalid_request");
    }

    // RFC 3986 section 2: a link with bytes that are in no URI goes nowhere, and breaks nothing on its way through the
    // sign-in.
    async fn attack_106_a_link_that_is_no_uri(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        for more in ["x=\u{e4}", "\u{1f600}", "x=%E4", "x=\u{7f}"] {
            let link = format!("{}&{more}", app.link());
            // What the parser of requests refuses never gets here.
            let Ok(link) = link.parse::<http::Uri>() else { continue };
            let mut browser = Browser::default();
            let page = browser.get(&bed.server, &link.to_string()).await;
            assert!([200, 400].contains(&page.status), "{page:?}");
            if page.status == 200 {
                let answer = browser.submit(&bed.server, &page, &[("username", "ada"), ("password", "adaada")]).await;
                assert!([303, 400].contains(&answer.status), "{answer:?}");
                assert!(answer.header("location").is_ascii(), "{answer:?}");
            }
        }
        assert_eq!(bed.grants().await, 0);
    }
}
