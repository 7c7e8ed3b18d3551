//! What AWS publishes of DynamoDB, with the page of each figure.

/// Read units a second of one partition:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>
pub(super) const PARTITION_READS: f64 = 3_000.0;
/// Write units a second of one partition: the same page.
pub(super) const PARTITION_WRITES: f64 = 1_000.0;
/// Bytes near which a partition is split:
/// <https://aws.amazon.com/blogs/database/part-3-scaling-dynamodb-how-partitions-hot-keys-and-split-for-heat-impact-performance/>
pub(super) const PARTITION_BYTES: f64 = 10.0 * 1024.0 * 1024.0 * 1024.0;
/// Partitions of a new table or index on demand, which takes 4,000 writes and 12,000 reads a second:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html>
pub(super) const NEW_PARTITIONS: u32 = 4;
/// Minutes of heat before a partition is split, as seen in the tests of
/// <https://aws.amazon.com/blogs/database/part-2-scaling-dynamodb-how-partitions-hot-keys-and-split-for-heat-impact-performance/>
pub(super) const HEAT_MINUTES: u32 = 10;
/// Read and write units a second of one table or index on demand, until AWS raises the quota:
/// <https://aws.amazon.com/blogs/database/introducing-configurable-maximum-throughput-for-amazon-dynamodb-on-demand/>
pub(super) const TABLE_UNITS: f64 = 40_000.0;
/// Bytes that are billed as storage on every item and index entry:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
pub(super) const STORED_OVERHEAD: f64 = 100.0;

/// Write units of an item of so many bytes: one for each started KB.
pub(super) fn write_units(bytes: f64) -> f64 {
    (bytes / 1024.0).ceil().max(1.0)
}

/// Read units of an eventual read of so many bytes, of one item or of a page as a whole: half a unit for each started 4 KB.
pub(super) fn read_units(bytes: f64) -> f64 {
    0.5 * (bytes / 4096.0).ceil().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "If the table has an item size of 20 KB, a single consistent read operation will consume 5 read units [...] 600 consistent read
    /// operations per second on that single item": bp-partition-key-design.html. An eventual read takes half.
    #[test]
    fn an_item_of_20_kb_is_read_600_times_a_second_from_one_partition() {
        let strong = 2.0 * read_units(20.0 * 1024.0);
        assert_eq!((strong, PARTITION_READS / strong), (5.0, 600.0));
    }

    /// "One write unit represents one write operation per second for an item up to 1 KB in size", and each started KB is one more.
    #[test]
    fn units_are_of_started_kilobytes() {
        assert_eq!([1.0, 1024.0, 1025.0, 3072.0].map(write_units), [1.0, 1.0, 2.0, 3.0]);
        assert_eq!([1.0, 4096.0, 4097.0].map(read_units), [0.5, 0.5, 1.0]);
    }

    /// on-demand-capacity-mode.html, "Initial throughput and scaling properties": 4,000 writes and 12,000 reads a second.
    #[test]
    fn a_new_table_takes_what_its_partitions_do() {
        assert_eq!(f64::from(NEW_PARTITIONS) * PARTITION_WRITES, 4_000.0);
        assert_eq!(f64::from(NEW_PARTITIONS) * PARTITION_READS, 12_000.0);
    }
}
