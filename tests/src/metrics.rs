//! The Prometheus text format, read back.

use std::collections::BTreeSet;

/// What `/metrics` said.
#[derive(Debug, Clone)]
pub struct Metrics {
    samples: Vec<Sample>,
}

#[derive(Debug, Clone)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Metrics {
    /// # Panics
    /// When a line is not of the format.
    #[must_use]
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter(|line| !line.trim().is_empty()).map(|line| {
            sample(line).unwrap_or_else(|| panic!("no line of the Prometheus format: {line}"))
        });
        Self {
            samples: samples.collect(),
        }
    }

    /// The sum of the samples of `name` that have all of `labels`; none when there is no such.
    #[must_use]
    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &&Sample| {
            labels.iter().all(|(key, value)| {
                let mut own = sample.labels.iter();
                own.any(|(own_key, own_value)| own_key == key && own_value == value)
            })
        };
        let named = self.samples.iter().filter(|sample| sample.name == name);
        named
            .filter(has)
            .map(|sample| sample.value)
            .reduce(|a, b| a + b)
    }

    /// The same; 0 when there is none, as a counter that was never changed.
    #[must_use]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).unwrap_or_default()
    }

    /// All names of samples.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        let names = self.samples.iter().map(|sample| sample.name.as_str());
        names.collect()
    }

    /// All values of a label, in whatever sample.
    #[must_use]
    pub fn label_values(&self, label: &str) -> BTreeSet<&str> {
        let labels = self.samples.iter().flat_map(|sample| &sample.labels);
        let own = labels.filter(|(key, _)| key == label);
        own.map(|(_, value)| value.as_str()).collect()
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (front, value) = line.rsplit_once(' ')?;
    let (name, labels) = match front.split_once('{') {
        Some((name, rest)) => (name, pairs(rest.strip_suffix('}')?)?),
        None => (front, Vec::new()),
    };
    Some(Sample {
        name: name.to_owned(),
        labels,
        value: value.parse().ok()?,
    })
}

fn pairs(mut text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    while !text.is_empty() {
        let (key, rest) = text.split_once("=\"")?;
        let (value, rest) = rest.split_once('"')?;
        pairs.push((key.to_owned(), value.to_owned()));
        text = rest.strip_prefix(',').unwrap_or(rest);
    }
    Some(pairs)
}
