//! Who runs what: one pure function of what is needed and who has room.
//!
//! What runs is not looked at here: it stays where it is (see [`super::board`]). Each need goes to
//! the node that has it already, else to the one with the most room, so that jobs spread.

use std::collections::BTreeMap;

use common::api::node::JobReason;
use common::api::profile::Profile;

use super::slots::Slots;

/// A job that needs a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Need<'a> {
    pub id: &'a str,
    pub profile: &'a Profile,
    pub cost: Slots,
    /// Where it ran last: preferred, so that nothing moves without need.
    pub before: Option<&'a str>,
    /// Nodes that it must not go to at this time.
    pub avoid: Vec<&'a str>,
}

/// A node that may take jobs: alive, and not about to end.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate<'a> {
    pub name: &'a str,
    pub encoders: &'a [String],
    pub slots: Slots,
    /// Free, less what was ordered and is not in its reports yet.
    pub room: Slots,
    /// Jobs that run there from an earlier life of this ingest, with what each costs: it may go on
    /// there in its own place.
    pub left: BTreeMap<&'a str, Slots>,
}

/// Why no node has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unplaced {
    pub reason: JobReason,
    pub params: BTreeMap<String, String>,
    pub detail: String,
}

/// For each need, in their order, the name of its node.
#[must_use]
pub fn assign<'a>(
    needs: &[Need<'a>],
    nodes: &mut [Candidate<'a>],
) -> Vec<Result<&'a str, Unplaced>> {
    needs
        .iter()
        .map(|need| {
            let chosen = nodes
                .iter_mut()
                .filter(|node| node.takes(need))
                .max_by(|one, other| one.rank(need).cmp(&other.rank(need)));
            match chosen {
                Some(node) => {
                    // In its own place it takes no room.
                    let freed = node.left.remove(need.id).unwrap_or_default();
                    node.room = node.room + freed - need.cost;
                    Ok(node.name)
                }
                None => Err(unplaced(need, nodes)),
            }
        })
        .collect()
}

impl<'a> Candidate<'a> {
    fn takes(&self, need: &Need<'a>) -> bool {
        self.room_for(need) >= need.cost
            && !need.avoid.contains(&self.name)
            && need.profile.made_by(self.encoders).is_ok()
    }

    fn room_for(&self, need: &Need<'a>) -> Slots {
        self.room + self.left.get(need.id).copied().unwrap_or_default()
    }

    /// The greatest is chosen; the first by name where all else is equal.
    fn rank(&self, need: &Need<'a>) -> (bool, bool, Slots, std::cmp::Reverse<&'a str>) {
        let runs_there = self.left.contains_key(need.id);
        let was_there = need.before == Some(self.name);
        (
            runs_there,
            was_there,
            self.room,
            std::cmp::Reverse(self.name),
        )
    }
}

