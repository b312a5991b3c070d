//! The scripts of the suite, by area.

macro_rules! scripts {
    ($($area:literal: $($name:literal)*;)*) => {
        /// Name, in the form `area::script`, and text.
        pub(super) const SCRIPTS: &[(&str, &str)] = &[
            $($((concat!($area, "::", $name), include_str!(concat!("scripts/", $area, "/", $name, ".http"))),)*)*
        ];
    };
}

scripts! {
    "visitor":
        "nothing_stored" "first_write" "costs" "reads_own_writes" "redirect" "client_errors_store";
    "cookie":
        "default" "domain" "path" "same_site_strict" "same_site_none" "partitioned" "exact_name"
        "never_secure" "persistent" "persistent_limit" "remembered" "remembered_later" "sent_once" "beside_others"
        "loopback" "loopback_behind_proxy" "loopback_by_name_only" "loopback_always_secure";
    "transport":
        "header" "bearer";
    "strict":
        "unknown_write" "unknown_clear" "unknown_destroy_then_set" "unknown_cycle" "unknown_sign_in"
        "unknown_read" "malformed" "look_alikes" "hostile_headers" "planted_first" "planted_last"
        "five_of_one_name" "sign_out_of_two" "other_manager";
    "signin":
        "new_id" "again" "late_write" "late_read" "devices" "device_facts" "limit_refuses" "overtaken";
    "ending":
        "sign_out" "flash_after" "wins_over_writes" "during_slow_write" "during_slow_cycle"
        "beats_rotation" "late_response";
    "error":
        "write" "cycle" "destroy" "handler_error" "panic" "save_then_fail" "save_then_panic" "save_then_commit_fails";
    "parallel":
        "disjoint_writes" "exact_counter" "same_key" "conflict_refused" "first_requests" "isolation";
    "stream":
        "write_after_head" "read_after_head" "untouched_write_after_head" "commit_before_head" "save_and_live"
        "live_sees_others" "live_learns_of_sign_out" "live_changes_no_id" "live_without_session"
        "upgrade";
    "dropped":
        "write" "count" "save" "sign_in" "destroy" "first_write";
    "mount":
        "twice" "two_managers" "two_kinds";
    "cache":
        "defaults" "own_cache_control" "own_vary" "own_vary_cookie" "own_vary_star" "visitor"
        "not_modified";
    "failure":
        "closed" "anonymous" "write_down" "recovers" "touch_down" "answer_lost" "answer_lost_on_save" "anonymous_destroy" "full" "too_large" "long_values";
    "time":
        "idle" "absolute" "expired_write" "backwards" "ended_stays_ended" "renewal"
        "renewal_fails_with_500";
}
