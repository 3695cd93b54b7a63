//! What `/metrics` says, read as Prometheus reads it.

/// One sample: a line of the text format.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name, such as `tagwise_tags`, with `_bucket`, `_sum` and `_count` for the parts of a histogram.
    pub name: String,
    /// Label names and values.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: f64,
}

impl Sample {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }
}

/// All samples of one scrape.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// In the order of the page.
    pub samples: Vec<Sample>,
    /// The families that the page declares with `# TYPE`, and their types.
    pub families: Vec<(String, String)>,
}

impl Metrics {
    /// Reads the text format; lines it cannot read are left out, so that a test misses them by name.
    pub fn parse(text: &str) -> Self {
        let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        Self {
            samples: text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect(),
            families: families.map(|(name, kind)| (name.to_owned(), kind.trim().to_owned())).collect(),
        }
    }

    /// The sum of all samples of a name that carry all of these labels; 0 when there is none, as for a counter that has
    /// not counted yet.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|sample| sample.value).sum()
    }

    /// Whether there is a sample of this name with these labels.
    pub fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.matching(name, labels).next().is_some()
    }

    /// The value at a quantile, 0 to 1, of what a histogram has seen since an earlier scrape, between the bounds of its
    /// bucket as Prometheus' `histogram_quantile` estimates it; `None` when it has seen nothing or is not there.
    pub fn quantile_since(&self, before: &Self, name: &str, quantile: f64) -> Option<f64> {
        let buckets = self.buckets(name);
        let old = before.buckets(name);
        let seen = |(bound, count): (f64, f64)| {
            let was = old.iter().find(|(other, _)| other.total_cmp(&bound).is_eq()).map_or(0.0, |(_, count)| *count);
            (bound, count - was)
        };
        let seen: Vec<(f64, f64)> = buckets.into_iter().map(seen).collect();
        let all = seen.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
        let rank = quantile * all;
        let (mut lower, mut below) = (0.0, 0.0);
        for (bound, count) in seen {
            if count >= rank {
                // What lies beyond the last finite bound is only known to.
                let share = if count > below { (rank - below) / (count - below) } else { 1.0 };
                return Some(if bound.is_finite() { lower + (bound - lower) * share } else { lower });
            }
            (lower, below) = (bound, count);
        }
        None
    }

    /// Upper bounds in order, and how much is at most that, over all labels.
    fn buckets(&self, name: &str) -> Vec<(f64, f64)> {
        let name = format!("{name}_bucket");
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for sample in self.matching(&name, &[]) {
            let Some(bound) = sample.label("le").and_then(|bound| bound.parse::<f64>().ok()) else { continue };
            match buckets.iter_mut().find(|(other, _)| other.total_cmp(&bound).is_eq()) {
                Some((_, count)) => *count += sample.value,
                None => buckets.push((bound, sample.value)),
            }
        }
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        buckets
    }

    fn matching<'a>(&'a self, name: &'a str, labels: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = &'a Sample> {
        let is_labelled = |sample: &Sample| labels.iter().all(|(label, value)| sample.label(label) == Some(value));
        self.samples.iter().filter(move |sample| sample.name == name && is_labelled(sample))
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, rest)) => (name, label_pairs(rest.strip_suffix('}')?)?),
        None => (series, Vec::new()),
    };
    Some(Sample { name: name.to_owned(), labels, value: value.parse().ok()? })
}

/// `a="x",b="y"`, with `\"`, `\\` and `\n` in the values.
fn label_pairs(text: &str) -> Option<Vec<(String, String)>> {
    let mut labels = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at,
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.push((name.trim_start_matches(',').to_owned(), value));
        rest = quoted.get(end + 1..)?;
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let page = "# HELP a b\n# TYPE tags gauge\ntags{adapter=\"a\",state=\"failed\"} 2\ntags{state=\"x,\\\"}\"} 3e0\nup 1\n";
        let metrics = Metrics::parse(page);
        assert_eq!(metrics.families, [("tags".to_owned(), "gauge".to_owned())]);
        assert_eq!(metrics.samples.len(), 3);
        assert_eq!(metrics.sum("tags", &[("state", "failed")]).to_string(), "2");
        assert_eq!(metrics.sum("tags", &[]).to_string(), "5");
        assert_eq!(metrics.samples[1].label("state"), Some("x,\"}"));
        assert!(metrics.has("up", &[]) && !metrics.has("up", &[("a", "b")]));
    }

    #[test]
    fn a_quantile_is_of_what_came_between_two_scrapes() {
        let page = |one: u32, two: u32, all: u32| {
            let bucket = |bound: &str, count| format!("d_bucket{{broker=\"b\",le=\"{bound}\"}} {count}\n");
            Metrics::parse(&format!("{}{}{}", bucket("1", one), bucket("2", two), bucket("+Inf", all)))
        };
        let (before, after) = (page(7, 7, 7), page(7, 17, 17));
        assert_eq!(after.quantile_since(&before, "d", 0.5).map(|seconds| seconds.to_string()).as_deref(), Some("1.5"));
        assert_eq!(before.quantile_since(&before, "d", 0.5), None);
        assert_eq!(after.quantile_since(&before, "other", 0.5), None);
        let beyond = page(7, 7, 9).quantile_since(&before, "d", 0.99);
        assert_eq!(beyond.map(|seconds| seconds.to_string()).as_deref(), Some("2"));
    }
}