fn unplaced(need: &Need<'_>, nodes: &[Candidate<'_>]) -> Unplaced {
    let mut params = BTreeMap::from([
        ("cost".to_owned(), need.cost.to_string()),
        ("profile".to_owned(), need.profile.name.clone()),
    ]);
    if nodes.is_empty() {
        return Unplaced {
            reason: JobReason::NoNode,
            params,
            detail: "there is no processing node: start encoder-node with this ingest's address"
                .to_owned(),
        };
    }
    let able: Vec<_> = nodes
        .iter()
        .filter(|node| need.profile.made_by(node.encoders).is_ok())
        .collect();
    let Some(roomiest) = able.iter().max_by_key(|node| node.room) else {
        let missing = nodes
            .iter()
            .find_map(|node| need.profile.made_by(node.encoders).err());
        let codec = missing.unwrap_or_default();
        params.insert("codec".to_owned(), codec.to_owned());
        let detail = if nodes.iter().all(|node| node.encoders.is_empty()) {
            "no processing node has an ffmpeg that works: its log and its /ready say why".to_owned()
        } else {
            format!("no processing node's ffmpeg makes {codec}")
        };
        return Unplaced {
            reason: JobReason::NoSuitableNode,
            params,
            detail,
        };
    };
    let room = roomiest.room.max(Slots::default());
    params.insert("free_slots".to_owned(), room.to_string());
    let detail = if able.iter().any(|node| node.room >= need.cost) {
        "each processing node with room has refused it lately, or failed at it".to_owned()
    } else if able.iter().all(|node| node.slots < need.cost) {
        format!("it takes {} slots, more than any node has", need.cost)
    } else {
        format!(
            "all processing nodes are full: it takes {} slots, at most {room} are free on one",
            need.cost
        )
    };
    Unplaced {
        reason: JobReason::NoSuitableNode,
        params,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::api::profile::{ProfileKind, VideoCodec, VideoProfile};

    fn profile(codec: VideoCodec) -> Profile {
        Profile {
            name: "p".to_owned(),
            kind: ProfileKind::Ts,
            video: Some(VideoProfile {
                codec,
                width: 160,
                height: 90,
                kbps: 100,
                interval_ms: 1000,
            }),
            audio: None,
        }
    }

    fn need<'a>(id: &'a str, profile: &'a Profile, cost: f64) -> Need<'a> {
        Need {
            id,
            profile,
            cost: Slots::of(cost),
            before: None,
            avoid: Vec::new(),
        }
    }

    fn node<'a>(name: &'a str, encoders: &'a [String], room: f64) -> Candidate<'a> {
        Candidate {
            name,
            encoders,
            slots: Slots::of(4.0),
            room: Slots::of(room),
            left: BTreeMap::new(),
        }
    }

    fn encoders() -> Vec<String> {
        vec!["libx264".to_owned()]
    }

    #[test]
    fn jobs_spread_and_the_rest_waits_with_the_reason() {
        let (profile, able) = (profile(VideoCodec::H264), encoders());
        let ids: Vec<String> = (0..20).map(|index| format!("c{index}")).collect();
        let needs: Vec<_> = ids.iter().map(|id| need(id, &profile, 1.0)).collect();
        let mut nodes = ["a", "b", "c"].map(|name| node(name, &able, 4.0));
        let placed = assign(&needs, &mut nodes);
        for name in ["a", "b", "c"] {
            let count = placed.iter().filter(|one| **one == Ok(name)).count();
            assert_eq!(count, 4);
        }
        let reasons: Vec<_> = placed.into_iter().filter_map(Result::err).collect();
        assert_eq!(reasons.len(), 8);
        assert_eq!(reasons[0].reason, JobReason::NoSuitableNode);
        assert_eq!(reasons[0].params["free_slots"], "0");
    }

    #[test]
    fn a_small_job_passes_a_large_one_that_fits_nowhere() {
        let (profile, able) = (profile(VideoCodec::H264), encoders());
        let needs = [need("large", &profile, 2.0), need("small", &profile, 0.05)];
        let mut nodes = [node("a", &able, 1.0)];
        let placed = assign(&needs, &mut nodes);
        assert!(placed[0].is_err());
        assert_eq!(placed[1], Ok("a"));
        assert_eq!(nodes[0].room, Slots::of(0.95));
    }

    #[test]
    fn codecs_and_what_was_before_decide() {
        let (h264, hevc, able) = (
            profile(VideoCodec::H264),
            profile(VideoCodec::Hevc),
            encoders(),
        );
        let mut nodes = [node("a", &able, 4.0), node("b", &able, 3.0)];
        let mut first = need("x", &h264, 1.0);
        first.before = Some("b");
        let mut second = first.clone();
        second.avoid = vec!["b"];
        let third = need("z", &hevc, 1.0);
        let placed = assign(&[first, second, third], &mut nodes);
        assert_eq!(placed[..2], [Ok("b"), Ok("a")]);
        let refused = placed[2].clone().expect_err("no encoder");
        assert_eq!(refused.params["codec"], "hevc");
        assert_eq!(refused.detail, "no processing node's ffmpeg makes hevc");
        let placed = assign(&[need("z", &hevc, 1.0)], &mut [node("c", &[], 4.0)]);
        let refused = placed[0].clone().expect_err("no ffmpeg");
        assert!(refused.detail.contains("an ffmpeg that works"));
    }

    #[test]
    fn a_job_of_an_earlier_life_goes_on_in_its_place() {
        let (profile, able) = (profile(VideoCodec::H264), encoders());
        let mut full = node("full", &able, 0.0);
        full.left.insert("x", Slots::of(1.0));
        let mut nodes = [full, node("free", &able, 4.0)];
        let needs = [need("y", &profile, 1.0), need("x", &profile, 1.0)];
        let placed = assign(&needs, &mut nodes);
        assert_eq!(placed, [Ok("free"), Ok("full")]);
    }

    #[test]
    fn without_nodes_there_is_no_node() {
        let profile = profile(VideoCodec::H264);
        let placed = assign(&[need("x", &profile, 1.0)], &mut []);
        assert_eq!(
            placed[0].clone().expect_err("none").reason,
            JobReason::NoNode
        );
    }
}
