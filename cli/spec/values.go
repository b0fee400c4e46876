package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/cli/text"
)

// Numbers travel as floating point of 64 bits, in which whole numbers are exact up to here.
const largestInteger = 1<<53 - 1

// FromText makes a value of what stands behind the `=` of a parameter.
func FromText(input Input, written string) (any, error) {
	trimmed := strings.TrimSpace(written)
	if trimmed == "" && input.Kind != Text {
		return nil, fmt.Errorf("it is empty, and has to be a %s", kindWords[input.Kind])
	}
	var value any
	var err error
	switch input.Kind {
	case Text:
		value = written
	case Integer:
		value, err = integer(trimmed)
	case Double:
		value, err = double(trimmed)
	case Boolean:
		value, err = boolean(trimmed)
	case List, Object:
		value, err = parseJSON(trimmed)
	case Artifact, Artifacts:
		return artifact(trimmed)
	}
	if err != nil {
		return nil, err
	}
	return checked(input, value)
}

// FromValue checks a value of a file; a text may stand for a value of another type, as on the command line.
func FromValue(input Input, value any) (any, error) {
	if written, isText := value.(string); isText && input.Kind != Text {
		return FromText(input, written)
	}
	if input.Kind == Integer {
		if number, isNumber := value.(float64); isNumber && number == math.Trunc(number) {
			value = json.Number(strconv.FormatFloat(number, 'f', -1, 64))
		}
	}
	return checked(input, value)
}

var kindNames = map[Kind]string{
	Text: "a text", Integer: "a whole number", Double: "a number", Boolean: "true or false",
	List: "a list such as [1, 2]", Object: `an object such as {"key": 1}`,
}

func checked(input Input, value any) (any, error) {
	wanted, hasName := kindNames[input.Kind]
	if hasName && !fits(input.Kind, value) {
		return nil, fmt.Errorf("it has to be %s, and is %s", wanted, whatIs(value))
	}
	if len(input.Literals) == 0 {
		return value, nil
	}
	texts := make([]string, len(input.Literals))
	for i, literal := range input.Literals {
		texts[i] = valueText(literal)
	}
	if !slices.Contains(texts, valueText(value)) {
		return nil, fmt.Errorf("it has to be one of %s, and is %s", text.Plain(strings.Join(texts, ", ")), whatIs(value))
	}
	return value, nil
}

func fits(kind Kind, value any) bool {
	switch value := value.(type) {
	case string:
		return kind == Text
	case bool:
		return kind == Boolean
	case json.Number:
		_, err := value.Int64()
		return kind == Double || kind == Integer && err == nil
	case float64:
		return kind == Double
	case []any:
		return kind == List
	case map[string]any:
		return kind == Object
	}
	return false
}

func whatIs(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case string:
		return fmt.Sprintf("the text '%s'", text.Shorten(text.Plain(value), 60))
	default:
		return valueText(value)
	}
}

var number = regexp.MustCompile(`^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$`)

func integer(written string) (any, error) {
	value, err := strconv.ParseFloat(written, 64)
	switch {
	case !number.MatchString(written) || err == nil && value != math.Trunc(value):
		return nil, fmt.Errorf("it has to be a whole number, and is '%s'", text.Plain(written))
	case err != nil || math.Abs(value) > largestInteger:
		return nil, fmt.Errorf("%s is too large: whole numbers go up to %d", text.Plain(written), int64(largestInteger))
	}
	return json.Number(strconv.FormatInt(int64(value), 10)), nil
}

func double(written string) (any, error) {
	value, err := strconv.ParseFloat(written, 64)
	if !number.MatchString(written) {
		return nil, fmt.Errorf("it has to be a number, and is '%s'", text.Plain(written))
	}
	if err != nil {
		return nil, fmt.Errorf("%s is too large for a number", text.Plain(written))
	}
	return value, nil
}

// Python's writing is understood too.
func boolean(written string) (any, error) {
	switch strings.ToLower(written) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return nil, fmt.Errorf("it has to be true or false, and is '%s'", text.Plain(written))
}

// The id of an artifact, a URI or a path, or as JSON what the API takes.
func artifact(written string) (any, error) {
	if strings.HasPrefix(written, "[") || strings.HasPrefix(written, "{") {
		return parseJSON(written)
	}
	return written, nil
}

var (
	singleQuotes  = regexp.MustCompile(`'[^']*'\s*:|[\[{,]\s*'`)
	pythonWords   = regexp.MustCompile(`\b(True|False|None)\b`)
	trailingComma = regexp.MustCompile(`,\s*[\]}]`)
)

func parseJSON(written string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(written))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	if err == nil && decoder.More() {
		err = errors.New("something follows the value")
	}
	if err == nil {
		return value, nil
	}
	hint := err.Error()
	switch {
	case singleQuotes.MatchString(written):
		hint = "texts stand in double quotes"
	case pythonWords.MatchString(written):
		hint = "write true, false and null"
	case trailingComma.MatchString(written):
		hint = "no comma may stand before a closing bracket"
	case !strings.ContainsAny(written[:1], "[{"):
		hint = "a list is like [1, 2], an object like {\"key\": 1}; the shell wants quotes around it"
	}
	return nil, fmt.Errorf("it is not JSON: %s", hint)
}

// ReadValues reads a file of parameters: an object of names and values, in YAML or JSON.
func ReadValues(path string) (map[string]any, error) {
	written, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	documents, err := parse(path, written)
	if err != nil {
		return nil, err
	}
	if len(documents) == 0 {
		return map[string]any{}, nil
	}
	object, isObject := documents[0].(map[string]any)
	if len(documents) > 1 || !isObject {
		return nil, fmt.Errorf("%s has to be one object of names and values, such as `lr: 0.1`", path)
	}
	return object, nil
}
