#include "common/json.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/limits.h"
#include "common/text.h"

namespace penstock {
namespace {

constexpr double kExactIntegers = 9007199254740992.0;  // 2^53: below it every integer is a double of its own
constexpr size_t kExcerptBytes = 60;

absl::Status TooDeep() {
  return absl::InvalidArgumentError(absl::StrCat("lists and objects are nested more than ",
                                                 limits::kSpecDepth, " levels deep (the bound kSpecDepth)"));
}

absl::Status TooManyNodes() {
  return absl::InvalidArgumentError(
      absl::StrCat("more than ", limits::kSpecNodes, " values (the bound kSpecNodes)"));
}

// nlohmann's messages read "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error
// ...".
absl::Status SyntaxError(absl::string_view what) {
  const size_t bracket = what.find("] ");
  if (bracket != absl::string_view::npos) what.remove_prefix(bracket + 2);
  std::string message = ReplaceInvalidUtf8(what);
  if (!absl::StartsWith(message, "parse error")) message = absl::StrCat("parse error: ", message);
  return absl::InvalidArgumentError(absl::StrCat("not valid JSON: ", message));
}

// Builds the DOM from the events of nlohmann's parser, which keeps its own stack on the heap.
class DomBuilder {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  bool null() { return Add(Json(nullptr)) != nullptr; }
  bool boolean(bool value) { return Add(Json(value)) != nullptr; }
  bool number_integer(number_integer_t value) { return Add(Json(value)) != nullptr; }
  bool number_unsigned(number_unsigned_t value) {
    // One type for each number that fits, so that equal numbers are equal values.
    if (value <= static_cast<number_unsigned_t>(INT64_MAX)) {
      return number_integer(static_cast<number_integer_t>(value));
    }
    return Add(Json(value)) != nullptr;
  }
  bool number_float(number_float_t value, const string_t& /*text*/) {
    return Add(JsonNumber(value)) != nullptr;
  }
  bool string(string_t& value) { return Add(Json(std::move(value))) != nullptr; }
  bool binary(binary_t& /*value*/) { return false; }

  bool start_object(size_t /*size*/) { return Open(Json::object()); }
  bool end_object() { return Close(); }
  bool start_array(size_t /*size*/) { return Open(Json::array()); }
  bool end_array() { return Close(); }

  bool key(string_t& name) {
    const auto [it, inserted] = stack_.back()->get_ref<Json::object_t&>().try_emplace(std::move(name));
    keys_.back() = &it->first;
    if (!inserted) {
      status_ = absl::InvalidArgumentError(
          absl::StrCat("the key ", QuoteForMessage(it->first), " is given twice", " in one object", Where()));
      return false;
    }
    slot_ = &it->second;
    return true;
  }

  bool parse_error(size_t /*position*/, const std::string& /*token*/, const Json::exception& error) {
    status_ = SyntaxError(error.what());
    return false;
  }

  const absl::Status& status() const { return status_; }
  Json& root() { return root_; }

