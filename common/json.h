// JSON as a DOM, with bounds: nothing here throws, and nothing recurses however deep the data is.
// All functions are safe to call from any thread on data that no other thread changes.
//
// The canonical form of a value is what DumpJson gives: keys sorted by bytes, no white space, numbers as
// NumberText writes them. Equal values have equal canonical forms, whichever way they came in.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/struct.pb.h"
#include "nlohmann/json.hpp"

namespace penstock {

using Json = nlohmann::json;

// Reads one JSON value (RFC 8259, UTF-8, a byte order mark is skipped). Numbers are normalised: a number
// without a fraction below 2^53 in size becomes an integer however it was written ("1.0", "1e3"); integers of
// up to 64 bits keep every digit; longer ones become the nearest double. Returns INVALID_ARGUMENT, with line
// and column where they are known, for text that is not JSON, a key given twice, a number out of a double's
// range, more than limits::kSpecDepth levels or more than limits::kSpecNodes values.
absl::StatusOr<Json> ParseJson(absl::string_view text);

// The canonical form. Bytes that are not UTF-8 become U+FFFD, NaN and infinities become null.
std::string DumpJson(const Json& json);

// The text form of a value in a program's arguments: a text as it is; an integer without a point; any other
// number as the shortest decimal that reads back the same, without an exponent from 1e-7 up to (not
// including) 1e21; "true" or "false"; nothing for null; lists and structs as DumpJson.
std::string JsonText(const Json& json);

// A number as JsonText writes it. NaN and infinities give "null".
std::string NumberText(double number);

// A number without a fraction below 2^53 in size as an integer, any other as it is. NaN and infinities give
// null.
Json JsonNumber(double number);

// Protobuf's dynamic values as JSON, numbers normalised as by ParseJson. A value that was never set is null.
// Returns INVALID_ARGUMENT for NaN or infinity, more than limits::kSpecDepth levels or limits::kSpecNodes
// values.
absl::StatusOr<Json> JsonFromValue(const google::protobuf::Value& value);
absl::StatusOr<Json> JsonFromStruct(const google::protobuf::Struct& value);

// The reverse. `value` is overwritten. Integers become doubles, as the type demands: beyond 2^53 the last
// digits are lost. JsonToStruct gives an empty struct for anything but an object.
void JsonToValue(const Json& json, google::protobuf::Value* value);
void JsonToStruct(const Json& json, google::protobuf::Struct* value);

// What kind of value it is, with an article, for error messages: "a text", "a number", "a list", "an object",
// "true or false", "null".
absl::string_view JsonKindName(const Json& json);

// The value shortened for an error message: its canonical form, cut to about 60 bytes at a character
// boundary.
std::string JsonExcerpt(const Json& json);

}  // namespace penstock
