//! How the parts of control are put together.

use std::sync::Arc;

use common::shutdown::Shutdown;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::notices::Notices;
use crate::channels::registry::Registry;
use crate::channels::watch as channels_file;
use crate::config::Config;
use crate::control::care::Care;
use crate::control::{Control, ControlOptions};
use crate::events::Events;
use crate::http::auth::Guard;
use crate::http::health::Health;
use crate::http::listener::{Front, Places};
use crate::http::on_demand::OnDemand;
use crate::http::playlist::Playlist;
use crate::http::watch::{Watch, WatchAccess};
use crate::http::{api, router};
use crate::metrics::Counters;
use crate::nodes::dispatch::Nodes;
use crate::plane::{Notice, Plane};

/// What most parts share.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) plane: Plane,
    pub(super) registry: Arc<Registry>,
    pub(super) events: Arc<Events>,
    pub(super) nodes: Arc<Nodes>,
    pub(super) counters: Arc<Counters>,
    pub(super) places: Places,
    pub(super) care: Option<Arc<Care>>,
}

impl Parts {
    pub(super) fn notices(&self, notices: mpsc::Receiver<Notice>) -> Notices {
        Notices {
            notices,
            events: Arc::clone(&self.events),
            counters: Arc::clone(&self.counters),
            places: self.places.clone(),
        }
    }

    pub(super) fn on_demand(&self, config: &Config) -> Arc<OnDemand> {
        Arc::new(OnDemand {
            plane: self.plane.clone(),
            registry: Arc::clone(&self.registry),
            events: Arc::clone(&self.events),
            allowed: config.on_demand.clone(),
            interfaces: config.plane.interfaces.clone(),
            used: std::sync::Mutex::default(),
        })
    }

    /// What goes on beside requests; all of it ends by the token.
    pub(super) fn followers(
        &self,
        config: &Config,
        hangups: Signal,
        on_demand: &Arc<OnDemand>,
        shutdown: &Shutdown,
    ) -> JoinSet<()> {
        let mut followers = JoinSet::new();
        let registry = Arc::clone(&self.registry);
        followers.spawn(channels_file::follow(registry, hangups, shutdown.clone()));
        followers.spawn(Arc::clone(on_demand).sweep(shutdown.clone()));
        followers.spawn(Arc::clone(&self.nodes).follow(shutdown.clone()));
        if let Some(care) = &self.care {
            followers.spawn(Arc::clone(care).follow(shutdown.clone()));
        }
        if let Some(tokens) = &config.tokens {
            followers.spawn(Arc::clone(tokens).follow(shutdown.clone()));
        }
        followers
    }

    /// What answers requests.
    pub(super) fn front(self, config: Config, on_demand: Arc<OnDemand>) -> Front {
        let access = WatchAccess {
            from: config.watch_from,
            tokens: config.tokens.clone(),
        };
        let health = Health {
            plane: self.plane.clone(),
            registry: Arc::clone(&self.registry),
            nodes: Arc::clone(&self.nodes),
            counters: Arc::clone(&self.counters),
            interfaces: config.plane.interfaces.clone(),
        };
        let playlist = Playlist {
            plane: self.plane.clone(),
            access: access.clone(),
            public_url: config.public_url,
            counters: Arc::clone(&self.counters),
        };
        let guard = Guard::new(config.tokens, Arc::clone(&self.counters));
        let options = ControlOptions {
            node_name: config.node_name,
            connections_max: config.connections_max,
            plane: config.plane,
        };
        let plane = Arc::new(self.plane.clone());
        let control = Control::new(options, plane, self.registry, self.events, self.nodes);
        let api = api::router(Arc::new(control.with_care(self.care)));
        Front {
            watch: Watch {
                plane: self.plane,
                access,
                on_demand,
                counters: Arc::clone(&self.counters),
            },
            router: router(Arc::new(health), Arc::new(playlist), api, guard),
            places: self.places,
            counters: self.counters,
        }
    }
}
