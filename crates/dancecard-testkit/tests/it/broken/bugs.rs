//! The promises that can be broken, and the cases that must notice.

use dancecard_core::{Capabilities, Support};

/// What the engine claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claims {
    /// Everything.
    All,
    /// Everything, up to a size.
    Capped,
    /// Everything, and without a future where nothing has to wait.
    Immediate,
    /// Everything, and that it drops what has expired.
    Expiring,
    /// Nothing that is optional.
    Nothing,
}

impl Claims {
    pub(super) fn capabilities(self) -> Capabilities {
        let all = Capabilities::new()
            .with_conditional_write(Support::Native)
            .with_replace(Support::Native)
            .with_touch(Support::Native)
            .with_list(Support::Native)
            .with_principal_index(Support::Native)
            .with_durable(true)
            .with_shared(true);
        match self {
            Self::Nothing => Capabilities::new(),
            Self::Expiring => all.with_native_expiry(true),
            _ => all,
        }
    }

    pub(super) fn max_payload(self) -> Option<usize> {
        (self == Self::Capped).then_some(super::MAX_PAYLOAD)
    }
}

macro_rules! bugs {
    ($($bug:ident($claims:ident): $($case:ident::$name:ident)*;)*) => {
        /// A promise that is broken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Bug {
            $($bug),*
        }

        impl Bug {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$bug),*];

            /// What an engine with the bug claims.
            pub(crate) fn claims(self) -> Claims {
                match self {
                    $(Self::$bug => Claims::$claims),*
                }
            }

            /// The cases that must fail.
            pub(crate) fn noticed_by(self) -> &'static [&'static str] {
                match self {
                    $(Self::$bug => &[$(concat!(stringify!($case), "::", stringify!($name))),*]),*
                }
            }
        }
    };
}

