#include "storage/run_search_walk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/run_search_sql.h"

namespace penstock {
namespace {

constexpr int kStepGrowth = 5;

// A walk of a metric has three parts: those with a number, those with NaN, those without the metric. A walk of the start
// has one.
enum class Part { kNumbers, kNan, kRest };

// One experiment in a part of the walk; a part of the start has one for each storage state, which is in its index.
struct Stream {
  std::string experiment_id;
  StorageState storage_state = StorageState::kAvailable;
};

class Walk {
 public:
  Walk(db::Tx& tx, const RunSearchQuery& query, int limit)
      : tx_(tx), query_(query), keys_(RunSearchKeys(query.orders)), limit_(limit), after_(query.after) {
    if (!query.orders.empty() && query.orders.front().subject == RunSubject::kMetric) {
      metric_ = query.orders.front().key;
    }
    descending_ = query.orders.empty() || query.orders.front().descending;
  }

  absl::StatusOr<RunWalk> Run() {
    for (const Part part : Parts()) {
      if (!metric_.empty() && after_.has_value() && PartOf(*after_) > part) continue;
      ASSIGN_OR_RETURN(const bool ended, RunPart(part));
      if (!ended || Filled()) break;
    }
    RunWalk walk;
    walk.rows = std::move(rows_);
    walk.next = stopped_;
    return walk;
  }

 private:
  bool Filled() const { return static_cast<int>(rows_.size()) >= limit_; }

  Part PartOf(const SearchPosition& position) const {
    const auto* value = std::get_if<int64_t>(&position.values.front());
    if (value == nullptr) return Part::kRest;
    return *value == kSearchNan ? Part::kNan : Part::kNumbers;
  }

  std::vector<Part> Parts() const {
    if (metric_.empty()) return {Part::kRest};
    bool numbers_only = false;
    bool has_it = false;
    for (const RunCondition& condition : query_.conditions) {
      if (condition.subject != RunSubject::kMetric || condition.key != metric_) continue;
      if (condition.op == SearchOp::kIsNull) return {Part::kRest};
      has_it = true;
      numbers_only |= condition.op != SearchOp::kNotEqual && condition.op != SearchOp::kIsNotNull;
    }
    if (numbers_only) return {Part::kNumbers};
    if (has_it) return {Part::kNumbers, Part::kNan};
    return {Part::kNumbers, Part::kNan, Part::kRest};
  }

  std::vector<Stream> StreamsOf(Part part) const {
    std::vector<Stream> streams;
    for (const std::string& id : query_.experiment_ids) {
      if (part != Part::kRest) {
        streams.push_back({id, StorageState::kAvailable});
        continue;
      }
      for (const StorageState state : query_.storage_states) streams.push_back({id, state});
    }
    return streams;
  }

  // Adds rows of the part until the page is full. Whether the part was walked to its end.
  absl::StatusOr<bool> RunPart(Part part) {
    const std::vector<Stream> streams = StreamsOf(part);
    const int streams_count = std::max<int>(1, static_cast<int>(streams.size()));
    for (int64_t step = query_.bounds.first_step; !Filled(); step *= kStepGrowth) {
      const int64_t entries = std::max<int64_t>(1, step / streams_count);
      std::optional<SearchPosition> bound;
      std::vector<SearchPosition> found;
      for (const Stream& stream : streams) {
        ASSIGN_OR_RETURN(const auto end, EndOf(part, stream, entries));
        if (end.has_value() && (!bound.has_value() || ComesBefore(keys_, *end, *bound))) bound = end;
        RETURN_IF_ERROR(ReadStream(part, stream, end, &found));
      }
      // What lies behind the bound of one stream waits: another stream was not walked as far.
      const auto is_behind = [&](const SearchPosition& row) {
        return bound.has_value() && ComesBefore(keys_, *bound, row);
      };
      found.erase(std::remove_if(found.begin(), found.end(), is_behind), found.end());
      std::sort(found.begin(), found.end(), [this](const SearchPosition& a, const SearchPosition& b) {
        return ComesBefore(keys_, a, b);
      });
      const size_t room = static_cast<size_t>(limit_) - rows_.size();
      if (found.size() > room) found.resize(room);
      std::move(found.begin(), found.end(), std::back_inserter(rows_));
      if (Filled()) break;
      if (!bound.has_value()) {
        after_.reset();
        return true;
      }
      after_ = bound;
      walked_ += entries * streams_count;
      if (walked_ >= query_.bounds.walked) {
        stopped_ = bound;
        return false;
      }
    }
    return false;
  }

