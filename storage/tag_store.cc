#include "storage/tag_store.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/ordered_double.h"
#include "common/status_macros.h"
#include "storage/db/rows.h"

namespace penstock {
namespace {

constexpr char kInsert[] = "INSERT INTO tags (owner_id, name, value) VALUES ($1, $2, $3)";
constexpr char kDelete[] = "DELETE FROM tags WHERE owner_id = $1";
// Behind a slash comes a zero.
constexpr char kDeleteBelow[] = "DELETE FROM tags WHERE owner_id > $1 AND owner_id < $2";
constexpr char kSelect[] = "SELECT name, value FROM tags WHERE owner_id = $1";
constexpr char kUpsert[] = R"sql(
  INSERT INTO tags (owner_id, name, value, type, number_order) VALUES $rows
  ON CONFLICT (owner_id, name)
  DO UPDATE SET value = excluded.value, type = excluded.type, number_order = excluded.number_order)sql";
constexpr char kRemove[] = "DELETE FROM tags WHERE owner_id = $1 AND name = $2";
constexpr char kSelectTyped[] =
    "SELECT owner_id, name, type, value FROM (VALUES $ids) AS ids CROSS JOIN tags WHERE owner_id = column1";

}  // namespace

absl::string_view Name(TagType type) {
  switch (type) {
    case TagType::kString:
      return "STRING";
    case TagType::kNumber:
      return "NUMBER";
    case TagType::kBoolean:
      return "BOOLEAN";
    case TagType::kJson:
      return "JSON";
  }
  return "STRING";
}

std::optional<TagType> TagTypeFromName(absl::string_view name) {
  for (const TagType type : {TagType::kString, TagType::kNumber, TagType::kBoolean, TagType::kJson}) {
    if (Name(type) == name) return type;
  }
  return std::nullopt;
}

absl::Status TagsInsert(db::Tx& tx, absl::string_view owner_id, const Tags& tags) {
  tx.NoteChange(owner_id);  // a run's id, if they are a run's
  for (const auto& [name, value] : tags) RETURN_IF_ERROR(tx.ExecuteLater(kInsert, {owner_id, name, value}));
  return absl::OkStatus();
}

absl::Status TagsReplace(db::Tx& tx, absl::string_view owner_id, const Tags& tags) {
  RETURN_IF_ERROR(TagsDelete(tx, owner_id));
  return TagsInsert(tx, owner_id, tags);
}

absl::Status TagsDelete(db::Tx& tx, absl::string_view owner_id) {
  tx.NoteChange(owner_id);
  return tx.ExecuteLater(kDelete, {owner_id});
}

absl::Status TagsDeleteBelow(db::Tx& tx, absl::string_view prefix) {
  return tx.ExecuteLater(kDeleteBelow, {prefix, absl::StrCat(prefix.substr(0, prefix.size() - 1), "0")});
}

absl::Status TagsRead(db::Tx& tx, absl::string_view owner_id, Tags* tags) {
  RETURN_IF_ERROR(TagsReadLater(tx, owner_id, tags));
  return tx.Flush();
}

absl::Status TagsReadLater(db::Tx& tx, absl::string_view owner_id, Tags* tags) {
  const db::Param params[] = {owner_id};
  return tx.QueryLater(kSelect, params, [tags](const db::Row& row) {
    (*tags)[row.String(0)] = row.String(1);
    return absl::OkStatus();
  });
}

std::string ExperimentTagOwner(absl::string_view experiment_id) {
  return absl::StrCat("experiment/", experiment_id);
}

std::string TaskTagOwner(absl::string_view run_id, absl::string_view task_id) {
  return absl::StrCat("task/", run_id, "/", task_id);
}

std::string ArtifactTagOwner(absl::string_view uuid) { return absl::StrCat("artifact/", uuid); }

absl::Status TagSet(db::Tx& tx, absl::string_view owner_id, absl::string_view name, const TypedTag& tag) {
  return TagsSet(tx, {{std::string(owner_id), std::string(name), tag}});
}