bugs! {
    AbsentIsEmpty(All): identity::absent_is_none;
    DeletedIsEmpty(All): identity::deleted_is_none model::random_operations_agree_with_the_model;
    PayloadsAreText(All): identity::bytes_round_trip_exactly identity::bytes_round_trip_through_an_update;
    PayloadsAreTrimmed(All): identity::bytes_round_trip_exactly;
    PayloadsAreCutAtAMegabyte(All): limits::four_megabytes_round_trip;
    MetaLosesMillis(All): identity::meta_round_trips_to_the_millisecond;
    MetaLosesTheRenewal(All): identity::each_field_of_meta_stands_alone;
    MetaLosesTheAbsoluteLimit(All): identity::each_field_of_meta_stands_alone;
    MetaLosesTheIdleLimit(All): identity::each_field_of_meta_stands_alone;
    MetaLosesTheCodec(All): identity::each_field_of_meta_stands_alone;
    MetaLosesTheAgent(All): identity::each_field_of_meta_stands_alone;
    MetaLosesTheAddress(All): identity::each_field_of_meta_stands_alone;
    MetaLosesTheSuccessor(All): identity::the_marker_of_an_ended_session_round_trips;
    MetaIsUnsigned(All): identity::odd_moments_round_trip;
    TextsAreTrimmed(All): identity::odd_texts_round_trip;
    UpdateKeepsTheFacts(All):
        identity::meta_round_trips_through_an_update principals::the_index_follows_a_sign_in
        model::random_operations_agree_with_the_model;
    LoadMakesAVersion(All): identity::reading_changes_nothing model::random_operations_agree_with_the_model;
    KeysAreOneByte(All): identity::keys_are_isolated;
    KeysAreCutAt32Bytes(All): identity::keys_of_every_length_are_told_apart;
    KeysEndAtZero(All): identity::keys_are_bytes_not_text;
    KeysIgnoreCase(All): identity::keys_are_bytes_not_text;
    DeleteOfAbsentFails(All): identity::delete_is_idempotent model::random_operations_agree_with_the_model;
    DeleteDoesNothing(All):
        identity::deleted_is_none identity::delete_is_idempotent conditional::create_after_a_delete_succeeds
        model::random_operations_agree_with_the_model;
    DeleteGoesByPrefix(All): identity::delete_removes_only_its_key;
    HealthFails(All): identity::health_is_good;
    RestartForgetsAll(All):
        identity::records_survive_a_restart listing::an_engine_lists_the_same_after_a_restart
        replace::a_replace_survives_a_restart conditional::a_version_outlives_a_restart
        model::random_operations_agree_with_the_model;
    RestartForgetsDeletes(All): identity::deletes_survive_a_restart;
    RestartForgetsTheIndex(All): principals::the_index_survives_a_restart;
    RestartForgetsTouches(All): expiry::a_touch_survives_a_restart;
    RestartCountsAnew(All): conditional::versions_are_fresh_after_a_restart;
    RestartNumbersAnew(All): conditional::a_version_outlives_a_restart;
    PeerIsACopy(All):
        identity::peers_see_the_same_records principals::the_index_is_shared_with_peers
        concurrency::racing_increments_of_peers_lose_nothing;

    CreateOverwrites(All):
        conditional::create_over_an_existing_record_conflicts conditional::a_conflicting_create_changes_nothing
        conditional::a_conflicting_create_keeps_the_index concurrency::racing_creates_have_one_winner
        replace::replace_onto_a_taken_key_changes_nothing model::random_operations_agree_with_the_model;
    CreateConflictsForever(All): conditional::create_after_a_delete_succeeds expiry::purged_keys_are_free;
    ConflictMovesTheExpiry(All):
        conditional::a_conflicting_create_changes_nothing conditional::a_conflicting_update_changes_nothing;
    ConflictChangesTheIndex(All):
        conditional::a_conflicting_create_keeps_the_index conditional::a_conflicting_update_keeps_the_index;
    ConflictCreates(All):
        conditional::a_conflicting_update_creates_nothing conditional::a_deleted_record_is_not_recreated;
    UpdateAlwaysConflicts(All): conditional::update_at_the_present_version_succeeds;
    StaleUpdateAccepted(All):
        conditional::stale_update_conflicts conditional::a_version_from_before_recreation_conflicts
        concurrency::racing_updates_have_one_winner concurrency::racing_increments_lose_nothing
        replace::replace_at_a_stale_version_changes_nothing replace::replace_ends_the_old_version
        model::random_operations_agree_with_the_model;
    UpdateCreates(All):
        conditional::update_of_an_absent_key_conflicts conditional::a_deleted_record_is_not_recreated
        principals::what_is_listed_can_be_ended_meanwhile concurrency::a_delete_wins_over_racing_updates
        model::random_operations_agree_with_the_model;
    OddVersionMatches(All): conditional::foreign_versions_conflict;
    VersionsCountPerRecord(All):
        conditional::versions_are_fresh_after_recreation conditional::a_version_from_before_recreation_conflicts
        conditional::versions_are_fresh_after_a_restart model::random_operations_agree_with_the_model;
    VersionsWrap(All): limits::ten_thousand_writes_to_one_key;
    OverwriteKeepsTheVersion(All): conditional::every_write_yields_a_fresh_version;
    EqualWriteKeepsTheVersion(All): conditional::an_equal_write_yields_a_fresh_version;
    WriteAnswersAnotherVersion(All):
        conditional::a_load_gives_the_version_of_the_write model::random_operations_agree_with_the_model;
    OverwriteNeedsARecord(All): conditional::overwrite_replaces_and_creates;
    UnsupportedOverwrites(Nothing):
        conditional::an_unsupported_update_is_refused conditional::an_unsupported_update_creates_nothing;

    ReclaimsByLastSeen(All): expiry::writes_of_others_drop_no_live_record;
    ExpiredIsHollow(All): expiry::an_expired_record_is_whole_or_gone;
    ExpiryOnlyGrows(All): expiry::a_shorter_expiry_is_kept_as_written expiry::a_write_after_a_touch_sets_its_own_expiry;
    TouchDoesNothing(All):
        expiry::touch_moves_the_expiry_forward expiry::purge_spares_a_touched_record
        interference::racing_touches_keep_the_latest model::random_operations_agree_with_the_model;
    TouchShortens(All): expiry::touch_never_shortens model::random_operations_agree_with_the_model;
    TouchCreates(All): expiry::touch_never_creates model::random_operations_agree_with_the_model;
    TouchRevives(All): expiry::touch_never_revives_a_deleted_record;
    TouchMakesAVersion(All):
        expiry::touch_keeps_the_version expiry::touch_does_not_defeat_a_writer
        interference::touches_defeat_no_writer listing::entries_carry_a_touched_expiry;
    TouchEmpties(All): expiry::touch_keeps_the_payload_and_the_other_facts;
    TouchAlwaysSaysYes(All): expiry::touch_says_whether_a_record_was_there;
    TouchSaysWhetherItMoved(All): expiry::touch_says_whether_a_record_was_there;
    TouchMovesAll(All): expiry::touch_concerns_only_its_key;
    PurgeDoesNothing(All):
        expiry::purge_takes_the_expired listing::purged_records_are_not_listed
        model::random_operations_agree_with_the_model;
    PurgeTakesTheLiving(All):
        expiry::purge_takes_only_the_expired expiry::a_live_record_is_loaded_until_its_last_millisecond
        principals::the_index_keeps_a_touched_record model::random_operations_agree_with_the_model;
    PurgeIsAMilliEarly(All):
        expiry::purge_goes_by_the_moment_it_is_given expiry::a_live_record_is_loaded_until_its_last_millisecond;
    PurgeIsAMilliLate(All): expiry::purge_goes_by_the_moment_it_is_given;
    PurgeTakesWhatHasNoLimit(All): expiry::a_record_without_a_limit_stays;
    PurgeIgnoresTheLimit(All): expiry::purge_respects_its_limit model::random_operations_agree_with_the_model;
    PurgeMiscounts(All):
        expiry::purge_says_how_many capabilities::purge_of_an_empty_engine_is_zero
        limits::ten_thousand_records_are_purged model::random_operations_agree_with_the_model;
    PurgeGoesByTheFirstExpiry(All):
        expiry::purge_spares_a_touched_record expiry::purge_finds_a_touched_record_when_its_time_comes
        expiry::purge_goes_by_the_expiry_of_the_last_write;
    PurgeForgetsOnRestart(All): expiry::purge_finds_the_expired_after_a_restart;

    ExpiresNothing(Expiring): native_expiry::the_expired_is_dropped_and_nothing_else;
    ExpiresBySightOnly(Expiring): native_expiry::the_expired_is_dropped_and_nothing_else;
    ExpiresEarly(Expiring): native_expiry::the_expired_is_dropped_and_nothing_else;
    ExpiresByTheFirstExpiry(Expiring): native_expiry::the_expired_is_dropped_and_nothing_else;
    ExpiresByTheWrittenExpiry(Expiring): native_expiry::the_expired_is_dropped_and_nothing_else;
    ExpiresAll(Expiring): native_expiry::the_expired_is_dropped_and_nothing_else;

    ListsItsOwnRow(All): listing::an_empty_engine_lists_nothing;
    ListsTwice(All):
        listing::each_record_is_listed_once principals::a_principal_lists_all_its_records
        limits::ten_thousand_records_are_listed_once model::random_operations_agree_with_the_model;
    ListsOneLess(All): listing::each_record_is_listed_once model::random_operations_agree_with_the_model;
    ListsAHundred(All): principals::three_hundred_records_of_one_principal listing::each_record_is_listed_once;
    ListsKeysOf32Bytes(All): listing::odd_keys_are_listed_as_they_are;
    ListLosesTheDevice(All): listing::entries_carry_the_facts principals::entries_of_a_principal_carry_the_facts;
    ListsAnEarlierVersion(All): listing::entries_carry_the_version;
    ListsTheWrittenExpiry(All): listing::entries_carry_a_touched_expiry principals::the_index_keeps_a_touched_record;
    ListsTheDeleted(All): listing::deleted_records_are_not_listed;
    ListsEachWrite(All): listing::changed_records_are_listed_once;
    ListsByOffset(All):
        listing::listing_while_writing_is_consistent listing::what_is_listed_can_be_deleted_meanwhile
        principals::what_is_listed_can_be_ended_meanwhile interference::listing_while_others_write_is_consistent;
    ListingsShareACursor(All): listing::listing_twice_at_once_agrees;
    DroppedListingsLeak(All):
        listing::a_listing_may_be_dropped principals::a_listing_of_a_principal_may_be_dropped
        cancellation::a_dropped_listing_harms_nothing;

    PrincipalsAreIgnored(All): principals::a_principal_without_records_lists_nothing;
    PrincipalsGoByPrefix(All): principals::principals_are_told_apart_exactly;
    PrincipalsIgnoreCase(All): principals::principals_are_told_apart_exactly;
    PrincipalsAreTrimmed(All): principals::principals_are_told_apart_exactly;
    PrincipalsAreCutAt255Bytes(All): principals::principals_are_told_apart_exactly;
    NobodyIsTheEmptyName(All): principals::records_without_a_principal_are_nobodys;
    IndexKeepsTheLatest(All): principals::a_principal_lists_all_its_records;
    IndexOnlyAtCreation(All):
        principals::the_index_follows_a_sign_in principals::the_index_follows_a_sign_out
        model::random_operations_agree_with_the_model;
    ChangeForgetsTheIndex(All):
        principals::the_index_follows_a_change_of_principal principals::the_index_follows_a_sign_out
        principals::the_index_follows_a_retirement principals::the_index_follows_an_overwrite
        replace::replace_moves_the_index model::random_operations_agree_with_the_model;
    DeleteForgetsTheIndex(All):
        principals::the_index_follows_a_delete principals::the_index_follows_a_recreation
        model::random_operations_agree_with_the_model;
    PurgeForgetsTheIndex(All): principals::the_index_follows_a_purge;

    ReplaceLeavesBoth(All):
        replace::replace_leaves_both_records_exact concurrency::racing_replaces_have_one_winner
        model::random_operations_agree_with_the_model;
    ReplaceAnswersAnotherVersion(All): replace::replace_yields_the_version_of_the_successor;
    ReplaceIgnoresTheVersion(All):
        replace::replace_at_a_stale_version_changes_nothing concurrency::a_replace_and_an_update_have_one_winner
        replace::a_conflicting_replace_keeps_the_index replace::a_replaced_record_is_not_replaced_again
        model::random_operations_agree_with_the_model;
    ReplaceIgnoresAbsence(All):
        replace::replace_of_an_absent_record_changes_nothing replace::replace_of_a_deleted_record_revives_nothing;
    ReplaceTakesATakenKey(All): replace::replace_onto_a_taken_key_changes_nothing;
    ReplaceKeepsTheVersion(All): replace::replace_ends_the_old_version replace::a_replaced_record_is_not_replaced_again;
    ReplaceDropsTheOld(All): replace::replace_is_listed replace::replace_leaves_both_records_exact;
    ReplaceForgetsTheIndex(All): replace::replace_moves_the_index;
    ReplaceConflictUnindexes(All): replace::a_conflicting_replace_keeps_the_index;
    ReplacesUnclaimed(Nothing): replace::an_unsupported_replace_is_refused;

    LargestIsRefused(Capped): limits::the_largest_payload_fits;
    TooLargeIsCut(Capped): limits::a_payload_that_is_too_large_is_refused;
    TooLargeIsOther(Capped): limits::a_payload_that_is_too_large_is_refused;
    TooLargeDeletes(Capped): limits::a_payload_that_is_too_large_changes_nothing;
    FullEvicts(All): limits::a_full_engine_says_so_and_evicts_nothing;
    FullIsOther(All): limits::a_full_engine_says_so_and_evicts_nothing;
    FullRefusesChanges(All): limits::a_full_engine_still_changes_and_deletes;
    FullForever(All):
        limits::a_full_engine_works_again_after_deletes limits::a_full_engine_works_again_after_a_purge;
    HoldsFiveThousand(All): limits::ten_thousand_records limits::ten_thousand_records_are_listed_once;

    WriteIsTorn(All):
        cancellation::a_dropped_create_leaves_nothing_or_all
        cancellation::a_dropped_update_leaves_the_old_or_the_new
        cancellation::a_dropped_overwrite_leaves_the_old_or_the_new interference::a_reader_sees_the_old_or_the_new;
    DeleteIsTorn(All): cancellation::a_dropped_delete_leaves_all_or_nothing;
    TouchIsTorn(All): cancellation::a_dropped_touch_changes_the_expiry_or_nothing;
    ReplaceIsTorn(All): cancellation::a_dropped_replace_leaves_two_exact_records_or_one;
    ReplaceIsTwoSteps(All): cancellation::a_dropped_native_replace_is_one_step;
    LoadTakesAndReturns(All): cancellation::a_dropped_load_harms_nothing;
    PurgeRewritesAll(All): cancellation::a_dropped_purge_harms_nothing_live;
    IndexLagsBehind(All):
        cancellation::a_dropped_write_keeps_the_index_true interference::the_index_is_true_after_a_race;

    CreateRaces(All): concurrency::racing_creates_have_one_winner;
    UpdateRaces(All):
        concurrency::racing_updates_have_one_winner concurrency::racing_increments_lose_nothing
        concurrency::racing_increments_of_peers_lose_nothing concurrency::a_delete_wins_over_racing_updates;
    VersionsRace(All): concurrency::versions_are_fresh_under_races;
    ReplaceRaces(All):
        concurrency::racing_replaces_have_one_winner concurrency::a_replace_and_an_update_have_one_winner;
    TouchRaces(All): interference::racing_touches_keep_the_latest;
    PurgeRaces(All):
        interference::a_purge_spares_what_is_touched_meanwhile interference::a_purge_spares_what_is_written_meanwhile
        interference::purges_at_once_count_each_record_once;

    NameHasBlanks(All): capabilities::the_engine_has_a_name;
    ClaimsChange(All): capabilities::the_claims_stay_the_same;
    NoReopenHook(All): capabilities::durability_can_be_checked;
    NoPeerHook(All): capabilities::sharing_can_be_checked;
    NoExpiringHook(Expiring): capabilities::expiry_can_be_checked;
    EmulatesWithoutComparing(All): capabilities::an_emulated_replace_has_what_it_needs;
    TouchesUnclaimed(Nothing): capabilities::an_unsupported_touch_is_refused;
    ListsUnclaimed(Nothing):
        capabilities::an_unsupported_listing_is_refused
        capabilities::an_unsupported_listing_of_a_principal_is_refused;
    ImmediateLoadIsEmpty(Immediate): immediate::both_ways_see_the_same_record;
    ImmediateWriteDoesNotCompare(Immediate):
        immediate::both_ways_compare_before_they_write immediate::racing_increments_both_ways_lose_nothing;
    ImmediateWriteForgetsTheIndex(Immediate): immediate::both_ways_keep_one_index;
    ErrorsWithoutEngine(All): errors::errors_name_their_engine;
    ErrorsWithoutOperation(All): errors::errors_name_their_operation;
    ErrorsTellTheKey(All): errors::errors_hold_no_secrets;
    DebugTellsPayloads(All): errors::debug_of_the_engine_holds_no_secrets;
}