  // --- The SQL of one stream ---

  bool HasMetric(Part part) const { return part != Part::kRest; }

  std::string FromSql(Part part, const Stream& stream, SearchSql& sql) const {
    if (!HasMetric(part)) {
      return absl::StrCat(" FROM runs r WHERE r.experiment_id = ", sql.Bind(stream.experiment_id),
                          " AND r.storage_state = ", sql.Bind(Name(stream.storage_state)));
    }
    return absl::StrCat(
        " FROM run_metrics m CROSS JOIN runs r WHERE m.experiment_id = ", sql.Bind(stream.experiment_id),
        " AND m.name = ", sql.Bind(metric_), RangeSql(part, sql), " AND r.run_id = m.run_id");
  }

  // Which values of the metric the part and the conditions on it leave.
  std::string RangeSql(Part part, SearchSql& sql) const {
    if (part == Part::kNan) return absl::StrCat(" AND m.value = ", sql.Bind(kSearchNan));
    std::string text = absl::StrCat(" AND m.value < ", sql.Bind(kSearchNan));
    for (const RunCondition& condition : query_.conditions) {
      if (condition.subject != RunSubject::kMetric || condition.key != metric_) continue;
      if (condition.op == SearchOp::kIsNotNull) continue;
      absl::StrAppend(&text, " AND ", NumberComparisonSql("m.value", condition.op, condition.number, sql));
    }
    return text;
  }

  // Behind the last row. The first comparison is what the index has; the others settle ties.
  std::string AfterSql(Part part, SearchSql& sql) const {
    if (!after_.has_value() || (!metric_.empty() && PartOf(*after_) != part)) return "";
    const absl::string_view beyond = descending_ ? " < " : " > ";
    if (HasMetric(part) && after_->at_us == INT64_MIN) {  // behind all that are equal
      return absl::StrCat(" AND m.value", beyond, sql.Bind(std::get<int64_t>(after_->values.front())));
    }
    const std::string at = sql.Bind(after_->at_us);
    const std::string id = sql.Bind(after_->id);
    const std::string tie = absl::StrCat("r.scheduled_at_us < ", at, " OR (r.scheduled_at_us = ", at,
                                         " AND r.run_id > ", id, ")");
    if (part == Part::kRest && metric_.empty() && !descending_) {
      return absl::StrCat(" AND r.scheduled_at_us >= ", at, " AND (r.scheduled_at_us > ", at,
                          " OR r.run_id > ", id, ")");
    }
    if (part == Part::kRest) return absl::StrCat(" AND r.scheduled_at_us <= ", at, " AND (", tie, ")");
    const std::string value = sql.Bind(std::get<int64_t>(after_->values.front()));
    return absl::StrCat(" AND m.value", descending_ ? " <= " : " >= ", value, " AND (m.value", beyond, value,
                        " OR ", tie, ")");
  }

  // Up to the end of what is looked at; with all that are equal to it.
  std::string UpToSql(Part part, const std::optional<SearchPosition>& end, SearchSql& sql) const {
    if (!end.has_value()) return "";
    if (HasMetric(part)) {
      return absl::StrCat(" AND m.value",
                          descending_ ? " >= " : " <= ", sql.Bind(std::get<int64_t>(end->values.front())));
    }
    const bool ascending = metric_.empty() && !descending_;
    return absl::StrCat(" AND r.scheduled_at_us", ascending ? " <= " : " >= ", sql.Bind(end->at_us));
  }

  std::string OrderSql(Part part) const {
    if (HasMetric(part)) {
      return absl::StrCat(" ORDER BY m.value", descending_ ? " DESC" : "",
                          ", r.scheduled_at_us DESC, r.run_id");
    }
    const bool ascending = metric_.empty() && !descending_;
    return ascending ? " ORDER BY r.scheduled_at_us, r.run_id" : " ORDER BY r.scheduled_at_us DESC, r.run_id";
  }

