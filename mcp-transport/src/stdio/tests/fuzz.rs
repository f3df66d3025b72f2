//! Random lines.

use serde_json::json;

use super::harness::{Client, Probe, initialize, modern, request};
use crate::stdio::StdioConfig;

/// A small generator, so that a failure can be repeated from its seed (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % below
    }
}

/// The client's side of a connection changed at random: the server lives, and each line gets at most one answer.
#[tokio::test(start_paused = true)]
async fn no_line_gets_more_than_one_answer() {
    for seed in 1..=60_u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let sound: Vec<String> = [
            modern(1, "server/discover", &json!({})),
            modern(2, "tools/call", &json!({"name": "echo", "arguments": {"a": [1, 2.5, "x\u{1F600}"]}})),
            initialize(3, "2025-03-26"),
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
            json!([request(4, "ping", &json!({})), request(5, "ping", &json!({}))]),
            request(6, "tools/call", &json!({"name": "slow", "arguments": {"ms": 5}})),
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 6}}),
            json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
        ]
        .iter()
        .map(ToString::to_string)
        .collect();
        let config = StdioConfig { max_line: 600, ..StdioConfig::default() };
        let mut client = Client::with_pipe(Probe::default(), config, 1 << 20);
        let mut written = Vec::new();
        for _ in 0..40 {
            let mut line = sound[random.next(sound.len())].clone().into_bytes();
            for _ in 0..random.next(4) {
                let at = random.next(line.len().max(1));
                match random.next(5) {
                    0 => line[at] = u8::try_from(random.next(256)).unwrap(),
                    1 => line.insert(at, b"{}[]\",:0\\\n"[random.next(10)]),
                    2 => drop(line.drain(at..)),
                    3 => line.extend_from_within(at..),
                    _ => drop(line.remove(at)),
                }
                if line.is_empty() {
                    line.push(b' ');
                }
            }
            written.extend_from_slice(&line);
            written.push(b'\n');
        }
        client.write(&written).await;
        let lines = written.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        let (answers, _) = client.end().await;
        assert!(answers.len() <= lines, "seed {seed}: {} answers to {lines} lines", answers.len());
        assert!(!answers.is_empty(), "seed {seed}");
        for answer in answers.iter().flat_map(|line| line.as_array().cloned().unwrap_or_else(|| vec![line.clone()])) {
            assert_eq!(answer["jsonrpc"], "2.0", "seed {seed}");
            assert!(answer.get("result").is_some() != answer.get("error").is_some(), "seed {seed}: {answer}");
        }
    }
}
