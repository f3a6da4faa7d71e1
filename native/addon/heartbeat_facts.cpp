// Where the numbers of the beat board stand, for JavaScript; see heartbeat_facts.hpp.
#include "addon/heartbeat_facts.hpp"

#include <cstddef>

#include "base/latest_value.hpp"
#include "heartbeat/beat_board.hpp"
#include "heartbeat/presence_layout.hpp"
#include "heartbeat/sent_marks.hpp"
#include "heartbeat/suspicion.hpp"

namespace hotpair::addon {
namespace {

void set_fact(Napi::Object facts, const char* name, double value) {
  facts[name] = Napi::Number::New(facts.Env(), value);
}

template <typename Enumerator>
void set_state(Napi::Object facts, const char* name, Enumerator value) {
  set_fact(facts, name, static_cast<double>(value));
}

Napi::Object board_facts(Napi::Env env) {
  using heartbeat::BeatBoard;
  using heartbeat::BoardView;
  constexpr std::size_t kView = LatestValue<BoardView>::value_offset();
  Napi::Object board = Napi::Object::New(env);
  set_fact(board, "bytes", sizeof(BeatBoard));
  set_fact(board, "sequence", LatestValue<BoardView>::sequence_offset());
  set_fact(board, "suspicion", kView + offsetof(BoardView, suspicion));
  set_fact(board, "verdict", kView + offsetof(BoardView, verdict));
  set_fact(board, "verdictAt", kView + offsetof(BoardView, verdict_at));
  set_fact(board, "peerIncarnation", kView + offsetof(BoardView, peer_incarnation));
  set_fact(board, "goneIncarnation", kView + offsetof(BoardView, gone_incarnation));
  set_fact(board, "answeredSeq", kView + offsetof(BoardView, answered_seq));
  set_fact(board, "ownSeq", kView + offsetof(BoardView, own_seq));
  set_fact(board, "heardAt", kView + offsetof(BoardView, heard_at));
  set_fact(board, "peerPresence", kView + offsetof(BoardView, peer_presence));
  set_fact(board, "peerCounters", kView + offsetof(BoardView, peer_counters));
  set_fact(board, "peerVouchAge", kView + offsetof(BoardView, peer_vouch_age_ms));
  set_fact(board, "stallCount", kView + offsetof(BoardView, stall_count));
  set_fact(board, "stallSeq", kView + offsetof(BoardView, stall_seq));
  set_fact(board, "gateLapses", kView + offsetof(BoardView, gate_lapses));
  set_fact(board, "badMac", kView + offsetof(BoardView, bad_mac));
  set_fact(board, "malformed", kView + offsetof(BoardView, malformed));
  set_fact(board, "replayed", kView + offsetof(BoardView, replayed));
  set_fact(board, "otherPair", kView + offsetof(BoardView, other_pair));
  set_fact(board, "sameMember", kView + offsetof(BoardView, same_member));
  set_fact(board, "unproved", kView + offsetof(BoardView, unproved));
  set_fact(board, "strangerFamily", kView + offsetof(BoardView, stranger.family));
  set_fact(board, "strangerPort", kView + offsetof(BoardView, stranger.port));
  set_fact(board, "strangerHost", kView + offsetof(BoardView, stranger.host));
  set_fact(board, "peerKey", kView + offsetof(BoardView, peer_key));
  set_fact(board, "roundTrip", kView + offsetof(BoardView, round_trip));
  set_fact(board, "linksUp", kView + offsetof(BoardView, links_up));
  set_fact(board, "peerBusy", kView + offsetof(BoardView, is_peer_busy));
  set_fact(board, "peerInFrame", kView + offsetof(BoardView, peer_in_frame));
  set_fact(board, "renouncedNatively", kView + offsetof(BoardView, renounced_natively));
  set_fact(board, "end", heartbeat::kBoardViewEnd);
  set_fact(board, "frameLow", offsetof(BeatBoard, frame_low));
  set_fact(board, "frameHigh", offsetof(BeatBoard, frame_high));
  set_fact(board, "statistics", offsetof(BeatBoard, statistics));
  board.Freeze();
  return board;
}

// Where each number stands within the statistics of one link.
Napi::Object statistics_facts(Napi::Env env) {
  using heartbeat::Histogram;
  using heartbeat::LinkStatistics;
  using heartbeat::PathStatistics;
  Napi::Object facts = Napi::Object::New(env);
  set_fact(facts, "realtime", offsetof(heartbeat::BeatStatistics, realtime));
  set_fact(facts, "linkBytes", sizeof(LinkStatistics));
  set_fact(facts, "udp", offsetof(LinkStatistics, udp));
  set_fact(facts, "tcp", offsetof(LinkStatistics, tcp));
  set_fact(facts, "roundTrip", offsetof(LinkStatistics, round_trip));
  set_fact(facts, "sent", offsetof(PathStatistics, sent));
  set_fact(facts, "heard", offsetof(PathStatistics, heard));
  set_fact(facts, "lost", offsetof(PathStatistics, lost));
  set_fact(facts, "late", offsetof(PathStatistics, late));
  set_fact(facts, "jitter", offsetof(PathStatistics, jitter));
  set_fact(facts, "longest", offsetof(Histogram, longest));
  set_fact(facts, "buckets", offsetof(Histogram, buckets));
  set_fact(facts, "bucketCount", Histogram::kBuckets);
  set_fact(facts, "linear", Histogram::kLinear);
  set_fact(facts, "perDoubling", Histogram::kPerDoubling);
  facts.Freeze();
  return facts;
}

// Where a primary writes down what it has begun and sent.
Napi::Object marks_facts(Napi::Env env) {
  using heartbeat::SentMarks;
  Napi::Object facts = Napi::Object::New(env);
  set_fact(facts, "epoch", offsetof(SentMarks, epoch));
  set_fact(facts, "lanes", offsetof(SentMarks, lanes));
  set_fact(facts, "lane", offsetof(SentMarks, lane));
  set_fact(facts, "laneBytes", sizeof(SentMarks::Lane));
  set_fact(facts, "begun", offsetof(SentMarks::Lane, begun));
  set_fact(facts, "sent", offsetof(SentMarks::Lane, sent));
  set_fact(facts, "mostLanes", heartbeat::kMostLanes);
  facts.Freeze();
  return facts;
}

// The fields of a presence that the beat thread itself uses; test/agree compares them.
Napi::Object presence_facts(Napi::Env env) {
  namespace presence = heartbeat::presence;
  Napi::Object facts = Napi::Object::New(env);
  set_fact(facts, "role", presence::kRole);
  set_fact(facts, "primary", presence::kPrimary);
  set_fact(facts, "epoch", presence::kEpoch);
  set_fact(facts, "renounced", presence::kRenounced);
  set_fact(facts, "askRenounce", presence::kAskRenounce);
  facts.Freeze();
  return facts;
}

}  // namespace

void heartbeat_facts(Napi::Env env, Napi::Object facts) {
  set_fact(facts, "presenceBytes", heartbeat::kPresenceBytes);
  set_fact(facts, "counterBytes", heartbeat::kCounterBytes);
  set_fact(facts, "beatBytes", heartbeat::kPacketBytes);
  set_fact(facts, "mostLinks", heartbeat::kMostLinks);
  facts["board"] = board_facts(env);
  facts["sentMarks"] = marks_facts(env);
  facts["presence"] = presence_facts(env);
  facts["beatStatistics"] = statistics_facts(env);
  Napi::Object suspicion = Napi::Object::New(env);
  set_state(suspicion, "unheard", heartbeat::Level::kUnheard);
  set_state(suspicion, "alive", heartbeat::Level::kAlive);
  set_state(suspicion, "late", heartbeat::Level::kLate);
  set_state(suspicion, "suspect", heartbeat::Level::kSuspect);
  suspicion.Freeze();
  facts["suspicion"] = suspicion;
  Napi::Object verdict = Napi::Object::New(env);
  set_state(verdict, "none", heartbeat::Verdict::kNone);
  set_state(verdict, "processGone", heartbeat::Verdict::kProcessGone);
  set_state(verdict, "unreachable", heartbeat::Verdict::kUnreachable);
  set_state(verdict, "hung", heartbeat::Verdict::kHung);
  verdict.Freeze();
  facts["verdict"] = verdict;
}

}  // namespace hotpair::addon