  // Behind all that are equal to the entry that is `entries` away; nothing if the stream ends before, or if each entry is
  // a row, so that the limit suffices.
  absl::StatusOr<std::optional<SearchPosition>> EndOf(Part part, const Stream& stream, int64_t entries) {
    if (part == Part::kNan) return std::nullopt;
    if (part == Part::kRest && metric_.empty() && query_.conditions.empty()) return std::nullopt;
    SearchSql sql;
    const bool ascending = HasMetric(part) ? !descending_ : metric_.empty() && !descending_;
    std::string text;
    if (HasMetric(part)) {
      // By the index of metrics alone. Those that are equal to the last row are looked at in any case, so what is counted
      // comes behind them: else a page of equal ones would end where it began.
      text = absl::StrCat(
          "SELECT m.value FROM run_metrics m WHERE m.experiment_id = ", sql.Bind(stream.experiment_id),
          " AND m.name = ", sql.Bind(metric_), RangeSql(part, sql));
      if (after_.has_value() && PartOf(*after_) == part) {
        absl::StrAppend(&text, " AND m.value", descending_ ? " < " : " > ",
                        sql.Bind(std::get<int64_t>(after_->values.front())));
      }
      absl::StrAppend(&text, " ORDER BY m.value", ascending ? "" : " DESC");
    } else {
      text = absl::StrCat("SELECT r.scheduled_at_us", FromSql(part, stream, sql), AfterSql(part, sql),
                          " ORDER BY r.scheduled_at_us", ascending ? "" : " DESC");
    }
    absl::StrAppend(&text, " LIMIT 1 OFFSET ", sql.Bind(entries));
    ASSIGN_OR_RETURN(const std::optional<int64_t> found, db::QueryValue<int64_t>(tx_, text, sql.params()));
    if (!found.has_value()) return std::nullopt;
    SearchPosition end;
    end.values.resize(keys_.size());
    if (HasMetric(part)) {
      end.values.front() = *found;
      end.at_us = INT64_MIN;
    } else {
      if (metric_.empty() && !keys_.empty()) end.values.front() = *found;
      end.at_us = *found;
      end.id.assign(1, '\x7f');  // no id comes behind it
    }
    for (size_t i = 1; i < keys_.size(); ++i) end.values[i] = end.at_us;
    return end;
  }

  absl::Status ReadStream(Part part, const Stream& stream, const std::optional<SearchPosition>& end,
                          std::vector<SearchPosition>* found) {
    SearchSql sql;
    const std::string value = HasMetric(part) ? "m.value" : "0";
    std::string text = absl::StrCat("SELECT r.run_id, r.scheduled_at_us, ", value, FromSql(part, stream, sql),
                                    AfterSql(part, sql), UpToSql(part, end, sql));
    if (HasMetric(part)) {
      std::vector<std::string> states;
      for (const StorageState state : query_.storage_states) states.emplace_back(Name(state));
      absl::StrAppend(&text, " AND r.storage_state IN (", sql.BindAll(states), ")");
    } else if (!metric_.empty()) {
      absl::StrAppend(&text,
                      " AND NOT EXISTS (SELECT 1 FROM run_metrics m WHERE m.run_id = r.run_id AND m.name = ",
                      sql.Bind(metric_), ")");
    }
    absl::StrAppend(&text, RunConditionsSql(query_, metric_, sql), OrderSql(part), " LIMIT ",
                    sql.Bind(static_cast<int64_t>(limit_ - static_cast<int>(rows_.size()))));
    return tx_.Query(text, sql.params(), [&](const db::Row& row) {
      SearchPosition& position = found->emplace_back();
      position.id = row.String(0);
      position.at_us = row.Int64(1);
      position.values.resize(keys_.size());
      if (HasMetric(part)) {
        position.values.front() = row.Int64(2);
      } else if (metric_.empty() && !keys_.empty()) {
        position.values.front() = position.at_us;
      }
      // What settles ties as always.
      for (size_t i = 1; i < keys_.size(); ++i) position.values[i] = position.at_us;
      return absl::OkStatus();
    });
  }

  db::Tx& tx_;
  const RunSearchQuery& query_;
  const std::vector<SearchKey> keys_;
  const int limit_;
  std::string metric_;  // that is walked; empty: the start is
  bool descending_ = true;
  std::optional<SearchPosition> after_;  // what comes next is behind it
  std::optional<SearchPosition> stopped_;
  std::vector<SearchPosition> rows_;
  int64_t walked_ = 0;
};

}  // namespace

bool RunOrderIsWalked(const std::vector<RunOrder>& orders) {
  if (orders.empty()) return true;
  const RunSubject first = orders.front().subject;
  if (orders.size() == 1) return first == RunSubject::kStart || first == RunSubject::kMetric;
  return orders.size() == 2 && first == RunSubject::kMetric && orders[1].subject == RunSubject::kStart &&
         orders[1].descending;
}

absl::StatusOr<RunWalk> RunsWalk(db::Tx& tx, const RunSearchQuery& query, int limit) {
  return Walk(tx, query, limit).Run();
}

}  // namespace penstock
