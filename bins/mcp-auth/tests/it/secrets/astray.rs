//! What is sent to where it does not belong.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use scripted_browser::secrets::Kind;
use serde_json::json;

use super::site::Site;
use crate::program::PATIENCE;
use crate::wire::Request;

const PATHS: [&str; 3] = ["/authorize", "/token", "/register"];

impl Site {
    /// One of each of these kinds.
    fn made(&self, kinds: &[Kind]) -> Vec<String> {
        kinds.iter().map(|kind| self.secrets.of(*kind).next().unwrap().to_owned()).collect()
    }

    /// In well-formed requests.
    pub(super) fn astray(&mut self, kinds: &[Kind]) {
        for astray in self.made(kinds) {
            for path in PATHS {
                let query = format!("{path}?token={astray}&client_id=x&code={astray}&{astray}");
                let credentials = [
                    ("Authorization", format!("Bearer {astray}")),
                    ("Authorization", format!("Basic {astray}")),
                    ("Authorization", astray.clone()),
                    ("Cookie", format!("mcp_session={astray}; mcp_browser={astray}; __Host-mcp_session={astray}")),
                    ("Content-Type", astray.clone()),
                    ("Origin", format!("https://{astray}")),
                    ("X-Forwarded-For", astray.clone()),
                    ("Referer", format!("https://app.example/?{astray}")),
                ];
                for (name, value) in &credentials {
                    self.send(&Request::new("GET", &query, &[(name, value)], ""));
                    self.send(&Request::form(path, &[(name, value)], &[("client_id", "nobody"), ("token", &astray)]));
                }
                self.send(&Request::new("DELETE", &format!("{path}/{astray}"), &[], ""));
            }
            for member in
                ["client_id", "grant_type", "redirect_uri", "scope", "resource", "username", "flow", "request"]
            {
                if member == "client_id" && !astray.starts_with("mcpo_") && !astray.starts_with("eyJ") {
                    // A cookie in the place of a name is a name that nobody knows.
                    continue;
                }
                let form = [(member, astray.as_str()), ("response_type", "code")];
                for path in ["/token", "/authorize", "/device"] {
                    self.send(&Request::form(path, &[], &form));
                    self.send(&Request::new("GET", &format!("{path}?{}", crate::wire::encode(&form)), &[], ""));
                }
            }
            for body in [
                json!({"redirect_uris": [astray]}),
                json!({"jwks": {"keys": [{"kty": "EC", "d": astray}]}}),
                json!(astray),
            ] {
                self.json("POST", "/register", &astray, &body);
            }
            for command in [["clients", "show"], ["grants", "revoke"], ["keys", "revoke"]] {
                self.command(&[&command[..], &[&astray]].concat(), "");
            }
        }
    }

    /// In what is no request.
    pub(super) fn raw(&self, kinds: &[Kind]) {
        for astray in self.made(kinds) {
            let usual = "Host: localhost:8000\r\nConnection: close\r\n";
            for request in [
                format!("{astray}\r\n\r\n"),
                format!("GET /{astray} HTTP/9.9\r\n{usual}\r\n"),
                format!("GET /token?token= {astray} HTTP/1.1\r\n{usual}\r\n"),
                format!("GET /token?token=<{astray}\x01 HTTP/1.1\r\n{usual}\r\n"),
                format!("GET / HTTP/1.1\r\nHost: {astray}\r\nConnection: close\r\n\r\n"),
                format!("GET / HTTP/1.1\r\n{usual}{astray}\r\n\r\n"),
                format!("GET / HTTP/1.1\r\n{usual}{astray} : x\r\n\r\n"),
                format!("GET / HTTP/1.1\r\n{usual}Authorization: Bearer {astray}\x01\r\n\r\n"),
                format!("POST /token HTTP/1.1\r\n{usual}Content-Length: {astray}\r\n\r\n"),
                format!("POST /token HTTP/1.1\r\n{usual}Transfer-Encoding: {astray}\r\n\r\n"),
                format!("POST /token HTTP/1.1\r\n{usual}Transfer-Encoding: chunked\r\n\r\n{astray}\r\n"),
                format!("POST /token HTTP/1.1\r\n{usual}Content-Length: 9999\r\n\r\ntoken={astray}"),
            ] {
                self.bytes(request.as_bytes());
            }
            let path = format!("/token?token={astray}&state=a b");
            for pseudo in
                [[&*path, "localhost", "http"], ["/", &format!("a b{astray}"), "http"], ["/", "localhost", &astray]]
            {
                self.bytes(&http2(pseudo));
            }
        }
    }

    /// Sends these bytes, and reads whatever comes back.
    fn bytes(&self, bytes: &[u8]) {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // The server may close it before it has read all.
        let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

/// A request in HTTP/2 (RFC 9113) with this path, authority and scheme, by prior knowledge.
fn http2([path, authority, scheme]: [&str; 3]) -> Vec<u8> {
    let mut block = vec![0x82];
    // Literals that are not indexed, named as in RFC 7541 appendix A.
    for (name, value) in [(4, path), (1, authority), (6, scheme)] {
        block.push(name);
        // RFC 7541 section 5.1, of seven bits.
        match value.len().checked_sub(127) {
            None => block.push(u8::try_from(value.len()).unwrap()),
            Some(mut rest) => {
                block.push(127);
                while rest >= 128 {
                    block.push(u8::try_from(rest % 128).unwrap() | 128);
                    rest /= 128;
                }
                block.push(u8::try_from(rest).unwrap());
            }
        }
        block.extend(value.as_bytes());
    }
    let [.., high, middle, low] = block.len().to_be_bytes();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    // END_STREAM and END_HEADERS, on stream 1.
    let headers = [high, middle, low, 1, 5, 0, 0, 0, 1];
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings[..], &headers, &block].concat()
}
