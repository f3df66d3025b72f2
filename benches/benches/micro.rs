//! The pieces of work of the package, timed.

use benches::work::{self, PIECES};
use divan::Bencher;
use divan::counter::ItemsCount;

/// Repetitions for each sample, so that what a piece sets up once does not show.
const TIMES: u64 = 1000;

fn main() {
    divan::main();
}

#[divan::bench(args = PIECES.iter().map(|piece| piece.name))]
fn piece(bencher: Bencher<'_, '_>, name: &str) {
    let piece = work::piece(name).expect("the names come from the same table");
    bencher.counter(ItemsCount::new(TIMES)).bench(|| {
        (piece.run)(TIMES).expect("a piece that fails has no figures");
    });
}
