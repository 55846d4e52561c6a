//! Quantiles: of latencies read from the audit log, and of histograms in the Prometheus text format.

use jiff::Timestamp;

/// The smallest value that at least `share` of the values do not exceed.
pub(super) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    // Counts are far below 2^52.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index between zero and the count"
    )]
    let index = ((count as f64 * share).ceil() as usize).clamp(1, count.max(1)) - 1;
    values.get(index).copied().unwrap_or(f64::NAN)
}

/// Milliseconds from one moment to another.
pub(super) fn milliseconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1000.0
}

/// Buckets of a histogram: upper bound in seconds, and how many lie at or below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    /// Sums the histograms of a name whose labels hold a text.
    pub(super) fn read(metrics: &str, name: &str, labels: &str) -> Self {
        let prefix = format!("{name}_bucket{{");
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for line in metrics.lines().filter(|line| line.contains(labels)) {
            let Some((inside, rest)) = line
                .strip_prefix(&prefix)
                .and_then(|rest| rest.split_once('}'))
            else {
                continue;
            };
            let bound = inside
                .split(',')
                .find_map(|label| label.strip_prefix("le=\""))
                .map(|bound| bound.trim_end_matches('"'));
            let bound = match bound {
                Some("+Inf") => f64::INFINITY,
                Some(bound) => bound.parse().unwrap_or(f64::INFINITY),
                None => continue,
            };
            let count: f64 = rest
                .split_whitespace()
                .next()
                .and_then(|count| count.parse().ok())
                .unwrap_or_default();
            match buckets
                .iter_mut()
                .find(|(known, _)| known.total_cmp(&bound).is_eq())
            {
                Some((_, sum)) => *sum += count,
                None => buckets.push((bound, count)),
            }
        }
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        Self(buckets)
    }

    /// What was added since an earlier reading.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let before = |bound: f64| {
            let mut known = earlier.0.iter();
            let found = known.find(|(known, _)| known.total_cmp(&bound).is_eq());
            found.map_or(0.0, |(_, count)| *count)
        };
        Self(
            self.0
                .iter()
                .map(|(bound, count)| (*bound, count - before(*bound)))
                .collect(),
        )
    }

    /// How many values there are.
    pub(super) fn count(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, count)| *count)
    }

    /// A quantile in seconds, evenly spread within its bucket.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let wanted = self.count() * share;
        let (mut lower, mut below) = (0.0, 0.0);
        for (bound, count) in &self.0 {
            if *count >= wanted && *count > 0.0 {
                if bound.is_infinite() {
                    return lower;
                }
                let within = (wanted - below) / (count - below);
                return lower + (bound - lower) * within;
            }
            (lower, below) = (*bound, *count);
        }
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
skep_queue_wait_seconds_sum{controller=\"cd\",priority=\"high\"} 3.0
skep_queue_wait_seconds_bucket{le=\"0.005\",controller=\"cd\",priority=\"high\"} 50
skep_queue_wait_seconds_bucket{le=\"0.01\",controller=\"cd\",priority=\"high\"} 99
skep_queue_wait_seconds_bucket{le=\"+Inf\",controller=\"cd\",priority=\"high\"} 100
skep_queue_wait_seconds_bucket{le=\"0.005\",controller=\"other\",priority=\"high\"} 7
";

    #[test]
    fn a_histogram_is_read_by_name_and_label() {
        let read = Histogram::read(TEXT, "skep_queue_wait_seconds", "controller=\"cd\"");
        assert!((read.count() - 100.0).abs() < 1e-9);
        assert!((read.quantile(0.5) - 0.005).abs() < 1e-9);
        assert!((read.quantile(0.99) - 0.01).abs() < 1e-9);
        assert!((read.since(&read).count()).abs() < 1e-9);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values = vec![4.0, 1.0, 3.0, 2.0];
        assert!((quantile(values.clone(), 0.99) - 4.0).abs() < 1e-9);
        assert!((quantile(values, 0.5) - 2.0).abs() < 1e-9);
    }
}
