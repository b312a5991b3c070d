//! For tests: whether a statement finds its rows by an index, in the order that it needs.

use crate::schema;

/// Panics unless every table is searched by an index, and nothing is sorted.
#[track_caller]
pub(crate) fn assert_by_index(sql: &str) {
    let connection = schema::in_memory(schema::STEPS);
    let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nothing = vec![rusqlite::types::Null; plan.parameter_count()];
    let steps =
        plan.query_map(rusqlite::params_from_iter(nothing), |row| row.get::<_, String>("detail")).unwrap();
    for step in steps.map(Result::unwrap) {
        assert!(
            !step.starts_with("SCAN dancecard_session") && !step.contains("TEMP B-TREE"),
            "{sql}: {step}"
        );
    }
}

#[test]
#[should_panic(expected = "SCAN dancecard_session")]
fn a_scan_is_noticed() {
    assert_by_index("SELECT key FROM dancecard_session WHERE version = ?1");
}

#[test]
#[should_panic(expected = "TEMP B-TREE")]
fn a_sort_is_noticed() {
    assert_by_index("SELECT key FROM dancecard_session WHERE purge_at > ?1 ORDER BY version");
}
