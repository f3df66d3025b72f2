//! The fixture of the conformance suite: that it starts as the harness starts it. What it answers is the suite's to
//! judge, in `scripts/conformance/run-server`.

use serde_json::json;

use crate::program::Http;

#[tokio::test]
async fn the_fixture_answers_in_both_manners() {
    for (streams, media_type) in [("when-needed", "application/json"), ("always", "text/event-stream")] {
        let arguments = ["--listen", "127.0.0.1:0", "--streams", streams];
        let fixture = Http::start(env!("CARGO_BIN_EXE_conformance-server"), &arguments, &[]).await;
        let (status, head, body) = fixture.call("test_simple_text", &json!({}), "").await;
        assert!(status == 200 && head.contains(&format!("content-type: {media_type}")), "{head}");
        assert!(body.contains("This is a simple text response for testing."), "{body}");
        fixture.stop().await;
    }
}
