#include "pipeline/spec/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/spec/yaml_scalar.h"

namespace penstock {
namespace {

constexpr absl::string_view kCoreTags = "tag:yaml.org,2002:";

absl::Status ErrorAt(const yaml_mark_t& mark, absl::string_view message) {
  return absl::InvalidArgumentError(
      absl::StrCat("line ", mark.line + 1, ", column ", mark.column + 1, ": ", message));
}

absl::string_view Text(const yaml_char_t* text) {
  return text == nullptr ? absl::string_view() : absl::string_view(reinterpret_cast<const char*>(text));
}

// libyaml's parser on a text in memory.
class EventSource {
 public:
  explicit EventSource(absl::string_view text) : text_(text) {
    ready_ = yaml_parser_initialize(&parser_) != 0;
    if (ready_) {
      yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
      yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                   text.size());
    }
  }
  ~EventSource() {
    if (has_event_) yaml_event_delete(&event_);
    if (ready_) yaml_parser_delete(&parser_);
  }
  EventSource(const EventSource&) = delete;
  EventSource& operator=(const EventSource&) = delete;

  // The next event, good until the next call.
  absl::StatusOr<const yaml_event_t*> Next() {
    if (!ready_) return absl::ResourceExhaustedError("no memory to read YAML");
    if (has_event_) yaml_event_delete(&event_);
    has_event_ = yaml_parser_parse(&parser_, &event_) != 0;
    if (!has_event_) return Error();
    return &event_;
  }

 private:
  absl::Status Error() const {
    const absl::string_view problem = parser_.problem == nullptr ? "cannot be read" : parser_.problem;
    if (parser_.error == YAML_MEMORY_ERROR) return absl::ResourceExhaustedError("no memory to read YAML");
    if (parser_.error == YAML_READER_ERROR) {  // no mark, only an offset
      const absl::string_view before = text_.substr(0, parser_.problem_offset);
      const size_t newline = before.rfind('\n');
      yaml_mark_t mark = {};
      mark.line = static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
      mark.column = newline == absl::string_view::npos ? before.size() : before.size() - newline - 1;
      return ErrorAt(mark, absl::StrCat("not UTF-8 text: ", problem));
    }
    const absl::string_view context = parser_.context == nullptr ? "" : parser_.context;
    return ErrorAt(parser_.problem_mark,
                   absl::StrCat("not valid YAML: ", context, context.empty() ? "" : ", ", problem));
  }

  const absl::string_view text_;
  yaml_parser_t parser_;
  yaml_event_t event_;
  bool ready_ = false;
  bool has_event_ = false;
};

// Builds the documents from events. Lists and objects that are still open are on a stack.
// Aliases become copies, and each copy is charged with all that is in it: a small text cannot grow into a
// large tree.
class DocumentBuilder {
 public:
  absl::Status Handle(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        return StartDocument(event);
      case YAML_SCALAR_EVENT:
        return Scalar(event);
      case YAML_ALIAS_EVENT:
        return Alias(event);
      case YAML_SEQUENCE_START_EVENT:
        return Open(event, Json::array(), "seq", event.data.sequence_start.tag,
                    event.data.sequence_start.anchor);
      case YAML_MAPPING_START_EVENT:
        return Open(event, Json::object(), "map", event.data.mapping_start.tag,
                    event.data.mapping_start.anchor);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        return Close(event);
      default:
        return absl::OkStatus();
    }
  }

  std::vector<Json> TakeDocuments() { return std::move(documents_); }

 private:
  // What a value weighs with its aliases expanded.
  struct Weight {
    int64_t nodes = 0;
    int64_t bytes = 0;
    int height = 0;  // levels of lists and objects in it
  };
  struct Frame {
    Json* container;
    Json* slot = nullptr;  // of an object: where the value of the key just read goes
    std::string anchor;
    Weight at_start;  // totals before it
    int height = 1;
  };
  struct Anchored {
    Json value;
    Weight weight;
  };

  absl::Status StartDocument(const yaml_event_t& event) {
    if (documents_.size() >= static_cast<size_t>(limits::kSpecDocuments)) {
      return ErrorAt(event.start_mark, absl::StrCat("more than ", limits::kSpecDocuments,
                                                    " documents (the bound kSpecDocuments)"));
    }
    documents_.emplace_back();
    anchors_.clear();
    return absl::OkStatus();
  }

  bool AtKey() const {
    return !stack_.empty() && stack_.back().container->is_object() && stack_.back().slot == nullptr;
  }