absl::Status TagsSet(db::Tx& tx, const std::vector<OwnedTag>& tags) {
  static const db::RowsStatement upsert(kUpsert, 5);
  std::vector<db::Param> params;
  for (const auto& [owner_id, name, tag] : tags) {
    tx.NoteChange(owner_id);
    double number = 0;
    const bool is_number = tag.type == TagType::kNumber && absl::SimpleAtod(tag.value, &number);
    params.insert(params.end(), {owner_id, name, tag.value, Name(tag.type),
                                 is_number ? db::Param(OrderOfDouble(number)) : db::Param(db::Null{})});
  }
  return upsert.ExecuteLater(tx, params);
}

absl::StatusOr<bool> TagRemove(db::Tx& tx, absl::string_view owner_id, absl::string_view name) {
  tx.NoteChange(owner_id);
  ASSIGN_OR_RETURN(const int64_t removed, tx.Execute(kRemove, {owner_id, name}));
  return removed > 0;
}

absl::StatusOr<TypedTags> TypedTagsRead(db::Tx& tx, absl::string_view owner_id) {
  std::map<std::string, TypedTags> tags;
  RETURN_IF_ERROR(TypedTagsReadLater(tx, {std::string(owner_id)}, &tags));
  RETURN_IF_ERROR(tx.Flush());
  return std::move(tags[std::string(owner_id)]);
}

absl::Status TypedTagsReadLater(db::Tx& tx, const std::vector<std::string>& owner_ids,
                                std::map<std::string, TypedTags>* tags) {
  return db::QueryOfIdsLater(tx, kSelectTyped, owner_ids, [tags](const db::Row& row) {
    (*tags)[row.String(0)][row.String(1)] = {TagTypeFromName(row.Text(2)).value_or(TagType::kString),
                                             row.String(3)};
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<TagPosition>> TagsFind(db::Tx& tx, const TagSearch& search,
                                                  const std::optional<TagPosition>& after, int limit) {
  std::vector<db::Param> params = {search.name};
  const auto bind = [&params](db::Param param) {
    params.push_back(param);
    return absl::StrCat("$", params.size());
  };
  double number = 0;
  const bool of_number =
      search.value.type == TagType::kNumber && absl::SimpleAtod(search.value.value, &number);
  const absl::string_view position = of_number ? "(number_order, owner_id)" : "owner_id";
  std::string sql =
      absl::StrCat("SELECT ", of_number ? "number_order" : "0", ", owner_id FROM tags WHERE name = $1 AND ");
  if (of_number) {
    const absl::string_view comparison = search.comparison == TagSearch::kLess      ? "<"
                                         : search.comparison == TagSearch::kGreater ? ">"
                                                                                    : "=";
    absl::StrAppend(&sql, "number_order IS NOT NULL AND number_order ", comparison, " ",
                    bind(OrderOfDouble(number)));
  } else {
    const std::string value = bind(search.value.value);
    absl::StrAppend(&sql, "substr(value, 1, 128) = substr(", value, ", 1, 128) AND value || '' = ", value,
                    " AND type = ", bind(Name(search.value.type)));
  }
  std::string end = search.owner_prefix;
  if (search.of_runs) {
    absl::StrAppend(&sql, " AND EXISTS (SELECT 1 FROM runs r WHERE r.run_id = owner_id)");
  } else {
    ++end.back();  // behind all with the prefix
    absl::StrAppend(&sql, " AND owner_id >= ", bind(search.owner_prefix));
    absl::StrAppend(&sql, " AND owner_id < ", bind(end));
  }
  if (after.has_value()) {
    absl::StrAppend(&sql, " AND ", position, " > ");
    if (of_number) {
      absl::StrAppend(&sql, "(", bind(after->number_order));
      absl::StrAppend(&sql, ", ", bind(after->owner_id), ")");
    } else {
      absl::StrAppend(&sql, bind(after->owner_id));
    }
  }
  absl::StrAppend(&sql, " ORDER BY ", of_number ? "number_order, owner_id" : "owner_id", " LIMIT ", limit);
  std::vector<TagPosition> found;
  RETURN_IF_ERROR(tx.Query(sql, db::Params(params), [&](const db::Row& row) {
    found.push_back({row.Int64(0), row.String(1)});
    return absl::OkStatus();
  }));
  return found;
}

}  // namespace penstock
