//! The contract of all stores, held against Redis.

use std::sync::Arc;

use mcp_oauth::store::Stores;
use mcp_oauth::store::contract::Handles;

use super::shared::{open, prefix, urls};

fn handles(url: &str) -> Handles {
    let (url, prefix) = (url.to_owned(), prefix());
    let connect = move || Stores::all_in(&Arc::new(open(&url, &prefix)));
    let handles = Handles::new(connect(), connect());
    handles.reopened_by(move || std::future::ready(connect()))
}

mod standalone {
    async fn handles() -> super::Handles {
        let [url, _] = super::urls();
        super::handles(&url)
    }

    mcp_oauth::store_contract!(handles);
}

mod cluster {
    async fn handles() -> super::Handles {
        let [_, url] = super::urls();
        super::handles(&url)
    }

    mcp_oauth::store_contract!(handles);
}

mod sentinel {
    use std::sync::OnceLock;
    use std::time::Duration;

    use crate::redis::sentinel::Watched;

    /// Patient: on a busy machine a master that is slow is not dead.
    fn watched() -> &'static Watched {
        static WATCHED: OnceLock<Watched> = OnceLock::new();
        WATCHED.get_or_init(|| Watched::start(Duration::from_secs(60)))
    }

    async fn handles() -> super::Handles {
        super::handles(&watched().url())
    }

    mcp_oauth::store_contract!(handles);
}
