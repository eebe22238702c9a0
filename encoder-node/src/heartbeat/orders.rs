//! Reads an ingest's orders one by one: pure. What a newer ingest asks for and this node does not
//! know, such as a codec, spoils its own order alone.

use common::api::node::{Order, Orders};
use common::api::profile::{Profile, ProfileKind};
use serde::Deserialize;
use serde_json::Value;

/// Orders of which each is still to be read.
#[derive(Deserialize)]
struct Listed {
    ingest: String,
    revision: u64,
    jobs: Vec<Value>,
}

/// What an order is refused by.
#[derive(Deserialize)]
struct Named {
    id: String,
    epoch: u64,
}

/// The full list. An order that can't be read has a profile that makes nothing, which is refused.
///
/// # Errors
/// When there is no list, or an order in it without a name.
pub fn read(body: &[u8]) -> serde_json::Result<Orders> {
    let listed: Listed = serde_json::from_slice(body)?;
    let jobs: serde_json::Result<Vec<Order>> = listed.jobs.iter().map(order).collect();
    Ok(Orders {
        ingest: listed.ingest,
        revision: listed.revision,
        jobs: jobs?,
    })
}

fn order(value: &Value) -> serde_json::Result<Order> {
    Order::deserialize(value).or_else(|_| Named::deserialize(value).map(unread))
}

fn unread(named: Named) -> Order {
    Order {
        id: named.id,
        epoch: named.epoch,
        channel: String::new(),
        profile: Profile {
            name: String::new(),
            kind: ProfileKind::Ts,
            video: None,
            audio: None,
        },
        cost: 0.0,
        program: None,
        interlaced: None,
        has_video: None,
        has_audio: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unknown_codec_spoils_its_own_order_alone() {
        let order = |id: &str, codec: &str| {
            let audio = json!({"codec": codec, "kbps": 96});
            let profile = json!({"name": "p", "kind": "ts", "video": null, "audio": audio});
            json!({"id": id, "epoch": 7, "channel": "news", "profile": profile, "cost": 0.1,
                "program": null, "interlaced": null, "has_video": true, "has_audio": true})
        };
        let orders = |jobs: Value| {
            let body = json!({"ingest": "n1", "revision": 3, "jobs": jobs});
            read(body.to_string().as_bytes())
        };
        let makes_nothing = |one: &Profile| one.video.is_none() && one.audio.is_none();
        let both = json!([order("a.p", "smellovision"), order("b.p", "aac")]);
        let both = orders(both).expect("a list");
        assert_eq!((both.ingest.as_str(), both.revision), ("n1", 3));
        let [spoilt, whole] = &both.jobs[..] else {
            panic!("{both:?}");
        };
        assert_eq!((spoilt.id.as_str(), spoilt.epoch), ("a.p", 7));
        assert!(makes_nothing(&spoilt.profile));
        assert_eq!(whole.id, "b.p");
        assert!(!makes_nothing(&whole.profile));
        assert!(orders(json!([{"id": "a.p"}])).is_err());
        assert!(orders(json!({})).is_err());
    }
}
