//! The metrics of a server: Prometheus text.

/// The sum of the metric of that name over all labels; 0 where there is none.
pub(crate) fn sum(text: &str, name: &str) -> f64 {
    let value = |line: &str| {
        let (found, _) = line.split_once(['{', ' '])?;
        if found == name { line.rsplit(' ').next()?.parse::<f64>().ok() } else { None }
    };
    // An empty sum of numbers with a point is -0.
    text.lines().filter_map(value).fold(0.0, |sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_summed_over_labels() {
        let text = "# TYPE dynamodb_consumed_read_units_total gauge\n\
            dynamodb_consumed_read_units_total{table=\"users\",index=\"\"} 1.5\n\
            dynamodb_consumed_read_units_total{table=\"posts\",index=\"ThreadIndex\"} 2\n\
            dynamodb_consumed_write_units_total{table=\"posts\"} 7\n\
            up 1\n";
        assert_eq!(sum(text, "dynamodb_consumed_read_units_total"), 3.5);
        assert_eq!(sum(text, "store_cache_hits_total"), 0.0);
    }
}