  absl::Status Charge(const yaml_event_t& event, int64_t nodes, int64_t bytes) {
    total_.nodes += nodes;
    total_.bytes += bytes;
    if (total_.nodes > limits::kSpecNodes) {
      return ErrorAt(event.start_mark, absl::StrCat("more than ", limits::kSpecNodes,
                                                    " values, aliases expanded (the bound kSpecNodes)"));
    }
    if (total_.bytes > limits::kSpecExpandedBytes) {
      return ErrorAt(event.start_mark,
                     absl::StrCat("more than ", limits::kSpecExpandedBytes,
                                  " bytes, aliases expanded (the bound kSpecExpandedBytes)"));
    }
    return absl::OkStatus();
  }

  // Puts a value where the next one belongs, and tells where it then is.
  Json* Place(Json value) {
    if (stack_.empty()) {
      documents_.back() = std::move(value);
      return &documents_.back();
    }
    Frame& frame = stack_.back();
    if (frame.container->is_array()) {
      auto& array = frame.container->get_ref<Json::array_t&>();
      array.push_back(std::move(value));
      return &array.back();
    }
    *frame.slot = std::move(value);
    return std::exchange(frame.slot, nullptr);
  }

  // Keeps a copy, as lists may move their elements; the copy counts towards the bounds like any other.
  absl::Status Remember(const yaml_event_t& event, std::string anchor, const Json& value,
                        const Weight& weight) {
    RETURN_IF_ERROR(Charge(event, weight.nodes, weight.bytes));
    anchors_[std::move(anchor)] = Anchored{value, weight};
    return absl::OkStatus();
  }

  absl::Status Key(const yaml_event_t& event, absl::string_view text, bool plain) {
    if (plain && text == "<<") {
      return ErrorAt(event.start_mark, "merge keys (<<) are not supported; write the keys out");
    }
    if (plain && text.empty()) return ErrorAt(event.start_mark, "a key is missing before the colon");
    RETURN_IF_ERROR(Charge(event, 0, static_cast<int64_t>(text.size())));
    Frame& frame = stack_.back();
    const auto [it, inserted] = frame.container->get_ref<Json::object_t&>().try_emplace(std::string(text));
    if (!inserted) {
      return ErrorAt(event.start_mark, absl::StrCat("the key ", QuoteForMessage(text), " is given twice"));
    }
    frame.slot = &it->second;
    return absl::OkStatus();
  }

  absl::Status Scalar(const yaml_event_t& event) {
    const auto& scalar = event.data.scalar;
    const absl::string_view text(reinterpret_cast<const char*>(scalar.value), scalar.length);
    const bool plain = scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (AtKey()) {
      if (scalar.anchor != nullptr) return ErrorAt(event.start_mark, "an anchor on a key is not supported");
      return Key(event, text, plain && scalar.tag == nullptr);
    }
    ASSIGN_OR_RETURN(Json value, ScalarValue(event, text, Text(scalar.tag), plain));
    const Weight weight{1, static_cast<int64_t>(text.size()), 0};
    RETURN_IF_ERROR(Charge(event, weight.nodes, weight.bytes));
    if (scalar.anchor != nullptr) {
      RETURN_IF_ERROR(Remember(event, std::string(Text(scalar.anchor)), value, weight));
    }
    Place(std::move(value));
    return absl::OkStatus();
  }

  static absl::StatusOr<Json> ScalarValue(const yaml_event_t& event, absl::string_view text,
                                          absl::string_view tag, bool plain) {
    absl::string_view core = tag;
    const bool is_core = absl::ConsumePrefix(&core, kCoreTags);
    if ((tag.empty() && !plain) || tag == "!" || (is_core && core == "str")) return Json(std::string(text));
    if (!tag.empty() &&
        !(is_core && (core == "int" || core == "float" || core == "bool" || core == "null"))) {
      return UnsupportedTag(event, tag);
    }
    absl::StatusOr<Json> value = ResolvePlainScalar(text);
    if (!value.ok()) return ErrorAt(event.start_mark, value.status().message());
    const bool fits = tag.empty() || (core == "int" && value->is_number_integer()) ||
                      (core == "float" && value->is_number()) || (core == "bool" && value->is_boolean()) ||
                      (core == "null" && value->is_null());
    if (!fits) {
      return ErrorAt(event.start_mark,
                     absl::StrCat(QuoteForMessage(text), " is not of the type of its tag !!", core));
    }
    return value;
  }

  static absl::Status UnsupportedTag(const yaml_event_t& event, absl::string_view tag) {
    if (absl::ConsumePrefix(&tag, kCoreTags)) {
      return ErrorAt(event.start_mark, absl::StrCat("the tag ", QuoteForMessage(absl::StrCat("!!", tag)),
                                                    " is not supported here"));
    }
    return ErrorAt(event.start_mark, absl::StrCat("the tag ", QuoteForMessage(tag), " is not supported"));
  }

