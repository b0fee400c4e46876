// The columns of a table, named once: the text of its statements, their parameters and the reading of its
// rows all come from one list, so that they cannot disagree.
//
//   constexpr auto kColumns = db::Columns(db::Key("name", &LeaseRow::name),
//                                         db::Column("expires_at_us", &LeaseRow::expires_at));
//   constexpr db::SqlText kGet = kColumns.Sql("SELECT $columns FROM leases WHERE name = $1");
//   constexpr db::SqlText kInsert = kColumns.Sql("INSERT INTO leases ($columns) VALUES ($values)");
//
//   tx.Execute(kInsert, kColumns.Params(lease));
//   tx.Query(kGet, {name}, [&](const db::Row& row) { lease = kColumns.Read(row); ... });
//
// All of it is done when the program is compiled: a statement is a constant, and a row is read by position.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/db/database.h"

namespace penstock::db {

// How a value of a type stands in a column: `Write` gives its parameter, which borrows what `value` holds,
// and `Read` sets it from a row. Other types have their own beside what they are: see
// storage/state_columns.h.
template <typename T>
struct Stored;

template <>
struct Stored<std::string> {
  static Param Write(const std::string& value) { return value; }
  static void Read(const Row& row, int column, std::string* value) {
    const absl::string_view text = row.Text(column);
    value->assign(text.data(), text.size());
  }
};

template <std::integral T>
struct Stored<T> {
  static Param Write(T value) { return value; }
  static void Read(const Row& row, int column, T* value) { *value = static_cast<T>(row.Int64(column)); }
};

// 0 or 1; the databases have no type for it in common.
template <>
struct Stored<bool> {
  static Param Write(bool value) { return value; }
  static void Read(const Row& row, int column, bool* value) { *value = row.Int64(column) != 0; }
};

template <>
struct Stored<absl::Time> {
  static Param Write(absl::Time value) { return value; }
  static void Read(const Row& row, int column, absl::Time* value) { *value = row.Time(column); }
};

// Microseconds.
template <>
struct Stored<absl::Duration> {
  static Param Write(absl::Duration value) { return absl::ToInt64Microseconds(value); }
  static void Read(const Row& row, int column, absl::Duration* value) {
    *value = absl::Microseconds(row.Int64(column));
  }
};

template <typename T>
struct Stored<std::optional<T>> {
  static Param Write(const std::optional<T>& value) {
    return value.has_value() ? Stored<T>::Write(*value) : Param(Null{});
  }
  static void Read(const Row& row, int column, std::optional<T>* value) {
    if (row.IsNull(column)) {
      value->reset();
    } else {
      Stored<T>::Read(row, column, &value->emplace());
    }
  }
};

// Of a text that refers to another row if it is not empty.
struct NullIfEmpty {
  static Param Write(const std::string& value) { return value.empty() ? Param(Null{}) : Param(value); }
  static void Read(const Row& row, int column, std::string* value) {
    value->clear();
    if (!row.IsNull(column)) Stored<std::string>::Read(row, column, value);
  }
};

// The value of one column.
template <typename T>
T Get(const Row& row, int column) {
  T value{};
  Stored<T>::Read(row, column, &value);
  return value;
}

// The text of a statement, made when the program is compiled.
class SqlText {
 public:
  // Implicit, as of a literal.
  constexpr operator absl::string_view() const { return {text_, size_}; }  // NOLINT

  // The compiler refuses what is longer than `text_`.
  constexpr void Append(absl::string_view more) {
    for (const char c : more) text_[size_++] = c;
  }
  constexpr void AppendNumber(int number) {
    if (number >= 10) AppendNumber(number / 10);
    text_[size_++] = static_cast<char>('0' + number % 10);
  }

 private:
  char text_[2000] = {};
  size_t size_ = 0;
};

// One column of the table whose rows are `T`s. `Codec` is a Stored or the like.
template <typename T, typename Field, typename Codec>
struct ColumnOf {
  absl::string_view name;
  Field field;
  bool is_key = false;

  Param Write(const T& row) const { return Codec::Write(field(row)); }
  void Read(const Row& from, int column, T* row) const { Codec::Read(from, column, &field(*row)); }
};

// A member of a row, or of a struct in it.
template <typename T, typename V>
struct Member {
  V T::*member;
  constexpr V& operator()(T& row) const { return row.*member; }
  constexpr const V& operator()(const T& row) const { return row.*member; }
};
template <typename T, typename Part, typename V>
struct PartMember {
  Part T::*part;
  V Part::*member;
  constexpr V& operator()(T& row) const { return row.*part.*member; }
  constexpr const V& operator()(const T& row) const { return row.*part.*member; }
};

template <typename T, typename V>
constexpr ColumnOf<T, Member<T, V>, Stored<V>> Column(absl::string_view name, V T::*member) {
  return {name, {member}};
}
// Of a struct in the row.
template <typename T, typename Part, typename V>
constexpr ColumnOf<T, PartMember<T, Part, V>, Stored<V>> Column(absl::string_view name, Part T::*part,
                                                                V Part::*member) {
  return {name, {part, member}};
}
// Stored in a way of its own: Column<NullIfEmpty>("spec_sha256", &RecurringRunRow::spec_sha256).
template <typename Codec, typename T, typename V>
constexpr ColumnOf<T, Member<T, V>, Codec> Column(absl::string_view name, V T::*member) {
  return {name, {member}};
}
// Of the primary key: an upsert leaves it as it is.
template <typename T, typename V>
constexpr ColumnOf<T, Member<T, V>, Stored<V>> Key(absl::string_view name, V T::*member) {
  return {name, {member}, /*is_key=*/true};
}

// Columns of one table in their order. Immutable; meant for constants.
template <typename T, typename... Fields>
class ColumnList {
 public:
  constexpr explicit ColumnList(const std::tuple<Fields...>& columns) : columns_(columns) {
    AppendNames("", names_);
  }