 private:
  Json* Add(Json value) {
    if (++nodes_ > limits::kSpecNodes) {
      status_ = TooManyNodes();
      return nullptr;
    }
    if (stack_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (stack_.back()->is_array()) {
      auto& array = stack_.back()->get_ref<Json::array_t&>();
      array.push_back(std::move(value));
      return &array.back();
    }
    *slot_ = std::move(value);
    return slot_;
  }

  bool Open(Json empty) {
    if (stack_.size() >= static_cast<size_t>(limits::kSpecDepth)) {
      status_ = TooDeep();
      return false;
    }
    Json* added = Add(std::move(empty));
    if (added == nullptr) return false;
    stack_.push_back(added);  // stays where it is: its own parent grows only after it is closed
    keys_.push_back(nullptr);
    return true;
  }

  bool Close() {
    stack_.pop_back();
    keys_.pop_back();
    return true;
  }

  // The parser does not tell the position of a key, so the path has to do.
  std::string Where() const {
    std::string path;
    for (const std::string* key : keys_) {
      if (key != nullptr) absl::StrAppend(&path, path.empty() ? "" : ".", *key);
    }
    return path.empty() ? path : absl::StrCat(", at ", QuoteForMessage(path));
  }

  Json root_;
  std::vector<Json*> stack_;
  std::vector<const std::string*> keys_;  // the key that each open object is at
  Json* slot_ = nullptr;
  int64_t nodes_ = 0;
  absl::Status status_;
};

void AppendQuoted(absl::string_view text, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out->push_back('"');
  size_t start = 0;  // of the bytes that go out as they are
  size_t i = 0;
  while (i < text.size()) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    const size_t length = c < 0x80 ? 0 : Utf8CharacterLength(text.substr(i));
    if (length > 0) {
      i += length;
      continue;
    }
    out->append(text.data() + start, i - start);
    start = ++i;
    switch (c) {
      case '"':
        out->append("\\\"");
        break;
      case '\\':
        out->append("\\\\");
        break;
      case '\n':
        out->append("\\n");
        break;
      case '\r':
        out->append("\\r");
        break;
      case '\t':
        out->append("\\t");
        break;
      default:
        if (c < 0x20) {
          out->append("\\u00");
          out->push_back(kHex[c >> 4]);
          out->push_back(kHex[c & 15]);
        } else {
          absl::StrAppend(out, kReplacementCharacter);
        }
    }
  }
  out->append(text.data() + start, text.size() - start);
  out->push_back('"');
}

void AppendScalar(const Json& json, std::string* out) {
  switch (json.type()) {
    case Json::value_t::string:
      AppendQuoted(json.get_ref<const std::string&>(), out);
      break;
    case Json::value_t::boolean:
      out->append(json.get<bool>() ? "true" : "false");
      break;
    case Json::value_t::number_integer:
      absl::StrAppend(out, json.get<int64_t>());
      break;
    case Json::value_t::number_unsigned:
      absl::StrAppend(out, json.get<uint64_t>());
      break;
    case Json::value_t::number_float:
      out->append(NumberText(json.get<double>()));
      break;
    default:
      out->append("null");
  }
}

// A list or object being written, and how far.
struct DumpFrame {
  const Json* container;
  Json::const_iterator next;
};

}  // namespace

absl::StatusOr<Json> ParseJson(absl::string_view text) {
  DomBuilder builder;
  const bool ok = Json::sax_parse(text.begin(), text.end(), &builder);
  if (!builder.status().ok()) return builder.status();
  if (!ok) return absl::InvalidArgumentError("not valid JSON");
  return std::move(builder.root());
}

Json JsonNumber(double number) {
  if (!std::isfinite(number)) return Json(nullptr);
  if (std::fabs(number) < kExactIntegers && std::trunc(number) == number) {
    return Json(static_cast<int64_t>(number));
  }
  return Json(number);
}

std::string NumberText(double number) {
  if (!std::isfinite(number)) return "null";
  if (std::fabs(number) < kExactIntegers && std::trunc(number) == number) {
    return absl::StrCat(static_cast<int64_t>(number));
  }
  // The shortest digits that read back the same, as "d.ddde±dd"; only their layout is ours.
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), number, std::chars_format::scientific);
  absl::string_view text(buffer, static_cast<size_t>(result.ptr - buffer));
  const bool negative = absl::ConsumePrefix(&text, "-");
  const size_t e = text.find('e');
  const int exponent = std::atoi(std::string(text.substr(e + 1)).c_str());
  std::string digits(1, text[0]);
  if (e > 2) digits.append(text.data() + 2, e - 2);
  const int count = static_cast<int>(digits.size());
  std::string out = negative ? "-" : "";
  if (exponent < -7 || exponent >= 21) {
    out.push_back(digits[0]);
    if (count > 1) absl::StrAppend(&out, ".", digits.substr(1));
    absl::StrAppend(&out, exponent < 0 ? "e-" : "e+", std::abs(exponent));
  } else if (exponent < 0) {
    absl::StrAppend(&out, "0.", std::string(static_cast<size_t>(-exponent - 1), '0'), digits);
  } else if (count <= exponent + 1) {
    absl::StrAppend(&out, digits, std::string(static_cast<size_t>(exponent + 1 - count), '0'));
  } else {
    const size_t point = static_cast<size_t>(exponent) + 1;
    absl::StrAppend(&out, digits.substr(0, point), ".", digits.substr(point));
  }
  return out;
}

// Objects are ordered maps, so their keys come sorted by bytes, which is the canonical order. The stack of
// what is open is on the heap: depth costs no recursion.
std::string DumpJson(const Json& json) {
  std::string out;
  std::vector<DumpFrame> stack;
  const auto write = [&](const Json& value) {
    if (value.is_structured()) {
      out.push_back(value.is_object() ? '{' : '[');
      stack.push_back({&value, value.begin()});
    } else {
      AppendScalar(value, &out);
    }
  };
  write(json);
  while (!stack.empty()) {
    DumpFrame& frame = stack.back();
    const bool object = frame.container->is_object();
    if (frame.next == frame.container->end()) {
      out.push_back(object ? '}' : ']');
      stack.pop_back();
      continue;
    }
    const Json::const_iterator at = frame.next++;
    if (at != frame.container->begin()) out.push_back(',');
    if (object) {
      AppendQuoted(at.key(), &out);
      out.push_back(':');
    }
    write(*at);  // may move the stack: `frame` is not used after it
  }
  return out;
}

std::string JsonText(const Json& json) {
  if (json.is_string()) return json.get_ref<const std::string&>();
  return json.is_null() ? std::string() : DumpJson(json);
}

absl::string_view JsonKindName(const Json& json) {
  switch (json.type()) {
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "a text";
    case Json::value_t::boolean:
      return "true or false";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      return "a number";
    default:
      return "null";
  }
}

std::string JsonExcerpt(const Json& json) { return Shorten(DumpJson(json), kExcerptBytes); }

}  // namespace penstock