  absl::Status Open(const yaml_event_t& event, Json empty, absl::string_view core_tag, const yaml_char_t* tag,
                    const yaml_char_t* anchor) {
    const absl::string_view tag_text = Text(tag);
    if (!tag_text.empty() && tag_text != "!" && tag_text != absl::StrCat(kCoreTags, core_tag)) {
      return UnsupportedTag(event, tag_text);
    }
    if (AtKey()) return ErrorAt(event.start_mark, "a key has to be a text, not a list or an object");
    RETURN_IF_ERROR(CheckDepth(event, stack_.size() + 1));
    Frame frame;
    frame.anchor = std::string(Text(anchor));
    frame.at_start = total_;
    RETURN_IF_ERROR(Charge(event, 1, 0));
    // Stays where it is while it is open: what it lies in grows only afterwards.
    frame.container = Place(std::move(empty));
    stack_.push_back(std::move(frame));
    return absl::OkStatus();
  }

  static absl::Status CheckDepth(const yaml_event_t& event, size_t depth) {
    if (depth > static_cast<size_t>(limits::kSpecDepth)) {
      return ErrorAt(event.start_mark,
                     absl::StrCat("lists and objects are nested more than ", limits::kSpecDepth,
                                  " levels deep (the bound kSpecDepth)"));
    }
    return absl::OkStatus();
  }

  absl::Status Close(const yaml_event_t& event) {
    const Frame frame = std::move(stack_.back());
    stack_.pop_back();
    if (!stack_.empty()) stack_.back().height = std::max(stack_.back().height, frame.height + 1);
    if (frame.anchor.empty()) return absl::OkStatus();
    const Weight weight{total_.nodes - frame.at_start.nodes, total_.bytes - frame.at_start.bytes,
                        frame.height};
    return Remember(event, frame.anchor, *frame.container, weight);
  }

  absl::Status Alias(const yaml_event_t& event) {
    const absl::string_view name = Text(event.data.alias.anchor);
    if (AtKey()) return ErrorAt(event.start_mark, "an alias as a key is not supported; write the key out");
    // Only what is complete is there, so that nothing can contain itself.
    const auto it = anchors_.find(name);
    if (it == anchors_.end()) {
      return ErrorAt(event.start_mark, absl::StrCat("the alias ", QuoteForMessage(name),
                                                    " refers to nothing that ends before it"));
    }
    const Weight& weight = it->second.weight;
    RETURN_IF_ERROR(CheckDepth(event, stack_.size() + weight.height));
    RETURN_IF_ERROR(Charge(event, weight.nodes, weight.bytes));
    if (!stack_.empty()) stack_.back().height = std::max(stack_.back().height, weight.height + 1);
    Place(it->second.value);
    return absl::OkStatus();
  }

  std::vector<Json> documents_;
  std::vector<Frame> stack_;
  absl::flat_hash_map<std::string, Anchored> anchors_;  // complete ones of this document
  Weight total_;
};

// libyaml compares each %TAG directive with all before it, so that very many of them would take very long.
absl::Status CheckDirectives(absl::string_view text) {
  int directives = 0;
  for (size_t at = text.find("%TAG"); at != absl::string_view::npos; at = text.find("%TAG", at + 1)) {
    if (++directives > limits::kSpecDirectives) {
      return absl::InvalidArgumentError(
          absl::StrCat("more than ", limits::kSpecDirectives, " times %TAG (the bound kSpecDirectives)"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Json>> ParseEvents(absl::string_view text) {
  RETURN_IF_ERROR(CheckDirectives(text));
  EventSource source(text);
  DocumentBuilder builder;
  while (true) {
    ASSIGN_OR_RETURN(const yaml_event_t* event, source.Next());
    if (event->type == YAML_STREAM_END_EVENT) return builder.TakeDocuments();
    RETURN_IF_ERROR(builder.Handle(*event));
  }
}

}  // namespace

absl::StatusOr<std::vector<Json>> ParseYaml(absl::string_view text) {
  absl::string_view start = text;
  absl::ConsumePrefix(&start, "\xEF\xBB\xBF");
  start = absl::StripLeadingAsciiWhitespace(start);
  if (start.empty() || (start[0] != '{' && start[0] != '[')) return ParseEvents(text);
  // What may be JSON is read as that first; if YAML does not read it either, the error is that of JSON.
  absl::StatusOr<Json> json = ParseJson(text);
  if (json.ok()) {
    std::vector<Json> documents;
    documents.push_back(*std::move(json));
    return documents;
  }
  absl::StatusOr<std::vector<Json>> yaml =
      ParseEvents(text);  // YAML's own braces: {a: b}, or several documents
  return yaml.ok() ? std::move(yaml) : absl::StatusOr<std::vector<Json>>(json.status());
}

}  // namespace penstock