  static constexpr size_t size() { return sizeof...(Fields); }
  // "run_id, state".
  constexpr absl::string_view names() const { return names_; }

  // `text` with these words replaced:
  //   $columns      run_id, state; after an alias, as in t.$columns, t.run_id, t.state
  //   $values       $1, $2
  //   $assignments  run_id = $1, state = $2
  //   $excluded     state = excluded.state: of those that are not of the key
  // Others stay, for example $rows, which is for a RowsStatement.
  consteval SqlText Sql(absl::string_view text) const { return SqlFrom(1, text); }
  // The same where `first` is the number of the first column's parameter, behind other parameters.
  consteval SqlText SqlFrom(int first, absl::string_view text) const {
    SqlText out;
    for (size_t at = 0; at < text.size();) {
      size_t end = at + 1;
      if (text[at] == '$') {
        while (end < text.size() && IsOfName(text[end])) ++end;
      }
      const absl::string_view word = text.substr(at, end - at);
      if (word == "$columns") {
        AppendNames(AliasBefore(text, at), out);
      } else if (word == "$values") {
        AppendEach(out, [&](absl::string_view, bool, int number) { AppendParameter(first + number, out); });
      } else if (word == "$assignments") {
        AppendEach(out, [&](absl::string_view name, bool, int number) {
          out.Append(name);
          out.Append(" = ");
          AppendParameter(first + number, out);
        });
      } else if (word == "$excluded") {
        AppendExcluded(out);
      } else {
        out.Append(word);
      }
      at = end;
    }
    return out;
  }

  // The parameters of a statement: `before`, then the row's. They borrow what both hold.
  template <typename... Before>
  std::array<Param, sizeof...(Before) + sizeof...(Fields)> Params(const T& row,
                                                                  const Before&... before) const {
    return std::apply(
        [&](const Fields&... column) {
          return std::array<Param, sizeof...(Before) + sizeof...(Fields)>{Param(before)...,
                                                                          column.Write(row)...};
        },
        columns_);
  }
  // Behind those that are there, for a RowsStatement.
  void AppendParams(const T& row, std::vector<Param>* params) const {
    std::apply([&](const Fields&... column) { (params->push_back(column.Write(row)), ...); }, columns_);
  }

  // The columns of `row`, `first` being the position of the first of them; members without a column are as in
  // a new T.
  T Read(const Row& row, int first = 0) const {
    T read;
    ReadInto(row, first, &read);
    return read;
  }
  // The same into a new T where it is to stay, which spares moving it there.
  void ReadInto(const Row& row, int first, T* read) const {
    std::apply(
        [&](const Fields&... column) {
          int position = first;
          (column.Read(row, position++, read), ...);
        },
        columns_);
  }

  constexpr const std::tuple<Fields...>& columns() const { return columns_; }

 private:
  static constexpr bool IsOfName(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  }

  // "t." of t.$columns, whose $ is at `at`; else nothing.
  static constexpr absl::string_view AliasBefore(absl::string_view text, size_t at) {
    if (at == 0 || text[at - 1] != '.') return "";
    size_t begin = at - 1;
    while (begin > 0 && IsOfName(text[begin - 1])) --begin;
    return text.substr(begin, at - begin);
  }
  static constexpr void AppendParameter(int number, SqlText& out) {
    out.Append("$");
    out.AppendNumber(number);
  }
  // `append` is given name, whether it is of the key, and position of each column.
  template <typename Append>
  constexpr void AppendEach(SqlText& out, Append append) const {
    int number = 0;
    const auto one = [&](const auto& column) {
      if (number > 0) out.Append(", ");
      append(column.name, column.is_key, number++);
    };
    std::apply([&](const Fields&... column) { (one(column), ...); }, columns_);
  }
  // The text has the first alias already.
  constexpr void AppendNames(absl::string_view alias, SqlText& out) const {
    AppendEach(out, [&](absl::string_view name, bool, int number) {
      if (number > 0) out.Append(alias);
      out.Append(name);
    });
  }
  constexpr void AppendExcluded(SqlText& out) const {
    bool is_first = true;
    const auto one = [&](const auto& column) {
      if (column.is_key) return;
      if (!is_first) out.Append(", ");
      is_first = false;
      out.Append(column.name);
      out.Append(" = excluded.");
      out.Append(column.name);
    };
    std::apply([&](const Fields&... column) { (one(column), ...); }, columns_);
  }

  std::tuple<Fields...> columns_;
  SqlText names_;
};

template <typename T, typename... Fields, typename... Codecs>
constexpr auto Columns(const ColumnOf<T, Fields, Codecs>&... columns) {
  return ColumnList<T, ColumnOf<T, Fields, Codecs>...>(std::tuple(columns...));
}

// The columns of two lists of one table, those of `first` first.
template <typename T, typename... First, typename... Second>
constexpr auto Join(const ColumnList<T, First...>& first, const ColumnList<T, Second...>& second) {
  return ColumnList<T, First..., Second...>(std::tuple_cat(first.columns(), second.columns()));
}

}  // namespace penstock::db
